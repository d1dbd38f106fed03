//! The threads that wait for connections and serve them. A thread is started when no other one waits, and ends when it is
//! idle.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{io, thread};

use parking_lot::{Condvar, Mutex};

/// Idle threads that do not end.
const KEPT: usize = 2;

/// Address space of a thread's stack; only used pages need memory. A call over TLS uses 48 KiB in a release build and over
/// 128 KiB in a debug build (measured). The size is larger because glibc caches the stacks of ended threads, up to 40 MiB of
/// addresses, with about 20 KiB of each in memory: with larger stacks, fewer are cached.
const STACK_BYTES: usize = match cfg!(target_pointer_width = "64") {
    true => 2 * 1024 * 1024,
    false => 1024 * 1024,
};

/// The loop of a thread.
pub type Work = dyn Fn() + Send + Sync;

/// All threads.
pub struct Threads {
    most: usize,
    /// Idle threads.
    idle: AtomicUsize,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    work: Option<Arc<Work>>,
    running: usize,
    started: u64,
    /// Whether the system refused the last thread.
    is_refused: bool,
}

/// A running thread. Dropping it records its end.
struct Alive(Arc<Threads>);

impl Threads {
    /// At most `most` threads.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most: most.max(1),
            idle: AtomicUsize::new(0),
            state: Mutex::default(),
            ended: Condvar::new(),
        })
    }

    /// Starts the first thread. Each thread runs `work` until it returns.
    ///
    /// # Errors
    /// When the system has no thread.
    pub fn start(self: &Arc<Self>, work: Arc<Work>) -> io::Result<()> {
        self.state.lock().work = Some(work);
        self.add()
    }

    /// Records that the thread is idle.
    pub fn enter(&self) {
        self.idle.fetch_add(1, Ordering::SeqCst);
    }

    /// Records that the thread has work.
    pub fn leave(&self) {
        self.idle.fetch_sub(1, Ordering::SeqCst);
    }

    /// Called after a long idle time. Returns whether the thread must end; then it is no longer counted.
    pub fn retire(&self) -> bool {
        let spare = |idle: usize| (idle > KEPT).then(|| idle - 1);
        (self.idle)
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, spare)
            .is_ok()
    }

    /// Makes sure that a thread waits while the caller works. Call it before blocking work.
    pub fn relieve(self: &Arc<Self>) {
        if self.idle.load(Ordering::SeqCst) == 0
            && let Err(error) = self.add()
        {
            let mut state = self.state.lock();
            if !state.is_refused {
                log::error!("cannot start another worker thread: {error}");
            }
            state.is_refused = true;
        }
    }

    /// The number of threads.
    pub fn running(&self) -> usize {
        self.state.lock().running
    }

    fn add(self: &Arc<Self>) -> io::Result<()> {
        let (work, number) = {
            let mut state = self.state.lock();
            let Some(work) = state.work.clone().filter(|_| state.running < self.most) else {
                return Ok(());
            };
            state.started += 1;
            state.running += 1;
            (work, state.started)
        };
        // Dropped with the closure if no thread can be started.
        let alive = Alive(Arc::clone(self));
        thread::Builder::new()
            .name(format!("worker-{number}"))
            .stack_size(STACK_BYTES)
            .spawn(move || {
                let _alive = alive;
                work();
            })?;
        self.state.lock().is_refused = false;
        Ok(())
    }

    /// Waits until all threads have ended; no new ones are started.
    pub fn join(&self, limit: Duration) -> bool {
        let mut state = self.state.lock();
        state.work = None;
        while state.running > 0 {
            if self.ended.wait_for(&mut state, limit).timed_out() {
                return false;
            }
        }
        true
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.running -= 1;
        let is_needed = thread::panicking() && state.work.is_some();
        drop(state);
        self.0.ended.notify_all();
        if is_needed {
            log::error!("a worker thread panicked and is replaced");
            self.0.relieve();
        }
    }
}
