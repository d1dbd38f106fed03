//! One request's way to what its client's upstreams gave out before.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use crate::dialect::memory::{Kept, Key, Memory};
use crate::session::carriers::{Carriers, Client, Place};

/// Carriers of one client, and which of them this request was given.
#[derive(Debug)]
pub struct Carried {
    carriers: Arc<Carriers>,
    client: Client,
    given: Mutex<Vec<Place>>,
}

impl Carried {
    pub fn new(carriers: &Arc<Carriers>, client: &str) -> Self {
        Self {
            carriers: Arc::clone(carriers),
            client: carriers.client(client),
            given: Mutex::default(),
        }
    }

    /// The upstream has refused what this request was given: others are not to pay for it again.
    pub fn forget_given(&self) {
        self.carriers.forget(&self.given.lock());
    }
}

impl Memory for Carried {
    fn find(&self, key: Key<'_>) -> Option<Kept> {
        let (place, kept) = self.carriers.find(self.client, key, Instant::now())?;
        self.given.lock().push(place);
        Some(Kept::clone(&kept))
    }

    fn keep(&self, key: Key<'_>, kept: Kept) {
        self.carriers.keep(self.client, key, kept, Instant::now());
    }
}
