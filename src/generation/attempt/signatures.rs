//! The stored signatures of a client, as one request uses them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use crate::session::signature_store::{Client, Place, SignatureStore};
use crate::translate::signature_cache::{Entry, Key, SignatureCache};

/// The most that one request gets, in bytes: more than any model reads. Without a limit, a small request could become as
/// large as the store.
const MOST: usize = 16 * 1024 * 1024;

/// The signatures of one client, and those that this request got.
#[derive(Debug)]
pub struct ClientSignatures {
    signatures: Arc<SignatureStore>,
    client: Client,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    places: HashSet<Place>,
    bytes: usize,
}

impl ClientSignatures {
    pub fn new(signatures: &Arc<SignatureStore>, client: &str) -> Self {
        Self {
            signatures: Arc::clone(signatures),
            client: signatures.client(client),
            used: Mutex::default(),
        }
    }

    /// Removes the signatures that this request got: its upstream has refused them.
    pub fn forget_used(&self) {
        let used = self.used.lock();
        self.signatures.forget(self.client, &used.places);
    }
}

impl SignatureCache for ClientSignatures {
    /// Each entry is returned once, however often a request refers to it.
    fn find(&self, key: Key<'_>) -> Option<Entry> {
        let (place, entry) = self.signatures.find(self.client, key, Instant::now())?;
        let mut used = self.used.lock();
        if used.bytes + entry.bytes() > MOST || !used.places.insert(place) {
            return None;
        }
        used.bytes += entry.bytes();
        Some(Entry::clone(&entry))
    }

    fn store(&self, key: Key<'_>, entry: Entry) {
        self.signatures
            .store(self.client, key, entry, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::neutral::{Family, Signature};
    use crate::translate::signature_cache::{KeyPart, LONGEST};
    use crate::wire::Dialect;

    fn by_call(id: &str) -> Key<'_> {
        Key {
            upstream: Dialect::Messages,
            part: KeyPart::Call(id),
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
            answer.store(by_call(&id.to_string()), largest());
        }
        let request = ClientSignatures::new(&signatures, "");
        assert!(request.find(by_call("0")).is_some());
        assert!(request.find(by_call("0")).is_none(), "once");
        let found = (1..most + 2).filter(|id| request.find(by_call(&id.to_string())).is_some());
        assert_eq!(found.count(), most - 1);
        request.forget_used();
        let next = ClientSignatures::new(&signatures, "");
        assert!(next.find(by_call("0")).is_none());
        assert!(next.find(by_call(&(most + 1).to_string())).is_some());
    }
}
