//! What is wrong with a configuration, and where.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most problems of one severity that are kept; the rest is counted. More than a person reads, and a
/// bound for one bad value that aliases repeat everywhere.
const KEPT: usize = 100;

/// How serious a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file works, but not as it says.
    Warning,
}

/// A place in the file, counted from 1, the column in characters. Line 0: no particular place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// From 1; 0 if unknown.
    pub line: usize,
    /// From 1; 0 if unknown.
    pub column: usize,
    /// As in `gemini-api-key[0].models[1].alias`; empty for the document itself.
    pub path: String,
}

/// One finding. `path message` reads as a sentence, and never contains a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The name of the file.
    pub file: Arc<str>,
    /// From 1; 0 if unknown.
    pub line: usize,
    /// From 1; 0 if unknown.
    pub column: usize,
    /// The path of the key.
    pub path: String,
    /// Whether it prevents the configuration from being used.
    pub severity: Severity,
    /// One sentence for people.
    pub message: String,
}

impl Problem {
    /// A problem at `place`.
    pub fn new(file: &Arc<str>, place: &Place, severity: Severity, message: String) -> Self {
        Self {
            file: Arc::clone(file),
            line: place.line,
            column: place.column,
            path: place.path.clone(),
            severity,
            message,
        }
    }

    /// Whether the configuration cannot be used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// `file:line:col severity path message`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, " {}", self.severity)?;
        if !self.path.is_empty() {
            write!(f, " {}", self.path)?;
        }
        write!(f, " {}", self.message)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// Collects the problems of one file while it is read.
#[derive(Debug)]
pub struct Report {
    file: Arc<str>,
    found: RefCell<Found>,
    /// Further files that were read.
    files: RefCell<Vec<PathBuf>>,
}

#[derive(Debug, Default)]
struct Found {
    problems: Vec<Problem>,
    errors: usize,
    warnings: usize,
}

impl Report {
    pub fn new(file: &str) -> Self {
        Self {
            file: file.into(),
            found: RefCell::default(),
            files: RefCell::default(),
        }
    }

    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// Notes a file from which the configuration is read, beside its own.
    pub fn note_file(&self, path: &Path) {
        let mut files = self.files.borrow_mut();
        if files.iter().all(|known| known != path) {
            files.push(path.to_owned());
        }
    }

    /// The files noted so far.
    pub fn files(&self) -> Vec<PathBuf> {
        self.files.borrow().clone()
    }

    /// Whether there is an error so far.
    pub fn failed(&self) -> bool {
        self.found.borrow().errors > 0
    }

    pub fn error(&self, place: &Place, message: impl Into<String>) {
        self.add(place, Severity::Error, || message.into());
    }

    pub fn warn(&self, place: &Place, message: impl Into<String>) {
        self.add(place, Severity::Warning, || message.into());
    }

    /// Like [`Report::warn`], for messages that cost something: made only if they are kept.
    pub fn warn_with(&self, place: &Place, message: impl FnOnce() -> String) {
        self.add(place, Severity::Warning, message);
    }

    fn add(&self, place: &Place, severity: Severity, message: impl FnOnce() -> String) {
        let mut found = self.found.borrow_mut();
        let count = match severity {
            Severity::Error => &mut found.errors,
            Severity::Warning => &mut found.warnings,
        };
        *count += 1;
        if *count <= KEPT {
            let problem = Problem::new(&self.file, place, severity, message());
            found.problems.push(problem);
        }
    }

    /// The problems in the order of the file, and whether one of them is an error.
    pub fn finish(self) -> (Vec<Problem>, bool) {
        let Found {
            mut problems,
            errors,
            warnings,
        } = self.found.into_inner();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        for (count, severity) in [(errors, Severity::Error), (warnings, Severity::Warning)] {
            if let Some(more) = count.checked_sub(KEPT).filter(|more| *more > 0) {
                let message = format!("{more} more of these are not shown");
                let place = Place::default();
                problems.push(Problem::new(&self.file, &place, severity, message));
            }
        }
        (problems, errors > 0)
    }
}
