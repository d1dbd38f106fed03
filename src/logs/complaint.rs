//! Files of requests that cannot be written: said once, and once more if it happens again after it had gone well.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is written, and whether somebody has been told that it is not.
pub struct Complaint {
    what: &'static str,
    is_made: AtomicBool,
}

impl Complaint {
    pub const fn about(what: &'static str) -> Self {
        Self {
            what,
            is_made: AtomicBool::new(false),
        }
    }

    /// Writing failed.
    pub fn make(&self, why: &dyn Display) {
        if !self.is_made.swap(true, Ordering::Relaxed) {
            log::error!("cannot write {}: {why}", self.what);
        }
    }

    /// It went well.
    pub fn withdraw(&self) {
        if self.is_made.load(Ordering::Relaxed) {
            self.is_made.store(false, Ordering::Relaxed);
        }
    }
}
