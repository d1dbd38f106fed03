//! Saves sessions across restarts (`routing.session-affinity-file`).

use std::io;
use std::time::{Instant, SystemTime};

use xxhash_rust::xxh3::xxh3_64;

use super::saved_file::{LARGEST, read};
use super::server::Server;
use crate::atomic_file;
use crate::session::store::{self, Moment};

/// An upper bound for the bytes of a name in the file.
const NAME_BYTES: u64 = 64;

impl Server {
    /// Restores sessions from the file. Unreadable sessions are dropped: the gateway works without them.
    pub fn remember(&self) {
        let snapshot = self.snapshot.load();
        let routing = &snapshot.config.routing;
        let (Some(path), true) = (&routing.session_affinity_file, routing.session_affinity) else {
            return;
        };
        let largest = LARGEST.max(routing.session_affinity_max_prefixes.get() as u64 * NAME_BYTES);
        let file = match read(path, largest) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                log::warn!("{}: cannot read sessions: {error}", path.display());
                return;
            }
        };
        let moment = Moment {
            now: Instant::now(),
            wall: SystemTime::now(),
        };
        let (kept, unread) = store::read(&file, routing.session_affinity_ttl, moment);
        if unread > 0 {
            log::warn!("{}: ignored {unread} invalid lines", path.display());
        }
        let mut count = 0;
        for session in kept {
            let credentials = snapshot.catalog.credentials();
            if credentials
                .iter()
                .any(|known| known.id == session.credential)
            {
                let credential_id = self
                    .services
                    .routing
                    .credential_ids
                    .number(&session.credential);
                self.services.routing.restore(
                    session.client,
                    credential_id,
                    session.used,
                    &session.names,
                );
                count += 1;
            }
        }
        log::info!("restored {count} sessions from {}", path.display());
    }

    /// Writes the sessions, if they have changed.
    pub fn write_sessions(&self) {
        let snapshot = self.snapshot.load();
        let Some(path) = &snapshot.config.routing.session_affinity_file else {
            return;
        };
        let moment = Moment {
            now: Instant::now(),
            wall: SystemTime::now(),
        };
        let mut written = self.written.sessions.lock();
        let text = self.services.routing.sessions(moment);
        let hash = xxh3_64(text.as_bytes());
        if *written == Some(hash) {
            return;
        }
        match atomic_file::replace(path, text.as_bytes()) {
            Ok(()) => *written = Some(hash),
            Err(error) => log::warn!("{}: cannot write sessions: {error}", path.display()),
        }
    }
}
