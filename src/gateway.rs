//! Puts the rooms together and takes them apart again.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::config::Config;
use crate::edge::{Edge, EdgeHandle, Hooks, Limits, listener};
use crate::janitor::{Janitor, Task};
use crate::provider::Variables;
use crate::server::report::Observer;
use crate::server::workers::Workers;
use crate::server::{Server, route};

/// Lanes beside those of the workers, for what is answered from memory: a full pool still tells
/// that it lives.
const RESERVED_LANES: usize = 4;

/// How often sessions are written down.
const WRITE_INTERVAL: Duration = Duration::from_secs(60);

/// How often expired sessions are looked for, at most (spec/routing.md 7.2).
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The gateway, before it runs.
pub struct Gateway {
    config: Config,
    observer: Option<Observer>,
    variables: Variables,
}

/// A gateway at work. Dropping it stops it at once.
pub struct Running {
    addresses: Vec<SocketAddr>,
    server: Arc<Server>,
    started: Started,
    edge: Option<EdgeHandle>,
    workers: Arc<Workers>,
    janitor: Option<Janitor>,
    reloading: Mutex<()>,
}

/// What is fixed once the gateway runs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Started {
    host: String,
    port: u16,
    workers: usize,
    connections: usize,
    body: u64,
}

/// Why a gateway did not start.
#[derive(Debug)]
pub enum StartError {
    /// The configured address cannot be listened on.
    Bind { address: String, source: io::Error },
    /// The system refused something else: a thread, a socket, randomness.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { address, source } => write!(f, "cannot listen on {address}: {source}"),
            Self::System(source) => write!(f, "cannot start: {source}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bind { source, .. } | Self::System(source) => Some(source),
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
            observer: None,
            variables: Variables::default(),
        }
    }

    /// Has the environment's proxies and certificates looked up in `variables` in place of the process's
    /// own environment.
    pub fn with_variables(mut self, variables: Variables) -> Self {
        self.variables = variables;
        self
    }

    /// Has `observer` told of every finished request.
    pub fn observed(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Listens and serves until the returned value is stopped or dropped.
    ///
    /// # Errors
    /// [`StartError`] when the address is taken or the system refuses a thread or a socket.
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
            observer,
            variables,
        } = self;
        let started = Started::of(&config);
        let listeners = listen(&started)?;
        let addresses = listeners
            .iter()
            .map(TcpListener::local_addr)
            .collect::<io::Result<Vec<_>>>()?;
        raise_file_limit();

        let limits = Limits {
            body_bytes: started.body,
            connections: started.connections,
            lanes: started.workers,
            reserved_lanes: RESERVED_LANES,
            head_timeout: config.limits.head_timeout,
            idle: config.limits.idle_timeout,
            lane_wait: config.limits.lane_wait,
            ..Limits::default()
        };
        let server = Arc::new(Server::new(config, observer, variables));
        server.remember();
        let worker = Arc::clone(&server);
        let workers = Arc::new(Workers::new(Arc::new(move |lane| worker.work(lane))));
        let starter = Arc::clone(&workers);
        let edge = Edge::start(
            listeners,
            limits,
            Hooks {
                is_cheap: route::is_cheap,
                on_lane: Box::new(move |lane| starter.start(lane)),
            },
        )?;
        let janitor = Janitor::start(vec![sweep_sessions(&server), write_sessions(&server)])?;
        Ok(Running {
            addresses,
            server,
            started,
            edge: Some(edge),
            workers,
            janitor: Some(janitor),
            reloading: Mutex::new(()),
        })
    }
}

impl Started {
    fn of(config: &Config) -> Self {
        Self {
            host: config.host.clone(),
            port: config.port,
            workers: config.limits.workers,
            connections: config.limits.connections,
            body: config.limits.body,
        }
    }

    /// The configuration keys in which `other` differs.
    fn changes(&self, other: &Self) -> Vec<&'static str> {
        // Every field is named, so that a new one asks for its line here.
        let Self {
            host,
            port,
            workers,
            connections,
            body,
        } = self;
        [
            ("host", *host != other.host),
            ("port", *port != other.port),
            ("limits.workers", *workers != other.workers),
            ("limits.connections", *connections != other.connections),
            ("limits.body", *body != other.body),
        ]
        .into_iter()
        .filter_map(|(key, changed)| changed.then_some(key))
        .collect()
    }
}

impl Running {
    /// Where the gateway listens: the first of its addresses.
    pub fn address(&self) -> SocketAddr {
        self.addresses
            .first()
            .copied()
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// All addresses the gateway listens on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves new requests by `config` from now on; running ones finish by the old one. Sessions
    /// stay bound as long as their credentials exist.
    ///
    /// Returns the keys whose change takes effect only with a restart.
    pub fn reload(&self, config: Config) -> Vec<&'static str> {
        let _one_at_a_time = self.reloading.lock();
        let pending = self.started.changes(&Started::of(&config));
        for key in &pending {
            log::warn!("config: {key} changed, restart required");
        }
        self.server.reload(config);
        pending
    }

    /// How many requests are under way.
    pub fn active(&self) -> usize {
        self.edge.as_ref().map_or(0, EdgeHandle::active)
    }

    /// Stops accepting and waits until running requests are finished, for `limit` at most. Ends
    /// early when `hurry` says so. Returns whether all were finished.
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

    /// Closes every connection and ends all threads.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        // The edge first: with it go the lanes, and with them the workers.
        if let Some(edge) = self.edge.take() {
            edge.stop();
        }
        let was_running = self.janitor.take().is_some();
        self.workers.join();
        if was_running {
            self.server.write_sessions();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shut_down();
    }
}

fn listen(started: &Started) -> Result<Vec<TcpListener>, StartError> {
    listener::bind(&started.host, started.port).map_err(|source| StartError::Bind {
        address: format!("{}:{}", started.host, started.port),
        source,
    })
}

/// Ten thousand connections need more files than the usual soft limit of 1,024.
fn raise_file_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        log::warn!("cannot raise the limit of open files: {error}");
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

fn write_sessions(server: &Arc<Server>) -> Task {
    let server = Arc::clone(server);
    Task {
        name: "write sessions",
        every: Box::new(|| WRITE_INTERVAL),
        run: Box::new(move |_| server.write_sessions()),
    }
}
