//! The stored responses of one client.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lru::LruCache;

use super::answer::{Answer, Parts};
use super::item::Item;

/// The memory of a record of an upstream's response besides its texts, and of each item in it; bytes.
const NOTE: usize = 384;
const NAMED: usize = 192;

/// Where a response or item is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<T> {
    Here(T),
    AtUpstream(Arc<AtUpstream>),
    Nowhere,
}

/// A response that is stored by an upstream.
#[derive(Debug, PartialEq, Eq)]
pub struct AtUpstream {
    /// The id of the credential that has it.
    pub credential: Arc<str>,
    /// The upstream's and the client's name of the model, if they differ.
    pub names: Option<(Box<str>, Box<str>)>,
}

#[derive(Debug)]
pub(super) struct Held {
    /// In order of use.
    answers: LruCache<Box<str>, Kept>,
    /// All items, by the hash of their text.
    items: HashMap<u64, Vec<Used>>,
    /// The newest item of each id.
    ids: HashMap<Box<str>, Found<Arc<Item>>>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    used: Instant,
    what: What,
}

#[derive(Debug)]
enum What {
    Here(Arc<Answer>),
    AtUpstream {
        there: Arc<AtUpstream>,
        items: Box<[Box<str>]>,
    },
}

/// An item and the number of its uses in responses.
#[derive(Debug)]
struct Used {
    item: Arc<Item>,
    places: usize,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            // Unbounded, because a bounded cache allocates its whole capacity at once.
            answers: LruCache::unbounded(),
            items: HashMap::new(),
            ids: HashMap::new(),
            bytes: 0,
        }
    }
}

impl Held {
    pub fn count(&self) -> usize {
        self.answers.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A response. This counts as a use.
    pub fn answer(&mut self, id: &str, life: Duration, now: Instant) -> Found<Arc<Answer>> {
        let Some(kept) = self.answers.get_mut(id) else {
            return Found::Nowhere;
        };
        if now.saturating_duration_since(kept.used) > life {
            self.remove(id);
            return Found::Nowhere;
        }
        kept.used = kept.used.max(now);
        match &kept.what {
            What::Here(answer) => Found::Here(Arc::clone(answer)),
            What::AtUpstream { there, .. } => Found::AtUpstream(Arc::clone(there)),
        }
    }

    /// The newest item of that id.
    pub fn item(&self, id: &str) -> Found<Arc<Item>> {
        self.ids.get(id).cloned().unwrap_or(Found::Nowhere)
    }

    /// The item with that text and hash, if a response has it.
    pub fn known(&self, text: &str, hash: u64) -> Option<Arc<Item>> {
        let alike = self.items.get(&hash)?.iter();
        let mut same = alike.filter(|used| used.item.text() == text);
        same.next().map(|used| Arc::clone(&used.item))
    }

    /// Stores a response, replacing one with the same id.
    pub fn keep(
        &mut self,
        parts: &Parts<'_>,
        context: &[Arc<Item>],
        output: &[Arc<Item>],
        now: Instant,
    ) {
        // Before the old response is removed, so that shared items stay.
        let context = context.iter().map(|item| self.take(item)).collect();
        let output = output.iter().map(|item| self.take(item)).collect();
        let answer = Answer::new(parts, context, output);
        let id = &*parts.id;
        self.remove(id);
        self.bytes += id.len() + answer.bytes();
        let what = What::Here(Arc::new(answer));
        self.answers.put(id.into(), Kept { used: now, what });
    }

    /// Records a response that an upstream stores.
    pub fn note(&mut self, id: &str, items: Vec<Box<str>>, there: AtUpstream, now: Instant) {
        let there = Arc::new(there);
        self.remove(id);
        self.bytes += note_bytes(id, &items, &there);
        for item in &items {
            self.ids
                .insert(item.clone(), Found::AtUpstream(Arc::clone(&there)));
        }
        let what = What::AtUpstream {
            there,
            items: items.into(),
        };
        self.answers.put(id.into(), Kept { used: now, what });
    }

    /// Deletes a response. Returns whether it existed.
    pub fn remove(&mut self, id: &str) -> bool {
        let kept = self.answers.pop(id);
        kept.map(|kept| self.gone(id, &kept)).is_some()
    }

    pub fn remove_oldest(&mut self) {
        if let Some((id, kept)) = self.answers.pop_lru() {
            self.gone(&id, &kept);
        }
    }

    /// Removes what has not been used for `life`.
    pub fn sweep(&mut self, life: Duration, now: Instant) {
        while let Some((_, oldest)) = self.answers.peek_lru()
            && now.saturating_duration_since(oldest.used) > life
        {
            self.remove_oldest();
        }
    }

    fn gone(&mut self, id: &str, kept: &Kept) {
        match &kept.what {
            What::Here(answer) => {
                self.bytes -= id.len() + answer.bytes();
                for item in answer.items() {
                    self.release(item);
                }
            }
            What::AtUpstream { there, items } => {
                self.bytes -= note_bytes(id, items, there);
                for item in items {
                    if matches!(self.ids.get(item), Some(Found::AtUpstream(_))) {
                        self.ids.remove(item);
                    }
                }
            }
        }
    }

    /// Adds a use of an item, which becomes the newest of its id. Returns the stored item with that text.
    fn take(&mut self, item: &Arc<Item>) -> Arc<Item> {
        let alike = self.items.entry(item.hash()).or_default();
        let known = alike
            .iter_mut()
            .find(|used| used.item.text() == item.text());
        let item = match known {
            Some(used) => {
                used.places += 1;
                Arc::clone(&used.item)
            }
            None => {
                self.bytes += item.bytes();
                alike.push(Used {
                    item: Arc::clone(item),
                    places: 1,
                });
                Arc::clone(item)
            }
        };
        let here = Found::Here(Arc::clone(&item));
        self.ids.insert(item.id().into(), here);
        item
    }

    fn release(&mut self, item: &Arc<Item>) {
        let Some(alike) = self.items.get_mut(&item.hash()) else {
            return;
        };
        let Some(at) = alike
            .iter()
            .position(|used| used.item.text() == item.text())
        else {
            return;
        };
        if let Some(used) = alike.get_mut(at)
            && used.places > 1
        {
            used.places -= 1;
            return;
        }
        let used = alike.swap_remove(at);
        if alike.is_empty() {
            self.items.remove(&item.hash());
        }
        self.bytes -= used.item.bytes();
        let is_meant = match self.ids.get(item.id()) {
            Some(Found::Here(meant)) => meant.text() == item.text(),
            _ => false,
        };
        if is_meant {
            self.ids.remove(item.id());
        }
    }
}

fn note_bytes(id: &str, items: &[Box<str>], there: &AtUpstream) -> usize {
    let items = items.iter().map(|item| NAMED + 2 * item.len());
    let names = there.names.as_ref();
    let names = names.map_or(0, |(upstream, client)| upstream.len() + client.len());
    NOTE + id.len() + names + items.sum::<usize>()
}
