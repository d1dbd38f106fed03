//! The directory of credential files, and what changes in it.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::stamp::Stamp;
use crate::credential::file::{self, CredentialFile, FileKind, Unreadable};

/// A file that has just been written may not be complete.
const SETTLED: Duration = Duration::from_millis(150);
/// The most files that are read.
const MOST: usize = 10_000;

/// The directory as last seen.
#[derive(Default)]
pub struct Folder {
    path: PathBuf,
    seen: BTreeMap<String, Seen>,
    /// Whether a failure to read the directory was told.
    is_failure_told: bool,
    /// Whether nothing is logged.
    is_quiet: bool,
}

struct Seen {
    stamp: Stamp,
    file: Option<CredentialFile>,
    /// What an operator should mend.
    problems: Vec<String>,
}

/// What a look at the directory has found.
#[derive(Debug, PartialEq, Eq)]
pub enum Look {
    Same,
    /// Files were added, written or removed, or have another mode.
    Changed,
}

impl Folder {
    /// A folder whose problems are not logged.
    pub fn quiet() -> Self {
        Self {
            is_quiet: true,
            ..Self::default()
        }
    }

    /// The credential files, in the order of their names.
    pub fn files(&self) -> Vec<CredentialFile> {
        let files = self.seen.values();
        files.filter_map(|seen| seen.file.clone()).collect()
    }

    /// What an operator should mend, by file.
    pub fn problems(&self) -> impl Iterator<Item = (&str, &str)> {
        let seen = self.seen.iter();
        seen.flat_map(|(name, seen)| {
            let problems = seen.problems.iter();
            problems.map(move |problem| (name.as_str(), problem.as_str()))
        })
    }

    /// Looks at `path`, which may be another directory than before, and reads what has changed. Files are read at once
    /// the first time, and later when they have not been written for a moment.
    pub fn look(&mut self, path: &Path, now: SystemTime) -> Look {
        let is_first = self.path != path;
        let mut look = Look::Same;
        if is_first {
            if !self.seen.is_empty() {
                look = Look::Changed;
            }
            *self = Self {
                path: path.to_owned(),
                is_quiet: self.is_quiet,
                ..Self::default()
            };
        }
        let entries = match listed(path) {
            Ok(entries) => entries,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound
                    && !self.is_failure_told
                    && !self.is_quiet
                {
                    log::error!(
                        "auth: {}: cannot read the directory: {error}",
                        path.display()
                    );
                    self.is_failure_told = true;
                }
                if error.kind() == io::ErrorKind::NotFound && !self.seen.is_empty() {
                    self.seen.clear();
                    return Look::Changed;
                }
                return look;
            }
        };
        self.is_failure_told = false;
        let present: HashSet<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
        let before = self.seen.len();
        self.seen.retain(|name, _| present.contains(name.as_str()));
        if self.seen.len() < before {
            look = Look::Changed;
        }
        for (name, stamp) in &entries {
            let known = self.seen.get(name);
            if known.is_some_and(|known| known.stamp == *stamp) {
                continue;
            }
            let age = stamp
                .modified
                .and_then(|time| now.duration_since(time).ok());
            if !is_first && age.is_some_and(|age| age < SETTLED) {
                continue;
            }
            self.read(name, *stamp);
            look = Look::Changed;
        }
        look
    }

    /// Reads one file.
    fn read(&mut self, name: &str, stamp: Stamp) {
        let (before, told) = match self.seen.remove(name) {
            Some(seen) => (seen.file, seen.problems),
            None => (None, Vec::new()),
        };
        let content = content(&self.path.join(name), stamp.length);
        let read = match &content {
            Ok(content) => file::read(name, content)
                .map_err(Some)
                .map(|file| CredentialFile {
                    path: self.path.join(name),
                    ..file
                }),
            Err(_) => Err(None),
        };
        let mut problems = Vec::new();
        let file = match read {
            Ok(file) => Some(file),
            // Someone is about to write it.
            Err(Some(Unreadable::Empty)) => before,
            Err(Some(why @ Unreadable::NoType)) => {
                problems.push(format!("{why}, so it is no credential"));
                None
            }
            Err(why) => {
                let kept = match before {
                    Some(_) => "; the previous content stays in use",
                    None => "",
                };
                problems.push(match (why, content.err()) {
                    (Some(why), _) => format!("{why}{kept}"),
                    (None, Some(error)) => format!("cannot be read: {error}{kept}"),
                    (None, None) => format!("cannot be read{kept}"),
                });
                before
            }
        };
        problems.extend(file.as_ref().and_then(unusable));
        if stamp.mode & 0o077 != 0 && file.is_some() {
            problems.push("other users can read it; run `chmod 600` on it".to_owned());
        }
        for problem in problems.iter().filter(|problem| !told.contains(problem)) {
            if !self.is_quiet {
                log::warn!("auth: {name}: {problem}");
            }
        }
        let seen = Seen {
            stamp,
            file,
            problems,
        };
        self.seen.insert(name.to_owned(), seen);
    }
}

/// Why a file cannot be used.
fn unusable(file: &CredentialFile) -> Option<String> {
    match (&file.kind, file.settings.unusable) {
        _ if file.settings.is_disabled => None,
        (FileKind::Other(kind), _) => {
            let kind: String = kind.chars().take(40).filter(|c| !c.is_control()).collect();
            Some(format!("files of type '{kind}' are not supported"))
        }
        (FileKind::Known(_), why) => why.map(|why| format!("cannot be used: {why}")),
    }
}

/// The names of the JSON files directly in the directory.
fn listed(path: &Path) -> io::Result<Vec<(String, Stamp)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let is_json = Path::new(&name)
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("json"));
        // Through links.
        let Some(metadata) = fs::metadata(entry.path()).ok().filter(|_| is_json) else {
            continue;
        };
        if metadata.is_file() {
            files.push((name, Stamp::of(&metadata)));
        }
        if files.len() >= MOST {
            break;
        }
    }
    files.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(files)
}

fn content(path: &Path, length: u64) -> io::Result<Vec<u8>> {
    if length > file::LARGEST {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    fs::read(path)
}
