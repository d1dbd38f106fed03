//! The gateway: starts, reloads and stops all parts.

pub(crate) mod model_lists;
mod saved_file;
mod saved_sessions;
mod saved_usage;
mod server;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::budget::Budget;
use crate::capacity::Capacity;
use crate::config::{self, Config};
use crate::diagnostics::Diagnostics;
use crate::edge::{Edge, Identity, IdentityError, Limits, Refusal, Service, listener};
use crate::exchange::{Admission, Client, Head, Request};
use crate::generation::hooks::{Filter, Observer};
use crate::heap;
use crate::janitor::{Janitor, Task};
use crate::logs::{self, Surroundings};
use crate::provider::Variables;
use crate::usage;
use model_lists::ModelLists;
use server::{Server, ServerOptions, Ticket};

/// How often sessions are written to their file.
const WRITE_INTERVAL: Duration = Duration::from_secs(60);

/// How often idle connections to upstreams are checked.
const CONNECTIONS_INTERVAL: Duration = Duration::from_secs(5);

/// How often memory is returned to the system.
const MEMORY_INTERVAL: Duration = Duration::from_secs(10);
/// Bytes of bodies and answers since the last time that make it worthwhile.
const MUCH: usize = 16 << 20;

/// How often the size of the folder of logs is checked.
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);

/// The longest interval between removals of expired sessions.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// A gateway that has not been started.
pub struct Gateway {
    config: Config,
    filter: Option<Filter>,
    observer: Option<Observer>,
    tasks: Vec<Task>,
    variables: Variables,
    log_folder: Option<PathBuf>,
    lists: Option<ModelLists>,
}

/// A running gateway. Dropping it stops it at once.
pub struct Running {
    addresses: Vec<SocketAddr>,
    server: Arc<Server>,
    /// The values of the keys that need a restart.
    restart_keys: config::RestartKeys,
    tls: Option<config::Tls>,
    edge: Option<Edge<EdgeService>>,
    janitor: Option<Janitor>,
    /// The debug server. The lock is held during a reload, so that there is one reload at a time.
    debug: Mutex<Debug>,
}

/// The debug server and its configuration.
struct Debug {
    address: Option<String>,
    server: Option<Diagnostics>,
}

/// The error of a gateway that did not start.
#[derive(Debug)]
pub enum StartError {
    /// The gateway cannot listen on the configured address.
    Bind { address: String, source: io::Error },
    /// Other hosts can connect to the configured host, there are no client keys, and `allow-anonymous` is off.
    Unprotected { host: String },
    /// The configured certificate or its key cannot be used.
    Tls(IdentityError),
    /// Another system error: no thread, socket or random bytes.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { address, source } => {
                let advice = match source.kind() {
                    io::ErrorKind::AddrInUse => "; another program has it: choose another `port`",
                    io::ErrorKind::PermissionDenied => {
                        "; ports below 1024 are for root: choose a higher `port`"
                    }
                    io::ErrorKind::AddrNotAvailable => "; `host` is no address of this machine",
                    _ => "",
                };
                write!(f, "cannot listen on {address}: {source}{advice}")
            }
            Self::Unprotected { host } => write!(
                f,
                "cannot listen on {host} without client keys: it is open to others, and allow-anonymous is off"
            ),
            Self::Tls(source) => write!(f, "tls: {source}"),
            Self::System(source) => write!(f, "cannot start: {source}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bind { source, .. } | Self::System(source) => Some(source),
            Self::Unprotected { .. } => None,
            Self::Tls(source) => Some(source),
        }
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl Gateway {
    pub fn new(config: Config) -> Self {
        Self {
            config,
            filter: None,
            observer: None,
            tasks: Vec::new(),
            variables: Variables::default(),
            log_folder: None,
            lists: None,
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
            true => log::info!("no logs of requests are kept: commercial-mode is on"),
            false => log::info!("logs of requests go to {}", log_folder.display()),
        }
        let budget = Budget::new(capacity.budget);
        let server = Arc::new(Server::new(
            config,
            ServerOptions {
                variables,
                local: addresses.clone(),
                log_folder: log_folder.into(),
                workers: capacity.workers,
                budget: budget.clone(),
                lists,
                filter,
                observer,
            },
        ));
        server.remember();
        server.restore_usage();
        server.prune_logs();
        let front = EdgeService(Arc::clone(&server));
        let edge = Edge::start(listeners, limits, front, budget.clone(), identity)?;
        tasks.extend([
            sweep_sessions(&server),
            sweep_signatures(&server),
            sweep_stored(&server),
            sweep_connections(&server),
            give_back_memory(&server, &budget),
            write_sessions(&server),
            write_usage(&server),
            prune_logs(&server),
        ]);
        if server.fetches_models() {
            tasks.push(fetch_models(&server));
        }
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

impl Debug {
    /// Starts the debug server. If it cannot listen, the gateway serves without it.
    fn at(address: Option<String>) -> Self {
        let server = address.as_deref().and_then(|address| {
            Diagnostics::start(address)
                .inspect(|server| log::info!("debug server at {}", server.address()))
                .inspect_err(|error| log::error!("pprof.addr: cannot listen on {address}: {error}"))
                .ok()
        });
        Self { address, server }
    }
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
            log::warn!("config: {key} changed, restart required");
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
            Err(error) => log::error!("tls: {error}; the certificate stays as it was"),
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

    /// Writes sessions and usage statistics to their files, if configured. [`Running::stop`] does this too; this is for
    /// callers that do not wait for running requests.
    pub fn keep(&self) {
        self.server.write_sessions();
        self.server.write_usage();
    }

    /// Closes every connection and ends all threads.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        let was_running = self.janitor.take().is_some();
        self.server.stop_fetching();
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

/// Binds the hosts. The first must be available; others are optional.
fn listen(config: &Config) -> Result<Vec<TcpListener>, StartError> {
    let mut listeners = Vec::new();
    let mut port = config.port;
    for host in &config.listen_hosts() {
        match listener::bind(host, port) {
            Ok(bound) => listeners.extend(bound),
            Err(source) if listeners.is_empty() => {
                let address = format!("{host}:{port}");
                return Err(StartError::Bind { address, source });
            }
            Err(error) => log::debug!("cannot listen on {host}:{port}: {error}"),
        }
        // A free port is used for all hosts.
        if let Some(first) = listeners.first().map(TcpListener::local_addr) {
            port = first?.port();
        }
    }
    Ok(listeners)
}

/// The server as the edge's service.
struct EdgeService(Arc<Server>);

impl Service for EdgeService {
    type Ticket = Ticket;

    fn admit(&self, head: &Head, peer: SocketAddr) -> Admission<Ticket> {
        self.0.admit(head, peer)
    }

    fn serve(&self, ticket: Ticket, request: Request, client: Rc<dyn Client>) -> io::Result<()> {
        self.0.serve(ticket, request, client)
    }

    fn refuse(&self, refusal: Refusal, head: Option<&Head>) -> Vec<u8> {
        self.0.refuse(refusal.status(), &refusal.to_string(), head)
    }
}

fn sweep_sessions(server: &Arc<Server>) -> Task {
    let (every, run) = (Arc::clone(server), Arc::clone(server));
    Task {
        name: "sweep sessions",
        every: Box::new(move || {
            every
                .session_ttl()
                .map_or(SWEEP_INTERVAL, |ttl| (ttl / 2).min(SWEEP_INTERVAL))
                .max(Duration::from_millis(100))
        }),
        run: Box::new(move |now| run.sweep_sessions(now)),
    }
}

fn sweep_signatures(server: &Arc<Server>) -> Task {
    let server = Arc::clone(server);
    Task {
        name: "sweep signatures",
        every: Box::new(|| crate::session::signature_store::SWEEP),
        run: Box::new(move |now| server.sweep_signatures(now)),
    }
}

fn sweep_stored(server: &Arc<Server>) -> Task {
    let server = Arc::clone(server);
    Task {
        name: "sweep stored answers",
        every: Box::new(|| crate::stored::SWEEP),
        run: Box::new(move |now| server.sweep_stored(now)),
    }
}

fn sweep_connections(server: &Arc<Server>) -> Task {
    let server = Arc::clone(server);
    Task {
        name: "sweep upstream connections",
        every: Box::new(|| CONNECTIONS_INTERVAL),
        run: Box::new(move |now| server.sweep_connections(now)),
    }
}

/// Returns memory to the system after much of it was used and freed.
fn give_back_memory(server: &Arc<Server>, budget: &Budget) -> Task {
    let (server, budget) = (Arc::clone(server), budget.clone());
    let mut most = 0;
    Task {
        name: "give back memory",
        every: Box::new(|| MEMORY_INTERVAL),
        run: Box::new(move |_| {
            // Stored responses stay in memory.
            let used = budget.used().saturating_sub(server.stored_bytes());
            most = most.max(used);
            if used < MUCH / 4 && most >= MUCH {
                heap::give_back();
                most = 0;
            }
        }),
    }
}

fn write_sessions(server: &Arc<Server>) -> Task {
    let server = Arc::clone(server);
    Task {
        name: "write sessions",
        every: Box::new(|| WRITE_INTERVAL),
        run: Box::new(move |_| server.write_sessions()),
    }
}

fn write_usage(server: &Arc<Server>) -> Task {
    let server = Arc::clone(server);
    Task {
        name: "write usage",
        every: Box::new(|| saved_usage::WRITE_INTERVAL),
        run: Box::new(move |_| server.write_usage()),
    }
}

fn prune_logs(server: &Arc<Server>) -> Task {
    let server = Arc::clone(server);
    Task {
        name: "prune logs",
        every: Box::new(|| PRUNE_INTERVAL),
        run: Box::new(move |_| server.prune_logs()),
    }
}

fn fetch_models(server: &Arc<Server>) -> Task {
    let server = Arc::clone(server);
    Task {
        name: "fetch lists of models",
        every: Box::new(|| model_lists::LOOK),
        run: Box::new(move |now| server.fetch_models(now)),
    }
}
