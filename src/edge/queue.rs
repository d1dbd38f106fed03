//! Requests that wait for a worker or for memory, in order.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

/// A connection in the table: its key and serial number.
pub type Entry = (usize, u64);

/// Passes a permit to the connection that waits for it; returns it if that connection is gone.
pub type Grant = dyn Fn(Entry, Permit) -> Result<(), Permit> + Send + Sync;

/// Limits concurrent requests to the number of workers; the others wait. Clones share it.
#[derive(Clone)]
pub struct Queue(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    grant: OnceLock<Box<Grant>>,
}

struct State {
    free: usize,
    waiting: VecDeque<Entry>,
}

/// Permission to be served. Dropping it passes it to the next waiting connection.
pub struct Permit(Option<Queue>);

impl Queue {
    pub fn new(workers: usize) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                free: workers,
                waiting: VecDeque::new(),
            }),
            grant: OnceLock::new(),
        }))
    }

    /// Sets the function that passes permits to waiting connections.
    pub fn connect(&self, grant: Box<Grant>) {
        let _ = self.0.grant.set(grant);
    }

    /// A permit, if one is free and no connection waits for it.
    pub fn enter(&self) -> Option<Permit> {
        let mut state = self.0.state.lock();
        if state.free == 0 || !state.waiting.is_empty() {
            return None;
        }
        state.free -= 1;
        Some(Permit(Some(self.clone())))
    }

    /// Waits for a permit. The connection must be in the table already.
    pub fn wait(&self, entry: Entry) {
        self.0.state.lock().waiting.push_back(entry);
        self.serve();
    }

    /// Removes all waiting connections.
    pub fn clear(&self) {
        self.0.state.lock().waiting.clear();
    }

    /// Passes free permits to waiting connections.
    fn serve(&self) {
        loop {
            let mut state = self.0.state.lock();
            if state.free == 0 {
                return;
            }
            let Some(entry) = state.waiting.pop_front() else {
                return;
            };
            state.free -= 1;
            drop(state);
            let permit = Permit(Some(self.clone()));
            let refused = match self.0.grant.get() {
                Some(grant) => grant(entry, permit),
                None => Err(permit),
            };
            if let Err(mut permit) = refused {
                // Not by dropping it, which would recurse.
                permit.0 = None;
                self.0.state.lock().free += 1;
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(queue) = self.0.take() {
            queue.0.state.lock().free += 1;
            queue.serve();
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}

/// Connections that are retried at a time: the free memory may be enough for one of them only.
const RETRIED: usize = 8;

/// Connections whose bodies wait for memory, in order.
#[derive(Debug, Default)]
pub struct MemoryQueue(Mutex<VecDeque<Entry>>);

impl MemoryQueue {
    pub fn push(&self, entry: Entry) {
        self.0.lock().push_back(entry);
    }

    /// The next connections to retry.
    pub fn next(&self) -> Vec<Entry> {
        let mut waiting = self.0.lock();
        let count = waiting.len().min(RETRIED);
        waiting.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_go_round_in_order() {
        let queue = Queue::new(2);
        let granted = Arc::new(Mutex::new(Vec::new()));
        let held = Arc::new(Mutex::new(Vec::new()));
        let (seen, kept) = (Arc::clone(&granted), Arc::clone(&held));
        queue.connect(Box::new(move |entry, permit| {
            // Odd keys have left.
            if entry.0 % 2 == 1 {
                return Err(permit);
            }
            seen.lock().push(entry.0);
            kept.lock().push(permit);
            Ok(())
        }));
        let first = queue.enter().unwrap();
        let second = queue.enter().unwrap();
        assert!(queue.enter().is_none());
        for key in 0..7 {
            queue.wait((key, 0));
        }
        assert!(granted.lock().is_empty());
        drop(first);
        assert_eq!(*granted.lock(), [0]);
        assert!(queue.enter().is_none(), "nobody overtakes");
        drop(second);
        assert_eq!(*granted.lock(), [0, 2]);
        while let Some(permit) = { held.lock().pop() } {
            drop(permit);
        }
        assert_eq!(*granted.lock(), [0, 2, 4, 6]);
        let both = (queue.enter(), queue.enter());
        assert!(both.0.is_some() && both.1.is_some() && queue.enter().is_none());
    }

    #[test]
    fn many_who_have_left_are_passed_over() {
        let queue = Queue::new(1);
        queue.connect(Box::new(|_, permit| Err(permit)));
        let permit = queue.enter().unwrap();
        for key in 0..100_000 {
            queue.wait((key, 0));
        }
        drop(permit);
        assert!(queue.enter().is_some());
    }
}
