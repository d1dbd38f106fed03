//! What is written about requests, and where to.

use std::path::PathBuf;

use super::paths;
use super::reader::{Field, Mapping};

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people (`spec/config.md` 6.2).
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// `debug`.
    pub debug: bool,
    /// `log-format`.
    pub format: LogFormat,
    /// Whether the log goes to a rotated file instead of to standard error (`logging-to-file`).
    pub to_file: bool,
    /// The most bytes that the folder of logs may hold (`logs-max-total-size-mb`); `None` for no bound.
    pub total: Option<u64>,
    /// How many files of failed requests are kept (`error-logs-max-files`); `None` for all.
    pub error_files: Option<usize>,
    /// Whether every request of an admitted client is written to a file of its own (`request-log`).
    pub requests: bool,
    /// Whether no request is, not even a failed one (`commercial-mode`).
    pub commercial: bool,
}

/// Usage statistics: what requests have cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageStatistics {
    /// `usage-statistics-enabled`.
    pub enabled: bool,
    /// Where they survive a restart (`usage-statistics-file`); `None` for nowhere.
    pub file: Option<PathBuf>,
}

const ERROR_FILES: usize = 10;

impl Default for Logs {
    fn default() -> Self {
        Self {
            debug: false,
            format: LogFormat::default(),
            to_file: false,
            total: None,
            error_files: Some(ERROR_FILES),
            requests: false,
            commercial: false,
        }
    }
}

/// The keys of the log at the top of the file.
pub fn read(root: &mut Mapping<'_>) -> Logs {
    let mut flag = |key| root.field(key).flag().unwrap_or(false);
    Logs {
        debug: flag("debug"),
        to_file: flag("logging-to-file"),
        requests: flag("request-log"),
        commercial: flag("commercial-mode"),
        format: format(&root.field("log-format")),
        total: root.field("logs-max-total-size-mb").mebibytes(),
        error_files: error_files(&root.field("error-logs-max-files")),
    }
}

/// The keys of the statistics at the top of the file.
pub fn usage(root: &mut Mapping<'_>) -> UsageStatistics {
    UsageStatistics {
        enabled: root
            .field("usage-statistics-enabled")
            .flag()
            .unwrap_or(false),
        file: root
            .field("usage-statistics-file")
            .filled()
            .map(|path| paths::expand(&path)),
    }
}

fn format(field: &Field<'_>) -> LogFormat {
    let text = field.filled().map(|text| text.to_ascii_lowercase());
    match text.as_deref() {
        None | Some("text") => LogFormat::Text,
        Some("json") => LogFormat::Json,
        Some(_) => {
            field.warn("must be text or json, text is used");
            LogFormat::Text
        }
    }
}

/// 0 keeps all; less is no number of files.
fn error_files(field: &Field<'_>) -> Option<usize> {
    match field.integer(i64::MIN..=u32::MAX.into()) {
        Some(0) => None,
        Some(..0) => {
            field.warn(format!("is negative: {ERROR_FILES} is used"));
            Some(ERROR_FILES)
        }
        Some(count) => Some(usize::try_from(count).unwrap_or(ERROR_FILES)),
        None => Some(ERROR_FILES),
    }
}
