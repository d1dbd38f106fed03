//! Repeated failures of one kind, logged once until a success comes between.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};

/// Logs the first failure, and the first one after a success.
pub struct WarnOnce {
    what: &'static str,
    has_warned: AtomicBool,
}

impl WarnOnce {
    /// `what` completes the line "cannot write …".
    pub const fn new(what: &'static str) -> Self {
        Self {
            what,
            has_warned: AtomicBool::new(false),
        }
    }

    /// Logs `error`, unless this is already known to fail.
    pub fn failed(&self, error: &dyn Display) {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            log::error!("cannot write {}: {error}", self.what);
        }
    }

    /// The next failure is logged again.
    pub fn succeeded(&self) {
        if self.has_warned.load(Ordering::Relaxed) {
            self.has_warned.store(false, Ordering::Relaxed);
        }
    }
}
