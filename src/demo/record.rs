//! Records of the requests that the upstreams got.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// How many requests are remembered.
const KEPT: usize = 10_000;
/// Bytes of a body that are remembered.
const BODY: usize = 1024 * 1024;

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Record {
    /// The account; empty without one.
    pub key: String,
    /// `chat`, `responses`, `messages` or `gemini`.
    pub dialect: &'static str,
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    /// At most 1 MiB of it.
    pub body: Vec<u8>,
    pub model: String,
    pub input_tokens: u64,
    pub cached_tokens: u64,
    pub at: Instant,
    pub outcome: Outcome,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    UnderWay,
    /// The answer was given as the script wanted it.
    Answered,
    /// The client left after this long.
    ClientGone(Duration),
}

impl Record {
    /// The first value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
pub(super) struct Records {
    kept: Mutex<Kept>,
    changed: Condvar,
}

#[derive(Default)]
struct Kept {
    /// The number of the first one.
    first: usize,
    records: VecDeque<Record>,
}

impl Records {
    /// Returns the number by which its outcome can be told.
    pub fn add(&self, mut record: Record) -> usize {
        record.body.truncate(BODY);
        let mut kept = self.kept.lock();
        if kept.records.len() == KEPT {
            kept.records.pop_front();
            kept.first += 1;
        }
        kept.records.push_back(record);
        self.changed.notify_all();
        kept.first + kept.records.len() - 1
    }

    pub fn end(&self, number: usize, client_gone: bool) {
        let mut kept = self.kept.lock();
        let index = number.checked_sub(kept.first);
        if let Some(record) = index.and_then(|index| kept.records.get_mut(index)) {
            record.outcome = if client_gone {
                Outcome::ClientGone(record.at.elapsed())
            } else {
                Outcome::Answered
            };
        }
        self.changed.notify_all();
    }

    pub fn all(&self) -> Vec<Record> {
        self.kept.lock().records.iter().cloned().collect()
    }

    pub fn clear(&self) {
        let mut kept = self.kept.lock();
        kept.first += kept.records.len();
        kept.records.clear();
    }

    pub fn wait_for(&self, patience: Duration, wanted: impl Fn(&[Record]) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        let mut kept = self.kept.lock();
        loop {
            if wanted(kept.records.make_contiguous()) {
                return true;
            }
            if self.changed.wait_until(&mut kept, deadline).timed_out() {
                return wanted(kept.records.make_contiguous());
            }
        }
    }
}
