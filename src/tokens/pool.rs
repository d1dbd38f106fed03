//! The threads that renew tokens: started when they are needed, ended when there is nothing to do.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::credential::Channel;

/// Stack size of a thread, bytes. Debug builds need more.
const STACK: usize = if cfg!(debug_assertions) {
    1 << 20
} else {
    256 << 10
};

/// A renewal.
pub struct Job {
    pub channel: Channel,
    /// Whether a request waits for it.
    pub is_urgent: bool,
    pub run: Box<dyn FnOnce() + Send>,
}

/// The queue of renewals.
pub struct Pool {
    limit: usize,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    urgent: VecDeque<Job>,
    others: VecDeque<Job>,
    /// Running jobs of each channel.
    running: HashMap<Channel, usize>,
    threads: usize,
    is_stopping: bool,
}

impl State {
    /// The next job of a channel that has fewer than `most` running: a token endpoint that hangs must not take all
    /// threads.
    fn next(&mut self, most: usize) -> Option<Job> {
        let running = &self.running;
        let may_run = |job: &Job| running.get(&job.channel).copied().unwrap_or(0) < most;
        let job = [&mut self.urgent, &mut self.others]
            .into_iter()
            .find_map(|queue| {
                let place = queue.iter().position(may_run)?;
                queue.remove(place)
            })?;
        *self.running.entry(job.channel).or_default() += 1;
        Some(job)
    }
}

impl Pool {
    /// At most `limit` jobs run at once, and at most half of them are of one channel.
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
        match job.is_urgent {
            true => state.urgent.push_back(job),
            false => state.others.push_back(job),
        }
        true
    }

    fn work(&self) {
        let most = self.limit.div_ceil(2);
        loop {
            let job = {
                let mut state = self.state.lock();
                let Some(job) = state.next(most) else {
                    // What is left is of channels whose threads will see to it.
                    state.threads -= 1;
                    self.ended.notify_all();
                    return;
                };
                job
            };
            if catch_unwind(AssertUnwindSafe(job.run)).is_err() {
                log::error!("auth: a renewal panicked");
            }
            let mut state = self.state.lock();
            if let Some(count) = state.running.get_mut(&job.channel) {
                *count = count.saturating_sub(1);
            }
        }
    }

    /// Starts no further job, and waits for the running ones up to `patience`: tokens that were issued must reach their
    /// file.
    pub fn stop(&self, patience: Duration) {
        let limit = Instant::now() + patience;
        let mut state = self.state.lock();
        state.is_stopping = true;
        let dropped = (
            std::mem::take(&mut state.urgent),
            std::mem::take(&mut state.others),
        );
        while state.threads > 0 {
            if self.ended.wait_until(&mut state, limit).timed_out() {
                break;
            }
        }
        drop(state);
        drop(dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(channel: Channel, is_urgent: bool) -> Job {
        Job {
            channel,
            is_urgent,
            run: Box::new(|| {}),
        }
    }

    #[test]
    fn requests_come_first_and_no_channel_takes_all_threads() {
        let mut state = State::default();
        for channel in [
            Channel::Claude,
            Channel::Claude,
            Channel::Claude,
            Channel::Codex,
        ] {
            state.others.push_back(job(channel, false));
        }
        state.urgent.push_back(job(Channel::Kimi, true));
        let mut next = || state.next(2).map(|job| job.channel);
        let order = [next(), next(), next(), next(), next()];
        let expected = [
            Channel::Kimi,
            Channel::Claude,
            Channel::Claude,
            Channel::Codex,
        ];
        assert_eq!(order[..4], expected.map(Some));
        assert_eq!(order[4], None, "a third one of the same channel waits");
        state.running.insert(Channel::Claude, 1);
        assert_eq!(state.next(2).map(|job| job.channel), Some(Channel::Claude));
    }
}
