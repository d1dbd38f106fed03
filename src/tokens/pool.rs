//! The threads that renew tokens: started when they are needed, ended when there is nothing to do.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::holder::Holder;
use super::store::TokenStore;

/// Stack size of a thread, bytes. Debug builds need more.
const STACK: usize = if cfg!(debug_assertions) {
    1 << 20
} else {
    256 << 10
};

/// The queue of renewals.
pub struct Pool {
    limit: usize,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<Holder>>,
    threads: usize,
    is_stopping: bool,
}

impl Pool {
    pub fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            state: Mutex::default(),
            ended: Condvar::new(),
        }
    }
}

impl TokenStore {
    /// Queues a file for renewal, unless it is queued.
    pub(super) fn want(self: &Arc<Self>, holder: &Arc<Holder>) {
        let mut state = self.pool.state.lock();
        if state.is_stopping || std::mem::replace(&mut holder.inner.lock().is_queued, true) {
            return;
        }
        state.queue.push_back(Arc::clone(holder));
        if state.threads >= self.pool.limit {
            return;
        }
        let store = Arc::clone(self);
        let started = thread::Builder::new()
            .name("tokens".to_owned())
            .stack_size(STACK)
            .spawn(move || store.work());
        match started {
            Ok(_) => state.threads += 1,
            // The threads that run do the work.
            Err(_) if state.threads > 0 => {}
            Err(error) => {
                log::warn!("auth: cannot renew tokens: {error}");
                state.queue.clear();
                holder.inner.lock().is_queued = false;
            }
        }
    }

    fn work(&self) {
        loop {
            let holder = {
                let mut state = self.pool.state.lock();
                let Some(holder) = state.queue.pop_front() else {
                    state.threads -= 1;
                    self.pool.ended.notify_all();
                    return;
                };
                holder
            };
            if catch_unwind(AssertUnwindSafe(|| self.renew_file(&holder))).is_err() {
                log::error!("auth: {}: the renewal panicked", holder.name);
            }
            let mut inner = holder.inner.lock();
            inner.is_queued = false;
            inner.round += 1;
        }
    }

    /// Starts no further renewal, and waits for the running ones up to `patience`: tokens that were issued must reach
    /// their file.
    pub fn stop(&self, patience: Duration) {
        let limit = Instant::now() + patience;
        let mut state = self.pool.state.lock();
        state.is_stopping = true;
        state.queue.clear();
        while state.threads > 0 {
            if self.pool.ended.wait_until(&mut state, limit).timed_out() {
                return;
            }
        }
    }
}
