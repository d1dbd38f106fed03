//! Requests that an upstream answers: who serves, what goes out, what comes back.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, Write};
use std::sync::{Arc, LazyLock};
use std::time::{Instant, SystemTime};

use super::Server;
use super::access::Access;
use super::answering::Prefixed;
use super::carried::Carried;
use super::client_key::Client;
use super::fixed::EVENT_STREAM;
use super::head::{Framing, Head};
use super::inbound::Inbound;
use super::keeping::Keeping;
use super::models;
use super::passthrough;
use super::putting_in::Needs;
use super::query::Query;
use super::reply::Reply;
use super::report::Report;
use super::route::{GeminiMethod, Route};
use super::signs_of_life::Signs;
use super::snapshot::Snapshot;
use super::statistics::Began;
use super::unserved::{self, Words};
use memchr::memmem::{self, Finder};

use crate::config::AffinityMode;
use crate::dialect::Dialect;
use crate::dialect::model_name::ModelName;
use crate::dialect::problem::Problem;
use crate::dialect::translate::Form;
use crate::dialect::usage::Usage;
use crate::exchange::Waiter;
use crate::json::Span;
use crate::logs;
use crate::provider::{Action, Headers};
use crate::relay::{Chunks, Rename};
use crate::routing::{Member, Offer, Order, Servers, Unserved};
use crate::session::bindings::Key;
use crate::session::decision::Decision;
use crate::session::identity::{self, Identity};
use crate::session::name::{self, Name};
use crate::session::prefix::Prefix;
use crate::session::scan;

/// Stands for the newest model there is.
const AUTO: &str = "auto";

/// What a route asks of an upstream.
#[derive(Clone, Debug)]
pub struct Operation<'t> {
    pub dialect: Dialect,
    pub form: Form,
    pub action: Action<'static>,
    /// Gemini says the model, and whether it is to be a stream, in the path.
    path: Option<(Cow<'t, str>, bool)>,
    pub(super) alt: Option<Cow<'t, str>>,
    /// Whether a stream is to be one JSON array.
    is_array: bool,
}

impl<'t> Operation<'t> {
    pub fn of(route: &Route<'t>, query: Query<'t>) -> Self {
        let action = match route {
            Route::CountTokens
            | Route::InputTokens
            | Route::Gemini {
                method: GeminiMethod::CountTokens,
                ..
            } => Action::Count,
            Route::Compact => Action::Compact,
            _ => Action::Generate,
        };
        let path = match route {
            Route::Gemini { model, method } => Some((
                model.clone(),
                *method == GeminiMethod::StreamGenerateContent,
            )),
            _ => None,
        };
        Self {
            dialect: route.dialect(),
            form: match route {
                Route::Completions => Form::Completions,
                _ => Form::Usual,
            },
            action,
            path,
            alt: query.alt(),
            is_array: route.answers_array(query),
        }
    }

    /// Whether it is a stream by its route.
    pub(super) fn streams_by_path(&self) -> bool {
        self.path.as_ref().is_some_and(|(_, streams)| *streams)
    }
}

/// One request for an upstream, its client known.
pub struct Generation<'a> {
    pub server: &'a Server,
    pub snapshot: &'a Snapshot,
    pub client: Client<'a>,
    pub access: &'a Access,
    pub operation: Operation<'a>,
    /// Through which all waits for upstreams go.
    pub waiter: Waiter,
    /// What the attempt under way was given of what the client had dropped.
    pub(super) carried: Cell<Option<Arc<Carried>>>,
    /// What the attempt under way has left out of the request.
    pub(super) dropped: Cell<Vec<String>>,
}

/// A request that has been understood.
pub(super) struct Understood<'a> {
    /// As the client wrote it.
    pub model: Cow<'a, str>,
    pub model_span: Option<Span>,
    pub stream: bool,
    pub form: Form,
    pub identity: Identity,
    /// Whether its answer is to be kept (Responses).
    pub is_stored: bool,
    pub background: bool,
    /// The answer from which it goes on, if it says so.
    pub previous: Option<String>,
    pub needs: Needs,
    /// The beginnings of the conversation, where it is known by them.
    prefix: Prefix,
}

/// What the report tells beside the request itself.
pub(super) struct Told<'a> {
    pub credential: Option<&'a str>,
    pub decision: Decision,
    pub attempts: usize,
    pub status: u16,
    pub usage: Option<Usage>,
}

impl Generation<'_> {
    /// Answers the request.
    ///
    /// # Errors
    /// When the answer is not whole: the client has gone, or the upstream broke it off.
    pub fn serve(&self, inbound: &mut Inbound, out: &mut dyn Write) -> io::Result<()> {
        if let Err(error) = inbound.decode(self.server.body_limit, &self.server.budget) {
            return self.refuse(&error.problem(), out);
        }
        let mut understood = match self.understand(inbound) {
            Ok(understood) => understood,
            Err(problem) => return self.refuse(&problem, out),
        };
        if self.operation.dialect == Dialect::Responses
            && let Err(problem) = self.put_in(inbound, &mut understood)
        {
            return self.refuse(&problem, out);
        }
        self.route(inbound, &understood, out)
    }

    #[inline(never)]
    fn refuse(&self, problem: &Problem, out: &mut dyn Write) -> io::Result<()> {
        self.fails(&problem.message);
        self.framed(Reply::problem(self.operation.dialect, problem))
            .with_id(self.access.id)
            .write(out)
    }

    /// The one pass over the body.
    #[inline(never)]
    fn understand<'b>(&'b self, inbound: &Inbound) -> Result<Understood<'b>, Box<Problem>> {
        let scan = match self.wants_prefix(inbound) {
            true => scan::scan_with_turns(&inbound.body),
            false => scan::scan(&inbound.body),
        };
        let scan = scan.map_err(Problem::malformed_json)?;
        if !scan.is_object {
            let what = "Invalid request: the body is not a JSON object";
            return Err(Problem::invalid_request(what).into());
        }
        if let Some(name) = scan.duplicate {
            let what = format!("Invalid request: the body has more than one \"{name}\"");
            return Err(Problem::invalid_request(what).into());
        }
        if let Some(name) = scan.misspelt {
            let what = format!("Invalid request: the body has \"{name}\" in another spelling");
            return Err(Problem::invalid_request(what).into());
        }
        let identity = identity::identify(inbound.headers.iter(), &scan);
        let (model, stream) = match &self.operation.path {
            Some((model, stream)) => (Cow::Borrowed(model.as_ref()), *stream),
            None => {
                let field = scan.model.as_ref().ok_or_else(Problem::missing_model)?;
                let text = field.text.clone().ok_or_else(Problem::missing_model)?;
                // The body does not stay for as long as its answer.
                (Cow::Owned(text.into_owned()), scan.streams())
            }
        };
        if self.operation.action == Action::Compact && stream {
            return Err(Problem::compact_cannot_stream().into());
        }
        ModelName::parse(&model).map_err(|error| Problem {
            param: Some("model"),
            ..Problem::invalid_request(format!("Invalid model name: {error}"))
        })?;
        Ok(Understood {
            model,
            model_span: scan.model.map(|field| field.span),
            stream: stream && self.operation.action == Action::Generate,
            form: self.form(&inbound.body),
            is_stored: scan.store != Some(false),
            background: scan.background == Some(true),
            previous: None,
            needs: Needs::default(),
            prefix: match identity.is_named {
                true => Prefix::default(),
                false => scan.turns.prefix(),
            },
            identity,
        })
    }

    /// Whether the conversation may have to be known by its beginnings.
    fn wants_prefix(&self, inbound: &Inbound) -> bool {
        let config = &self.snapshot.config.routing;
        config.session_affinity
            && config.session_affinity_mode == AffinityMode::Prefix
            && !identity::is_named_by(inbound.headers.iter())
    }

    /// Chat clients may send what is meant for Responses (spec/http.md 6.1).
    fn form(&self, body: &[u8]) -> Form {
        static MESSAGES: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"messages\""));
        let has = |key: &str| memmem::find(body, key.as_bytes()).is_some();
        let is_usual_chat =
            self.operation.dialect == Dialect::Chat && self.operation.form == Form::Usual;
        if is_usual_chat
            && MESSAGES.find(body).is_none()
            && (has("\"input\"") || has("\"instructions\""))
        {
            return Form::ResponsesBody;
        }
        self.operation.form
    }

    fn route(
        &self,
        inbound: &mut Inbound,
        understood: &Understood<'_>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let name = ModelName::split(&understood.model);
        let catalog = &self.snapshot.catalog;
        let (base, offer) = match catalog.offer(name.base) {
            Some(offer) => (name.base, Some(offer)),
            None if name.base == AUTO => match self.newest() {
                Some((newest, offer)) => (newest, Some(offer)),
                None => (AUTO, None),
            },
            // An id may itself end in parentheses.
            None => (name.full, catalog.offer(name.full)),
        };
        let passed_on = match offer {
            Some(_) => None,
            None => catalog.passed_on(name.base),
        };
        let (base, offer) = match &passed_on {
            Some(passed_on) => (name.base, Some(&**passed_on)),
            None => (base, offer),
        };
        let Some(offer) = offer else {
            let near = models::nearest(&self.snapshot.listed, name.base);
            return self.refuse(&Problem::unknown_model(&understood.model, &near), out);
        };
        let config = &self.snapshot.config;
        let order = Order {
            offer,
            model: base,
            servers: match understood.needs.servers {
                // It was asked for another model then.
                Servers::One(holder) if offer.position(holder).is_none() => Servers::Keepers,
                servers => servers,
            },
            key: self.key(understood, base),
            parent: self.parent(understood, base),
            policy: self.snapshot.policy,
            more_rounds: match understood.stream {
                true => config.bootstrap_retries,
                false => 0,
            },
            is_counting: self.operation.action == Action::Count,
        };
        if !offer
            .candidates()
            .iter()
            .any(|candidate| order.serves(candidate))
            && let Some(problem) = &understood.needs.otherwise
        {
            return self.refuse(problem, out);
        }
        let suffix = name.suffix.filter(|_| base != name.full);
        let headers: Vec<(&str, &str)> = inbound.headers.iter().collect();
        let is_recorded = self.is_recorded();
        let began = Cell::new(None);
        let signs = Signs::begin(self, inbound, understood);
        let asked = &*inbound;
        let attempt = |candidate, member| {
            began.set(is_recorded.then(Began::now));
            let opened = self.attempt(candidate, member, asked, understood, suffix, &headers);
            if let (Err(_), Some(began)) = (&opened, began.get()) {
                self.record(candidate, member, began, None, true);
            }
            opened
        };
        let routing = &self.server.routing;
        let placed = routing.dispatch(order, Instant::now, |time| self.waiter.pause(time), attempt);
        drop(headers);
        let keeping = match &placed {
            Ok(placed) => self.keeping(placed.candidate, placed.member, inbound, understood),
            Err(_) => Keeping::Nobody,
        };
        inbound.put_in = None;
        if placed.is_ok() && !logs::request_log::upstream::is_logged() {
            inbound.release_body();
        }
        let way = Way {
            has_begun: signs.is_some_and(Signs::end),
            out,
        };
        let (told, answered) = match placed {
            Ok(placed) => {
                let (candidate, member) = (placed.candidate, placed.member);
                let (told, answered) = self.relay(placed, inbound, understood, keeping, base, way);
                if let Some(began) = began.get() {
                    self.record(candidate, member, began, told.usage, told.status >= 400);
                }
                (told, answered)
            }
            Err(unserved) => self.tell(base, &unserved, inbound, understood, way),
        };
        if is_recorded {
            self.server.usage.request(told.status >= 400);
        }
        self.report(inbound, understood, &told);
        answered
    }

    /// The newest model that somebody can serve now (spec/routing.md 1.1).
    #[inline(never)]
    fn newest(&self) -> Option<(&str, &Offer)> {
        let now = Instant::now();
        let offers = self.snapshot.catalog.offers();
        let usable = |offer: &Offer| {
            self.server.routing.with(|router| {
                let mut candidates = offer.candidates().iter();
                candidates.any(|candidate| router.block(candidate, now).is_none())
            })
        };
        offers
            .filter(|(_, offer)| offer.model.created.is_some() && usable(offer))
            .max_by_key(|(_, offer)| offer.model.created)
    }

    /// Tells the client why nobody served it.
    #[inline(never)]
    fn tell(
        &self,
        model: &str,
        unserved: &Unserved,
        inbound: &Inbound,
        understood: &Understood<'_>,
        way: Way<'_>,
    ) -> (Told<'static>, io::Result<()>) {
        let dialect = self.operation.dialect;
        if let Some(failure) = &unserved.failure {
            self.fails(&failure.message);
        }
        let words = unserved::words(model, unserved);
        if let (None, Some(Words::Ours(problem))) = (&unserved.failure, &words) {
            self.fails(&problem.message);
        }
        let (status, answered) = match words {
            Some(words)
                if !way.has_begun
                    && understood.stream
                    && inbound.is_codex()
                    && words.is_known_in_streams_only(dialect) =>
            {
                let head = Head {
                    request_id: Some(self.access.id),
                    ..Head::new(200, EVENT_STREAM, Framing::Chunked)
                };
                let mut bytes = Vec::with_capacity(1024);
                head.write(&mut bytes, SystemTime::now(), []);
                let mut chunks = Chunks::new(Prefixed::new(bytes, way.out));
                chunks.put(&words.in_stream(dialect, model, true));
                (words.status(dialect), chunks.finish())
            }
            Some(words) if way.has_begun => {
                let (mut chunks, body) = match understood.stream {
                    true => (
                        Chunks::kept_alive(way.out, dialect),
                        words.in_stream(dialect, model, inbound.is_codex()),
                    ),
                    false => (Chunks::new(way.out), words.reply(dialect).into_body()),
                };
                chunks.put(&body);
                (words.status(dialect), chunks.finish())
            }
            Some(words) => {
                let passed_on = unserved
                    .failure
                    .iter()
                    .flat_map(|failure| self.passed_on(&failure.headers));
                let reply = self.framed(words.reply(dialect)).with_id(self.access.id);
                (words.status(dialect), reply.write_with(way.out, passed_on))
            }
            None => (unserved::CLIENT_GONE, Err(io::ErrorKind::BrokenPipe.into())),
        };
        let told = Told {
            credential: None,
            decision: Decision::Unbound,
            attempts: unserved.attempts,
            status,
            usage: None,
        };
        (told, answered)
    }

    /// By what the request's session is found, if it belongs to one.
    #[inline(never)]
    fn key(&self, understood: &Understood<'_>, model: &str) -> Option<Key> {
        let Understood {
            identity, prefix, ..
        } = understood;
        let client = self.client_name();
        let name = |session: &str| Name::new(client, session, model);
        if prefix.is_empty() {
            let names: Vec<Name> = identity.names().map(name).collect();
            return (!names.is_empty()).then_some(Key {
                client: name::Client::new(client),
                names,
                prefix: None,
            });
        }
        let named = identity.previous_response.iter().chain(&identity.others);
        Some(Key {
            client: name::Client::new(client),
            names: named.map(|session| name(session)).collect(),
            prefix: Some((name(""), prefix.clone())),
        })
    }

    /// The session on whose credential this one is to start.
    fn parent(&self, understood: &Understood<'_>, model: &str) -> Option<Key> {
        let routing = &self.snapshot.config.routing;
        let parent = understood.identity.parent.as_deref()?;
        routing.session_affinity_subagents.then(|| Key {
            client: name::Client::new(self.client_name()),
            names: vec![Name::new(self.client_name(), parent, model)],
            prefix: None,
        })
    }

    pub(super) fn client_name(&self) -> &str {
        match self.client {
            Client::Anonymous => "",
            Client::Known(key) => key.reveal(),
        }
    }

    /// Whether a stream is to be one JSON array.
    pub(super) fn wants_array(&self) -> bool {
        self.operation.is_array
    }

    /// An error as an answer to this request: an element where the answer would have been an array.
    fn framed(&self, reply: Reply) -> Reply {
        reply.in_array_if(self.wants_array())
    }

    pub(super) fn passed_on<'h>(&self, upstream: &'h Headers) -> Vec<(&'h str, &'h str)> {
        passthrough::passed_on(upstream.iter(), self.snapshot.config.passthrough_headers)
    }

    #[inline(never)]
    fn report(&self, inbound: &Inbound, understood: &Understood<'_>, told: &Told<'_>) {
        let report = Report {
            dialect: self.operation.dialect,
            model: &understood.model,
            session: understood.identity.primary.as_deref(),
            credential: told.credential,
            decision: told.decision,
            attempts: told.attempts,
            status: told.status,
            usage: told.usage,
            elapsed: inbound.arrived.elapsed(),
        };
        self.access.tell(inbound, told.status, Some(&report));
        if let Some(observer) = &self.server.observer {
            observer(&report);
        }
    }
}

/// Where an answer goes.
pub(super) struct Way<'l> {
    pub out: &'l mut dyn Write,
    /// The client has the head of an answer already, and chunks.
    pub has_begun: bool,
}

/// The model's two names, where the client calls it otherwise than the upstream.
pub(super) fn rename<'a>(member: &'a Member, understood: &'a Understood<'_>) -> Option<Rename<'a>> {
    let client = told(member, understood);
    (*member.upstream != *client).then_some(Rename {
        upstream: &member.upstream,
        client,
    })
}

/// The model's name in answers.
pub(super) fn told<'a>(member: &'a Member, understood: &'a Understood<'_>) -> &'a str {
    member.alias.as_deref().unwrap_or(&understood.model)
}
