//! From a file to a configuration and a list of problems.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::expand::{self, Lookup};
use super::problem::{Place, Problem, Report};
use super::reader::Mapping;
use super::settings::Config;
use super::yaml::{self, Node, Value};
use super::{check, read as document};

/// Largest file that is read. A file with ten thousand keys has about 2 MiB.
const FILE_BYTES: usize = 16 << 20;

/// The outcome of reading a file.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// `None` when at least one problem is an error.
    pub config: Option<Config>,
    /// In the order of the file.
    pub problems: Vec<Problem>,
    /// Whether the file holds no document: all defaults at start, nothing to apply on reload.
    pub empty: bool,
    /// Further files that were read: a change of one is a change of the configuration.
    pub files: Vec<PathBuf>,
}

/// Reads a configuration from text; `file` is what problems call it. Variables in it are those of the process.
pub fn load(text: &str, file: &str) -> Loaded {
    load_with(text, file, &process)
}

/// As [`load`], with variables from `lookup`.
pub fn load_with(text: &str, file: &str, lookup: Lookup<'_>) -> Loaded {
    if text.len() > FILE_BYTES {
        return too_large(file);
    }
    let report = Report::new(file);
    let parsed = yaml::parse(text);
    for fault in parsed.faults {
        let advice = yaml::advice(text, &fault);
        let advice = advice.map_or(String::new(), |advice| format!(": {advice}"));
        let place = Place {
            line: fault.line,
            column: fault.column,
            path: fault.path,
        };
        report.error(&place, fault.message + &advice);
    }
    if let Some(line) = parsed.second {
        let place = Place {
            line,
            column: 1,
            path: String::new(),
        };
        report.warn(&place, "only the first document is read");
    }
    let entries = match parsed.root {
        None if report.failed() => return unusable(report),
        None => None,
        Some(root) if root.is_null() => None,
        Some(Node {
            value: Value::Mapping(entries),
            ..
        }) => Some(entries),
        Some(Node { line, column, .. }) => {
            let path = String::new();
            let place = Place { line, column, path };
            report.error(&place, "the file must be a mapping");
            return unusable(report);
        }
    };
    let empty = entries.is_none();
    let mut entries = entries.unwrap_or_default();
    let has_keys = document::are_written(&entries);
    expand::document(&mut entries, lookup, &report);
    check::document(&entries, &report);
    check::rename(&mut entries);
    let config = document::read(&Mapping::root(&report, &entries), has_keys);
    let files = report.files();
    let (problems, failed) = report.finish();
    Loaded {
        config: (!failed).then_some(config),
        problems,
        empty,
        files,
    }
}

/// Reads a configuration file. A file that cannot be read is a problem like any other.
pub fn read(path: &Path) -> Loaded {
    read_with(path, &process)
}

/// As [`read`], with variables from `lookup`.
pub fn read_with(path: &Path, lookup: Lookup<'_>) -> Loaded {
    let file = path.display().to_string();
    let mut bytes = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(FILE_BYTES as u64 + 1).read_to_end(&mut bytes));
    let bytes = match read {
        // A cut inside a character would be reported as "not UTF-8".
        Ok(length) if length > FILE_BYTES => return too_large(&file),
        Ok(_) => bytes,
        Err(error) => {
            let report = Report::new(&file);
            report.error(&Place::default(), format!("cannot be read: {error}"));
            return unusable(report);
        }
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) => load_with(text, &file, lookup),
        Err(error) => {
            let report = Report::new(&file);
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let before = String::from_utf8_lossy(before);
            let place = Place {
                line: before.matches('\n').count() + 1,
                column: before.chars().rev().take_while(|c| *c != '\n').count() + 1,
                path: String::new(),
            };
            report.error(&place, "is not UTF-8");
            unusable(report)
        }
    }
}

fn too_large(file: &str) -> Loaded {
    let report = Report::new(file);
    let message = format!("is larger than {} MiB", FILE_BYTES >> 20);
    report.error(&Place::default(), message);
    unusable(report)
}

/// The environment of the process.
fn process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn unusable(report: Report) -> Loaded {
    Loaded {
        config: None,
        problems: report.finish().0,
        empty: false,
        files: Vec::new(),
    }
}
