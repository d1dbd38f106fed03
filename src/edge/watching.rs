//! The thread that enforces deadlines.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::core::Core;
use super::service::Service;
use crate::heap;

/// How long it sleeps without connections.
const ASLEEP: Duration = Duration::from_secs(1);

/// Memory is returned to the system once the number of threads falls from the first to the second value.
const MANY_THREADS: usize = 64;
const FEW_THREADS: usize = 8;

/// Enforces deadlines until the edge stops.
pub fn watch<S: Service>(core: &Arc<Core<S>>) {
    let tick = core.limits.tick();
    let mut most_threads = 0;
    while !core.is_stopping.load(Ordering::SeqCst) {
        thread::park_timeout(match core.table.open() {
            0 => ASLEEP.min(tick * 4),
            _ => tick,
        });
        // Without this, nothing would notice a panicked thread.
        if catch_unwind(AssertUnwindSafe(|| look(core))).is_err() {
            log::error!("the thread for deadlines panicked and continues");
        }
        let threads = core.threads.running();
        most_threads = most_threads.max(threads);
        if most_threads >= MANY_THREADS && threads <= FEW_THREADS {
            heap::give_back();
            most_threads = 0;
        }
    }
}

fn look<S: Service>(core: &Core<S>) {
    core.expire(Instant::now());
    if core.refusals.take_no_room() {
        for index in 0..core.listeners.len() {
            core.listen_on(index);
        }
    }
    // In case the system had no thread when one was needed.
    if !core.is_stopping.load(Ordering::SeqCst) {
        core.threads.relieve();
    }
}
