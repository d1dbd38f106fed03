//! The sessions and names of one client.

use lru::LruCache;

use super::{Binding, Key};
use crate::session::name::{Client, Name};
use crate::session::names::{Id, Meant, Names};

/// Names of one binding, beginnings not counted.
const NAMES_EACH: usize = 64;
/// Beginnings remembered of one request.
const REMEMBERED: usize = 256;

/// What is remembered of one client.
#[derive(Debug)]
pub(super) struct Held {
    pub client: Client,
    /// In the order of their use.
    pub table: LruCache<Id, Binding>,
    pub names: Names,
}

impl Held {
    pub fn of(client: Client) -> Self {
        Self {
            client,
            // Sized by use: the cache reserves its whole capacity up front if it is told of it.
            table: LruCache::unbounded(),
            names: Names::default(),
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
        let is_known = |known: Meant| self.table.contains(&known.binding);
        let is_taken = known.is_some_and(|known| known.binding != id && is_known(known));
        let Some(binding) = self.table.peek_mut(&id).filter(|_| !is_taken) else {
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
}
