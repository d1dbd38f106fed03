//! What workers do with the requests that come over their lanes: routes, client keys, bodies, replies.

mod access;
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
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
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
use client_key::Client;
use generation::{Generation, Operation};
use inbound::Inbound;
use models::ListShape;
use recording::Recording;
use remembered::Written;
use reply::Reply;
use report::Observer;
use route::{Resolved, Route};
use snapshot::Snapshot;

/// What answers the requests that come over the lanes.
pub struct Server {
    snapshot: ArcSwap<Snapshot>,
    routing: State,
    carriers: Arc<Carriers>,
    upstream: Upstream,
    /// Bytes of a request body once it is decoded.
    body_limit: u64,
    observer: Option<Observer>,
    written: Written,
    usage: Statistics,
    /// Where logs of requests go.
    log_folder: Arc<Path>,
    /// `commercial-mode`, which stays as it was at the start.
    commercial: bool,
}

impl Server {
    /// `log_folder` is where logs of requests go; it is made when there is one to write.
    pub fn new(
        config: Config,
        observer: Option<Observer>,
        variables: Variables,
        log_folder: Arc<Path>,
    ) -> Self {
        let upstream = Upstream::new(Settings {
            workers: config.limits.workers.unwrap_or(512),
            variables,
            ..Settings::default()
        });
        upstream.trust(config.ca_file.as_deref());
        let routing = State::new(config.routing.session_affinity_names, Instant::now());
        Self {
            body_limit: config.limits.body,
            commercial: config.logs.commercial,
            snapshot: ArcSwap::from_pointee(Snapshot::new(
                config,
                &routing.holders,
                Arc::clone(&log_folder),
            )),
            log_folder,
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
        self.upstream.trust(config.ca_file.as_deref());
        let snapshot = Arc::new(Snapshot::new(
            config,
            &self.routing.holders,
            Arc::clone(&self.log_folder),
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
        let id = RequestId::fresh();
        let recording = Recording::begin(&snapshot, &inbound, id);
        let access = Access::new(id, recording.seen());
        let mut lane = access.seen.tee(lane);
        let answered = catch_unwind(AssertUnwindSafe(|| {
            self.answer(&snapshot, &mut inbound, &access, &mut lane)
        }));
        let answered = answered.unwrap_or_else(|_| {
            log::error!("a request handler panicked");
            Err(std::io::ErrorKind::Other.into())
        });
        let sent = access.seen.sent();
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
        let answer = |reply: Reply, lane: &mut dyn Write| {
            if let Some(why) = reply.failure() {
                access.failed(why);
            }
            reply.with_id(access.id).write(lane)
        };
        let (route, query) = match route::resolve(&inbound.method, &target) {
            Resolved::Serve { route, query } => (route, query),
            Resolved::Preflight => return answer(Reply::preflight(), lane),
            Resolved::Redirect { status, location } => {
                return answer(Reply::redirect(status, location), lane);
            }
            Resolved::NotFound => return answer(Reply::fixed(fixed::NOT_FOUND), lane),
        };
        let client = if route.is_open() {
            Client::Anonymous
        } else {
            match snapshot.keys.check(|name| inbound.headers.get(name), query) {
                Ok(client) => client,
                Err(refusal) => return answer(Reply::fixed(refusal), lane),
            }
        };
        match route {
            Route::ChatCompletions
            | Route::Completions
            | Route::Messages
            | Route::CountTokens
            | Route::Responses
            | Route::Compact
            | Route::Gemini { .. } => {
                access.admit();
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
            local => answer(from_memory(snapshot, inbound, &local), lane),
        }
    }
}

/// What is answered without an upstream. Out of line, as all is that an upstream's answer does not need: a worker's
/// stack is paid for by every stream.
#[inline(never)]
fn from_memory(snapshot: &Snapshot, inbound: &Inbound, route: &Route<'_>) -> Reply {
    let dialect = route.dialect();
    let listed = &snapshot.listed;
    match route {
        Route::Root => Reply::fixed(fixed::ROOT),
        Route::Health if inbound.method == "HEAD" => Reply::fixed(fixed::HEALTH).head_only(),
        Route::Health => Reply::fixed(fixed::HEALTH),
        Route::Models => Reply::json(models::list(shape(inbound), listed)),
        Route::Model(id) => match models::single(shape(inbound), listed, id) {
            Some(body) => Reply::json(body),
            None => Reply::problem(dialect, &Problem::model_not_listed(id)),
        },
        Route::GeminiModels => Reply::json(models::gemini_list(listed)),
        Route::GeminiModel(name) => match models::gemini_single(listed, name) {
            Some(body) => Reply::json(body),
            None => Reply::fixed(fixed::GEMINI_MODEL_NOT_FOUND),
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
