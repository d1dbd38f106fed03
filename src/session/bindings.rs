//! Which credential holds which session (spec/routing.md 7.2).
//!
//! A binding has a primary credential, which has the conversation's cache, and while that one cannot be used
//! a temporary one. It is found by the names that requests give it, or by the beginning of the conversation.
//! What is kept is digests, numbers and times: raw session ids stay in the request.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use lru::LruCache;

use super::load::Loads;
use super::name::Mark;
use super::name::Name;
use super::names::{Id, Meant, Names};
use super::prefix::Prefix;

/// How many sessions are remembered; beyond it the least recently used is forgotten
/// (spec/routing.md D 12).
pub const CAPACITY: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();
/// How many names are remembered, beginnings of conversations included.
pub const NAMES: NonZeroUsize = NonZeroUsize::new(262_144).unwrap();
/// Names of one binding, beginnings not counted (spec/routing.md D 11).
const NAMES_EACH: usize = 64;
/// Beginnings looked up for one request, from the longest down: enough for any conversation that people or
/// agents have, and an end for what was made to cost time.
const LOOKED_UP: usize = 4_096;
/// Beginnings remembered of one request.
const REMEMBERED: usize = 256;

/// A credential, by the number that routing gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Holder(pub u32);

impl Holder {
    #[inline]
    pub fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// By what a request's session is found.
#[derive(Clone, Debug, Default)]
pub struct Key {
    /// All of them name the same session.
    pub names: Vec<Name>,
    /// The client, the model, and the beginnings of the conversation.
    pub prefix: Option<(Name, Prefix)>,
}

/// What is known of a request's session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Known {
    Bound(Id),
    /// It shares a beginning with this one, which has gone on otherwise; `share` of the request is common.
    Branch {
        from: Id,
        share: f64,
    },
    Nothing,
}

#[derive(Clone, Debug)]
pub struct Binding {
    /// `None`: it had one, which is gone for good; whoever answers next is the one.
    pub primary: Option<Holder>,
    pub temporary: Option<Holder>,
    pub used: Instant,
    /// Requests under way; a binding in use does not expire (D 16).
    pub in_flight: u32,
    /// Somebody has answered.
    pub is_confirmed: bool,
    /// The end of the latest request.
    tip: u64,
    names: Vec<Name>,
}

impl Binding {
    /// Whose work it is at the moment.
    pub fn serving(&self) -> Option<Holder> {
        self.temporary.or(self.primary)
    }

    /// Valid up to and including the instant of expiry.
    fn is_live(&self, ttl: Duration, now: Instant) -> bool {
        self.in_flight > 0 || now.saturating_duration_since(self.used) <= ttl
    }
}

/// The table of all sessions. Survives reloads of the configuration.
#[derive(Debug)]
pub struct Bindings {
    table: LruCache<Id, Binding>,
    capacity: usize,
    names: Names,
    loads: Loads,
    last_id: Id,
}

impl Bindings {
    pub fn new(capacity: NonZeroUsize, names: NonZeroUsize, now: Instant) -> Self {
        Self {
            // Sized by use: the cache reserves its whole capacity up front if it is told of it.
            table: LruCache::unbounded(),
            capacity: capacity.get(),
            names: Names::with_capacity(names),
            loads: Loads::new(now),
            last_id: 0,
        }
    }

    /// Finds the session of a request. One that has not been used for `ttl` is forgotten.
    pub fn find(&mut self, key: &Key, ttl: Duration, now: Instant) -> Known {
        for name in &key.names {
            if let Some((meant, _)) = self.live(*name, ttl, now) {
                return Known::Bound(meant.binding);
            }
        }
        let Some((scope, prefix)) = &key.prefix else {
            return Known::Nothing;
        };
        let beginnings = prefix.beginnings();
        for (back, beginning) in beginnings.iter().rev().enumerate().take(LOOKED_UP) {
            let Some((meant, tip)) = self.live(scope.of_prefix(beginning.hash), ttl, now) else {
                continue;
            };
            // The same request again, the next one after it, or one that was taken back and put otherwise.
            let goes_on = back == 0 || tip == beginning.hash || !meant.is_end;
            if goes_on {
                return Known::Bound(meant.binding);
            }
            let whole = beginnings.last().map_or(1, |last| last.size).max(1);
            return Known::Branch {
                from: meant.binding,
                share: beginning.size as f64 / whole as f64,
            };
        }
        Known::Nothing
    }

    /// What a name stands for, and where that session's latest request ended.
    fn live(&mut self, name: Name, ttl: Duration, now: Instant) -> Option<(Meant, u64)> {
        let meant = self.names.get(name)?;
        let binding = self.table.peek(&meant.binding)?;
        if binding.is_live(ttl, now) {
            return Some((meant, binding.tip));
        }
        self.remove(meant.binding);
        None
    }

    pub fn get(&self, id: Id) -> Option<&Binding> {
        self.table.peek(&id)
    }

    pub fn loads(&self) -> &Loads {
        &self.loads
    }

    /// A new session of `holder`, until somebody answers a tentative one.
    pub fn insert(&mut self, holder: Holder, now: Instant) -> Id {
        if self.table.len() >= self.capacity {
            self.evict();
        }
        self.last_id += 1;
        let binding = Binding {
            primary: Some(holder),
            temporary: None,
            used: now,
            in_flight: 0,
            is_confirmed: false,
            tip: 0,
            names: Vec::new(),
        };
        self.loads.add(holder, now);
        self.table.put(self.last_id, binding);
        self.last_id
    }

    /// One more request of a session that has just been used.
    pub fn enter(&mut self, id: Id) {
        if let Some(binding) = self.table.peek_mut(&id) {
            binding.in_flight += 1;
        }
    }

    /// Somebody has answered.
    pub fn confirm(&mut self, id: Id) {
        if let Some(binding) = self.table.peek_mut(&id) {
            binding.is_confirmed = true;
        }
    }

    /// Has the names and beginnings of `key` stand for `id`, unless they stand for another session.
    pub fn attach(&mut self, id: Id, key: &Key) {
        for name in &key.names {
            self.add_name(id, *name);
        }
        let Some((scope, prefix)) = &key.prefix else {
            return;
        };
        let beginnings = prefix.beginnings();
        let Some(last) = beginnings.last() else {
            return;
        };
        for beginning in beginnings.iter().rev().take(REMEMBERED) {
            let name = scope.of_prefix(beginning.hash);
            let is_end = beginning.hash == last.hash;
            let known = self.names.get(name);
            let known = known.filter(|known| self.table.contains(&known.binding));
            match known {
                None => self.names.insert(
                    name,
                    Meant {
                        binding: id,
                        is_end,
                    },
                ),
                Some(known) if is_end && !known.is_end => {
                    self.names.insert(name, Meant { is_end, ..known })
                }
                // What comes before is known as well.
                Some(_) if !is_end => break,
                Some(_) => {}
            }
        }
        if let Some(binding) = self.table.peek_mut(&id) {
            binding.tip = last.hash;
        }
    }

    /// One more name of a session, unless it stands for another one.
    pub fn add_name(&mut self, id: Id, name: Name) {
        let known = self.names.get(name);
        let Some(binding) = self.table.peek_mut(&id) else {
            return;
        };
        if known.is_some_and(|known| known.binding == id) {
            // The one used last is the last to be dropped.
            if let Some(at) = binding.names.iter().position(|known| *known == name) {
                binding.names.remove(at);
                binding.names.push(name);
            }
            return;
        }
        if known.is_some_and(|known| self.table.contains(&known.binding)) {
            return;
        }
        let Some(binding) = self.table.peek_mut(&id) else {
            return;
        };
        if binding.names.len() >= NAMES_EACH {
            let oldest = binding.names.remove(0);
            if self
                .names
                .get(oldest)
                .is_some_and(|meant| meant.binding == id)
            {
                self.names.remove(oldest);
            }
        }
        binding.names.push(name);
        self.names.insert(
            name,
            Meant {
                binding: id,
                is_end: false,
            },
        );
    }

    /// Changes a binding, which counts as its use.
    pub fn change(&mut self, id: Id, now: Instant, change: impl FnOnce(&mut Binding)) {
        let Some(binding) = self.table.get_mut(&id) else {
            return;
        };
        if let Some(holder) = binding.serving() {
            self.loads.remove(holder, binding.used);
        }
        change(binding);
        binding.used = binding.used.max(now);
        if let Some(holder) = binding.serving() {
            self.loads.add(holder, binding.used);
        }
    }

    pub fn remove(&mut self, id: Id) {
        if let Some(binding) = self.table.pop(&id) {
            self.forget(id, &binding);
        }
    }

    fn evict(&mut self) {
        if let Some((id, binding)) = self.table.pop_lru() {
            self.forget(id, &binding);
        }
    }

    fn forget(&mut self, id: Id, binding: &Binding) {
        if let Some(holder) = binding.serving() {
            self.loads.remove(holder, binding.used);
        }
        for name in &binding.names {
            // By now it may be the name of a later session.
            if self
                .names
                .get(*name)
                .is_some_and(|meant| meant.binding == id)
            {
                self.names.remove(*name);
            }
        }
    }

    /// Forgets what has expired. Returns how many sessions that were.
    pub fn sweep(&mut self, ttl: Duration, now: Instant) -> usize {
        let mut swept = 0;
        // The order of the cache is the order of use, so the first live one ends the sweep. One in use is
        // moved out of the way once.
        for _ in 0..self.table.len() {
            let Some((id, oldest)) = self.table.peek_lru() else {
                break;
            };
            let id = *id;
            if oldest.in_flight > 0 {
                self.table.promote(&id);
            } else if oldest.is_live(ttl, now) {
                break;
            } else {
                self.remove(id);
                swept += 1;
            }
        }
        swept
    }

    /// Forgets what vanished credentials held (D 14).
    pub fn retain(&mut self, exists: impl Fn(Holder) -> bool) {
        let is_gone = |holder: Option<Holder>| holder.is_some_and(|holder| !exists(holder));
        let touched: Vec<Id> = self
            .table
            .iter()
            .filter(|(_, binding)| is_gone(binding.primary) || is_gone(binding.temporary))
            .map(|(id, _)| *id)
            .collect();
        for id in touched {
            let Some(binding) = self.table.peek_mut(&id) else {
                continue;
            };
            if let Some(holder) = binding.serving() {
                self.loads.remove(holder, binding.used);
            }
            if is_gone(binding.primary) {
                binding.primary = binding.temporary.take();
            }
            if is_gone(binding.temporary) {
                binding.temporary = None;
            }
            if is_gone(binding.primary) {
                binding.primary = None;
            }
            match binding.serving() {
                Some(holder) => self.loads.add(holder, binding.used),
                None if binding.in_flight == 0 => self.remove(id),
                None => {}
            }
        }
    }

    /// All sessions that somebody holds, with the names that are known of them; the least recently used
    /// first.
    pub fn iter(&self) -> impl Iterator<Item = (Id, &Binding)> {
        self.table.iter().rev().map(|(id, binding)| (*id, binding))
    }

    /// The names of each session, for keeping them.
    pub fn names_by_binding(&self) -> HashMap<Id, Vec<(Name, Mark)>> {
        let mut all: HashMap<Id, Vec<(Name, Mark)>> = HashMap::new();
        for (name, meant) in self.names.iter() {
            let Some(binding) = self.table.peek(&meant.binding) else {
                continue;
            };
            let mark = match meant.is_end {
                true if name.prefix() == binding.tip => Mark::Tip,
                true => Mark::End,
                false => Mark::Plain,
            };
            all.entry(meant.binding).or_default().push((name, mark));
        }
        all
    }

    /// Puts back what a file kept.
    pub fn restore(&mut self, holder: Holder, used: Instant, names: &[(Name, Mark)]) {
        let id = self.insert(holder, used);
        let mut tip = 0;
        for (name, mark) in names {
            if *mark == Mark::Tip {
                tip = name.prefix();
            }
            let meant = Meant {
                binding: id,
                is_end: *mark != Mark::Plain,
            };
            self.names.insert(*name, meant);
        }
        if let Some(binding) = self.table.peek_mut(&id) {
            binding.is_confirmed = true;
            binding.tip = tip;
        }
    }

    /// How many sessions are remembered.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests;
