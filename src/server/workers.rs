//! The workers: one thread for each lane, which ends with it.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;

use crate::lane::WorkerEnd;

/// An HTTPS call runs in 48 KiB of stack when optimised; a debug build needs over 128 KiB
/// (measured).
const STACK_BYTES: usize = if cfg!(debug_assertions) {
    1024 * 1024
} else {
    256 * 1024
};

/// What a worker does with its lane.
pub type Work = dyn Fn(WorkerEnd) + Send + Sync;

pub struct Workers {
    work: Arc<Work>,
    threads: Mutex<Threads>,
}

#[derive(Default)]
struct Threads {
    handles: Vec<JoinHandle<()>>,
    started: u64,
}

impl Workers {
    pub fn new(work: Arc<Work>) -> Self {
        Self {
            work,
            threads: Mutex::default(),
        }
    }

    /// Starts a worker for `lane`.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(&self, lane: WorkerEnd) -> io::Result<()> {
        let mut threads = self.threads.lock();
        threads.handles.retain(|worker| !worker.is_finished());
        threads.started += 1;
        let work = Arc::clone(&self.work);
        let worker = thread::Builder::new()
            .name(format!("worker-{}", threads.started))
            .stack_size(STACK_BYTES)
            .spawn(move || work(lane))?;
        threads.handles.push(worker);
        Ok(())
    }

    /// Waits for all workers to end, as they do when their lanes are closed.
    pub fn join(&self) {
        let handles = std::mem::take(&mut self.threads.lock().handles);
        for worker in handles {
            // A worker that panicked has said so.
            let _ = worker.join();
        }
    }
}
