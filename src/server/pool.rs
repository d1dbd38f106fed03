//! The worker pool: threads that take tiny_http requests, one after another.
//!
//! One worker is started per lane, just before the edge opens it, and stays. As a lane carries one
//! request at a time, a request that arrives finds a worker free.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;
use tiny_http::{Request, Server};

/// An HTTPS call runs in 48 KiB of stack when optimised; a debug build needs over 128 KiB
/// (measured).
const STACK_BYTES: usize = if cfg!(debug_assertions) {
    1024 * 1024
} else {
    256 * 1024
};

/// What a worker does with a request.
pub type Handler = dyn Fn(Request) + Send + Sync;

pub struct Pool {
    shared: Arc<Shared>,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    server: Server,
    handler: Box<Handler>,
    stopping: AtomicBool,
}

impl Pool {
    pub fn new(server: Server, handler: Box<Handler>) -> Self {
        Self {
            shared: Arc::new(Shared {
                server,
                handler,
                stopping: AtomicBool::new(false),
            }),
            workers: Mutex::new(Vec::new()),
        }
    }

    /// Sees to it that at least `count` workers run.
    pub fn grow_to(&self, count: usize) {
        let mut workers = self.workers.lock();
        while workers.len() < count {
            let shared = Arc::clone(&self.shared);
            let started = thread::Builder::new()
                .name(format!("worker-{}", workers.len() + 1))
                .stack_size(STACK_BYTES)
                .spawn(move || shared.work());
            match started {
                Ok(worker) => workers.push(worker),
                Err(error) => {
                    // The lane still works as soon as any other worker is free.
                    log::error!("cannot start a worker: {error}");
                    return;
                }
            }
        }
    }

    /// Ends all workers once they have finished what they are doing.
    pub fn stop(self) {
        self.shared.stopping.store(true, Ordering::Release);
        let workers = self.workers.into_inner();
        for _ in &workers {
            self.shared.server.unblock();
        }
        for worker in workers {
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn work(&self) {
        while !self.stopping.load(Ordering::Acquire) {
            // An error is either the wake-up of `stop` or the end of tiny_http's accept loop.
            let Ok(request) = self.server.recv() else {
                continue;
            };
            // A panic costs the request, which tiny_http answers with 500 when it is dropped.
            if catch_unwind(AssertUnwindSafe(|| (self.handler)(request))).is_err() {
                log::error!("a request handler panicked");
            }
        }
    }
}
