//! Prints a line for each request that is refused before it reaches a model.

use log::kv::Key;
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::logs::line::ACCESS;

/// A key that only the log lines of dispatched requests have.
const OF_REPORTS: &str = "decision";

struct Refusals {
    tell: fn(&str),
}

/// Reports refused requests to `tell` from now on.
pub fn watch(tell: fn(&str)) {
    // Keep a logger that is already set.
    if log::set_boxed_logger(Box::new(Refusals { tell })).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

impl Log for Refusals {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == ACCESS && metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        let has_report = || {
            let pairs = record.key_values();
            pairs.get(Key::from_str(OF_REPORTS)).is_some()
        };
        if self.enabled(record.metadata()) && !has_report() {
            (self.tell)(&format!("refused: {}", record.args()));
        }
    }

    fn flush(&self) {}
}
