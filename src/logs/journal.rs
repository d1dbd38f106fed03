//! The log of the program: which lines it has, how they look, and where they go.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal};
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use log::{Level, LevelFilter, Log, Metadata, Record};
use parking_lot::Mutex;

use super::line::Look;
use super::rotated::{FULL, Rotated};
use super::stderr::Stderr;
use super::writer::{Output, Writer};
use super::{current, line};
use crate::colour;
use crate::config::{LogFormat, Logs};
use crate::time::Timestamp;

/// Lines of others, whose words are not ours to answer for, are left out.
const OURS: &str = "holdfast";

/// How long an end of the program waits for its last lines.
const LAST: Duration = Duration::from_secs(1);

/// The log of a program. There is one, and it stays.
#[derive(Clone)]
pub struct Journal(Arc<Shared>);

struct Shared {
    /// `RUST_LOG`, which wins over the configuration.
    level: Option<LevelFilter>,
    place: ArcSwap<Place>,
    way: Way,
}

/// How lines get to where they are written.
enum Way {
    Thread(Writer<Arc<Place>>),
    /// The system has refused the thread.
    Straight(Mutex<Places>),
}

/// Where a line goes, and how it looks.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    format: LogFormat,
    /// The folder of its file; standard error if there is none.
    folder: Option<PathBuf>,
    /// Whether standard error shows colours.
    has_colours: bool,
}

impl Place {
    fn of(logs: &Logs, folder: &Path) -> Self {
        Self {
            format: logs.format,
            folder: logs.to_file.then(|| folder.to_owned()),
            has_colours: !logs.to_file && colour::are_wanted(io::stderr().is_terminal()),
        }
    }

    fn look(&self) -> Look {
        Look {
            format: self.format,
            // Whoever looks for more than what happens.
            has_source: log::max_level() >= LevelFilter::Debug,
            has_colours: self.has_colours,
        }
    }

    /// A line of the log's own.
    fn line(&self, level: Level, text: std::fmt::Arguments<'_>) -> String {
        let record = Record::builder()
            .args(text)
            .level(level)
            .target(module_path!())
            .file_static(Some(file!()))
            .line(Some(line!()))
            .build();
        let time = Timestamp::local(SystemTime::now());
        line::of(&record, &time, None, self.look())
    }
}

impl Journal {
    /// Takes up what this program logs from now on, panics among it. Of several journals the first one stays.
    pub fn start(logs: &Logs, folder: &Path) -> Self {
        let level = std::env::var("RUST_LOG").ok();
        let place = Arc::new(Place::of(logs, folder));
        let way = match Writer::start(Places::default(), Arc::clone(&place)) {
            Ok(writer) => Way::Thread(writer),
            Err(_) => Way::Straight(Mutex::default()),
        };
        let journal = Self(Arc::new(Shared {
            level: level.as_deref().and_then(level_of),
            place: ArcSwap::new(place),
            way,
        }));
        journal.apply(logs, folder);
        if log::set_boxed_logger(Box::new(journal.clone())).is_ok() {
            // Written by the thread that panics, it would wait for whoever reads standard error.
            std::panic::set_hook(Box::new(log_panic));
        }
        journal
    }

    /// Goes by another configuration from now on. Lines before it still go where they would have gone.
    pub fn apply(&self, logs: &Logs, folder: &Path) {
        let configured = match logs.debug {
            true => LevelFilter::Debug,
            false => LevelFilter::Info,
        };
        log::set_max_level(self.0.level.unwrap_or(configured));
        let place = Place::of(logs, folder);
        if **self.0.place.load() != place {
            self.0.place.store(Arc::new(place));
        }
    }

    /// Whether lines go to a file.
    pub fn is_file(&self) -> bool {
        self.0.place.load().folder.is_some()
    }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("without a name");
    // Only if `RUST_BACKTRACE` asks for it.
    let trace = Backtrace::capture();
    match trace.status() {
        BacktraceStatus::Captured => log::error!("thread {name} {panic}\n{trace}"),
        _ => log::error!("thread {name} {panic}"),
    }
}

impl Log for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let rest = metadata.target().strip_prefix(OURS);
        metadata.level() <= log::max_level()
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let time = Timestamp::local(SystemTime::now());
        let place = self.0.place.load_full();
        let line = line::of(record, &time, current::id(), place.look());
        match &self.0.way {
            Way::Thread(writer) => {
                if let Err(line) = writer.put(place, line) {
                    let _ = Stderr::default().write(line.as_bytes());
                }
            }
            Way::Straight(places) => drop(places.lock().write(&place, &line)),
        }
    }

    /// Waits until all lines before are written, but not for long.
    fn flush(&self) {
        if let Way::Thread(writer) = &self.0.way {
            writer.flush(LAST);
        }
    }
}

/// The places as they are open.
#[derive(Default)]
struct Places {
    file: Option<Rotated>,
    /// Whether it has been said that the file cannot be written.
    is_told: bool,
    stderr: Stderr,
}

impl Output for Places {
    type Target = Arc<Place>;

    fn write(&mut self, to: &Arc<Place>, line: &str) -> io::Result<()> {
        let Some(folder) = &to.folder else {
            self.file = None;
            return self.stderr.write(line.as_bytes());
        };
        let is_open = |file: &&mut Rotated| file.folder() == folder;
        let written = match self.file.as_mut().filter(is_open) {
            Some(file) => file.write(line.as_bytes(), SystemTime::now()),
            None => self
                .file
                .insert(Rotated::new(folder.to_owned(), FULL))
                .write(line.as_bytes(), SystemTime::now()),
        };
        match written {
            Ok(()) => {
                self.is_told = false;
                return Ok(());
            }
            Err(error) if !self.is_told => {
                self.is_told = true;
                let why = format_args!("cannot write the log: {error}");
                let _ = self.stderr.write(to.line(Level::Error, why).as_bytes());
            }
            Err(_) => {}
        }
        self.stderr.write(line.as_bytes())
    }

    fn dropped(&self, to: &Arc<Place>, count: u64) -> String {
        let text = match count {
            1 => "1 log line was dropped".to_owned(),
            _ => format!("{count} log lines were dropped"),
        };
        to.line(Level::Warn, format_args!("{text}"))
    }
}

/// The level that `RUST_LOG` asks for: that of the last directive that is about all or about us.
fn level_of(text: &str) -> Option<LevelFilter> {
    let directives = text.split(',').map(str::trim);
    let mut levels = directives.filter_map(|directive| match directive.split_once('=') {
        None if directive == OURS => Some(LevelFilter::Trace),
        None => directive.parse().ok(),
        Some((OURS, level)) => level.parse().ok(),
        Some(_) => None,
    });
    levels.next_back()
}

#[cfg(test)]
mod tests {
    use super::super::folder::tests::Temporary;
    use super::*;

    #[test]
    fn rust_log_is_a_level() {
        for (text, expected) in [
            ("", None),
            ("debug", Some(LevelFilter::Debug)),
            ("OFF", Some(LevelFilter::Off)),
            ("warn,holdfast=trace", Some(LevelFilter::Trace)),
            ("holdfast", Some(LevelFilter::Trace)),
            ("ureq=debug", None),
            ("info, ureq=debug", Some(LevelFilter::Info)),
            ("nonsense", None),
        ] {
            assert_eq!(level_of(text), expected, "{text}");
        }
    }

    #[test]
    fn only_our_own_lines_count() {
        let logs = Logs::default();
        let journal = Journal(Arc::new(Shared {
            level: None,
            place: ArcSwap::from_pointee(Place::of(&logs, Path::new(""))),
            way: Way::Straight(Mutex::default()),
        }));
        let is_ours = |target: &str| {
            let metadata = Metadata::builder()
                .level(log::Level::Error)
                .target(target)
                .build();
            log::set_max_level(LevelFilter::Info);
            journal.enabled(&metadata)
        };
        assert!(is_ours("holdfast") && is_ours("holdfast::gateway::server"));
        assert!(!is_ours("ureq::run") && !is_ours("holdfaster"));
    }

    #[test]
    fn lines_go_to_the_file_that_was_theirs_when_they_were_logged() {
        let folders = [Temporary::new(), Temporary::new()];
        let to = |n: usize| {
            let logs = Logs {
                to_file: true,
                ..Logs::default()
            };
            Arc::new(Place::of(&logs, &folders[n].0))
        };
        let mut places = Places::default();
        for (n, line) in [(0, "a\n"), (1, "b\n"), (0, "c\n"), (0, "d\n")] {
            places.write(&to(n), line).unwrap();
        }
        let read = |n: usize| std::fs::read_to_string(folders[n].0.join("main.log")).unwrap();
        assert_eq!((read(0), read(1)), ("a\nc\nd\n".into(), "b\n".into()));
    }

    #[test]
    fn dropped_lines_are_told_in_the_format_of_the_log() {
        let place = |format| {
            Arc::new(Place {
                format,
                folder: None,
                has_colours: false,
            })
        };
        let text = Places::default().dropped(&place(LogFormat::Text), 1);
        assert!(text.contains("[warn ]") && text.ends_with(" 1 log line was dropped\n"));
        let json = Places::default().dropped(&place(LogFormat::Json), 12);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["level"], "warn");
        assert_eq!(json["message"], "12 log lines were dropped");
    }
}
