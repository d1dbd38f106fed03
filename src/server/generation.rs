//! Requests that an upstream answers: who serves, what goes out, what comes back.

use std::borrow::Cow;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use super::Server;
use super::attempt::Opening;
use super::client_key::Client;
use super::decoding;
use super::fixed::{EVENT_STREAM, RELAYED_JSON};
use super::head::{Framing, Head};
use super::inbound::Inbound;
use super::passthrough;
use super::query::Query;
use super::reply::Reply;
use super::report::Report;
use super::request_id::RequestId;
use super::route::{GeminiMethod, Route};
use super::snapshot::Snapshot;
use super::unserved;
use memchr::memmem;

use crate::dialect::Dialect;
use crate::dialect::model_name::ModelName;
use crate::dialect::problem::{self, Problem};
use crate::dialect::translate::Form;
use crate::dialect::usage::Usage;
use crate::json::Span;
use crate::provider::{Action, Headers, watch};
use crate::relay::{self, Ended, Opened, Relayed, Rename, Style};
use crate::routing::{Candidate, Order, Placed, Unserved};
use crate::session::bindings::{Decision, Key, Names};
use crate::session::identity::{self, Identity};
use crate::session::scan;

/// What a route asks of an upstream.
#[derive(Clone, Debug)]
pub struct Operation<'t> {
    pub dialect: Dialect,
    pub form: Form,
    pub action: Action,
    /// Gemini says the model, and whether it is to be a stream, in the path.
    path: Option<(Cow<'t, str>, bool)>,
    pub(super) alt: Option<Cow<'t, str>>,
}

impl<'t> Operation<'t> {
    pub fn of(route: &Route<'t>, query: Query<'t>) -> Self {
        let action = match route {
            Route::CountTokens
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
        }
    }
}

/// One request for an upstream, its client known.
pub struct Generation<'a> {
    pub server: &'a Server,
    pub snapshot: &'a Snapshot,
    pub client: Client<'a>,
    pub id: RequestId,
    pub operation: Operation<'a>,
}

/// A request that has been understood.
pub(super) struct Understood<'a> {
    /// As the client wrote it.
    pub model: Cow<'a, str>,
    pub model_span: Option<Span>,
    pub stream: bool,
    pub form: Form,
    identity: Identity,
}

/// What the report tells beside the request itself.
struct Told<'a> {
    credential: Option<&'a str>,
    decision: Decision,
    attempts: usize,
    status: u16,
    usage: Option<Usage>,
}

impl Generation<'_> {
    /// Answers the request.
    ///
    /// # Errors
    /// When the answer is not whole: the client has gone, or the upstream broke it off.
    pub fn serve(&self, mut inbound: Inbound, lane: &mut dyn Write) -> io::Result<()> {
        if let Err(problem) = self.decode(&mut inbound) {
            return self.refuse(&problem, lane);
        }
        let understood = match self.understand(&inbound) {
            Ok(understood) => understood,
            Err(problem) => return self.refuse(&problem, lane),
        };
        let client = inbound.client.clone();
        let _guard = watch::guard(Rc::new(move || client.is_gone()));
        self.route(&inbound, &understood, lane)
    }

    fn refuse(&self, problem: &Problem, lane: &mut dyn Write) -> io::Result<()> {
        log::info!(
            "{}: {}: {}",
            self.id,
            problem.status.code(),
            problem.message
        );
        Reply::problem(self.operation.dialect, problem)
            .with_id(self.id)
            .write(lane)
    }

    fn decode(&self, inbound: &mut Inbound) -> Result<(), Box<Problem>> {
        let codings: Vec<&str> = inbound
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-encoding"))
            .map(|(_, value)| value)
            .collect();
        if codings.is_empty() {
            return Ok(());
        }
        let codings = codings.join(",");
        let limit = self.server.body_limit;
        let body = std::mem::take(&mut inbound.body);
        let is_json = |body: &[u8]| scan::scan(body).is_ok();
        let decoded = decoding::decode(&codings, body, limit, is_json);
        inbound.body = decoded.map_err(|error| error.problem())?;
        Ok(())
    }

    /// The one pass over the body.
    fn understand<'b>(&'b self, inbound: &'b Inbound) -> Result<Understood<'b>, Box<Problem>> {
        let scan = scan::scan(&inbound.body).map_err(Problem::malformed_json)?;
        if !scan.is_object {
            let what = "Invalid request: the body is not a JSON object";
            return Err(Problem::invalid_request(what).into());
        }
        if let Some(name) = scan.duplicate {
            let what = format!("Invalid request: the body has more than one \"{name}\"");
            return Err(Problem::invalid_request(what).into());
        }
        let identity = identity::identify(|name| inbound.headers.get(name), &scan);
        let (model, stream) = match &self.operation.path {
            Some((model, stream)) => (Cow::Borrowed(model.as_ref()), *stream),
            None => {
                let field = scan.model.as_ref().ok_or_else(Problem::missing_model)?;
                let text = field.text.clone().ok_or_else(Problem::missing_model)?;
                (text, scan.streams())
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
            identity,
        })
    }

    /// Chat clients may send what is meant for Responses (spec/http.md 6.1).
    fn form(&self, body: &[u8]) -> Form {
        let has = |key: &str| memmem::find(body, key.as_bytes()).is_some();
        let is_usual_chat =
            self.operation.dialect == Dialect::Chat && self.operation.form == Form::Usual;
        if is_usual_chat && !has("\"messages\"") && (has("\"input\"") || has("\"instructions\"")) {
            return Form::ResponsesBody;
        }
        self.operation.form
    }

    fn route(
        &self,
        inbound: &Inbound,
        understood: &Understood<'_>,
        lane: &mut dyn Write,
    ) -> io::Result<()> {
        let name = ModelName::split(&understood.model);
        let catalog = &self.snapshot.catalog;
        let (base, all) = match catalog.candidates(name.base) {
            // An id may itself end in parentheses.
            [] => (name.full, catalog.candidates(name.full)),
            found => (name.base, found),
        };
        if all.is_empty() {
            return self.refuse(&Problem::unknown_model(&understood.model), lane);
        }
        let candidates: Vec<&Candidate> = all
            .iter()
            .filter(|candidate| self.can_serve(candidate.credential.dialect()))
            .collect();
        if candidates.is_empty() {
            return self.refuse(&Problem::compact_unsupported(), lane);
        }
        let suffix = name.suffix.filter(|_| base != name.full);

        let order = Order {
            candidates: &candidates,
            model: base,
            session: self.names(&understood.identity, base),
            policy: self.snapshot.policy,
        };
        let headers: Vec<(&str, &str)> = inbound.headers.iter().collect();
        let placed = self
            .server
            .routing
            .dispatch(&order, Instant::now, |candidate| {
                self.attempt(candidate, inbound, understood, suffix, &headers)
            });
        let (told, answered) = match placed {
            Ok(placed) => self.relay(placed, inbound, understood, lane),
            Err(unserved) => self.tell(base, &unserved, lane),
        };
        self.report(inbound, understood, &told);
        answered
    }

    /// Tells the client why nobody served it.
    fn tell(
        &self,
        model: &str,
        unserved: &Unserved,
        lane: &mut dyn Write,
    ) -> (Told<'static>, io::Result<()>) {
        let dialect = self.operation.dialect;
        let (status, answered) = match unserved::reply(dialect, model, unserved) {
            Some(reply) => {
                let passed_on = unserved
                    .failure
                    .iter()
                    .flat_map(|failure| self.passed_on(&failure.headers));
                let status = reply.status();
                (status, reply.with_id(self.id).write_with(lane, passed_on))
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

    /// The keys of the session's bindings, if the request belongs to one.
    fn names(&self, identity: &Identity, model: &str) -> Option<Names> {
        let client = match self.client {
            Client::Anonymous => "",
            Client::Known(key) => key.reveal(),
        };
        let key = |session: &String| Key::new(client, session, model);
        Some(Names {
            primary: identity.primary.as_ref().map(key)?,
            fallback: identity.fallback.as_ref().map(key),
        })
    }

    fn relay<'p>(
        &self,
        placed: Placed<'p, Opening>,
        inbound: &Inbound,
        understood: &Understood<'_>,
        lane: &mut dyn Write,
    ) -> (Told<'p>, io::Result<()>) {
        let keep_alive = self.snapshot.config.streaming_keepalive;
        let content_type = match self.wants_array() {
            true => RELAYED_JSON,
            false => EVENT_STREAM,
        };
        let relayed = match placed.answer {
            Opening::Same(Opened::Events(primed)) => {
                let head = Head::new(200, content_type, Framing::Chunked);
                let head = self.head(head, &primed.headers);
                let header = |name| inbound.headers.get(name);
                let style = Style {
                    framing: match self.wants_array() {
                        true => relay::Framing::Array,
                        false => relay::Framing::Events,
                    },
                    rename: rename(placed.candidate, understood),
                    keep_alive,
                    is_codex: problem::is_codex_client(header("user-agent"), header("originator")),
                };
                primed.pump(Prefixed::new(head, lane), style)
            }
            Opening::Same(Opened::Whole(whole)) => {
                let framing = whole.length().map_or(Framing::Chunked, Framing::Length);
                let head = Head::new(whole.status, RELAYED_JSON, framing);
                let head = self.head(head, &whole.headers);
                whole.pump(Prefixed::new(head, lane))
            }
            Opening::Crossed(crossing) => {
                let head = Head::new(200, content_type, Framing::Chunked);
                let head = self.head(head, crossing.headers());
                crossing.pump(Prefixed::new(head, lane), keep_alive)
            }
        };
        if let Some(failure) = &relayed.failure {
            log::warn!(
                "{}: {}: the answer did not end well: {failure}",
                self.id,
                placed.candidate.id()
            );
        }
        let told = Told {
            credential: Some(placed.candidate.id()),
            decision: placed.decision,
            attempts: placed.attempts,
            status: status(&relayed),
            usage: relayed.usage,
        };
        let answered = match relayed.is_whole {
            true => Ok(()),
            false => Err(io::ErrorKind::BrokenPipe.into()),
        };
        (told, answered)
    }

    /// Gemini's other framing of a stream.
    pub(super) fn wants_array(&self) -> bool {
        self.operation.dialect == Dialect::Gemini && self.operation.alt.as_deref() == Some("json")
    }

    fn head(&self, head: Head<'_>, upstream: &Headers) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1024);
        let head = Head {
            request_id: Some(self.id),
            ..head
        };
        head.write(&mut bytes, SystemTime::now(), self.passed_on(upstream));
        bytes
    }

    fn passed_on<'h>(&self, upstream: &'h Headers) -> Vec<(&'h str, &'h str)> {
        passthrough::passed_on(upstream.iter(), self.snapshot.config.passthrough_headers)
    }

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
        log::info!("{} {} {report}", self.id, inbound.peer);
        if let Some(observer) = &self.server.observer {
            observer(&report);
        }
    }
}

/// The model's two names, where the client calls it otherwise than the upstream.
pub(super) fn rename<'a>(
    candidate: &'a Candidate,
    understood: &'a Understood<'_>,
) -> Option<Rename<'a>> {
    (*candidate.upstream != *understood.model).then(|| Rename {
        upstream: &candidate.upstream,
        client: &understood.model,
    })
}

/// What the client got, as far as a number can say it.
fn status(relayed: &Relayed) -> u16 {
    match relayed.ended {
        Ended::Terminal => 200,
        Ended::ClientGone => unserved::CLIENT_GONE,
        Ended::NoTerminal | Ended::Broken | Ended::UpstreamError => relayed
            .failure
            .as_ref()
            .and_then(|failure| failure.status)
            .unwrap_or(502),
    }
}

/// A writer that sends a head together with the first bytes of the body: one write instead of two.
struct Prefixed<'a> {
    head: Vec<u8>,
    lane: &'a mut dyn Write,
}

impl<'a> Prefixed<'a> {
    fn new(head: Vec<u8>, lane: &'a mut dyn Write) -> Self {
        Self { head, lane }
    }
}

impl Write for Prefixed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.head.is_empty() {
            return self.lane.write(bytes);
        }
        let mut joined = std::mem::take(&mut self.head);
        joined.extend_from_slice(bytes);
        self.lane.write_all(&joined)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.head.is_empty() {
            let head = std::mem::take(&mut self.head);
            self.lane.write_all(&head)?;
        }
        self.lane.flush()
    }
}
