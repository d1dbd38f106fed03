//! The log of the program: where its lines go, and which.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use log::{LevelFilter, Log, Metadata, Record};
use parking_lot::Mutex;

use super::complaint::Complaint;
use super::rotated::{FULL, Rotated};
use super::{current, line};
use crate::config::{LogFormat, Logs};
use crate::local_time::Zone;

/// Lines of others, whose words are not ours to answer for, are left out.
const OURS: &str = "holdfast";

static WRITING: Complaint = Complaint::about("the log");

/// The log of a program. There is one, and it stays.
#[derive(Clone)]
pub struct Journal(Arc<Shared>);

struct Shared {
    /// `RUST_LOG`, which wins over the configuration.
    level: Option<LevelFilter>,
    sink: Mutex<Sink>,
}

struct Sink {
    format: LogFormat,
    /// Standard error, if there is none.
    file: Option<Rotated>,
}

impl Journal {
    /// Takes up what this program logs from now on. Of several journals the first one stays.
    pub fn start(logs: &Logs, folder: &Path) -> Self {
        let level = std::env::var("RUST_LOG").ok();
        let journal = Self(Arc::new(Shared {
            level: level.as_deref().and_then(level_of),
            sink: Mutex::new(Sink {
                format: logs.format,
                file: None,
            }),
        }));
        journal.apply(logs, folder);
        let _ = log::set_boxed_logger(Box::new(journal.clone()));
        journal
    }

    /// Goes by another configuration from now on.
    pub fn apply(&self, logs: &Logs, folder: &Path) {
        let configured = match logs.debug {
            true => LevelFilter::Debug,
            false => LevelFilter::Info,
        };
        log::set_max_level(self.0.level.unwrap_or(configured));
        let mut sink = self.0.sink.lock();
        sink.format = logs.format;
        let stays = sink
            .file
            .as_ref()
            .is_some_and(|file| file.folder() == folder);
        if !logs.to_file {
            sink.file = None;
        } else if !stays {
            sink.file = Some(Rotated::new(folder.to_owned(), FULL));
        }
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
        let now = SystemTime::now();
        let time = Zone::here().civil(now);
        let mut sink = self.0.sink.lock();
        let line = line::of(record, &time, current::id(), sink.format);
        if let Some(file) = &mut sink.file {
            match file.write(line.as_bytes(), now) {
                Ok(()) => return WRITING.withdraw(),
                Err(error) => WRITING.make(&error),
            }
        }
        // Nobody may be left to read it.
        let _ = io::stderr().write_all(line.as_bytes());
    }

    fn flush(&self) {}
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
            sink: Mutex::new(Sink {
                format: logs.format,
                file: None,
            }),
        }));
        let is_ours = |target: &str| {
            let metadata = Metadata::builder()
                .level(log::Level::Error)
                .target(target)
                .build();
            log::set_max_level(LevelFilter::Info);
            journal.enabled(&metadata)
        };
        assert!(is_ours("holdfast") && is_ours("holdfast::server"));
        assert!(!is_ours("ureq::run") && !is_ours("holdfaster"));
    }
}
