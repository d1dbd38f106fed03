//! Serves requests: routes, client keys, bodies, answers.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::budget::Budget;
use crate::config::{self, Config, Problem as Finding, Secret};
use crate::credential::Credential;
use crate::exchange::{self, Admission, Head, Request, Waiter, Writer};
use crate::logs::request_id::RequestId;
use crate::logs::{self, Keep, PerSecond, Seen};
use crate::provider::{Settings, Upstream, Variables};
use crate::routing::State;
use crate::session::bindings::CredentialId;
use crate::stored::{Bounds, Store};
use crate::time::Timestamp;
use crate::usage::Statistics;
use crate::wire::Dialect;
use crate::wire::problem::{ErrorStatus, Problem};

use super::model_lists::ModelLists;
use super::saved_sessions::Written;
use crate::generation::access_log::Access;
use crate::generation::hooks::{Filter, Observer};
use crate::generation::inbound::Inbound;
use crate::generation::request_log::RequestLog;
use crate::generation::services::Services;
use crate::generation::snapshot::Snapshot;
use crate::generation::{Generation, Operation, gemini_cli, stored_answers};
use crate::http::admission::{self, Admitted};
use crate::http::client_key::{self, Client};
use crate::http::fixed;
use crate::http::models::{self, ListShape};
use crate::http::reply::Reply;
use crate::http::route::{self, Resolved, Route};

/// What the server found in the head of an admitted request.
pub struct Ticket {
    snapshot: Arc<Snapshot>,
    /// The client's key, if it presented one.
    client: Option<Secret>,
}

/// The options of a server.
pub struct ServerOptions {
    /// The environment with proxies and authorities.
    pub variables: Variables,
    /// The addresses that the gateway listens on.
    pub local: Vec<SocketAddr>,
    /// The folder for files of requests; created when it is needed.
    pub log_folder: Arc<Path>,
    /// The number of concurrent requests.
    pub workers: usize,
    /// The memory budget for bodies and answers.
    pub budget: Budget,
    /// Lists of models that are fetched; `None` if none are.
    pub lists: Option<ModelLists>,
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
    /// The addresses that the gateway listens on.
    local: Vec<SocketAddr>,
    pub(super) services: Services,
    workers: usize,
    /// Refused requests.
    refused: PerSecond,
    pub(super) written: Written,
    /// The folder for files of requests.
    log_folder: Arc<Path>,
    /// `commercial-mode` at startup, which a reload does not change.
    commercial: bool,
}

impl Server {
    pub fn new(config: Config, options: ServerOptions) -> Self {
        let ServerOptions {
            variables,
            local,
            log_folder,
            workers,
            budget,
            lists,
            filter,
            observer,
        } = options;
        client_key::log_client_access(&config, &local);
        let upstream = Upstream::new(Settings {
            workers,
            variables,
            ..Settings::default()
        });
        upstream.trust(config.ca_file.as_deref());
        let routing = State::new(config.routing.session_affinity_max_prefixes, Instant::now());
        let lists = lists.map(Arc::new);
        let listings = lists.as_ref().map(|lists| lists.listings());
        let (body_limit, commercial) = (config.limits.body, config.logs.commercial);
        let (snapshot, findings) = Snapshot::new(
            config,
            listings.as_ref(),
            &routing.credential_ids,
            Arc::clone(&log_folder),
            workers,
        );
        tell(&findings);
        Self {
            local,
            commercial,
            snapshot: ArcSwap::from_pointee(snapshot),
            changing: Mutex::default(),
            lists,
            log_folder,
            workers,
            services: Services {
                stored: Store::new(Bounds::within(budget.limit()), &budget),
                budget,
                routing,
                signatures: Arc::default(),
                upstream,
                body_limit,
                filter,
                observer,
                usage: Statistics::new(Timestamp::local),
            },
            refused: PerSecond::new(),
            written: Written::default(),
        }
    }

    /// Serves new requests with `config`; running requests keep their snapshot.
    pub fn reload(&self, mut config: Config) {
        let _changing = self.changing.lock();
        config.logs.commercial = self.commercial;
        client_key::keep_lost_keys(&mut config, &self.snapshot.load().config, &self.local);
        self.services.upstream.trust(config.ca_file.as_deref());
        let (snapshot, findings) = self.snapshot_of(config);
        tell(&findings);
        let snapshot = Arc::new(snapshot);
        let before = self.snapshot.swap(Arc::clone(&snapshot));
        self.compare(&before, &snapshot);
        let credentials = snapshot.catalog.credentials().iter();
        let present: HashSet<CredentialId> = credentials
            .map(|credential| self.services.routing.credential_ids.number(&credential.id))
            .collect();
        self.services
            .routing
            .retain(|credential_id| present.contains(&credential_id));
    }

    /// The snapshot of a configuration and the lists of models, with warnings.
    pub(super) fn snapshot_of(&self, config: Config) -> (Snapshot, Vec<Finding>) {
        let listings = self.lists.as_ref().map(|lists| lists.listings());
        Snapshot::new(
            config,
            listings.as_ref(),
            &self.services.routing.credential_ids,
            Arc::clone(&self.log_folder),
            self.workers,
        )
    }

    /// Logs added, removed and changed credentials, and updates routing.
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
                    let credential_id = self.services.routing.credential_ids.number(id);
                    let has_other_models = other.models != credential.models;
                    self.services
                        .routing
                        .with(|router| router.changed(credential_id, has_other_models));
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

    /// Decides about a request by its head: answers it if it needs no upstream, refuses it, or admits it.
    pub fn admit(&self, head: &Head, peer: SocketAddr) -> Admission<Ticket> {
        let snapshot = self.snapshot.load_full();
        let is_head = head.method == "HEAD";
        let admitted = admission::admit(
            &admission::Head {
                method: &head.method,
                target: &head.target,
                headers: head.headers.iter(),
                peer,
                local: &self.local,
            },
            &snapshot.client_auth,
        );
        let Admitted { route, client, .. } = match admitted {
            Ok(admitted) => admitted,
            Err(answer) => return self.local(head, peer, is_head, |_| *answer),
        };
        let may_ask_cli = || {
            let is_enabled = snapshot.config.google.cli_endpoint;
            gemini_cli::is_allowed(peer, &head.headers, is_enabled)
        };
        let is_stored = matches!(route, Route::Stored { .. });
        if is_stored
            || route.is_generation()
            || (matches!(route, Route::GeminiCli) && may_ask_cli())
        {
            let client = match client {
                Client::Anonymous => None,
                Client::Known(key) => Some(key.clone()),
            };
            return Admission::Serve(Ticket { snapshot, client });
        }
        self.local(head, peer, is_head, |inbound| {
            from_memory(&snapshot, inbound, &route)
        })
    }

    /// Answers a request by its head alone.
    fn local(
        &self,
        head: &Head,
        peer: SocketAddr,
        is_head: bool,
        reply: impl FnOnce(&Inbound) -> Reply,
    ) -> Admission<Ticket> {
        let inbound = Inbound::from_head(head.clone(), peer);
        let seen = Seen::new(Keep::Nothing, Arc::clone(&self.log_folder));
        let id = RequestId::fresh();
        let _entered = logs::current::enter(id, Keep::Nothing, &self.log_folder);
        let access = Access::new(id, seen);
        let reply = reply(&inbound).with_id(access.id);
        // Clients without a key can cause many of these.
        let told = match reply.status() {
            401 | 403 => self.refused.note(),
            _ => Some(1),
        };
        if let Some(count) = told {
            match (reply.failure(), count) {
                (Some(why), 1) => access.set_failure(why),
                (Some(why), _) => {
                    access.set_failure(&format!("{why} ({count} since the last line)"))
                }
                (None, _) => {}
            }
            access.close(&inbound, Some(reply.status()), true);
        }
        let reply = match is_head {
            true => reply.head_only(),
            false => reply,
        };
        Admission::Answer(reply.into_bytes())
    }

    /// The answer to a request that the edge refuses, in the dialect of its route if known.
    pub fn refuse(&self, status: u16, why: &str, head: Option<&Head>) -> Vec<u8> {
        let form = head.and_then(|head| match route::resolve(&head.method, &head.target) {
            Resolved::Serve { route, query } => {
                let dialect = route.dialect_for(|name| head.header(name));
                Some((dialect, route.answers_array(query)))
            }
            _ => None,
        });
        let (dialect, is_array) = form.unwrap_or((Dialect::Chat, false));
        let status = ErrorStatus::from_upstream(status);
        let problem = Problem {
            retry_after: (status == ErrorStatus::UNAVAILABLE).then_some(Duration::from_secs(1)),
            ..Problem::new(status, why)
        };
        let reply = Reply::problem(dialect, &problem);
        reply.in_array_if(is_array).into_bytes()
    }

    /// Answers an admitted request and logs it.
    ///
    /// # Errors
    /// When the answer is incomplete: the client disconnected, or the upstream interrupted it.
    pub fn serve(
        &self,
        ticket: Ticket,
        request: Request,
        client: Rc<dyn exchange::Client>,
    ) -> io::Result<()> {
        let Ticket {
            snapshot,
            client: key,
        } = ticket;
        let mut writer = Writer(Rc::clone(&client));
        let mut inbound = Inbound::of(request, client);
        let id = RequestId::fresh();
        let recording = RequestLog::begin(&snapshot, &inbound, id);
        let access = Access::new(id, recording.seen());
        let mut out = access.seen.tee(&mut writer);
        let answered = catch_unwind(AssertUnwindSafe(|| {
            let client = key.as_ref().map_or(Client::Anonymous, Client::Known);
            self.answer(&snapshot, client, &mut inbound, &access, &mut out)
        }));
        let answered = answered.unwrap_or_else(|_| {
            log::error!("a request handler panicked");
            Err(io::ErrorKind::Other.into())
        });
        let sent = access.seen.sent();
        access.close(&inbound, sent.status, answered.is_ok());
        recording.end(inbound, &access, sent);
        answered
    }

    fn answer(
        &self,
        snapshot: &Snapshot,
        client: Client<'_>,
        inbound: &mut Inbound,
        access: &Access,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let target = inbound.target.clone();
        let Resolved::Serve { route, query } = route::resolve(&inbound.method, &target) else {
            return Reply::fixed(fixed::NOT_FOUND).with_id(access.id).write(out);
        };
        if let Route::Stored { id, operation } = &route {
            let asked = stored_answers::StoredRequest {
                client,
                id,
                operation: *operation,
                query,
            };
            return self
                .services
                .serve_stored(snapshot, &asked, inbound, access, out);
        }
        if !route.is_generation() {
            let reply = from_memory(snapshot, inbound, &route);
            if let Some(why) = reply.failure() {
                access.set_failure(why);
            }
            return reply.with_id(access.id).write(out);
        }
        access.admit();
        let generation = Generation {
            services: &self.services,
            snapshot,
            client,
            access,
            operation: Operation::of(&route, query),
            waiter: match &inbound.client {
                Some(client) => Waiter::of(Rc::clone(client)),
                None => Waiter::alone(),
            },
        };
        generation.serve(inbound, out)
    }
}

fn tell(findings: &[Finding]) {
    for finding in findings {
        log::warn!("{finding}");
    }
}

/// Answers without an upstream. Not inlined, so that it does not enlarge the stack of each stream.
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
        | Route::InputTokens
        | Route::Stored { .. }
        | Route::Gemini { .. } => Reply::fixed(fixed::NOT_FOUND),
    }
}

fn shape(inbound: &Inbound) -> ListShape {
    ListShape::for_client(|name| inbound.headers.get(name))
}
