//! What workers do with the requests that come over their lanes: routes, client keys, bodies, replies.

mod access;
pub mod admission;
pub mod anonymous;
mod answering;
mod attempt;
mod carried;
pub mod client_key;
pub mod cors;
pub mod decoding;
pub mod fixed;
mod gemini_cli;
mod generation;
pub mod head;
pub mod headers;
mod inbound;
mod limits;
pub mod models;
mod noted;
pub mod passthrough;
pub mod query;
mod recording;
mod remembered;
mod reply;
pub mod report;
pub mod route;
pub mod ruled;
mod signs_of_life;
mod snapshot;
pub mod statistics;
mod unserved;
pub mod workers;

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::config::{self, Config};
use crate::credential::Credential;
use crate::dialect::problem::Problem;
use crate::lane::WorkerEnd;
use crate::local_time::Zone;
use crate::logs;
use crate::logs::request_id::RequestId;
use crate::provider::{Settings, Upstream, Variables};
use crate::routing::State;
use crate::session::bindings::Holder;
use crate::session::carriers::Carriers;
use crate::usage::Statistics;
use access::Access;
use admission::Admitted;
use generation::{Generation, Operation};
use inbound::Inbound;
use models::ListShape;
use recording::Recording;
use remembered::Written;
use reply::Reply;
use report::Observer;
use route::Route;
use snapshot::Snapshot;

/// What answers the requests that come over the lanes.
pub struct Server {
    snapshot: ArcSwap<Snapshot>,
    /// Where the gateway listens.
    local: Vec<SocketAddr>,
    routing: State,
    carriers: Arc<Carriers>,
    upstream: Upstream,
    /// Bytes of a request body once it is decoded.
    body_limit: u64,
    observer: Option<Observer>,
    written: Written,
    usage: Statistics,
    /// What `$WRITABLE_PATH` said at the start.
    writable: Option<String>,
    /// `commercial-mode`, which stays as it was at the start.
    commercial: bool,
}

impl Server {
    /// `local` are the addresses that are listened on.
    pub fn new(
        config: Config,
        local: Vec<SocketAddr>,
        observer: Option<Observer>,
        variables: Variables,
    ) -> Self {
        client_key::announce(&config, &local);
        let writable = variables.get("WRITABLE_PATH");
        let upstream = Upstream::new(Settings {
            workers: config.limits.workers.unwrap_or(512),
            variables,
            ..Settings::default()
        });
        upstream.trust(config.ca_file.as_deref());
        let routing = State::new(config.routing.session_affinity_names, Instant::now());
        Self {
            local,
            body_limit: config.limits.body,
            commercial: config.logs.commercial,
            snapshot: ArcSwap::from_pointee(Snapshot::new(
                config,
                &routing.holders,
                writable.as_deref(),
            )),
            writable,
            routing,
            carriers: Arc::default(),
            upstream,
            observer,
            written: Written::default(),
            usage: Statistics::new(|time| Zone::here().offset(time).unwrap_or(0)),
        }
    }

    /// Serves by `config` from now on; requests under way keep what they started with.
    pub fn reload(&self, mut config: Config) {
        config.logs.commercial = self.commercial;
        client_key::settle(&mut config, &self.snapshot.load().config, &self.local);
        self.upstream.trust(config.ca_file.as_deref());
        let snapshot = Arc::new(Snapshot::new(
            config,
            &self.routing.holders,
            self.writable.as_deref(),
        ));
        let before = self.snapshot.swap(Arc::clone(&snapshot));
        self.compare(&before, &snapshot);
        let credentials = snapshot.catalog.credentials().iter();
        let present: HashSet<Holder> = credentials
            .map(|credential| self.routing.holders.number(&credential.id))
            .collect();
        self.routing.retain(|holder| present.contains(&holder));
    }

    /// Tells of credentials that came, went or are set up otherwise, and lets routing know.
    fn compare(&self, before: &Snapshot, now: &Snapshot) {
        let earlier: HashMap<&str, &Credential> = before.credentials().collect();
        let later: HashMap<&str, &Credential> = now.credentials().collect();
        for (id, _) in before
            .credentials()
            .filter(|(id, _)| !later.contains_key(id))
        {
            log::info!("config: credential {id} removed");
        }
        for (id, credential) in now.credentials() {
            match earlier.get(id) {
                None => log::info!("config: credential {id} added"),
                Some(same) if *same == credential => {}
                Some(other) => {
                    log::info!("config: credential {id} changed");
                    let holder = self.routing.holders.number(id);
                    let has_other_models = other.models != credential.models;
                    self.routing
                        .with(|router| router.changed(holder, has_other_models));
                }
            }
        }
        let changes = config::changes(&before.config, &now.config);
        if !changes.is_empty() {
            let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
            log::info!("config: changed: {}", paths.join(", "));
        }
        for change in changes {
            log::debug!("config: {change}");
        }
    }

    /// How long a session stays bound; `None` when sessions are not bound at all.
    pub fn session_ttl(&self) -> Option<Duration> {
        self.snapshot.load().policy.affinity
    }

    /// Forgets sessions that have not been used for long enough.
    pub fn sweep_sessions(&self, now: Instant) {
        if let Some(ttl) = self.session_ttl() {
            let swept = self.routing.sweep(ttl, now);
            if swept > 0 {
                log::debug!("{swept} sessions expired");
            }
        }
    }

    /// Deletes the oldest logs, if there are more of them than the configuration grants.
    pub fn prune_logs(&self) {
        let snapshot = self.snapshot.load();
        if let Some(total) = snapshot.config.logs.total {
            logs::prune(&snapshot.log_folder, total);
        }
    }

    /// Forgets carriers that have not been used for long enough.
    pub fn sweep_carriers(&self, now: Instant) {
        let swept = self.carriers.sweep(now);
        if swept > 0 {
            log::debug!("{swept} carriers expired");
        }
    }

    /// Answers the requests of a lane until it ends.
    pub fn work(&self, mut lane: WorkerEnd) {
        while let Ok(delivery) = lane.receive() {
            let inbound = Inbound::of(delivery, lane.client());
            // The client has gone, or must learn that its answer is not whole.
            if self.serve(inbound, &mut lane).is_err() {
                return;
            }
        }
    }

    /// Answers a request, and tells of it.
    fn serve(&self, mut inbound: Inbound, lane: &mut dyn Write) -> std::io::Result<()> {
        let snapshot = self.snapshot.load_full();
        let access = Access::new(RequestId::fresh());
        let recording = Recording::begin(&snapshot, &inbound, access.id);
        let mut lane = recording.tee(lane);
        let answered = catch_unwind(AssertUnwindSafe(|| {
            self.answer(&snapshot, &mut inbound, &access, &mut lane)
        }));
        let answered = answered.unwrap_or_else(|_| {
            log::error!("a request handler panicked");
            Err(std::io::ErrorKind::Other.into())
        });
        let sent = lane.sent();
        access.close(&inbound, sent.status, answered.is_ok());
        recording.end(inbound, &access, sent);
        answered
    }

    fn answer(
        &self,
        snapshot: &Snapshot,
        inbound: &mut Inbound,
        access: &Access,
        lane: &mut dyn Write,
    ) -> std::io::Result<()> {
        let target = inbound.target.clone();
        let is_head = inbound.method == "HEAD";
        let reply = |reply: Reply| match is_head {
            true => reply.with_id(access.id).head_only(),
            false => reply.with_id(access.id),
        };
        let admitted = admission::admit(
            &admission::Head {
                method: &inbound.method,
                target: &target,
                headers: inbound.headers.iter(),
                peer: inbound.peer,
                local: &self.local,
            },
            &snapshot.gate,
        );
        let Admitted {
            route,
            query,
            client,
        } = match admitted {
            Ok(admitted) => admitted,
            Err(answer) => return reply(*answer).write(lane),
        };
        match route {
            Route::ChatCompletions
            | Route::Completions
            | Route::Messages
            | Route::CountTokens
            | Route::Responses
            | Route::Compact
            | Route::Gemini { .. } => {
                let operation = Operation::of(&route, query);
                let generation = Generation {
                    server: self,
                    snapshot,
                    client,
                    access,
                    operation,
                    carried: Cell::default(),
                };
                generation.serve(inbound, lane)
            }
            local => reply(from_memory(snapshot, inbound, &local)).write(lane),
        }
    }
}

/// What is answered without an upstream. Out of line, as all is that an upstream's answer does not need: a worker's
/// stack is paid for by every stream.
#[inline(never)]
fn from_memory(snapshot: &Snapshot, inbound: &Inbound, route: &Route<'_>) -> Reply {
    let dialect = route.dialect_for(|name| inbound.headers.get(name));
    let unknown = |id| {
        let near = models::nearest(&snapshot.listed, id);
        Reply::problem(dialect, &Problem::unknown_model(id, &near))
    };
    let listed = &snapshot.listed;
    match route {
        Route::Root => Reply::fixed(fixed::ROOT),
        Route::Health => Reply::fixed(fixed::HEALTH),
        Route::Models => Reply::json(models::list(shape(inbound), listed)),
        Route::Model(id) => match models::single(shape(inbound), listed, id) {
            Some(body) => Reply::json(body),
            None => unknown(id),
        },
        Route::GeminiModels => Reply::json(models::gemini_list(listed)),
        Route::GeminiModel(name) => match models::gemini_single(listed, name) {
            Some(body) => Reply::json(body),
            None => unknown(name.strip_prefix("models/").unwrap_or(name)),
        },
        Route::UnknownGeminiMethod { path } => {
            Reply::problem(dialect, &Problem::unknown_method(path))
        }
        Route::GeminiCli => gemini_cli::reply(inbound, snapshot.config.google.cli_endpoint),
        // Answered by upstreams.
        Route::ChatCompletions
        | Route::Completions
        | Route::Messages
        | Route::CountTokens
        | Route::Responses
        | Route::Compact
        | Route::Gemini { .. } => Reply::fixed(fixed::NOT_FOUND),
    }
}

fn shape(inbound: &Inbound) -> ListShape {
    ListShape::for_client(|name| inbound.headers.get(name))
}
