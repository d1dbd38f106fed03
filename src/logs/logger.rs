//! The log of the program: which lines are written, in which format, and where.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal};
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use env_filter::{Builder, Filter};
use log::{Level, LevelFilter, Log, Metadata, Record};
use parking_lot::Mutex;

use super::line::{self, Look};
use super::request_log;
use super::rotated::{FULL, Rotated};
use super::stderr::Stderr;
use super::writer::{Output, Writer};
use crate::colour;
use crate::config::{LogFormat, Logs};
use crate::time::Timestamp;

/// The target of our own lines. Without `RUST_LOG`, those of libraries are left out.
const OURS: &str = "holdfast";

/// How long the end of the program waits for the last lines.
const LAST: Duration = Duration::from_secs(1);

/// The logger of a program. The first one stays.
#[derive(Clone)]
pub struct Logger(Arc<Shared>);

struct Shared {
    /// `RUST_LOG` as it was at the start. Takes precedence over the configuration.
    environment: Option<Filter>,
    filter: ArcSwap<Filter>,
    destination: ArcSwap<Destination>,
    delivery: Delivery,
}

/// How lines get to their destination.
enum Delivery {
    Thread(Writer<Arc<Destination>>),
    /// The system has refused the thread.
    Direct(Mutex<Outputs>),
}

/// Where a line goes, and in which format.
#[derive(Debug, PartialEq, Eq)]
struct Destination {
    format: LogFormat,
    /// The folder of the file; standard error if there is none.
    folder: Option<PathBuf>,
    /// Whether standard error shows colours.
    has_colours: bool,
}

impl Destination {
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
            // For debugging only.
            has_source: log::max_level() >= LevelFilter::Debug,
            has_colours: self.has_colours,
        }
    }

    /// A line about the log itself.
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

impl Logger {
    /// Logs what this program logs from now on, panics included, unless a logger is set already.
    pub fn start(logs: &Logs, folder: &Path) -> Self {
        let environment = std::env::var("RUST_LOG").unwrap_or_default();
        let (environment, invalid) = match parse(&environment) {
            Ok(filter) => (filter, None),
            Err(error) => (None, Some(error)),
        };
        let destination = Arc::new(Destination::of(logs, folder));
        let delivery = match Writer::start(Outputs::default(), Arc::clone(&destination)) {
            Ok(writer) => Delivery::Thread(writer),
            Err(_) => Delivery::Direct(Mutex::default()),
        };
        let logger = Self(Arc::new(Shared {
            environment,
            filter: ArcSwap::from_pointee(configured(logs)),
            destination: ArcSwap::new(destination),
            delivery,
        }));
        logger.apply(logs, folder);
        if log::set_boxed_logger(Box::new(logger.clone())).is_ok() {
            // The default hook writes to standard error, and would wait for its reader.
            std::panic::set_hook(Box::new(log_panic));
        }
        if let Some(error) = invalid {
            log::warn!("RUST_LOG is ignored: {error}");
        }
        logger
    }

    /// Applies another configuration. Lines logged before still go to their own destination.
    pub fn apply(&self, logs: &Logs, folder: &Path) {
        let filter = self.0.environment.clone();
        let filter = filter.unwrap_or_else(|| configured(logs));
        log::set_max_level(filter.filter());
        self.0.filter.store(Arc::new(filter));
        let destination = Destination::of(logs, folder);
        if **self.0.destination.load() != destination {
            self.0.destination.store(Arc::new(destination));
        }
    }

    /// Whether lines go to a file.
    pub fn is_file(&self) -> bool {
        self.0.destination.load().folder.is_some()
    }
}

/// The filter that `RUST_LOG` asks for. A blank one asks for none.
fn parse(text: &str) -> Result<Option<Filter>, env_filter::ParseError> {
    match text.trim() {
        "" => Ok(None),
        text => Ok(Some(Builder::new().try_parse(text)?.build())),
    }
}

/// The filter of the configuration: our own lines.
fn configured(logs: &Logs) -> Filter {
    let level = match logs.debug {
        true => LevelFilter::Debug,
        false => LevelFilter::Info,
    };
    Builder::new().filter_module(OURS, level).build()
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

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.filter.load().enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.0.filter.load().matches(record) {
            return;
        }
        let time = Timestamp::local(SystemTime::now());
        let destination = self.0.destination.load_full();
        let line = line::of(record, &time, request_log::id(), destination.look());
        match &self.0.delivery {
            Delivery::Thread(writer) => {
                if let Err(line) = writer.put(destination, line) {
                    let _ = Stderr::default().write(line.as_bytes());
                }
            }
            Delivery::Direct(outputs) => drop(outputs.lock().write(&destination, &line)),
        }
    }

    /// Waits until all lines before are written, but not for long.
    fn flush(&self) {
        if let Delivery::Thread(writer) = &self.0.delivery {
            writer.flush(LAST);
        }
    }
}

/// The open outputs.
#[derive(Default)]
struct Outputs {
    file: Option<Rotated>,
    /// Whether a failure of the file has been reported.
    has_warned: bool,
    stderr: Stderr,
}

impl Output for Outputs {
    type Target = Arc<Destination>;

    fn write(&mut self, to: &Arc<Destination>, line: &str) -> io::Result<()> {
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
                self.has_warned = false;
                return Ok(());
            }
            Err(error) if !self.has_warned => {
                self.has_warned = true;
                let why = format_args!("cannot write the log: {error}");
                let _ = self.stderr.write(to.line(Level::Error, why).as_bytes());
            }
            Err(_) => {}
        }
        self.stderr.write(line.as_bytes())
    }

    fn dropped(&self, to: &Arc<Destination>, count: u64) -> String {
        let text = match count {
            1 => "1 log line was dropped".to_owned(),
            _ => format!("{count} log lines were dropped"),
        };
        to.line(Level::Warn, format_args!("{text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::folder::tests::Temporary;
    use super::*;

    fn is_enabled(filter: &Filter, level: Level, target: &str) -> bool {
        filter.enabled(&Metadata::builder().level(level).target(target).build())
    }

    #[test]
    fn our_own_lines_are_written_by_default() {
        assert!(parse("").unwrap().is_none() && parse(" ").unwrap().is_none());
        let info = configured(&Logs::default());
        assert!(is_enabled(&info, Level::Info, "holdfast::server"));
        assert!(!is_enabled(&info, Level::Debug, "holdfast::server"));
        assert!(!is_enabled(&info, Level::Error, "rustls::conn"));
        let debug = configured(&Logs {
            debug: true,
            ..Logs::default()
        });
        assert!(is_enabled(&debug, Level::Debug, "holdfast"));
    }

    #[test]
    fn rust_log_sets_levels_of_targets_and_modules() {
        let filter = parse("info,rustls=debug,holdfast::provider=trace,holdfast::access=off");
        let filter = filter.unwrap().unwrap();
        for (level, target, expected) in [
            (Level::Info, "holdfast::server", true),
            (Level::Debug, "holdfast::server", false),
            (Level::Trace, "holdfast::provider::net", true),
            (Level::Error, "holdfast::access", false),
            (Level::Debug, "rustls::conn", true),
            (Level::Trace, "rustls::conn", false),
        ] {
            assert_eq!(is_enabled(&filter, level, target), expected, "{target}");
        }
        assert_eq!(filter.filter(), LevelFilter::Trace);
        assert!(parse("holdfast=loud").is_err());
    }

    #[test]
    fn lines_go_to_the_file_that_was_theirs_when_they_were_logged() {
        let folders = [Temporary::new(), Temporary::new()];
        let to = |n: usize| {
            let logs = Logs {
                to_file: true,
                ..Logs::default()
            };
            Arc::new(Destination::of(&logs, &folders[n].0))
        };
        let mut outputs = Outputs::default();
        for (n, line) in [(0, "a\n"), (1, "b\n"), (0, "c\n"), (0, "d\n")] {
            outputs.write(&to(n), line).unwrap();
        }
        let read = |n: usize| std::fs::read_to_string(folders[n].0.join("main.log")).unwrap();
        assert_eq!((read(0), read(1)), ("a\nc\nd\n".into(), "b\n".into()));
    }

    #[test]
    fn dropped_lines_are_told_in_the_format_of_the_log() {
        let destination = |format| {
            Arc::new(Destination {
                format,
                folder: None,
                has_colours: false,
            })
        };
        let text = Outputs::default().dropped(&destination(LogFormat::Text), 1);
        assert!(text.contains("[warn ]") && text.ends_with(" 1 log line was dropped\n"));
        let json = Outputs::default().dropped(&destination(LogFormat::Json), 12);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["level"], "warn");
        assert_eq!(json["message"], "12 log lines were dropped");
    }
}
