//! One request's way to what its client's upstreams gave out before.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use crate::translate::signature_cache::{Kept, Key, Memory};
use crate::session::signature_store::{SignatureStore, Client, Place};

/// The most that one request is given, bytes: more than any model reads. Without it a small request could become
/// as large as all that is kept.
const MOST: usize = 16 * 1024 * 1024;

/// SignatureStore of one client, and which of them this request was given.
#[derive(Debug)]
pub struct Carried {
    carriers: Arc<SignatureStore>,
    client: Client,
    given: Mutex<Given>,
}

#[derive(Debug, Default)]
struct Given {
    places: HashSet<Place>,
    bytes: usize,
}

impl Carried {
    pub fn new(carriers: &Arc<SignatureStore>, client: &str) -> Self {
        Self {
            carriers: Arc::clone(carriers),
            client: carriers.client(client),
            given: Mutex::default(),
        }
    }

    /// The upstream has refused what this request was given: others are not to pay for it again.
    pub fn forget_given(&self) {
        let given = self.given.lock();
        self.carriers.forget(self.client, &given.places);
    }
}

impl Memory for Carried {
    /// Each is given once, however often a request names it.
    fn find(&self, key: Key<'_>) -> Option<Kept> {
        let (place, kept) = self.carriers.find(self.client, key, Instant::now())?;
        let mut given = self.given.lock();
        if given.bytes + kept.bytes() > MOST || !given.places.insert(place) {
            return None;
        }
        given.bytes += kept.bytes();
        Some(Kept::clone(&kept))
    }

    fn keep(&self, key: Key<'_>, kept: Kept) {
        self.carriers.keep(self.client, key, kept, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Dialect;
    use crate::translate::signature_cache::{By, LONGEST};
    use crate::translate::neutral::{Carrier, Family};

    fn by_call(id: &str) -> Key<'_> {
        Key {
            upstream: Dialect::Messages,
            by: By::Call(id),
        }
    }

    fn largest() -> Kept {
        Kept {
            own: Some(Carrier {
                family: Family::Claude,
                value: "s".repeat(LONGEST),
            }),
            before: Vec::new(),
        }
    }

    #[test]
    fn a_request_grows_by_no_more_than_it_may() {
        let carriers = Arc::<SignatureStore>::default();
        let most = MOST / LONGEST;
        let answer = Carried::new(&carriers, "");
        for id in 0..most + 2 {
            answer.keep(by_call(&id.to_string()), largest());
        }
        let request = Carried::new(&carriers, "");
        assert!(request.find(by_call("0")).is_some());
        assert!(request.find(by_call("0")).is_none(), "once");
        let found = (1..most + 2).filter(|id| request.find(by_call(&id.to_string())).is_some());
        assert_eq!(found.count(), most - 1);
        request.forget_given();
        let next = Carried::new(&carriers, "");
        assert!(next.find(by_call("0")).is_none());
        assert!(next.find(by_call(&(most + 1).to_string())).is_some());
    }
}
