//! The directory of credential files, and what changes in it.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

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
}

struct Seen {
    stamp: Stamp,
    file: Option<CredentialFile>,
    /// Why the content as it is now is no credential.
    unreadable: Option<String>,
    is_open_told: bool,
}

/// What tells a changed file from an unchanged one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
    mode: u32,
}

/// What a look at the directory has found.
#[derive(Debug, PartialEq, Eq)]
pub enum Look {
    Same,
    /// Files were added, written or removed, or have another mode.
    Changed,
}

impl Folder {
    /// The credential files, in the order of their names.
    pub fn files(&self) -> Vec<CredentialFile> {
        let files = self.seen.values();
        files.filter_map(|seen| seen.file.clone()).collect()
    }

    /// The files that are no credentials, with the reasons.
    pub fn unreadable(&self) -> impl Iterator<Item = (&str, &str)> {
        let seen = self.seen.iter();
        seen.filter_map(|(name, seen)| Some((name.as_str(), seen.unreadable.as_deref()?)))
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
                ..Self::default()
            };
        }
        let entries = match listed(path) {
            Ok(entries) => entries,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound && !self.is_failure_told {
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
        let before = self.seen.remove(name);
        let was_told = before.as_ref().is_some_and(|seen| seen.is_open_told);
        let before = before.and_then(|seen| seen.file);
        let mut unreadable = None;
        let file = match content(&self.path.join(name), stamp.length) {
            Ok(content) => match file::read(name, &content) {
                Ok(file) => Some(file),
                // Someone is about to write it.
                Err(Unreadable::Empty) => before.clone(),
                Err(why @ Unreadable::NotAnObject) => {
                    let kept = match before {
                        Some(_) => "; the previous content stays in use",
                        None => "",
                    };
                    log::error!("auth: {name}: {why}{kept}");
                    unreadable = Some(why.to_string());
                    before.clone()
                }
                Err(why @ Unreadable::NoType) => {
                    log::warn!("auth: {name}: {why}, so it is no credential");
                    unreadable = Some(why.to_string());
                    None
                }
            },
            Err(error) => {
                log::error!("auth: {name}: cannot be read: {error}");
                unreadable = Some(format!("cannot be read: {error}"));
                before.clone()
            }
        };
        if before != file
            && let Some(file) = &file
        {
            report(file);
        }
        let is_open = stamp.mode & 0o077 != 0;
        if is_open && !was_told && file.is_some() {
            log::warn!("auth: {name}: other users can read it; run `chmod 600` on it");
        }
        let seen = Seen {
            stamp,
            file,
            unreadable,
            is_open_told: is_open,
        };
        self.seen.insert(name.to_owned(), seen);
    }
}

/// Tells the operator of a file that cannot be used.
fn report(file: &CredentialFile) {
    let name = &file.name;
    match (&file.kind, file.settings.unusable) {
        (FileKind::Other(kind), _) => {
            let kind: String = kind.chars().take(40).filter(|c| !c.is_control()).collect();
            log::warn!("auth: {name}: files of type '{kind}' are not supported");
        }
        (FileKind::Known(_), Some(why)) => log::warn!("auth: {name}: cannot be used: {why}"),
        (FileKind::Known(_), None) => {}
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

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            inode: metadata.ino(),
            mode: metadata.mode(),
        }
    }
}
