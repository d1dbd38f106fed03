//! The folder of the logs.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::files::{self, Found};
use super::warn_once::WarnOnce;

static PRUNING: WarnOnce = WarnOnce::new("within the size of the folder of logs");

/// What the folder of logs follows from.
pub struct Surroundings<'a> {
    /// Variables of the environment.
    pub variables: &'a dyn Fn(&str) -> Option<String>,
    /// The configuration file, if there is one.
    pub config: Option<&'a Path>,
    pub auth_dir: &'a Path,
    pub is_root: bool,
}

impl<'a> Surroundings<'a> {
    /// Those of this process.
    pub fn here(
        variables: &'a dyn Fn(&str) -> Option<String>,
        config: Option<&'a Path>,
        auth_dir: &'a Path,
    ) -> Self {
        Self {
            variables,
            config,
            auth_dir,
            is_root: rustix::process::geteuid().is_root(),
        }
    }
}

/// Where logs go: `logs` under what `$WRITABLE_PATH` says; else where there is such a folder already, beside the
/// configuration or in `auth_dir`; else where the system has the logs of a service or the state of a user's
/// programs. Nothing is made yet.
pub fn folder(surroundings: &Surroundings<'_>) -> PathBuf {
    let Surroundings {
        variables,
        config,
        auth_dir,
        is_root,
    } = surroundings;
    let variable = |name| variables(name).filter(|value| !value.is_empty());
    if let Some(path) = variable("WRITABLE_PATH") {
        return Path::new(&path).join("logs");
    }
    let beside = config.and_then(Path::parent).map(|at| at.join("logs"));
    if let Some(beside) = beside.filter(|folder| is_writable(folder)) {
        return beside;
    }
    // More than one is separated by colons.
    let given = variable("LOGS_DIRECTORY");
    if let Some(given) = given.iter().flat_map(|all| all.split(':')).next() {
        return given.into();
    }
    let in_auth_dir = auth_dir.join("logs");
    if is_writable(&in_auth_dir) {
        return in_auth_dir;
    }
    let is_service = *is_root || variable("INVOCATION_ID").is_some();
    let system = Path::new(SYSTEM);
    // A terminal that was started as a service hands on its variables.
    if is_service
        && system
            .ancestors()
            .find(|at| at.exists())
            .is_some_and(is_writable)
    {
        return system.to_owned();
    }
    let absolute = |name| {
        variable(name)
            .map(PathBuf::from)
            .filter(|at| at.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    match state {
        Some(state) => state.join("holdfast"),
        None => system.to_owned(),
    }
}

/// Where the logs of services are.
const SYSTEM: &str = "/var/log/holdfast";

/// Whether it is a folder in which this program can make files.
fn is_writable(folder: &Path) -> bool {
    use rustix::fs::{Access, access};
    folder.is_dir() && access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
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
        Ok(()) => PRUNING.succeeded(),
        Err(error) => PRUNING.failed(&error),
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
    }

    #[test]
    fn logs_go_where_they_belong_and_nothing_is_made() {
        let temporary = Temporary::new();
        let there = |name: &str| {
            let folder = temporary.0.join(name);
            fs::create_dir_all(&folder).unwrap();
            folder
        };
        let (beside, auth) = (there("beside"), there("auth"));
        there("full/logs");
        let full = temporary.0.join("full");
        let path = |folder: &Path, more: &str| folder.join(more).to_str().unwrap().to_owned();
        const HOME: (&str, &str) = ("HOME", "/home/u");
        let state = "/home/u/.local/state/holdfast".to_owned();
        type Case<'c> = (&'c [(&'c str, &'c str)], &'c Path, &'c Path, String);
        let cases: Vec<Case<'_>> = vec![
            (
                &[("WRITABLE_PATH", "/w"), ("LOGS_DIRECTORY", "/l")],
                &full,
                &full,
                "/w/logs".into(),
            ),
            (
                &[("WRITABLE_PATH", ""), HOME],
                &beside,
                &auth,
                state.clone(),
            ),
            (
                &[("LOGS_DIRECTORY", "/l"), HOME],
                &full,
                &full,
                path(&full, "logs"),
            ),
            (
                &[("LOGS_DIRECTORY", "/l:/m"), HOME],
                &beside,
                &full,
                "/l".into(),
            ),
            (&[HOME], &beside, &full, path(&full, "logs")),
            (&[HOME], &beside, &auth, state.clone()),
            (
                &[("XDG_STATE_HOME", "/s"), HOME],
                &beside,
                &auth,
                "/s/holdfast".into(),
            ),
            (&[("XDG_STATE_HOME", "s"), HOME], &beside, &auth, state),
            (&[], &beside, &auth, SYSTEM.into()),
        ];
        for (variables, config, auth_dir, expected) in cases {
            let config = config.join("config.yaml");
            let found = folder(&Surroundings {
                variables: &|name| {
                    let value = variables.iter().find(|(known, _)| *known == name)?.1;
                    Some(value.to_owned())
                },
                config: Some(&config),
                auth_dir,
                is_root: false,
            });
            assert_eq!(found, Path::new(&expected), "{variables:?} {config:?}");
        }
        assert!(!beside.join("logs").exists() && !auth.join("logs").exists());
    }

    #[test]
    fn services_have_their_logs_where_the_system_has_them() {
        // Whether this process may write there is the system's affair.
        let may = Path::new(SYSTEM)
            .ancestors()
            .find(|at| at.exists())
            .is_some_and(is_writable);
        for (invocation, is_root, is_service) in [
            (None, true, true),
            (Some("i"), false, true),
            (None, false, false),
        ] {
            let found = folder(&Surroundings {
                variables: &|name| match name {
                    "HOME" => Some("/home/u".to_owned()),
                    "INVOCATION_ID" => invocation.map(str::to_owned),
                    _ => None,
                },
                config: None,
                auth_dir: Path::new("/nowhere"),
                is_root,
            });
            assert_eq!(found == Path::new(SYSTEM), is_service && may);
        }
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
