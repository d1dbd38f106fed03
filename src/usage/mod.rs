//! Usage statistics: what attempts at upstreams have cost, by client and model.
//!
//! Totals are exact; of single attempts the newest are kept ([`DETAILS`]). A request that took three attempts is
//! three here, and one in [`Requests`]. Nothing is read from a file or a clock here.

mod ledger;
mod snapshot;
mod tokens;

use std::fmt;
use std::time::{Duration, SystemTime};

use ledger::Ledger;
pub use ledger::{Merged, Names};
use parking_lot::Mutex;
use snapshot::Document;
pub use snapshot::{Api, Detail, Model, Requests, Snapshot};
pub use tokens::Tokens;

pub use crate::time::Timestamp;

/// Details kept at most. About 120 bytes each.
pub const DETAILS: usize = 100_000;

/// What is written; 0 is what the earliest exports say.
const VERSION: i64 = 1;

/// All that has been recorded.
pub struct Statistics {
    ledger: Mutex<Ledger>,
    local: fn(SystemTime) -> Timestamp,
    /// How much was recorded when it was last saved.
    saved: Mutex<Mark>,
}

/// Says whether there is anything new.
type Mark = (u64, u64);

/// One attempt at an upstream.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The client key; `METHOD /route` where there is none.
    pub api: &'a str,
    /// The upstream's name of the model, without a suffix.
    pub model: &'a str,
    /// The account, or the masked key.
    pub source: &'a str,
    pub auth_index: &'a str,
    pub began: SystemTime,
    /// Until now.
    pub latency: Duration,
    pub tokens: Tokens,
    /// The upstream failed, or the client got an error.
    pub failed: bool,
}

/// Why nothing could be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportError {
    InvalidJson,
    UnsupportedVersion,
}

impl Statistics {
    /// `local` tells a time in the zone whose days are counted.
    pub fn new(local: fn(SystemTime) -> Timestamp) -> Self {
        Self {
            ledger: Mutex::new(Ledger::new(DETAILS)),
            local,
            saved: Mutex::default(),
        }
    }

    pub fn record(&self, attempt: Attempt<'_>) {
        let detail = Detail {
            timestamp: (self.local)(attempt.began),
            latency_ms: u64::try_from(attempt.latency.as_millis()).unwrap_or(u64::MAX),
            source: attempt.source.into(),
            auth_index: attempt.auth_index.into(),
            tokens: attempt.tokens,
            failed: attempt.failed,
        };
        let mut ledger = self.ledger.lock();
        ledger.add(attempt.api, attempt.model, detail);
    }

    /// One more request of a client is over.
    pub fn request(&self, failed: bool) {
        let requests = &mut self.ledger.lock().requests;
        requests.total = requests.total.saturating_add(1);
        requests.failed = requests.failed.saturating_add(u64::from(failed));
    }

    pub fn snapshot(&self, names: Names) -> Snapshot {
        self.ledger.lock().snapshot(names)
    }

    pub fn requests(&self) -> Requests {
        self.ledger.lock().requests
    }

    /// The statistics as a document that this and other gateways import.
    ///
    /// # Errors
    /// When they cannot be put into JSON.
    pub fn export(&self, names: Names, now: SystemTime) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&Document {
            version: VERSION,
            exported_at: Some(Timestamp::utc(now)),
            usage: self.snapshot(names),
            requests: None,
        })
    }

    /// Adds the attempts of an export that are not here yet. Its totals are not read.
    ///
    /// # Errors
    /// When it is no export, or one of a later version.
    pub fn import(&self, json: &[u8], now: SystemTime) -> Result<Merged, ImportError> {
        let mut usage = read(json)?.usage;
        let models = usage
            .apis
            .values_mut()
            .flat_map(|api| api.models.values_mut());
        for detail in models.flat_map(|model| &mut model.details) {
            detail.tokens = detail.tokens.totalled();
            let is_known = detail.timestamp.instant() != Timestamp::ZERO.instant();
            let began = detail.timestamp.moment().filter(|_| is_known);
            detail.timestamp = (self.local)(began.unwrap_or(now));
        }
        Ok(self.ledger.lock().merge(usage))
    }

    /// All of it, to be restored later; `None` when nothing has come since the last time. Holds client keys.
    pub fn save(&self, now: SystemTime) -> Option<Vec<u8>> {
        let (usage, requests) = {
            let ledger = self.ledger.lock();
            let mark = (ledger.attempts(), ledger.requests.total);
            if std::mem::replace(&mut *self.saved.lock(), mark) == mark {
                return None;
            }
            (ledger.snapshot(Names::Raw), ledger.requests)
        };
        let document = serde_json::to_vec(&Document {
            version: VERSION,
            exported_at: Some(Timestamp::utc(now)),
            usage,
            requests: Some(requests),
        });
        document
            .inspect_err(|error| log::error!("cannot save the statistics: {error}"))
            .ok()
    }

    /// Has the next [`Statistics::save`] give all of it, because the last one was lost.
    pub fn unsaved(&self) {
        *self.saved.lock() = Mark::default();
    }

    /// Takes up what was saved, in the place of what there is.
    ///
    /// # Errors
    /// As [`Statistics::import`].
    pub fn restore(&self, json: &[u8]) -> Result<(), ImportError> {
        let document = read(json)?;
        let requests = document.requests.unwrap_or_default();
        let ledger = Ledger::restored(DETAILS, document.usage, requests);
        *self.saved.lock() = (ledger.attempts(), ledger.requests.total);
        *self.ledger.lock() = ledger;
        Ok(())
    }
}

fn read(json: &[u8]) -> Result<Document, ImportError> {
    let document: Document = serde_json::from_slice(json).map_err(|_| ImportError::InvalidJson)?;
    match document.version {
        0 | VERSION => Ok(document),
        _ => Err(ImportError::UnsupportedVersion),
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidJson => "invalid json",
            Self::UnsupportedVersion => "unsupported version",
        })
    }
}

impl std::error::Error for ImportError {}

#[cfg(test)]
mod tests;
