//! The threads that renew tokens: started when they are needed, ended when there is nothing to do.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Stack size of a thread, bytes. Debug builds need more.
const STACK: usize = if cfg!(debug_assertions) {
    1 << 20
} else {
    256 << 10
};

type Job = Box<dyn FnOnce() + Send>;

/// The queue of renewals.
pub struct Pool {
    limit: usize,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    is_stopping: bool,
}

impl Pool {
    /// At most `limit` jobs run at once.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit: limit.max(1),
            state: Mutex::default(),
            ended: Condvar::new(),
        })
    }

    /// Queues a job. Returns whether it will run.
    pub fn queue(self: &Arc<Self>, job: Job) -> bool {
        let mut state = self.state.lock();
        if state.is_stopping {
            return false;
        }
        if state.threads < self.limit {
            let pool = Arc::clone(self);
            let started = thread::Builder::new()
                .name("tokens".to_owned())
                .stack_size(STACK)
                .spawn(move || pool.work());
            match started {
                Ok(_) => state.threads += 1,
                // The threads that run do the work.
                Err(_) if state.threads > 0 => {}
                Err(error) => {
                    log::warn!("auth: cannot renew tokens: {error}");
                    return false;
                }
            }
        }
        state.queue.push_back(job);
        true
    }

    fn work(&self) {
        loop {
            let job = {
                let mut state = self.state.lock();
                let Some(job) = state.queue.pop_front() else {
                    state.threads -= 1;
                    self.ended.notify_all();
                    return;
                };
                job
            };
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                log::error!("auth: a renewal panicked");
            }
        }
    }

    /// Starts no further job, and waits for the running ones up to `patience`: tokens that were issued must reach their
    /// file.
    pub fn stop(&self, patience: Duration) {
        let limit = Instant::now() + patience;
        let mut state = self.state.lock();
        state.is_stopping = true;
        state.queue.clear();
        while state.threads > 0 {
            if self.ended.wait_until(&mut state, limit).timed_out() {
                return;
            }
        }
    }
}
