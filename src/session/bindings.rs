//! Which credential holds which session.
//!
//! A binding has a primary credential, which has the conversation's cache, and while that one cannot be used
//! a temporary one. It is found by the names that requests give it, or by the beginning of the conversation.
//! What is kept is digests, numbers and times: raw session ids stay in the request.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

pub use copies::{Copied, Copies};
use held::Held;
use slab::Slab;

pub use super::load::CredentialId;
use super::load::Loads;
use super::name::{Client, Mark, Name};
use super::names::{Id, Meant};
use super::prefix::Prefix;
use super::shares::Shares;

/// How many sessions are remembered; beyond it the least recently used of the client that has the most of them is
/// forgotten.
pub const CAPACITY: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();
/// How many names are remembered, beginnings of conversations included; beyond it it is the same.
pub const NAMES: NonZeroUsize = NonZeroUsize::new(262_144).unwrap();
/// Beginnings looked up for one request, from the longest down: enough for any conversation that people or
/// agents have, and an end for what was made to cost time.
const LOOKED_UP: usize = 4_096;
/// Bits of an id that say in which slot its client is; the others count.
const SLOT: u32 = 18;

/// By what a request's session is found.
#[derive(Clone, Debug, Default)]
pub struct Key {
    /// Whose request it is. Sessions of other clients are not found.
    pub client: Client,
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
    pub primary: Option<CredentialId>,
    pub temporary: Option<CredentialId>,
    pub used: Instant,
    /// Requests under way; a binding in use does not expire.
    pub in_flight: u32,
    /// Somebody has answered.
    pub is_confirmed: bool,
    /// The end of the latest request.
    tip: u64,
    names: Vec<Name>,
}

impl Binding {
    /// Whose work it is at the moment.
    pub fn serving(&self) -> Option<CredentialId> {
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
    clients: Slab<Held>,
    slots: HashMap<Client, usize>,
    /// How many of each there are by slot.
    sessions: Shares<usize>,
    names: Shares<usize>,
    capacity: usize,
    names_capacity: usize,
    loads: Loads,
    last: u64,
}

impl Bindings {
    pub fn new(capacity: NonZeroUsize, names: NonZeroUsize, now: Instant) -> Self {
        Self {
            clients: Slab::new(),
            slots: HashMap::new(),
            sessions: Shares::default(),
            names: Shares::default(),
            // Each client has a session, and one more has its first: the slots are enough for them.
            capacity: capacity.get().min((1 << SLOT) - 1),
            names_capacity: names.get(),
            loads: Loads::new(now),
            last: 0,
        }
    }

    fn held(&self, id: Id) -> Option<&Held> {
        self.clients.get(slot(id))
    }

    fn held_mut(&mut self, id: Id) -> Option<&mut Held> {
        self.clients.get_mut(slot(id))
    }

    /// Finds the session of a request. One that has not been used for `ttl` is forgotten.
    pub fn find(&mut self, key: &Key, ttl: Duration, now: Instant) -> Known {
        for client in [key.client, Client::UNKNOWN] {
            if let Some(slot) = self.slots.get(&client).copied() {
                let known = self.find_in(slot, key, ttl, now);
                if known != Known::Nothing {
                    return known;
                }
            }
        }
        Known::Nothing
    }

    fn find_in(&mut self, slot: usize, key: &Key, ttl: Duration, now: Instant) -> Known {
        for name in &key.names {
            if let Some((meant, _)) = self.live(slot, *name, ttl, now) {
                return Known::Bound(meant.binding);
            }
        }
        let Some((scope, prefix)) = &key.prefix else {
            return Known::Nothing;
        };
        let beginnings = prefix.beginnings();
        for (back, beginning) in beginnings.iter().rev().enumerate().take(LOOKED_UP) {
            let name = scope.of_prefix(beginning.hash);
            let Some((meant, tip)) = self.live(slot, name, ttl, now) else {
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
    fn live(
        &mut self,
        slot: usize,
        name: Name,
        ttl: Duration,
        now: Instant,
    ) -> Option<(Meant, u64)> {
        let held = self.clients.get_mut(slot)?;
        let meant = held.names.get(name)?;
        let binding = held.table.peek(&meant.binding)?;
        if binding.is_live(ttl, now) {
            return Some((meant, binding.tip));
        }
        self.remove(meant.binding);
        None
    }

    pub fn get(&self, id: Id) -> Option<&Binding> {
        self.held(id)?.table.peek(&id)
    }

    fn get_mut(&mut self, id: Id) -> Option<&mut Binding> {
        self.held_mut(id)?.table.peek_mut(&id)
    }

    pub fn loads(&self) -> &Loads {
        &self.loads
    }

    /// A new session of `client` on `credential_id`, until somebody answers a tentative one.
    pub fn insert(&mut self, client: Client, credential_id: CredentialId, now: Instant) -> Id {
        if self.sessions.total() >= self.capacity {
            let slot = self.slots.get(&client).copied().unwrap_or(usize::MAX);
            self.evict(slot);
        }
        let clients = &mut self.clients;
        let slot = *self
            .slots
            .entry(client)
            .or_insert_with(|| clients.insert(Held::of(client)));
        self.last += 1;
        let id = self.last << SLOT | slot as u64;
        let binding = Binding {
            primary: Some(credential_id),
            temporary: None,
            used: now,
            in_flight: 0,
            is_confirmed: false,
            tip: 0,
            names: Vec::new(),
        };
        self.loads.add(credential_id, now);
        if let Some(held) = self.clients.get_mut(slot) {
            let before = held.table.len();
            held.table.put(id, binding);
            self.sessions.change(slot, before, before + 1);
        }
        id
    }

    /// One more request of a session that has just been used.
    pub fn enter(&mut self, id: Id) {
        if let Some(binding) = self.get_mut(id) {
            binding.in_flight += 1;
        }
    }

    /// Somebody has answered.
    pub fn confirm(&mut self, id: Id) {
        if let Some(binding) = self.get_mut(id) {
            binding.is_confirmed = true;
        }
    }

    /// Has the names and beginnings of `key` stand for `id`, unless they stand for another session.
    pub fn attach(&mut self, id: Id, key: &Key) {
        self.name(id, |held| held.attach(id, key));
    }

    /// One more name of a session, unless it stands for another one.
    pub fn add_name(&mut self, id: Id, name: Name) {
        self.name(id, |held| held.add_name(id, name));
    }

    /// Changes the names of the client of `id`, and makes room for them.
    fn name(&mut self, id: Id, change: impl FnOnce(&mut Held)) {
        let slot = slot(id);
        let Some(held) = self.clients.get_mut(slot) else {
            return;
        };
        let before = held.names.count();
        change(held);
        self.names.change(slot, before, held.names.count());
        while let Some(over @ 1..) = self.names.total().checked_sub(self.names_capacity) {
            let Some((most, more)) = self.names.most(slot) else {
                return;
            };
            let Some(held) = self.clients.get_mut(most) else {
                return;
            };
            let before = held.names.count();
            for _ in 0..over.min(more).max(1) {
                held.names.forget_one();
            }
            self.names.change(most, before, held.names.count());
        }
    }

    /// Changes a binding, which counts as its use.
    pub fn change(&mut self, id: Id, now: Instant, change: impl FnOnce(&mut Binding)) {
        let held = self.clients.get_mut(slot(id));
        let Some(binding) = held.and_then(|held| held.table.get_mut(&id)) else {
            return;
        };
        if let Some(credential_id) = binding.serving() {
            self.loads.remove(credential_id, binding.used);
        }
        change(binding);
        binding.used = binding.used.max(now);
        if let Some(credential_id) = binding.serving() {
            self.loads.add(credential_id, binding.used);
        }
    }

    /// All sessions that somebody holds; those of a client in the order of their use.
    fn iter(&self) -> impl Iterator<Item = (Id, &Binding)> {
        let clients = self.clients.iter();
        clients.flat_map(|(_, held)| held.table.iter().rev().map(|(id, binding)| (*id, binding)))
    }

    /// Puts back what a file kept.
    pub fn restore(
        &mut self,
        client: Client,
        credential_id: CredentialId,
        used: Instant,
        names: &[(Name, Mark)],
    ) {
        let id = self.insert(client, credential_id, used);
        let tip = names.iter().find(|(_, mark)| *mark == Mark::Tip);
        let tip = tip.map_or(0, |(name, _)| name.prefix());
        self.name(id, |held| {
            for (name, mark) in names {
                let meant = Meant {
                    binding: id,
                    is_end: *mark != Mark::Plain,
                };
                held.names.insert(*name, meant);
            }
        });
        if let Some(binding) = self.get_mut(id) {
            binding.is_confirmed = true;
            binding.tip = tip;
        }
    }

    /// How many sessions are remembered.
    pub fn len(&self) -> usize {
        self.sessions.total()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn slot(id: Id) -> usize {
    usize::try_from(id & ((1 << SLOT) - 1)).unwrap_or(usize::MAX)
}

mod copies;
mod ending;
mod held;
#[cfg(test)]
mod tests;
