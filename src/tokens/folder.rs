//! The directory of credential files, and what changes in it.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::content::content;
use super::stamp::Stamp;
use crate::credential::file::{self, CredentialFile, FileKind, Unreadable};

/// A file that has just been written may not be complete.
const SETTLED: Duration = Duration::from_millis(150);
/// The most files that are read; the first ones by name.
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
    stamp: Option<Stamp>,
    file: Option<CredentialFile>,
    /// What an operator should mend.
    problems: Vec<String>,
}

/// What a look at the files has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Whether files were added or removed, or say anything else than before, except for their tokens.
    pub has_other_settings: bool,
    /// The names of the files that were read.
    pub read: HashSet<String>,
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
        let mut look = Look::default();
        if is_first {
            look.has_other_settings = !self.seen.is_empty();
            *self = Self {
                path: path.to_owned(),
                is_quiet: self.is_quiet,
                ..Self::default()
            };
        }
        let entries = match listed(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                look.has_other_settings |= !self.seen.is_empty();
                self.seen.clear();
                return look;
            }
            Err(error) => {
                if !self.is_failure_told && !self.is_quiet {
                    let path = path.display();
                    log::error!("auth: {path}: cannot read the directory: {error}");
                }
                self.is_failure_told = true;
                return look;
            }
        };
        self.is_failure_told = false;
        let present: HashSet<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
        let before = self.seen.len();
        self.seen.retain(|name, _| present.contains(name.as_str()));
        look.has_other_settings |= self.seen.len() < before;
        for (name, stamp) in &entries {
            // It cannot be looked at right now, and stays as it is.
            let Some(stamp) = stamp else { continue };
            let known = self.seen.get(name);
            if known.is_some_and(|known| known.stamp == Some(*stamp)) {
                continue;
            }
            let age = stamp
                .modified
                .and_then(|time| now.duration_since(time).ok());
            if !is_first && age.is_some_and(|age| age < SETTLED) {
                continue;
            }
            look.has_other_settings |= self.read(name, *stamp);
            look.read.insert(name.clone());
        }
        look
    }

    /// Has the next look read a file, although it is the same.
    pub fn read_again(&mut self, name: &str) {
        if let Some(seen) = self.seen.get_mut(name) {
            seen.stamp = None;
        }
    }

    /// Reads one file. Returns whether it says anything else than before, except for its tokens.
    fn read(&mut self, name: &str, stamp: Stamp) -> bool {
        let (before, told) = match self.seen.remove(name) {
            Some(seen) => (seen.file, seen.problems),
            None => (None, Vec::new()),
        };
        let content = content(&self.path.join(name));
        let is_read = content.is_ok();
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
            Err(Some(Unreadable::Empty)) => before.clone(),
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
                before.clone()
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
        let has_other_settings = match (&before, &file) {
            (Some(before), Some(file)) => !before.is_same_but_for_tokens(file),
            (before, file) => before.is_some() != file.is_some(),
        };
        let seen = Seen {
            // What could not be read is read again.
            stamp: is_read.then_some(stamp),
            file,
            problems,
        };
        self.seen.insert(name.to_owned(), seen);
        has_other_settings
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

/// The names of the JSON files directly in the directory, sorted; without a stamp, if a file cannot be looked at.
fn listed(path: &Path) -> io::Result<Vec<(String, Option<Stamp>)>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        if let Ok(name) = entry?.file_name().into_string() {
            let end = Path::new(&name).extension();
            if end.is_some_and(|end| end.eq_ignore_ascii_case("json")) {
                names.push(name);
            }
        }
    }
    names.sort_unstable();
    names.truncate(MOST);
    // Through links.
    let stamped = names
        .into_iter()
        .filter_map(|name| match fs::metadata(path.join(&name)) {
            Ok(metadata) => metadata
                .is_file()
                .then(|| (name, Some(Stamp::of(&metadata)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(_) => Some((name, None)),
        });
    Ok(stamped.collect())
}
