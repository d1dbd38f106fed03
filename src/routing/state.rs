//! The state of routing that survives a reload of the configuration.

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::catalog::CredentialIds;
use super::router::Router;
use crate::session::bindings::{self, Bindings, Copies, CredentialId};
use crate::session::name::{Client, Mark, Name};
use crate::session::store::{self, Moment};

/// Session names copied while the lock is held once; takes about 0.1 ms.
const COPIED: usize = 512;

/// Sessions, health and rotations, and the numbers of credentials.
#[derive(Debug)]
pub struct State {
    pub(super) router: Mutex<Router>,
    pub credential_ids: CredentialIds,
    /// Requests that wait for a credential to recover.
    pub(super) waiting: AtomicUsize,
}

impl State {
    /// `names` is the maximum number of session names, see [`bindings::NAMES`].
    pub fn new(names: NonZeroUsize, now: Instant) -> Self {
        let bindings = Bindings::new(bindings::CAPACITY, names, now);
        Self {
            router: Mutex::new(Router::new(bindings)),
            credential_ids: CredentialIds::default(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Runs `look` with the router locked.
    pub fn with<T>(&self, look: impl FnOnce(&mut Router) -> T) -> T {
        look(&mut self.router.lock())
    }

    /// Removes sessions that have not been used for `ttl`. Returns how many.
    pub fn sweep(&self, ttl: Duration, now: Instant) -> usize {
        self.router.lock().bindings.sweep(ttl, now)
    }

    /// Removes the state of credentials for which `exists` is false.
    pub fn retain(&self, exists: impl Fn(CredentialId) -> bool) {
        self.router.lock().retain(exists);
    }

    /// All sessions, as text. The lock is held only while a few of them are copied.
    pub fn sessions(&self, moment: Moment) -> String {
        let mut copies = Copies::default();
        loop {
            let router = self.router.lock();
            let has_more = router.bindings.copy(&mut copies, COPIED);
            // Let waiting requests take the lock first.
            MutexGuard::unlock_fair(router);
            if !has_more {
                break;
            }
        }
        store::write(
            copies,
            |credential_id| self.credential_ids.id(credential_id),
            moment,
        )
    }

    /// Restores a session that was read from a file.
    pub fn restore(
        &self,
        client: Client,
        credential_id: CredentialId,
        used: Instant,
        names: &[(Name, Mark)],
    ) {
        let mut router = self.router.lock();
        router.bindings.restore(client, credential_id, used, names);
    }
}
