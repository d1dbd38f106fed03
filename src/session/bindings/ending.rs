//! How sessions end: by expiry, by eviction, with their credential.

use std::time::{Duration, Instant};

use super::{Binding, Bindings, CredentialId, slot};
use crate::session::names::Id;

impl Bindings {
    pub fn remove(&mut self, id: Id) {
        let slot = slot(id);
        let Some(held) = self.clients.get_mut(slot) else {
            return;
        };
        if let Some(binding) = held.table.pop(&id) {
            self.forget(slot, id, &binding);
        }
    }

    /// Makes room for one more session of the client in `slot`.
    pub(super) fn evict(&mut self, slot: usize) {
        let Some((most, _)) = self.sessions.most(slot) else {
            return;
        };
        let held = self.clients.get_mut(most);
        if let Some((id, binding)) = held.and_then(|held| held.table.pop_lru()) {
            self.forget(most, id, &binding);
        }
    }

    /// What has to be done when a session is no longer in the table.
    fn forget(&mut self, slot: usize, id: Id, binding: &Binding) {
        if let Some(credential_id) = binding.serving() {
            self.loads.remove(credential_id, binding.used);
        }
        let Some(held) = self.clients.get_mut(slot) else {
            return;
        };
        let left = held.table.len();
        self.sessions.change(slot, left + 1, left);
        let before = held.names.count();
        if left == 0 {
            // All its names are of sessions that are gone.
            self.names.change(slot, before, 0);
            self.slots.remove(&held.client);
            self.clients.remove(slot);
            return;
        }
        for name in &binding.names {
            // By now it may be the name of a later session.
            if held
                .names
                .get(*name)
                .is_some_and(|meant| meant.binding == id)
            {
                held.names.remove(*name);
            }
        }
        self.names.change(slot, before, held.names.count());
    }

    /// Forgets what has expired. Returns how many sessions that were.
    pub fn sweep(&mut self, ttl: Duration, now: Instant) -> usize {
        let slots: Vec<usize> = self.slots.values().copied().collect();
        let swept = slots
            .into_iter()
            .map(|slot| self.sweep_slot(slot, ttl, now));
        swept.sum()
    }

    fn sweep_slot(&mut self, slot: usize, ttl: Duration, now: Instant) -> usize {
        let mut swept = 0;
        let most = self.clients.get(slot).map_or(0, |held| held.table.len());
        // The order of the cache is the order of use, so the first live one ends the sweep. One in use is
        // moved out of the way once.
        for _ in 0..most {
            let Some(held) = self.clients.get_mut(slot) else {
                break;
            };
            let Some((id, oldest)) = held.table.peek_lru() else {
                break;
            };
            let id = *id;
            if oldest.in_flight > 0 {
                held.table.promote(&id);
            } else if oldest.is_live(ttl, now) {
                break;
            } else {
                self.remove(id);
                swept += 1;
            }
        }
        swept
    }

    /// Forgets what vanished credentials held.
    pub fn retain(&mut self, exists: impl Fn(CredentialId) -> bool) {
        let is_gone = |credential_id: Option<CredentialId>| {
            credential_id.is_some_and(|credential_id| !exists(credential_id))
        };
        let touched: Vec<Id> = self
            .iter()
            .filter(|(_, binding)| is_gone(binding.primary) || is_gone(binding.temporary))
            .map(|(id, _)| id)
            .collect();
        for id in touched {
            let held = self.clients.get_mut(slot(id));
            let Some(binding) = held.and_then(|held| held.table.peek_mut(&id)) else {
                continue;
            };
            if let Some(credential_id) = binding.serving() {
                self.loads.remove(credential_id, binding.used);
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
                Some(credential_id) => self.loads.add(credential_id, binding.used),
                None if binding.in_flight == 0 => self.remove(id),
                None => {}
            }
        }
    }
}
