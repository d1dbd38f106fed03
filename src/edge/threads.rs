//! The threads that wait for connections and serve them: started when nobody would be left waiting, ended when they
//! have had nothing to do.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Threads that stay though they have nothing to do.
const KEPT: usize = 2;

/// Address space of a thread's stack; it takes only as much memory as is used. A call over TLS uses 48 KiB when optimised
/// and over 128 KiB in a debug build (measured). It is a multiple of that because glibc keeps the stacks of ended threads,
/// up to 40 MiB of addresses, with the top 20 KiB or so of each in memory: the larger they are, the fewer are kept.
const STACK_BYTES: usize = match cfg!(target_pointer_width = "64") {
    true => 2 * 1024 * 1024,
    false => 1024 * 1024,
};

/// What a thread does until it ends.
pub type Work = dyn Fn() + Send + Sync;

/// All threads.
pub struct Threads {
    most: usize,
    /// Threads that wait for something to do.
    idle: AtomicUsize,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    work: Option<Arc<Work>>,
    running: usize,
    started: u64,
    /// The system refused the last one.
    is_refused: bool,
}

/// A thread that runs. Dropping it says that it has ended.
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

    /// Starts the first thread. Each does `work`, which returns when the thread is to end.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(self: &Arc<Self>, work: Arc<Work>) -> io::Result<()> {
        self.state.lock().work = Some(work);
        self.add()
    }

    /// Begins to wait for something to do.
    pub fn enter(&self) {
        self.idle.fetch_add(1, Ordering::SeqCst);
    }

    /// Has found something to do.
    pub fn leave(&self) {
        self.idle.fetch_sub(1, Ordering::SeqCst);
    }

    /// Has waited long enough in vain: whether it is to end, and then it has left.
    pub fn retire(&self) -> bool {
        let spare = |idle: usize| (idle > KEPT).then(|| idle - 1);
        (self.idle)
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, spare)
            .is_ok()
    }

    /// Sees to it that somebody waits while the caller works; to be called before something that may take long.
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

    /// How many there are.
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
        // Dropped with the closure if there is no thread for it.
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

    /// Waits until all have ended, and starts no more.
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
            log::error!("a worker thread failed, another one takes its place");
            self.0.relieve();
        }
    }
}
