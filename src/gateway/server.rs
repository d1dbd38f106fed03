//! The state of a running gateway.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::credential_files::CredentialFiles;
use super::model_lists::ModelLists;
use super::saved_file::Written;
use crate::budget::Budget;
use crate::config::{Config, Problem as Finding};
use crate::generation::hooks::{Filter, Observer};
use crate::generation::services::Services;
use crate::generation::snapshot::Snapshot;
use crate::http::client_key::{self};
use crate::logs::{self, PerSecond};
use crate::provider::{Settings, Upstream, Variables};
use crate::routing::State;
use crate::stored::{Bounds, Store};
use crate::time::Timestamp;
use crate::tokens::TokenStore;
use crate::usage::Statistics;

/// The options of a server.
pub struct ServerOptions {
    /// The environment with proxies and authorities.
    pub variables: Variables,
    /// The addresses that the gateway listens on.
    pub local: Vec<SocketAddr>,
    /// The folder for files of requests; created when it is needed.
    pub log_folder: Arc<Path>,
    /// The folder for state that survives restarts, if there is one.
    pub state_folder: Option<PathBuf>,
    /// The number of concurrent requests.
    pub workers: usize,
    /// The memory budget for bodies and answers.
    pub budget: Budget,
    /// Lists of models that are fetched; `None` if none are.
    pub lists: Option<ModelLists>,
    /// Whether the credential files of `auth-dir` are used.
    pub has_files: bool,
    /// Is asked about every request.
    pub filter: Option<Filter>,
    /// Is told of every request.
    pub observer: Option<Observer>,
}

/// The server.
pub struct Server {
    pub(super) snapshot: ArcSwap<Snapshot>,
    /// Held while the snapshot is replaced.
    pub(super) changing: Mutex<()>,
    /// Lists of models that are fetched; `None` if none are.
    pub(super) lists: Option<Arc<ModelLists>>,
    pub(super) files: CredentialFiles,
    /// The addresses that the gateway listens on.
    pub(super) local: Vec<SocketAddr>,
    pub(super) services: Services,
    pub(super) workers: usize,
    /// Refused requests.
    pub(super) refused: PerSecond,
    pub(super) written: Written,
    /// The folder for files of requests.
    pub(super) log_folder: Arc<Path>,
    pub(super) state_folder: Option<PathBuf>,
    /// `commercial-mode` at startup, which a reload does not change.
    pub(super) commercial: bool,
}

impl Server {
    pub fn new(config: Config, options: ServerOptions) -> Self {
        let ServerOptions {
            variables,
            local,
            log_folder,
            state_folder,
            workers,
            budget,
            lists,
            has_files,
            filter,
            observer,
        } = options;
        client_key::log_client_access(&config, &local);
        let upstream = Upstream::new(Settings {
            workers,
            variables: variables.clone(),
            ..Settings::default()
        })
        .with_budget(&budget);
        upstream.trust(config.ca_file.as_deref());
        let upstream = Arc::new(upstream);
        let tokens = Arc::new(TokenStore::new(Arc::clone(&upstream), &config));
        let files = match has_files {
            true => CredentialFiles::read(&config, variables, &tokens),
            false => CredentialFiles::default(),
        };
        let routing = State::new(config.routing.session_affinity_max_prefixes, Instant::now());
        let lists = lists.map(Arc::new);
        let listings = lists.as_ref().map(|lists| lists.listings());
        let (body_limit, commercial) = (config.limits.body, config.logs.commercial);
        let (snapshot, findings) = Snapshot::new(
            config,
            &files.list(),
            listings.as_ref(),
            &routing.credential_ids,
            Arc::clone(&log_folder),
            workers,
        );
        warn_of(&findings);
        Self {
            local,
            commercial,
            snapshot: ArcSwap::from_pointee(snapshot),
            changing: Mutex::default(),
            lists,
            files,
            log_folder,
            state_folder,
            workers,
            services: Services {
                stored: Store::new(Bounds::within(budget.limit()), &budget),
                budget,
                routing,
                signatures: Arc::default(),
                upstream,
                tokens,
                body_limit,
                filter,
                observer,
                usage: Statistics::new(Timestamp::local),
            },
            refused: PerSecond::new(),
            written: Written::default(),
        }
    }

    /// The snapshot of a configuration and the lists of models, with warnings.
    pub(super) fn snapshot_of(&self, config: Config) -> (Snapshot, Vec<Finding>) {
        let listings = self.lists.as_ref().map(|lists| lists.listings());
        Snapshot::new(
            config,
            &self.files.list(),
            listings.as_ref(),
            &self.services.routing.credential_ids,
            Arc::clone(&self.log_folder),
            self.workers,
        )
    }

    /// How long a session is kept; `None` if session affinity is off.
    pub fn session_ttl(&self) -> Option<Duration> {
        self.snapshot.load().policy.affinity
    }

    /// Removes expired sessions.
    pub fn sweep_sessions(&self, now: Instant) {
        if let Some(ttl) = self.session_ttl() {
            let swept = self.services.routing.sweep(ttl, now);
            if swept > 0 {
                log::debug!("{swept} sessions expired");
            }
        }
    }

    /// Deletes the oldest logs above the configured limit.
    pub fn prune_logs(&self) {
        let snapshot = self.snapshot.load();
        if let Some(total) = snapshot.config.logs.total {
            logs::prune(&snapshot.log_folder, total);
        }
    }

    /// Closes expired connections to upstreams.
    pub fn sweep_connections(&self, now: Instant) {
        self.services.upstream.sweep(now);
    }

    /// Removes expired signatures.
    pub fn sweep_signatures(&self, now: Instant) {
        let swept = self.services.signatures.sweep(now);
        if swept > 0 {
            log::debug!("{swept} signatures expired");
        }
    }

    /// Removes expired stored responses.
    pub fn sweep_stored(&self, now: Instant) {
        let swept = self.services.stored.sweep(now);
        if swept > 0 {
            log::debug!("{swept} stored answers expired");
        }
    }

    /// Bytes of the budget that stored responses use.
    pub fn stored_bytes(&self) -> usize {
        self.services.stored.size().1
    }
}

pub(super) fn warn_of(findings: &[Finding]) {
    for finding in findings {
        log::warn!("{finding}");
    }
}
