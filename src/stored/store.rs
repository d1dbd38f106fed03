//! The stored responses of all clients.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::answer::{Answer, Parts};
use super::held::Held;
pub use super::held::{AtUpstream, Found};
use super::item::{self, Item};
use crate::budget::{Budget, Exhausted, Reservation};
use crate::session::name::Client;
use crate::session::shares::Shares;

/// How long a response is kept after its last use.
pub const LIFE: Duration = Duration::from_secs(24 * 3600);
/// How often expired responses are removed.
pub const SWEEP: Duration = Duration::from_secs(10 * 60);

/// The limits. Above the limit of a client, its least recently used response is removed; above the total limit, the least
/// recently used response of the client with the most.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The limits of one client.
    pub answers: usize,
    pub bytes: usize,
    /// The total limits.
    pub all_answers: usize,
    pub all_bytes: usize,
}

impl Bounds {
    /// The absolute limit for responses, bytes.
    const MOST: usize = 128 * 1024 * 1024;

    /// The limits for a memory budget of `memory` bytes: a quarter in total, and half of that for one client.
    pub fn within(memory: usize) -> Self {
        let all_bytes = (memory / 4).min(Self::MOST);
        Self {
            answers: 8_192,
            bytes: all_bytes / 2,
            all_answers: 65_536,
            all_bytes,
        }
    }
}

/// A response to store.
#[derive(Debug)]
pub struct NewAnswer<'a> {
    pub parts: Parts<'a>,
    /// The conversation that it answers.
    pub context: Vec<Arc<Item>>,
}

/// The store. It survives reloads of the configuration; its bytes are part of the memory budget.
#[derive(Debug)]
pub struct Store {
    /// A random seed for ids and hashes.
    seed: u64,
    bounds: Bounds,
    budget: Budget,
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    clients: HashMap<Client, Held>,
    answers: Shares<Client>,
    bytes: Shares<Client>,
    /// The reserved memory for all clients.
    reservation: Reservation,
}

impl Store {
    pub fn new(bounds: Bounds, budget: &Budget) -> Self {
        Self {
            seed: RandomState::new().hash_one(0),
            bounds,
            budget: budget.clone(),
            table: Mutex::new(Table {
                clients: HashMap::new(),
                answers: Shares::default(),
                bytes: Shares::default(),
                reservation: budget.nothing(),
            }),
        }
    }

    /// A response by its id. This counts as a use.
    pub fn answer(&self, client: Client, id: &str, now: Instant) -> Found<Arc<Answer>> {
        let mut found = Found::Nowhere;
        let mut table = self.table.lock();
        table.change(client, |held| found = held.answer(id, LIFE, now));
        // An expired one is removed.
        table.settle();
        found
    }

    /// The newest item with an id.
    pub fn item(&self, client: Client, id: &str) -> Found<Arc<Item>> {
        let table = self.table.lock();
        let held = table.clients.get(&client);
        held.map_or(Found::Nowhere, |held| held.item(id))
    }

    /// Items with these texts, without copies of known ones, and the reserved memory of new ones.
    ///
    /// # Errors
    /// When the budget is exhausted.
    pub fn items(
        &self,
        client: Client,
        texts: &[Cow<'_, str>],
    ) -> Result<(Vec<Arc<Item>>, Reservation), Exhausted> {
        let hashes: Vec<u64> = texts
            .iter()
            .map(|text| item::hash(text, self.seed))
            .collect();
        let known: Vec<Option<Arc<Item>>> = {
            let table = self.table.lock();
            let held = table.clients.get(&client);
            let each = texts.iter().zip(&hashes);
            each.map(|(text, hash)| held?.known(text, *hash)).collect()
        };
        let new = texts
            .iter()
            .zip(&known)
            .filter(|(_, known)| known.is_none());
        let bytes = new.map(|(text, _)| item::bytes_of(text)).sum();
        let reservation = self.budget.reserve(bytes)?;
        let items = texts.iter().zip(known);
        let items =
            items.map(|(text, known)| known.unwrap_or_else(|| Arc::new(self.new_item(text))));
        Ok((items.collect(), reservation))
    }

    /// Stores a response, replacing one with the same id.
    pub fn keep(&self, client: Client, new: NewAnswer<'_>, now: Instant) {
        let NewAnswer { parts, context } = new;
        let output = parts
            .output
            .iter()
            .map(|text| Arc::new(self.new_item(text)));
        let output: Vec<Arc<Item>> = output.collect();
        let mut table = self.table.lock();
        table.change(client, |held| held.keep(&parts, &context, &output, now));
        table.make_room(client, &self.bounds);
    }

    /// Records a response that the upstream stores, with the ids of its items.
    pub fn note(
        &self,
        client: Client,
        id: &str,
        items: Vec<Box<str>>,
        there: AtUpstream,
        now: Instant,
    ) {
        let mut table = self.table.lock();
        table.change(client, |held| held.note(id, items, there, now));
        table.make_room(client, &self.bounds);
    }

    /// Deletes a response. Returns whether it existed.
    pub fn delete(&self, client: Client, id: &str) -> bool {
        let mut is_gone = false;
        let mut table = self.table.lock();
        table.change(client, |held| is_gone = held.remove(id));
        table.settle();
        is_gone
    }

    /// Removes expired responses. Returns their number.
    pub fn sweep(&self, now: Instant) -> usize {
        let mut table = self.table.lock();
        let before = table.answers.total();
        let clients: Vec<Client> = table.clients.keys().copied().collect();
        for client in clients {
            table.change(client, |held| held.sweep(LIFE, now));
        }
        table.settle();
        let swept = before - table.answers.total();
        if table.clients.is_empty() && swept > 0 {
            // A map does not shrink by itself.
            table.clients = HashMap::new();
        }
        swept
    }

    /// The number of responses and their bytes.
    pub fn size(&self) -> (usize, usize) {
        let table = self.table.lock();
        (table.answers.total(), table.bytes.total())
    }

    /// The number of responses of one client and their bytes.
    pub fn size_of(&self, client: Client) -> (usize, usize) {
        let table = self.table.lock();
        let held = table.clients.get(&client);
        held.map_or((0, 0), |held| (held.count(), held.bytes()))
    }

    fn new_item(&self, text: &str) -> Item {
        Item::new(text, self.seed)
    }
}

impl Table {
    /// Changes the responses of a client.
    fn change(&mut self, client: Client, change: impl FnOnce(&mut Held)) {
        let held = self.clients.entry(client).or_default();
        let (answers, bytes) = (held.count(), held.bytes());
        change(held);
        self.answers.change(client, answers, held.count());
        self.bytes.change(client, bytes, held.bytes());
        if held.count() == 0 {
            self.clients.remove(&client);
        }
    }

    /// Enforces the limits after an addition for `client`.
    fn make_room(&mut self, client: Client, bounds: &Bounds) {
        while self
            .clients
            .get(&client)
            .is_some_and(|held| held.count() > bounds.answers || held.bytes() > bounds.bytes)
        {
            self.change(client, Held::remove_oldest);
        }
        loop {
            let most = if self.answers.total() > bounds.all_answers {
                self.answers.most(client)
            } else if self.bytes.total() > bounds.all_bytes || !self.settle() {
                self.bytes.most(client)
            } else {
                return;
            };
            let Some((most, _)) = most else {
                return;
            };
            self.change(most, Held::remove_oldest);
        }
    }

    /// Updates the reserved memory. Returns whether the budget allows it.
    fn settle(&mut self) -> bool {
        self.reservation.resize(self.bytes.total()).is_ok()
    }
}
