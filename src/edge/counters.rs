//! How much is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts requests that wait for their answer or are being answered.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<AtomicUsize>);

/// One of them. Dropping it ends it.
#[derive(Debug)]
pub struct InFlight(Arc<AtomicUsize>);

impl Requests {
    pub fn enter(&self) -> InFlight {
        self.0.fetch_add(1, Ordering::AcqRel);
        InFlight(Arc::clone(&self.0))
    }

    pub fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
