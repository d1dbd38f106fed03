//! The reasoning signatures of answers, stored per client for those that drop them.
//!
//! A conversation continues without them, so an entry may be missing at any time. The store is bounded in entries, bytes
//! and time. Its keys are digests, which reveal neither the client's key nor an id or a thought.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lru::LruCache;
use parking_lot::Mutex;
use ring::digest;

use super::shares::Shares;
use crate::translate::signature_cache::{Entry, Key, KeyPart};

/// How long an entry lives after its last use.
pub const LIFE: Duration = Duration::from_secs(3 * 3600);
/// How often expired entries are removed.
pub const SWEEP: Duration = Duration::from_secs(10 * 60);

/// What an entry takes beside texts and signatures, in bytes: key, links, its place in the map.
const OVERHEAD: usize = 256;

/// The limits of the store. Beyond them, the client with the most loses its least recently used entry.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub entries: usize,
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            entries: 65_536,
            bytes: 64 * 1024 * 1024,
        }
    }
}

/// The signatures of all clients. They survive a reload of the configuration.
#[derive(Debug)]
pub struct SignatureStore {
    /// Makes the digests differ between processes.
    salt: [u8; 32],
    bounds: Bounds,
    table: Mutex<Table>,
}

/// The digest of a client, part of the keys of its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Client([u8; 32]);

/// The key of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place([u8; 16]);

#[derive(Debug, Default)]
struct Table {
    clients: HashMap<Client, ClientEntries>,
    entries: Shares<Client>,
    bytes: Shares<Client>,
}

/// The entries of one client.
#[derive(Debug)]
struct ClientEntries {
    entries: LruCache<Place, StoredEntry>,
    bytes: usize,
}

#[derive(Debug)]
struct StoredEntry {
    entry: Arc<Entry>,
    used: Instant,
}

impl Default for SignatureStore {
    fn default() -> Self {
        Self::new(Bounds::default())
    }
}

impl SignatureStore {
    pub fn new(bounds: Bounds) -> Self {
        let random = RandomState::new();
        let mut salt = [0; 32];
        for (index, bytes) in salt.chunks_exact_mut(8).enumerate() {
            bytes.copy_from_slice(&random.hash_one(index).to_le_bytes());
        }
        Self {
            salt,
            bounds,
            table: Mutex::default(),
        }
    }

    /// `client` is empty for anonymous clients.
    pub fn client(&self, client: &str) -> Client {
        let mut name = [0; 32];
        name.copy_from_slice(digest_of(&[&self.salt, client.as_bytes()]).as_ref());
        Client(name)
    }

    /// The entry of a client under `key`, and its place. Finding it renews its life.
    pub fn find(&self, client: Client, key: Key<'_>, now: Instant) -> Option<(Place, Arc<Entry>)> {
        if self.is_empty() {
            return None;
        }
        let place = client.place(key);
        let mut table = self.table.lock();
        let held = table.clients.get_mut(&client)?;
        let entry = held.entries.get_mut(&place)?;
        if !entry.is_live(now) {
            table.change(client, |held| held.remove(place));
            return None;
        }
        entry.used = now;
        Some((place, Arc::clone(&entry.entry)))
    }

    /// Stores an entry, which replaces an earlier one.
    pub fn store(&self, client: Client, key: Key<'_>, entry: Entry, now: Instant) {
        let place = client.place(key);
        let entry = StoredEntry {
            entry: Arc::new(entry),
            used: now,
        };
        let mut table = self.table.lock();
        table.change(client, |held| {
            held.remove(place);
            held.bytes += entry.bytes();
            held.entries.put(place, entry);
        });
        loop {
            let most = if table.entries.total() > self.bounds.entries {
                table.entries.most(client)
            } else if table.bytes.total() > self.bounds.bytes {
                table.bytes.most(client)
            } else {
                return;
            };
            let Some((most, _)) = most else {
                return;
            };
            table.change(most, ClientEntries::remove_oldest);
        }
    }

    /// Removes entries that an upstream has refused.
    pub fn forget<'p>(&self, client: Client, places: impl IntoIterator<Item = &'p Place>) {
        self.table.lock().change(client, |held| {
            for place in places {
                held.remove(*place);
            }
        });
    }

    /// Removes expired entries. Returns how many.
    pub fn sweep(&self, now: Instant) -> usize {
        let mut table = self.table.lock();
        let before = table.entries.total();
        let clients: Vec<Client> = table.clients.keys().copied().collect();
        for client in clients {
            table.change(client, |held| {
                while let Some((_, oldest)) = held.entries.peek_lru()
                    && !oldest.is_live(now)
                {
                    held.remove_oldest();
                }
            });
        }
        let swept = before - table.entries.total();
        if table.clients.is_empty() && swept > 0 {
            // A map never shrinks by itself.
            *table = Table::default();
        }
        swept
    }

    pub fn is_empty(&self) -> bool {
        self.table.lock().clients.is_empty()
    }

    /// How many entries there are, and their bytes.
    pub fn size(&self) -> (usize, usize) {
        let table = self.table.lock();
        (table.entries.total(), table.bytes.total())
    }
}

impl Client {
    fn place(self, key: Key<'_>) -> Place {
        let (kind, what) = match key.part {
            KeyPart::Call(id) => (b"c", id),
            KeyPart::Thought(text) => (b"t", text),
        };
        let upstream = key.upstream.name().as_bytes();
        let digest = digest_of(&[&self.0, upstream, kind, what.as_bytes()]);
        let mut place = [0; 16];
        for (byte, digest) in place.iter_mut().zip(digest.as_ref()) {
            *byte = *digest;
        }
        Place(place)
    }
}

fn digest_of(parts: &[&[u8]]) -> digest::Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    context.finish()
}

impl Table {
    /// Changes the entries of a client and updates the totals.
    fn change(&mut self, client: Client, change: impl FnOnce(&mut ClientEntries)) {
        let held = self.clients.entry(client).or_insert_with(|| ClientEntries {
            // A bounded cache would reserve its whole capacity at once.
            entries: LruCache::unbounded(),
            bytes: 0,
        });
        let (entries, bytes) = (held.entries.len(), held.bytes);
        change(held);
        self.entries.change(client, entries, held.entries.len());
        self.bytes.change(client, bytes, held.bytes);
        if held.entries.is_empty() {
            self.clients.remove(&client);
        }
    }
}

impl ClientEntries {
    fn remove(&mut self, place: Place) {
        if let Some(entry) = self.entries.pop(&place) {
            self.bytes -= entry.bytes();
        }
    }

    fn remove_oldest(&mut self) {
        if let Some((_, entry)) = self.entries.pop_lru() {
            self.bytes -= entry.bytes();
        }
    }
}

impl StoredEntry {
    fn bytes(&self) -> usize {
        OVERHEAD + self.entry.bytes()
    }

    fn is_live(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.used) <= LIFE
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::translate::neutral::{Family, Signature};
    use crate::wire::Dialect;

    fn by_call(id: &str) -> Key<'_> {
        Key {
            upstream: Dialect::Messages,
            part: KeyPart::Call(id),
        }
    }

    fn signed(bytes: usize) -> Entry {
        Entry {
            own: Some(Signature {
                family: Family::Claude,
                value: "s".repeat(bytes),
            }),
            before: Vec::new(),
        }
    }

    fn bounded(entries: usize, bytes: usize) -> SignatureStore {
        SignatureStore::new(Bounds { entries, bytes })
    }

    fn has(signatures: &SignatureStore, client: Client, id: &str, now: Instant) -> bool {
        signatures.find(client, by_call(id), now).is_some()
    }

    #[test]
    fn an_entry_is_found_under_its_own_key_only() {
        let signatures = SignatureStore::default();
        let (one, now) = (signatures.client("one"), Instant::now());
        signatures.store(one, by_call("a"), signed(60), now);
        let (_, found) = signatures.find(one, by_call("a"), now).unwrap();
        assert_eq!(*found, signed(60));
        assert!(has(&signatures, signatures.client("one"), "a", now));
        assert!(!has(&signatures, one, "b", now));
        for other in ["two", "", "onea"] {
            assert!(
                !has(&signatures, signatures.client(other), "a", now),
                "{other}"
            );
        }
        let otherwise = [
            (Dialect::Messages, KeyPart::Thought("a")),
            (Dialect::Gemini, KeyPart::Call("a")),
        ];
        for (upstream, part) in otherwise {
            assert!(signatures.find(one, Key { upstream, part }, now).is_none());
        }
        assert!(
            !has(&SignatureStore::default(), one, "a", now),
            "nor by another process"
        );
    }

    #[test]
    fn the_least_recently_used_is_removed_first() {
        let signatures = bounded(2, usize::MAX);
        let (client, now) = (signatures.client(""), Instant::now());
        signatures.store(client, by_call("a"), signed(60), now);
        signatures.store(client, by_call("b"), signed(60), now);
        assert!(has(&signatures, client, "a", now));
        signatures.store(client, by_call("c"), signed(60), now);
        let left = ["a", "b", "c"].map(|id| has(&signatures, client, id, now));
        assert_eq!(left, [true, false, true]);
    }

    #[test]
    fn bytes_have_their_own_limit() {
        let signatures = bounded(1000, 3 * (OVERHEAD + 100));
        let (client, now) = (signatures.client(""), Instant::now());
        for id in ["a", "b", "c", "c"] {
            signatures.store(client, by_call(id), signed(100), now);
        }
        assert_eq!(signatures.size(), (3, 3 * (OVERHEAD + 100)));
        signatures.store(client, by_call("d"), signed(101), now);
        let left = ["a", "b", "c", "d"].map(|id| has(&signatures, client, id, now));
        assert_eq!(left, [false, false, true, true]);
        signatures.store(client, by_call("e"), signed(10_000), now);
        assert_eq!(signatures.size(), (0, 0), "too large for all there is");
    }

    #[test]
    fn every_use_renews_the_life() {
        let signatures = SignatureStore::default();
        let (client, start) = (signatures.client(""), Instant::now());
        let second = Duration::from_secs(1);
        signatures.store(client, by_call("used"), signed(60), start);
        signatures.store(client, by_call("unused"), signed(60), start);
        assert!(has(&signatures, client, "used", start + LIFE));
        assert!(!has(&signatures, client, "unused", start + LIFE + second));
        assert!(has(&signatures, client, "used", start + LIFE * 2));
        assert_eq!(signatures.sweep(start + LIFE * 3), 0);
        assert_eq!(signatures.sweep(start + LIFE * 3 + second), 1);
        assert_eq!(signatures.size(), (0, 0));
    }

    #[test]
    fn a_sweep_removes_expired_entries_only() {
        let signatures = SignatureStore::default();
        let (client, start) = (signatures.client(""), Instant::now());
        for (minutes, id) in [(0, "a"), (1, "b"), (2, "c")] {
            let now = start + Duration::from_secs(60 * minutes);
            signatures.store(client, by_call(id), signed(60), now);
        }
        let later = start + LIFE + Duration::from_secs(90);
        assert_eq!(signatures.sweep(later), 2);
        assert!(has(&signatures, client, "c", later));
    }

    #[test]
    fn forgotten_entries_are_removed() {
        let signatures = SignatureStore::default();
        let (client, now) = (signatures.client(""), Instant::now());
        signatures.store(client, by_call("a"), signed(60), now);
        signatures.store(client, by_call("b"), signed(60), now);
        let (place, _) = signatures.find(client, by_call("a"), now).unwrap();
        signatures.forget(client, &[place, place]);
        assert!(!has(&signatures, client, "a", now));
        assert_eq!(signatures.size(), (1, OVERHEAD + 60));
    }

    #[test]
    fn debug_output_reveals_nothing_of_a_client() {
        let signatures = SignatureStore::default();
        let client = signatures.client("sk-client");
        signatures.store(client, by_call("call-id"), signed(60), Instant::now());
        let shown = format!("{signatures:?}");
        for secret in ["sk-client", "call-id", "ssss"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn a_client_does_not_displace_another() {
        let signatures = bounded(1_000, 1_000 * (OVERHEAD + 60));
        let (quiet, flood) = (signatures.client("quiet"), signatures.client("flood"));
        let now = Instant::now();
        let ids: Vec<String> = (0..5_000).map(|n| n.to_string()).collect();
        for id in &ids[..400] {
            signatures.store(quiet, by_call(id), signed(60), now);
        }
        for id in &ids {
            signatures.store(flood, by_call(id), signed(60), now);
        }
        signatures.store(flood, by_call("large"), signed(100_000), now);
        assert!(ids[..400].iter().all(|id| has(&signatures, quiet, id, now)));
        assert!(has(&signatures, flood, "large", now));
    }

    proptest! {
        #[test]
        fn the_store_stays_within_its_bounds(
            entries in 0..9_usize,
            bytes in 0..6000_usize,
            steps in proptest::collection::vec(
                (0..4_u8, 0..3_usize, 0..9_u8, 0..2000_usize, 0..7200_u64),
                1..80,
            ),
        ) {
            let signatures = bounded(entries, bytes);
            let clients = ["", "a", "b"].map(|name| signatures.client(name));
            let mut now = Instant::now();
            let held = |client: Client| {
                let table = signatures.table.lock();
                table.clients.get(&client).map_or((0, 0), |held| (held.entries.len(), held.bytes))
            };
            for (step, who, id, size, seconds) in steps {
                now += Duration::from_secs(seconds);
                let id = id.to_string();
                let client = clients[who];
                let before = clients.map(held);
                match step {
                    0 => {
                        signatures.sweep(now);
                    }
                    1 => {
                        if let Some((place, _)) = signatures.find(client, by_call(&id), now) {
                            signatures.forget(client, &[place]);
                        }
                    }
                    2 => {
                        signatures.find(client, by_call(&id), now);
                    }
                    _ => {
                        signatures.store(client, by_call(&id), signed(size), now);
                        // A client below an equal share loses nothing to others.
                        for (other, (count, sum)) in clients.into_iter().zip(before) {
                            let is_modest = count <= entries / 3 && sum <= bytes / 3;
                            if other != client && is_modest {
                                prop_assert_eq!(held(other), (count, sum));
                            }
                        }
                    }
                }
                let (count, sum) = signatures.size();
                prop_assert!(count <= entries && sum <= bytes);
                let table = signatures.table.lock();
                let (mut all, mut counted) = (0, 0);
                for held in table.clients.values() {
                    let sum: usize = held.entries.iter().map(|(_, entry)| entry.bytes()).sum();
                    prop_assert_eq!(sum, held.bytes);
                    prop_assert!(!held.entries.is_empty());
                    all += sum;
                    counted += held.entries.len();
                }
                prop_assert_eq!((counted, all), (count, sum));
            }
        }
    }
}
