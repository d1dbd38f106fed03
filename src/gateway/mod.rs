//! The gateway: starts, reloads and stops all parts.

mod credential_changes;
mod credential_files;
mod debug;
mod error;
mod listen;
mod model_fetches;
pub(crate) mod model_lists;
mod reload;
mod running;
pub(crate) mod saved_cooldowns;
mod saved_file;
mod saved_sessions;
mod saved_usage;
mod serve;
mod server;
mod tasks;

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use debug::Debug;
pub use error::StartError;
use listen::{EdgeService, listen};
use model_lists::ModelLists;
use parking_lot::Mutex;
pub use running::Running;
use server::{Server, ServerOptions};

use crate::budget::Budget;
use crate::capacity::Capacity;
use crate::config::{self, Config};
use crate::edge::{Edge, Identity, Limits};
use crate::generation::hooks::{Filter, Observer};
use crate::janitor::{Janitor, Task};
use crate::logs::{self, Surroundings};
use crate::provider::Variables;
use crate::state_folder;

/// A gateway that has not been started.
pub struct Gateway {
    config: Config,
    filter: Option<Filter>,
    observer: Option<Observer>,
    tasks: Vec<Task>,
    variables: Variables,
    log_folder: Option<PathBuf>,
    lists: Option<ModelLists>,
    has_files: bool,
}

impl Gateway {
    /// A gateway that will serve with `config`.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            filter: None,
            observer: None,
            tasks: Vec::new(),
            variables: Variables::default(),
            log_folder: None,
            lists: None,
            has_files: false,
        }
    }

    /// Uses `variables` instead of the process's environment for proxies, certificates and folders.
    pub fn with_variables(mut self, variables: Variables) -> Self {
        self.variables = variables;
        self
    }

    /// Writes the files of requests to `folder`, which is created when it is needed. By default the folder depends on
    /// the variables and `auth-dir` ([`logs::folder`]).
    pub fn with_log_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.log_folder = Some(folder.into());
        self
    }

    /// Fetches the lists of models for credentials without `models`, at startup and every six hours, and stores them in
    /// `file`, if given. Without this, such credentials serve the built-in list, and names that look like models of
    /// their vendor.
    pub fn with_model_lists(mut self, file: Option<PathBuf>) -> Self {
        self.lists = Some(ModelLists::kept_in(file));
        self
    }

    /// Also uses the credential files of `auth-dir`, renews their tokens and writes them back. Without this, only the keys
    /// of the configuration are used.
    #[must_use]
    pub fn with_credential_files(mut self) -> Self {
        self.has_files = true;
        self
    }

    /// Calls `filter` for every request before a credential is chosen.
    #[must_use]
    pub fn filtered(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Calls `observer` for every finished request.
    pub fn observed(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Adds a periodic task.
    pub(crate) fn with_task(mut self, task: Task) -> Self {
        self.tasks.push(task);
        self
    }

    /// Listens and serves until the returned value is stopped or dropped.
    ///
    /// # Errors
    /// [`StartError`] if the address is in use, or other hosts could connect without a key, or the certificate is invalid,
    /// or the system has no thread or socket.
    pub fn start(config: Config) -> Result<Running, StartError> {
        Self::new(config).run()
    }

    /// As [`Gateway::start`].
    ///
    /// # Errors
    /// See [`Gateway::start`].
    pub fn run(self) -> Result<Running, StartError> {
        let Self {
            config,
            filter,
            observer,
            mut tasks,
            variables,
            log_folder,
            lists,
            has_files,
        } = self;
        if config.is_unprotected() {
            let host = config.host;
            return Err(StartError::Unprotected { host });
        }
        let log_folder = log_folder.unwrap_or_else(|| {
            let variables = |name: &str| variables.get(name);
            logs::folder(&Surroundings::here(&variables, None, &config.auth_dir))
        });
        let (restart_keys, tls) = (config::RestartKeys::of(&config), config.tls.clone());
        let identity = tls
            .as_ref()
            .map(|tls| Identity::load(&tls.cert, &tls.key))
            .transpose()
            .map_err(StartError::Tls)?;
        let debug = Debug::at(config.debug_server.clone());
        let listeners = listen(&config)?;
        let addresses = listeners
            .iter()
            .map(TcpListener::local_addr)
            .collect::<io::Result<Vec<_>>>()?;
        let capacity = Capacity::of(&config.limits);
        log::debug!("{capacity:?}");
        let limits = Limits {
            body_bytes: config.limits.body,
            connections: capacity.connections,
            connections_per_address: config.limits.connections_per_address,
            workers: capacity.workers,
            head_timeout: config.limits.head_timeout,
            body_timeout: config.limits.body_timeout,
            idle: config.limits.idle_timeout,
            queue_timeout: config.limits.queue_timeout,
            ..Limits::default()
        };
        match config.logs.commercial {
            true => log::info!("files of requests are not written, because commercial-mode is on"),
            false => log::info!("files of requests are written to {}", log_folder.display()),
        }
        let budget = Budget::new(capacity.budget);
        let server = Arc::new(Server::new(
            config,
            ServerOptions {
                state_folder: state_folder::here(&|name| variables.get(name)),
                variables,
                local: addresses.clone(),
                log_folder: log_folder.into(),
                workers: capacity.workers,
                budget: budget.clone(),
                lists,
                has_files,
                filter,
                observer,
            },
        ));
        server.remember();
        server.restore_cooldowns();
        server.restore_usage();
        server.prune_logs();
        let service = EdgeService(Arc::clone(&server));
        let edge = Edge::start(listeners, limits, service, budget.clone(), identity)?;
        tasks.extend(tasks::all(&server, &budget));
        let janitor = Janitor::start(tasks)?;
        Ok(Running {
            addresses,
            server,
            restart_keys,
            tls,
            edge: Some(edge),
            janitor: Some(janitor),
            debug: Mutex::new(debug),
        })
    }
}
