//! Diagnoses a configuration without serving: upstreams, machine and folders.

mod asking;
mod clock;
mod machine;
mod upstreams;

use std::fmt;

pub use asking::ask;
pub use clock::clock;
pub use machine::{Surroundings, machine};
pub use upstreams::upstreams;

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Ok,
    /// It could not be checked.
    Skipped,
    Warning,
    Error,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub status: Status,
    /// What was checked: a word or two.
    pub subject: String,
    pub message: String,
    /// What to do.
    pub advice: Option<String>,
}

impl Finding {
    pub fn new(status: Status, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status,
            subject: subject.into(),
            message: message.into(),
            advice: None,
        }
    }

    #[must_use]
    pub fn advised(self, advice: impl Into<String>) -> Self {
        let advice = Some(advice.into());
        Self { advice, ..self }
    }
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Formats a number of bytes with a unit.
fn bytes(count: u64) -> String {
    match count >> 20 {
        0 => format!("{} KiB", count >> 10),
        mib @ 1..10_240 => format!("{mib} MiB"),
        mib => format!("{} GiB", mib >> 10),
    }
}
