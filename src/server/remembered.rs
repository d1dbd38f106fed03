//! The file in which sessions survive a restart (`routing.session-affinity-file`).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Instant, SystemTime};

use parking_lot::Mutex;

use super::Server;
use crate::atomic_file;
use crate::session::identity::fnv1a;
use crate::session::store::{self, Moment};

/// Bytes of a file that are believed to be ours; the table at its largest needs less.
const LARGEST: u64 = 64 * 1024 * 1024;

/// What was written last, so that nothing is written while nothing changes.
#[derive(Debug, Default)]
pub struct Written(Mutex<Option<u64>>);

impl Server {
    /// Takes up the sessions that a file kept. What cannot be read is forgotten: a gateway without memory is
    /// better than none.
    pub fn remember(&self) {
        let snapshot = self.snapshot.load();
        let routing = &snapshot.config.routing;
        let (Some(path), true) = (&routing.session_affinity_file, routing.session_affinity) else {
            return;
        };
        let text = match read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                log::warn!("{}: sessions are not remembered: {error}", path.display());
                return;
            }
        };
        let moment = Moment {
            now: Instant::now(),
            wall: SystemTime::now(),
        };
        let (kept, unread) = store::read(&text, routing.session_affinity_ttl, moment);
        if unread > 0 {
            log::warn!("{}: {unread} lines could not be read", path.display());
        }
        let mut count = 0;
        for session in kept {
            let credentials = snapshot.catalog.credentials();
            if credentials
                .iter()
                .any(|known| known.id == session.credential)
            {
                let holder = self.routing.holders.number(&session.credential);
                self.routing.restore(holder, session.used, &session.names);
                count += 1;
            }
        }
        log::info!("{count} sessions are remembered from {}", path.display());
    }

    /// Writes the sessions down, if they have changed.
    pub fn write_sessions(&self) {
        let snapshot = self.snapshot.load();
        let Some(path) = &snapshot.config.routing.session_affinity_file else {
            return;
        };
        let moment = Moment {
            now: Instant::now(),
            wall: SystemTime::now(),
        };
        let text = self.routing.sessions(moment);
        let hash = fnv1a(text.as_bytes());
        let mut written = self.written.0.lock();
        if *written == Some(hash) {
            return;
        }
        match atomic_file::replace(path, text.as_bytes()) {
            Ok(()) => *written = Some(hash),
            Err(error) => log::warn!("{}: sessions are not kept: {error}", path.display()),
        }
    }
}

pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = File::open(path)?;
    if file.take(LARGEST + 1).read_to_string(&mut text)? as u64 > LARGEST {
        return Err(io::Error::other("the file is too large"));
    }
    Ok(text)
}
