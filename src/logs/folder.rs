//! The folder in which logs lie (`spec/config.md` 6.1).

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::complaint::Complaint;
use super::files::{self, Found};

static PRUNING: Complaint = Complaint::about("within the size of the folder of logs");

/// Where logs go: `logs` under what `$WRITABLE_PATH` says, else here if it can be written to, else under
/// `auth_dir`. Nothing is made yet.
pub fn folder(writable: Option<&str>, auth_dir: &Path) -> PathBuf {
    if let Some(path) = writable {
        return Path::new(path).join("logs");
    }
    let here = Path::new("logs");
    match is_writable(here) {
        true => here.to_owned(),
        false => auth_dir.join("logs"),
    }
}

/// The system says so best by doing it.
fn is_writable(folder: &Path) -> bool {
    let probe = folder.join(format!(".holdfast-{}", std::process::id()));
    let is_writable = folder.is_dir() && private().create(true).open(&probe).is_ok();
    if is_writable {
        let _ = fs::remove_file(&probe);
    }
    is_writable
}

/// Options for a file that its owner alone can read.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

/// Makes `folder`, if it is not there.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(folder)
}

/// A new file in `folder`, which is made if it is not there.
pub(super) fn create(folder: &Path, name: &str) -> io::Result<File> {
    let path = folder.join(name);
    let mut options = private();
    options.read(true).create_new(true);
    match options.open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(folder)?;
            options.open(&path)
        }
        opened => opened,
    }
}

/// The regular files right in `folder`.
fn list(folder: &Path) -> io::Result<Vec<Found>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Files come and go meanwhile.
        let Ok(data) = entry.metadata() else { continue };
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if data.is_file() {
            files.push(Found {
                name,
                modified: data.modified()?,
                size: data.len(),
            });
        }
    }
    Ok(files)
}

/// Deletes the oldest logs until all have `cap` bytes.
pub fn prune(folder: &Path, cap: u64) {
    match remove(folder, |files| files::over_cap(files, cap)) {
        Ok(()) => PRUNING.withdraw(),
        Err(error) => PRUNING.make(&error),
    }
}

/// Deletes all but the newest error logs.
pub(super) fn keep_errors(folder: &Path, count: usize) -> io::Result<()> {
    remove(folder, |files| files::over_count(files, count))
}

fn remove(folder: &Path, choose: impl FnOnce(Vec<Found>) -> Vec<String>) -> io::Result<()> {
    let files = match list(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        files => files?,
    };
    let mut removed = Ok(());
    for name in choose(files) {
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => removed = Err(error),
            _ => {}
        }
    }
    removed
}

#[cfg(test)]
pub(super) mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A folder that goes away with the test.
    pub struct Temporary(pub PathBuf);

    impl Temporary {
        pub fn new() -> Self {
            static NUMBER: AtomicUsize = AtomicUsize::new(0);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("holdfast-logs-{}-{number}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            fs::create_dir(&folder).unwrap();
            Self(folder)
        }

        pub fn names(&self) -> Vec<String> {
            let mut names: Vec<_> = list(&self.0).unwrap().into_iter().map(|f| f.name).collect();
            names.sort();
            names
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn folder_and_files_are_made_for_their_owner() {
        let temporary = Temporary::new();
        let logs = temporary.0.join("a/logs");
        create(&logs, "x.log").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&logs.join("x.log")), 0o600);
        assert_eq!(mode(&logs) & 0o700, 0o700);
        assert!(create(&logs, "x.log").is_err(), "nothing is overwritten");
        assert!(is_writable(&logs));
        assert!(!is_writable(&temporary.0.join("none")));
        assert_eq!(fs::read_dir(&logs).unwrap().count(), 1);
    }

    #[test]
    fn what_is_too_much_is_removed() {
        let temporary = Temporary::new();
        for (name, age) in [("error-a.log", 3), ("error-b.log", 2), ("c.log", 1)] {
            let path = temporary.0.join(name);
            fs::write(&path, [0; 10]).unwrap();
            let then = std::time::SystemTime::now() - std::time::Duration::from_secs(age);
            File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_modified(then)
                .unwrap();
        }
        fs::create_dir(temporary.0.join("d.log")).unwrap();
        keep_errors(&temporary.0, 1).unwrap();
        assert_eq!(temporary.names(), ["c.log", "error-b.log"]);
        prune(&temporary.0, 15);
        assert_eq!(temporary.names(), ["c.log"]);
        prune(&temporary.0.join("none"), 0);
    }
}
