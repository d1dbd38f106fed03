//! The reasoning signatures of one request's client.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use crate::session::signature_store::{Client, Place, SignatureStore};
use crate::translate::signature_cache::{Entry, Key, SignatureCache};

/// The most bytes of signatures that are added to one request: more than any model reads. Without the limit a small request
/// could become as large as the store.
const MOST: usize = 16 * 1024 * 1024;

/// The signatures of one client, and those that this request has used.
#[derive(Debug)]
pub struct ClientSignatures {
    signatures: Arc<SignatureStore>,
    client: Client,
    given: Mutex<Given>,
}

#[derive(Debug, Default)]
struct Given {
    places: HashSet<Place>,
    bytes: usize,
}

impl ClientSignatures {
    pub fn new(signatures: &Arc<SignatureStore>, client: &str) -> Self {
        Self {
            signatures: Arc::clone(signatures),
            client: signatures.client(client),
            given: Mutex::default(),
        }
    }

    /// Forgets the signatures that this request has used, since the upstream refused them.
    pub fn forget_returned(&self) {
        let given = self.given.lock();
        self.signatures.forget(self.client, &given.places);
    }
}

impl SignatureCache for ClientSignatures {
    /// Returns each entry once per request.
    fn find(&self, key: Key<'_>) -> Option<Entry> {
        let (place, kept) = self.signatures.find(self.client, key, Instant::now())?;
        let mut given = self.given.lock();
        if given.bytes + kept.bytes() > MOST || !given.places.insert(place) {
            return None;
        }
        given.bytes += kept.bytes();
        Some(Entry::clone(&kept))
    }

    fn keep(&self, key: Key<'_>, kept: Entry) {
        self.signatures.keep(self.client, key, kept, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::neutral::{Family, Signature};
    use crate::translate::signature_cache::{By, LONGEST};
    use crate::wire::Dialect;

    fn by_call(id: &str) -> Key<'_> {
        Key {
            upstream: Dialect::Messages,
            by: By::Call(id),
        }
    }

    fn largest() -> Entry {
        Entry {
            own: Some(Signature {
                family: Family::Claude,
                value: "s".repeat(LONGEST),
            }),
            before: Vec::new(),
        }
    }

    #[test]
    fn the_signatures_of_one_request_are_limited() {
        let signatures = Arc::<SignatureStore>::default();
        let most = MOST / LONGEST;
        let answer = ClientSignatures::new(&signatures, "");
        for id in 0..most + 2 {
            answer.keep(by_call(&id.to_string()), largest());
        }
        let request = ClientSignatures::new(&signatures, "");
        assert!(request.find(by_call("0")).is_some());
        assert!(request.find(by_call("0")).is_none(), "once");
        let found = (1..most + 2).filter(|id| request.find(by_call(&id.to_string())).is_some());
        assert_eq!(found.count(), most - 1);
        request.forget_returned();
        let next = ClientSignatures::new(&signatures, "");
        assert!(next.find(by_call("0")).is_none());
        assert!(next.find(by_call(&(most + 1).to_string())).is_some());
    }
}
