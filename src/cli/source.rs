//! Reads the configuration file at startup, and again when it, or a file that it names, changes.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use log::Level;
use parking_lot::Mutex;
use ring::digest::{Context, SHA256};

use super::request::Overrides;
use crate::atomic_file;
use crate::config::{self, Config, Loaded, Rewrite, Severity};
use crate::janitor::Task;

/// How often the files' metadata is checked: one system call per file.
const LOOK: Duration = Duration::from_secs(1);
/// How long a file must be unchanged before it is read: editors and scripts write in pieces.
const SETTLE: Duration = Duration::from_millis(150);
/// Bytes of a file that are compared.
const LARGEST: u64 = 16 << 20;

/// Variables of the configuration.
pub type Variables = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The configuration file of a running program.
pub struct Source {
    path: PathBuf,
    variables: Variables,
    listen: Overrides,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The digest of what was read last, valid or not.
    read: Option<Digest>,
    /// The files that were read, including the configuration itself.
    files: Vec<PathBuf>,
}

type Digest = [u8; 32];

/// The result of reading the files.
pub enum Reading {
    /// Unchanged since the last read.
    Same,
    /// The file has no document: use defaults at startup, ignore it on reload.
    Empty(Box<Config>),
    Config(Box<Config>),
    /// The file has errors.
    Unusable,
}

impl Source {
    pub fn new(path: PathBuf, variables: Variables, listen: Overrides) -> Self {
        let files = vec![path.clone()];
        let state = State { read: None, files };
        Self {
            path,
            variables,
            listen,
            state: Mutex::new(state),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the files and passes all problems to `tell`. A plain-text management key is replaced by its hash.
    pub fn read(&self, tell: impl Fn(Level, String)) -> Reading {
        let mut state = self.state.lock();
        let before = digest(&state.files);
        if state.read == Some(before) {
            return Reading::Same;
        }
        let loaded = config::read_with(&self.path, &self.variables);
        let Loaded {
            config,
            empty,
            problems,
            mut files,
        } = loaded;
        files.insert(0, self.path.clone());
        if let Some(config) = &config {
            files.extend(
                config
                    .tls
                    .iter()
                    .flat_map(|tls| [&tls.cert, &tls.key])
                    .cloned(),
            );
            files.extend(config.ca_file.clone());
        } else {
            // The corrected file may name the same files as the last valid one.
            let known = state.files.iter().skip(1).cloned();
            files.extend(known);
        }
        let mut seen = HashSet::new();
        files.retain(|file| seen.insert(file.clone()));
        // The digest is taken before anybody hears of the result and may change a file. If one has changed since it was
        // read, the next look reads again.
        let read = digest(&files);
        let is_torn = digest(&state.files) != before;
        for problem in &problems {
            let level = match problem.severity {
                Severity::Error => Level::Error,
                Severity::Warning => Level::Warn,
            };
            tell(level, problem.to_string());
        }
        let mut is_rewritten = false;
        let config = config.map(|mut config| {
            is_rewritten = self.hash_key(&mut config, &tell);
            self.listen.apply(&mut config);
            config
        });
        state.read = match (is_torn, is_rewritten) {
            (true, _) => None,
            (false, true) => Some(digest(&files)),
            (false, false) => Some(read),
        };
        state.files = files;
        match config {
            None => Reading::Unusable,
            Some(config) if empty => Reading::Empty(Box::new(config)),
            Some(config) => Reading::Config(Box::new(config)),
        }
    }

    /// Replaces a plain-text management key by its hash. Returns whether the file was rewritten.
    fn hash_key(&self, config: &mut Config, tell: &impl Fn(Level, String)) -> bool {
        // A pipe cannot be read twice or written back to.
        let text = match is_ordinary(&self.path) {
            true => fs::read_to_string(&self.path),
            false => Ok(String::new()),
        };
        let Ok(text) = text else {
            return false;
        };
        let say = |level, what: &str| {
            let file = self.path.display();
            tell(
                level,
                format!("{file}: remote-management.secret-key {what}"),
            );
        };
        let complain = |why: &str| say(Level::Warn, why);
        match config::hash_management_key(config, &text, &self.variables) {
            Rewrite::Nothing => {}
            Rewrite::Impossible(why) => complain(why),
            Rewrite::Text(text) => match atomic_file::rewrite(&self.path, text.as_bytes()) {
                Ok(()) => {
                    say(Level::Info, "was replaced by its hash");
                    return true;
                }
                Err(error) => complain(&format!(
                    "is plain text, and cannot be replaced by its hash: {error}"
                )),
            },
        }
        false
    }

    /// Whether a file has changed since the last read.
    fn is_stale(&self) -> bool {
        let state = self.state.lock();
        state.read != Some(digest(&state.files))
    }

    fn files(&self) -> Vec<PathBuf> {
        self.state.lock().files.clone()
    }
}

/// Watches the files of `source` and calls `changed` when one has changed and settled.
pub fn watch(source: Arc<Source>, changed: impl Fn() + Send + 'static) -> Task {
    let watching = Arc::new(Mutex::new(Watching::new(stamps(&source.files()))));
    let pace = Arc::clone(&watching);
    Task {
        name: "watch the configuration",
        every: Box::new(move || pace.lock().pause()),
        run: Box::new(move |_: Instant| {
            let now = stamps(&source.files());
            if watching.lock().look(now) && source.is_stale() {
                changed();
            }
        }),
    }
}

/// The metadata of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    inode: u64,
}

type Stamps = Vec<Option<Stamp>>;

fn stamps(files: &[PathBuf]) -> Stamps {
    let stamp = |path: &PathBuf| {
        // Follows links.
        let found = fs::metadata(path).ok()?;
        Some(Stamp {
            length: found.len(),
            modified: found.modified().ok(),
            inode: inode(&found),
        })
    };
    files.iter().map(stamp).collect()
}

#[cfg(unix)]
fn inode(found: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(found)
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}

/// Distinguishes a finished change from one in progress.
struct Watching {
    settled: Stamps,
    /// Seen at the last check, and possibly incomplete.
    moving: Option<Stamps>,
}

impl Watching {
    fn new(settled: Stamps) -> Self {
        let moving = None;
        Self { settled, moving }
    }

    fn pause(&self) -> Duration {
        match self.moving {
            Some(_) => SETTLE,
            None => LOOK,
        }
    }

    /// Takes the current metadata. Returns whether it differs from the settled one and has been stable.
    fn look(&mut self, now: Stamps) -> bool {
        if self.moving.as_ref() == Some(&now) {
            self.moving = None;
            self.settled = now;
            return true;
        }
        self.moving = (now != self.settled).then_some(now);
        false
    }
}

fn digest(files: &[PathBuf]) -> Digest {
    let mut context = Context::new(&SHA256);
    for path in files {
        let content = read(path).unwrap_or_default();
        context.update(&(content.len() as u64).to_le_bytes());
        context.update(&content);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    // Only regular files: reading a pipe would consume it, or never end.
    if !is_ordinary(path) {
        return None;
    }
    let file = fs::File::open(path).ok()?;
    std::io::Read::read_to_end(&mut std::io::Read::take(file, LARGEST), &mut content).ok()?;
    Some(content)
}

fn is_ordinary(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(length: u64) -> Stamps {
        vec![Some(Stamp {
            length,
            modified: None,
            inode: 0,
        })]
    }

    #[cfg(unix)]
    #[test]
    fn a_configuration_from_a_pipe_is_read_once() {
        let folder = std::env::temp_dir().join(format!("holdfast-pipe-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("config.yaml");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let writer = path.clone();
        let writer = std::thread::spawn(move || {
            fs::write(
                writer,
                "api-keys: [one]\nremote-management: {secret-key: plain}",
            )
        });
        let source = Source::new(path, Box::new(|_| None), Overrides::default());
        let Reading::Config(config) = source.read(|_, _| {}) else {
            panic!("the pipe was emptied before it was read");
        };
        assert_eq!(config.api_keys.keys().len(), 1);
        assert!(!config.management.secret_key.unwrap().matches("plain"));
        assert!(matches!(source.read(|_, _| {}), Reading::Same));
        writer.join().unwrap().unwrap();
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_change_while_problems_are_reported_is_not_lost() {
        let folder = std::env::temp_dir().join(format!("holdfast-source-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (path, keys) = (folder.join("config.yaml"), folder.join("keys"));
        let named = format!("unknown: 1\napi-keys-file: {}\n", keys.display());
        for (before, changed, after) in [
            (None, &path, "api-keys: [b]\n"),
            (Some("api-keys: nothing\n"), &path, "api-keys: [b]\n"),
            (
                Some("unknown: 1\napi-keys: [a]\n"),
                &path,
                "api-keys: [b]\n",
            ),
            (Some(named.as_str()), &keys, "b\n"),
        ] {
            let _ = fs::remove_file(&path);
            fs::write(&keys, "a\n").unwrap();
            if let Some(text) = before {
                fs::write(&path, text).unwrap();
            }
            let source = Source::new(path.clone(), Box::new(|_| None), Overrides::default());
            source.read(|_, _| fs::write(changed, after).unwrap());
            assert!(source.is_stale(), "{before:?}");
            let Reading::Config(config) = source.read(|_, _| {}) else {
                panic!("{before:?}");
            };
            let keys = config.api_keys.keys();
            assert!(keys.iter().any(|key| key.reveal() == "b"), "{before:?}");
            assert!(matches!(source.read(|_, _| {}), Reading::Same));
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_change_counts_when_it_has_settled() {
        let mut watching = Watching::new(seen(1));
        assert!(!watching.look(seen(1)));
        assert_eq!(watching.pause(), LOOK);
        assert!(!watching.look(seen(2)));
        assert_eq!(watching.pause(), SETTLE);
        assert!(!watching.look(vec![None]));
        assert!(!watching.look(seen(3)));
        assert!(watching.look(seen(3)));
        assert_eq!(watching.pause(), LOOK);
        assert!(!watching.look(seen(3)));
        // Back before anybody read it.
        assert!(!watching.look(seen(4)));
        assert!(!watching.look(seen(3)));
        assert_eq!(watching.pause(), LOOK);
    }
}
