//! A gateway at work.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::credential_files;
use super::debug::Debug;
use super::listen::EdgeService;
use super::server::Server;
use crate::config::{self, Config};
use crate::edge::{Edge, Identity};
use crate::janitor::Janitor;
use crate::usage;

/// A running gateway. Dropping it stops it at once.
pub struct Running {
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) server: Arc<Server>,
    /// The values of the keys that need a restart.
    pub(super) restart_keys: config::RestartKeys,
    pub(super) tls: Option<config::Tls>,
    pub(super) edge: Option<Edge<EdgeService>>,
    pub(super) janitor: Option<Janitor>,
    /// The debug server. The lock is held during a reload, so that there is one reload at a time.
    pub(super) debug: Mutex<Debug>,
}

impl Running {
    /// The first address that the gateway listens on.
    pub fn address(&self) -> SocketAddr {
        self.addresses
            .first()
            .copied()
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// All addresses that the gateway listens on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves new requests with `config`; running requests finish with the previous configuration. Sessions stay on
    /// their credentials as long as those exist.
    ///
    /// Returns the changed keys that need a restart.
    pub fn reload(&self, config: Config) -> Vec<&'static str> {
        let mut debug = self.debug.lock();
        let pending = self.restart_keys.changes(&config::RestartKeys::of(&config));
        for key in &pending {
            log::warn!("config: {key} changed; a restart is required");
        }
        if debug.address != config.debug_server {
            // Stop the previous one first: the new one may use its port.
            debug.server = None;
            *debug = Debug::at(config.debug_server.clone());
        }
        self.reread_certificate();
        self.server.reload(config);
        pending
    }

    /// Reads the files of certificate and key again. Invalid files change nothing.
    pub fn reread_certificate(&self) {
        let (Some(tls), Some(edge)) = (&self.tls, &self.edge) else {
            return;
        };
        match Identity::load(&tls.cert, &tls.key) {
            Ok(identity) => edge.replace_identity(identity),
            Err(error) => log::error!("tls: {error}; the previous certificate stays in use"),
        }
    }

    /// The number of requests in progress.
    pub fn active(&self) -> usize {
        self.edge.as_ref().map_or(0, Edge::active)
    }

    /// Usage statistics by upstream attempts, with masked client keys. Empty unless `usage-statistics-enabled` is or was
    /// on.
    pub fn usage(&self) -> usage::Snapshot {
        self.server.usage()
    }

    /// Usage statistics by client requests.
    pub fn requests(&self) -> usage::Requests {
        self.server.requests()
    }

    /// The credential files and their condition.
    #[doc(hidden)]
    pub fn credential_files(&self) -> Vec<crate::tokens::FileState> {
        self.server.credential_files()
    }

    /// Renews the tokens of a credential file, and waits for them.
    ///
    /// # Errors
    /// When there are no new tokens.
    #[doc(hidden)]
    pub fn renew_credential_file(&self, name: &str) -> Result<(), crate::failure::Failure> {
        let waiter = crate::exchange::Waiter::alone();
        self.server.services.tokens.renew(name, &waiter)
    }

    /// Stops accepting connections and waits up to `limit` for running requests, or until `hurry` returns true. Returns
    /// whether all requests finished.
    pub fn drain(&self, limit: Duration, hurry: impl Fn() -> bool) -> bool {
        let Some(edge) = &self.edge else {
            return true;
        };
        edge.drain();
        let deadline = Instant::now() + limit;
        while edge.active() > 0 {
            if hurry() || Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }

    /// Writes sessions, cooldowns and usage statistics to their files, if configured. [`Running::stop`] does this too; this is for
    /// callers that do not wait for running requests.
    pub fn keep(&self) {
        self.server.write_sessions();
        self.server.write_cooldowns();
        self.server.write_usage();
    }

    /// Closes every connection and ends all threads.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        let was_running = self.janitor.take().is_some();
        self.server.stop_fetching();
        self.server.services.tokens.stop(credential_files::PATIENCE);
        if was_running {
            // Written first, because workers may take long to end.
            self.keep();
        }
        if let Some(edge) = self.edge.take() {
            edge.stop();
        }
        if was_running {
            self.keep();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shut_down();
    }
}
