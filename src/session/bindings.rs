//! Which credential holds which session.
//!
//! What is kept per session is a digest, a credential id and a time: raw session ids stay in the
//! request. Looking a session up and placing it is one step under one lock, so that parallel first
//! requests of a session agree (spec/routing.md 4 and 7, D 9, D 12, D 16).

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lru::LruCache;
use parking_lot::Mutex;
use ring::digest;

/// How many sessions are remembered; beyond it the least recently used is forgotten
/// (spec/routing.md D 12).
pub const CAPACITY: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();

/// A session as seen by one client for one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key([u8; 16]);

impl Key {
    /// `client` is empty for anonymous clients (D 10); `model` is the base name asked for (D 6).
    pub fn new(client: &str, session: &str, model: &str) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [client, session, model] {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part.as_bytes());
        }
        let mut key = [0; 16];
        for (byte, digest) in key.iter_mut().zip(context.finish().as_ref()) {
            *byte = *digest;
        }
        Self(key)
    }
}

/// The names under which one request may know its session.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    pub primary: Key,
    pub fallback: Option<Key>,
}

/// How a request came to its credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing identifies the session, or affinity is off.
    Unbound,
    /// First request of a session.
    New,
    /// The session's own credential.
    Sticky,
    /// The session's credential could not be used; it is bound to another one now.
    Moved,
}

impl Decision {
    pub fn name(self) -> &'static str {
        match self {
            Self::Unbound => "unbound",
            Self::New => "new",
            Self::Sticky => "sticky",
            Self::Moved => "moved",
        }
    }
}

#[derive(Debug)]
struct Binding {
    credential: Arc<str>,
    renewed: Instant,
    /// Requests under way; a binding in use does not expire (D 16).
    in_flight: u32,
}

impl Binding {
    /// Valid up to and including the instant of expiry.
    fn is_live(&self, ttl: Duration, now: Instant) -> bool {
        self.in_flight > 0 || now.saturating_duration_since(self.renewed) <= ttl
    }
}

/// The table of all sessions. Survives reloads of the configuration.
#[derive(Debug)]
pub struct Bindings {
    table: Mutex<LruCache<Key, Binding>>,
}

impl Default for Bindings {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl Bindings {
    pub fn with_capacity(capacity: NonZeroUsize) -> Self {
        // Sized by use: the cache reserves its whole capacity up front if it is told of it.
        let mut table = LruCache::unbounded();
        table.resize(capacity);
        Self {
            table: Mutex::new(table),
        }
    }

    /// The credential for a session: the bound one if `usable` says yes, otherwise what `choose`
    /// gives, which is then bound. `None` when `choose` has nothing; the binding stays as it was.
    pub fn place(
        &self,
        names: Names,
        ttl: Duration,
        now: Instant,
        usable: impl Fn(&str) -> bool,
        choose: impl FnOnce() -> Option<Arc<str>>,
    ) -> Option<(Arc<str>, Decision)> {
        let mut table = self.table.lock();
        let mut found = false;
        if let Some(binding) = table.get_mut(&names.primary)
            && binding.is_live(ttl, now)
        {
            // Every look-up that finds the binding renews it, usable or not.
            binding.renewed = now;
            if usable(&binding.credential) {
                return Some((Arc::clone(&binding.credential), Decision::Sticky));
            }
            found = true;
        } else if let Some(fallback) = names.fallback
            && let Some(binding) = table.peek(&fallback)
            && binding.is_live(ttl, now)
            && usable(&binding.credential)
        {
            let credential = Arc::clone(&binding.credential);
            bind(&mut table, names.primary, &credential, now);
            return Some((credential, Decision::Sticky));
        }
        let credential = choose()?;
        bind(&mut table, names.primary, &credential, now);
        let decision = if found {
            Decision::Moved
        } else {
            Decision::New
        };
        Some((credential, decision))
    }

    /// Counts a request under way; to be followed by [`Bindings::release`].
    pub fn hold(&self, key: &Key) {
        if let Some(binding) = self.table.lock().peek_mut(key) {
            binding.in_flight = binding.in_flight.saturating_add(1);
        }
    }

    /// The request is over: its session was in use until `now`.
    pub fn release(&self, key: &Key, now: Instant) {
        if let Some(binding) = self.table.lock().get_mut(key) {
            binding.in_flight = binding.in_flight.saturating_sub(1);
            binding.renewed = now;
        }
    }

    /// Forgets what has expired. Returns how many sessions that were.
    pub fn sweep(&self, ttl: Duration, now: Instant) -> usize {
        let mut table = self.table.lock();
        let mut swept = 0;
        // The order of the cache is the order of renewal, so the first live one ends the sweep. One
        // in use is moved out of the way once.
        for _ in 0..table.len() {
            let Some((key, oldest)) = table.peek_lru() else {
                break;
            };
            let key = *key;
            if oldest.in_flight > 0 {
                table.promote(&key);
            } else if oldest.is_live(ttl, now) {
                break;
            } else {
                table.pop(&key);
                swept += 1;
            }
        }
        swept
    }

    /// Forgets the sessions of credentials that are gone (D 14).
    pub fn retain(&self, exists: impl Fn(&str) -> bool) {
        let mut table = self.table.lock();
        let gone: Vec<Key> = table
            .iter()
            .filter(|(_, binding)| !exists(&binding.credential))
            .map(|(key, _)| *key)
            .collect();
        for key in gone {
            table.pop(&key);
        }
    }

    /// How many sessions are remembered.
    pub fn len(&self) -> usize {
        self.table.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn bind(table: &mut LruCache<Key, Binding>, key: Key, credential: &Arc<str>, now: Instant) {
    let in_flight = table.peek(&key).map_or(0, |binding| binding.in_flight);
    table.put(
        key,
        Binding {
            credential: Arc::clone(credential),
            renewed: now,
            in_flight,
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(3600);

    fn names(session: &str) -> Names {
        Names {
            primary: Key::new("", session, "m"),
            fallback: None,
        }
    }

    fn pick(id: &str) -> impl FnOnce() -> Option<Arc<str>> {
        let id = Arc::from(id);
        move || Some(id)
    }

    fn place(
        bindings: &Bindings,
        names: Names,
        now: Instant,
        usable: &[&str],
        choice: &str,
    ) -> (String, Decision) {
        let (credential, decision) = bindings
            .place(names, TTL, now, |id| usable.contains(&id), pick(choice))
            .unwrap();
        (credential.to_string(), decision)
    }

    #[test]
    fn a_session_stays() {
        let bindings = Bindings::default();
        let now = Instant::now();
        let all = ["a", "b"];
        assert_eq!(
            place(&bindings, names("s"), now, &all, "a"),
            ("a".into(), Decision::New)
        );
        assert_eq!(
            place(&bindings, names("s"), now, &all, "b"),
            ("a".into(), Decision::Sticky)
        );
        assert_eq!(
            place(&bindings, names("t"), now, &all, "b"),
            ("b".into(), Decision::New)
        );
    }

    #[test]
    fn a_session_moves_when_its_credential_cannot_be_used() {
        let bindings = Bindings::default();
        let now = Instant::now();
        place(&bindings, names("s"), now, &["a", "b"], "a");
        assert_eq!(
            place(&bindings, names("s"), now, &["b"], "b"),
            ("b".into(), Decision::Moved)
        );
        assert_eq!(
            place(&bindings, names("s"), now, &["a", "b"], "a"),
            ("b".into(), Decision::Sticky)
        );
    }

    #[test]
    fn nothing_usable_leaves_the_binding() {
        let bindings = Bindings::default();
        let now = Instant::now();
        place(&bindings, names("s"), now, &["a"], "a");
        assert!(
            bindings
                .place(names("s"), TTL, now, |_| false, || None)
                .is_none()
        );
        assert_eq!(
            place(&bindings, names("s"), now, &["a", "b"], "b"),
            ("a".into(), Decision::Sticky)
        );
    }

    #[test]
    fn the_second_turn_is_found_by_its_fallback() {
        let bindings = Bindings::default();
        let now = Instant::now();
        place(&bindings, names("first"), now, &["a", "b"], "a");
        let second = Names {
            primary: Key::new("", "second", "m"),
            fallback: Some(Key::new("", "first", "m")),
        };
        assert_eq!(
            place(&bindings, second, now, &["a", "b"], "b"),
            ("a".into(), Decision::Sticky)
        );
        assert_eq!(
            place(&bindings, names("second"), now, &["a", "b"], "b"),
            ("a".into(), Decision::Sticky)
        );
    }

    #[test]
    fn expiry_slides_and_includes_its_instant() {
        let bindings = Bindings::default();
        let start = Instant::now();
        place(&bindings, names("s"), start, &["a", "b"], "a");
        assert_eq!(
            place(&bindings, names("s"), start + TTL, &["a", "b"], "b").1,
            Decision::Sticky
        );
        let late = start + TTL + TTL + Duration::from_nanos(1);
        assert_eq!(bindings.sweep(TTL, start + TTL + TTL), 0);
        assert_eq!(
            place(&bindings, names("s"), late, &["a", "b"], "b"),
            ("b".into(), Decision::New)
        );
    }

    #[test]
    fn a_request_under_way_keeps_its_session() {
        let bindings = Bindings::default();
        let start = Instant::now();
        place(&bindings, names("s"), start, &["a"], "a");
        bindings.hold(&names("s").primary);
        let late = start + TTL * 3;
        assert_eq!(bindings.sweep(TTL, late), 0);
        bindings.release(&names("s").primary, late);
        assert_eq!(bindings.sweep(TTL, late + TTL), 0);
        assert_eq!(bindings.sweep(TTL, late + TTL + Duration::from_secs(1)), 1);
        assert!(bindings.is_empty());
    }

    #[test]
    fn sessions_of_removed_credentials_are_released() {
        let bindings = Bindings::default();
        let now = Instant::now();
        place(&bindings, names("s"), now, &["a"], "a");
        place(&bindings, names("t"), now, &["b"], "b");
        bindings.retain(|id| id == "b");
        assert_eq!(bindings.len(), 1);
        assert_eq!(
            place(&bindings, names("s"), now, &["a", "b"], "b").1,
            Decision::New
        );
    }

    #[test]
    fn memory_is_bounded() {
        let bindings = Bindings::with_capacity(NonZeroUsize::new(100).unwrap());
        let now = Instant::now();
        for session in 0..1_000 {
            place(&bindings, names(&session.to_string()), now, &["a"], "a");
        }
        assert_eq!(bindings.len(), 100);
        assert_eq!(
            place(&bindings, names("999"), now, &["a"], "a").1,
            Decision::Sticky
        );
        assert_eq!(
            place(&bindings, names("0"), now, &["a"], "a").1,
            Decision::New
        );
    }

    #[test]
    fn clients_and_models_do_not_share_sessions() {
        assert_ne!(Key::new("a", "s", "m"), Key::new("b", "s", "m"));
        assert_ne!(Key::new("", "s", "m"), Key::new("", "s", "n"));
        assert_ne!(Key::new("", "sm", ""), Key::new("", "s", "m"));
    }

    #[test]
    fn parallel_first_requests_agree() {
        let bindings = Bindings::default();
        let now = Instant::now();
        let chosen: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..64)
                .map(|n| {
                    let bindings = &bindings;
                    scope.spawn(move || {
                        let id = format!("c{n}");
                        bindings
                            .place(names("s"), TTL, now, |_| true, pick(&id))
                            .unwrap()
                            .0
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert!(chosen.iter().all(|id| *id == chosen[0]));
    }
}
