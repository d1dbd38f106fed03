//! tiny_http behind its lanes: routes, client keys, bodies, replies.

pub mod client_key;
pub mod cors;
pub mod decoding;
pub mod envelope;
pub mod fixed;
mod generation;
pub mod head;
pub mod headers;
mod inbound;
pub mod lane;
pub mod models;
pub mod passthrough;
pub mod pool;
pub mod query;
mod reply;
pub mod report;
pub mod request_id;
pub mod route;
mod snapshot;
mod unserved;

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::config::Config;
use crate::dialect::problem::Problem;
use crate::provider::{Settings, Upstream};
use crate::routing::State;
use client_key::Client;
use generation::{Generation, Operation};
use inbound::{Inbound, Unreadable};
use lane::Presence;
use models::ListShape;
use reply::Reply;
use report::Observer;
use request_id::RequestId;
use route::{Resolved, Route};
use snapshot::Snapshot;

/// What answers the requests that come over the lanes.
pub struct Server {
    snapshot: ArcSwap<Snapshot>,
    routing: State,
    upstream: Upstream,
    presence: Arc<Presence>,
    /// Bytes of a request body, decoded.
    body_limit: u64,
    observer: Option<Observer>,
}

impl Server {
    pub fn new(config: Config, presence: Arc<Presence>, observer: Option<Observer>) -> Self {
        let settings = Settings {
            workers: config.limits.workers,
            ..Settings::default()
        };
        Self {
            body_limit: config.limits.body,
            snapshot: ArcSwap::from_pointee(Snapshot::new(config)),
            routing: State::default(),
            upstream: Upstream::new(settings),
            presence,
            observer,
        }
    }

    /// Serves by `config` from now on; requests under way keep what they started with.
    pub fn reload(&self, config: Config) {
        let snapshot = Arc::new(Snapshot::new(config));
        self.snapshot.store(Arc::clone(&snapshot));
        self.routing.bindings.retain(|id| {
            snapshot
                .catalog
                .credentials()
                .iter()
                .any(|known| known.id == id)
        });
    }

    /// How long a session stays bound; `None` when sessions are not bound at all.
    pub fn session_ttl(&self) -> Option<Duration> {
        self.snapshot.load().policy.affinity
    }

    /// Forgets sessions that have not been used for long enough.
    pub fn sweep_sessions(&self, now: Instant) {
        if let Some(ttl) = self.session_ttl() {
            let swept = self.routing.bindings.sweep(ttl, now);
            if swept > 0 {
                log::debug!("{swept} sessions expired");
            }
        }
    }

    /// Answers one request, whatever it is.
    pub fn handle(&self, mut request: tiny_http::Request) {
        let inbound = match Inbound::read(&mut request, &self.presence, self.body_limit) {
            Ok(inbound) => inbound,
            Err(Unreadable::Broken) => return,
            Err(Unreadable::Stranger) => {
                log::warn!("a request came to a lane without passing the edge");
                return;
            }
        };
        let mut lane = request.into_writer();
        let snapshot = self.snapshot.load_full();
        // A lane that cannot be written to is one whose client has gone.
        let _ = self.answer(&snapshot, inbound, &mut lane);
    }

    fn answer(
        &self,
        snapshot: &Snapshot,
        inbound: Inbound,
        lane: &mut dyn Write,
    ) -> std::io::Result<()> {
        let target = inbound.target.clone();
        let (route, query) = match route::resolve(&inbound.method, &target) {
            Resolved::Serve { route, query } => (route, query),
            Resolved::Preflight => return Reply::preflight().write(lane),
            Resolved::Redirect { status, location } => {
                return Reply::redirect(status, location).write(lane);
            }
            Resolved::NotFound => return Reply::fixed(fixed::NOT_FOUND).write(lane),
        };
        let client = if route.is_open() {
            Client::Anonymous
        } else {
            match snapshot.keys.check(|name| inbound.headers.get(name), query) {
                Ok(client) => client,
                Err(refusal) => return Reply::fixed(refusal).write(lane),
            }
        };
        let dialect = route.dialect();
        let listed = &snapshot.listed;
        let reply = match &route {
            Route::Root => Reply::fixed(fixed::ROOT),
            Route::Health if inbound.method == "HEAD" => Reply::fixed(fixed::HEALTH).head_only(),
            Route::Health => Reply::fixed(fixed::HEALTH),
            Route::Models => Reply::json(models::list(shape(&inbound), listed)),
            Route::Model(id) => match models::single(shape(&inbound), listed, id) {
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
            Route::ChatCompletions
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
                    id: RequestId::fresh(),
                    operation,
                };
                return generation.serve(inbound, lane);
            }
        };
        reply.write(lane)
    }
}

fn shape(inbound: &Inbound) -> ListShape {
    ListShape::for_client(|name| inbound.headers.get(name))
}
