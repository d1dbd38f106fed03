//! Connections whose bodies wait for memory.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::queue::Entry;

/// Those who are told at a time that there is some: it may be enough for one of them only.
const TOLD: usize = 8;

/// Connections that wait for memory, in order.
#[derive(Debug, Default)]
pub struct Starving(Mutex<VecDeque<Entry>>);

impl Starving {
    pub fn push(&self, entry: Entry) {
        self.0.lock().push_back(entry);
    }

    /// The next ones to try again.
    pub fn next(&self) -> Vec<Entry> {
        let mut waiting = self.0.lock();
        let count = waiting.len().min(TOLD);
        waiting.drain(..count).collect()
    }
}
