//! Copies of sessions for their file, taken a few at a time so that the lock is not held for long.

use std::collections::HashMap;
use std::time::Instant;

use super::{Bindings, CredentialId};
use crate::session::name::{Client, Mark, Name};
use crate::session::names::Id;

/// One session, as it is kept.
#[derive(Clone, Copy, Debug)]
pub struct Copied {
    pub client: Client,
    pub credential_id: CredentialId,
    pub used: Instant,
    tip: u64,
}

/// Sessions and their names, copied piece by piece.
#[derive(Debug, Default)]
pub struct Copies {
    sessions: HashMap<Id, Copied>,
    names: Vec<(Id, Name, bool)>,
    /// The slot, and the place among its names.
    at: (usize, u64),
}

impl Bindings {
    /// Copies the sessions that are to be kept, with `most` of their names at a time. Returns whether there is more:
    /// so what waits for the table does not wait for all of it. What comes or goes between two calls is there or
    /// not.
    pub fn copy(&self, copies: &mut Copies, most: usize) -> bool {
        let (slot, from) = copies.at;
        if slot >= self.clients.capacity() {
            return false;
        }
        let held = self.clients.get(slot);
        let Some((held, (names, next))) =
            held.and_then(|held| Some((held, held.names.slice(from, most)?)))
        else {
            copies.at = (slot + 1, 0);
            return true;
        };
        for (name, meant) in names {
            let Some(binding) = held.table.peek(&meant.binding) else {
                continue;
            };
            let Some(credential_id) = binding.primary.filter(|_| binding.is_confirmed) else {
                continue;
            };
            let copied = Copied {
                client: held.client,
                credential_id,
                used: binding.used,
                tip: binding.tip,
            };
            copies.sessions.insert(meant.binding, copied);
            copies.names.push((meant.binding, name, meant.is_end));
        }
        copies.at = (slot, next);
        true
    }
}

impl Copies {
    /// Each session with its names.
    pub fn sessions(
        &mut self,
    ) -> impl Iterator<Item = (Copied, impl Iterator<Item = (Name, Mark)>)> {
        // Some may have been met twice.
        self.names.sort_unstable();
        self.names.dedup_by_key(|(id, name, _)| (*id, *name));
        self.names.chunk_by(|a, b| a.0 == b.0).filter_map(|names| {
            let (id, ..) = *names.first()?;
            let copied = *self.sessions.get(&id)?;
            let names = names.iter().map(move |(_, name, is_end)| {
                let mark = match is_end {
                    true if name.prefix() == copied.tip => Mark::Tip,
                    true => Mark::End,
                    false => Mark::Plain,
                };
                (*name, mark)
            });
            Some((copied, names))
        })
    }
}
