//! Requests that an upstream answers, in the order of their processing: decode, parse, resolve references, find the model
//! and the session, try credentials until one answers, relay the answer, report.

pub mod access_log;
mod answer;
mod answer_storage;
mod attempt;
mod attempt_log;
pub mod context;
pub mod decoding;
mod error_answer;
mod filter;
mod forwarded;
pub mod gemini_cli;
pub mod hooks;
pub mod inbound;
mod keep_alive;
pub mod operation;
mod parsed_request;
pub mod payload_rules;
mod references;
pub mod request_log;
mod requested_model;
pub mod services;
mod session_key;
pub mod snapshot;
pub mod statistics;
pub mod stored_answers;

use std::cell::Cell;
use std::io::{self, Write};
use std::time::Instant;

use answer_storage::AnswerStorage;
use attempt::context::Attempt;
pub use context::Generation;
use context::ResponseSink;
use inbound::Inbound;
use keep_alive::KeepAlive;
pub use operation::Operation;
use parsed_request::ParsedRequest;
use requested_model::RequestedModel;
use statistics::AttemptStart;

use crate::logs;
use crate::provider::Action;
use crate::routing::{RouteRequest, Servers};
use crate::wire::Dialect;
use crate::wire::problem::Problem;

impl Generation<'_> {
    /// Answers the request.
    ///
    /// # Errors
    /// When the answer is incomplete: the client has disconnected, or the upstream's answer broke off.
    pub fn serve(&self, inbound: &mut Inbound, out: &mut dyn Write) -> io::Result<()> {
        match self.parse(inbound) {
            Ok(request) => match self.filter(inbound, &request) {
                Ok(()) => self.answer(inbound, &request, out),
                Err(problem) => self.refuse(&problem, out),
            },
            Err(problem) => self.refuse(&problem, out),
        }
    }

    /// Decodes and parses the request, and resolves its references.
    #[inline(never)]
    fn parse(&self, inbound: &mut Inbound) -> Result<ParsedRequest<'_>, Box<Problem>> {
        let services = self.services;
        inbound
            .decode(services.body_limit, &services.budget)
            .map_err(|error| error.problem())?;
        let routing = &self.snapshot.config.routing;
        let (headers, body) = (&inbound.headers, &inbound.body);
        let mut request = ParsedRequest::parse(&self.operation, headers, body, routing)?;
        if self.operation.dialect == Dialect::Responses {
            self.replace_references(inbound, &mut request)?;
        }
        Ok(request)
    }

    /// Tries credentials until one answers, and relays the answer.
    fn answer(
        &self,
        inbound: &mut Inbound,
        request: &ParsedRequest<'_>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let model = match self.requested_model(request) {
            Ok(model) => model,
            Err(problem) => return self.refuse(&problem, out),
        };
        let route_request = self.route_request(request, &model);
        let mut candidates = model.entry.candidates().iter();
        if !candidates.any(|candidate| route_request.serves(candidate))
            && let Some(problem) = &request.needs.error
        {
            return self.refuse(problem, out);
        }
        let headers: Vec<(&str, &str)> = inbound.headers.iter().collect();
        let is_recorded = self.is_recorded();
        let began = Cell::new(None);
        let keep_alive = KeepAlive::begin(self, inbound, request);
        let body = inbound.upstream_body();
        let placed = self.services.routing.dispatch(
            route_request,
            Instant::now,
            |time| self.waiter.pause(time),
            |candidate, upstream_model, has_free_peer| {
                began.set(is_recorded.then(AttemptStart::now));
                let attempt = Attempt {
                    generation: self,
                    candidate,
                    upstream_model,
                    has_free_peer,
                    request,
                    body,
                    headers: &headers,
                    // The configuration takes precedence over the client.
                    suffix: upstream_model.thinking.as_deref().or(model.suffix),
                    signatures: Cell::default(),
                    dropped: Cell::default(),
                };
                let opened = attempt.run();
                if let (Err(_), Some(began)) = (&opened, began.get()) {
                    self.record_attempt(candidate, upstream_model, began, None, true);
                }
                opened
            },
        );
        drop(headers);
        let storage = match &placed {
            Ok(placed) => {
                self.answer_storage(placed.candidate, placed.upstream_model, inbound, request)
            }
            Err(_) => AnswerStorage::None,
        };
        inbound.resolved = None;
        if placed.is_ok() && !logs::request_log::upstream::is_logged() {
            inbound.release_body();
        }
        let sink = ResponseSink {
            has_begun: keep_alive.is_some_and(KeepAlive::end),
            out,
        };
        let (outcome, answered) = match placed {
            Ok(placed) => {
                let (candidate, upstream_model) = (placed.candidate, placed.upstream_model);
                let (outcome, answered) =
                    self.relay(placed, inbound, request, storage, model.id, sink);
                if let Some(began) = began.get() {
                    let failed = outcome.status >= 400;
                    self.record_attempt(candidate, upstream_model, began, outcome.usage, failed);
                }
                (outcome, answered)
            }
            Err(error) => self.write_error(model.id, &error, inbound, request, sink),
        };
        if is_recorded {
            self.services.usage.request(outcome.status >= 400);
        }
        self.report(inbound, request, &outcome);
        answered
    }

    /// The input of routing.
    #[inline(never)]
    fn route_request<'r>(
        &self,
        request: &ParsedRequest<'_>,
        model: &'r RequestedModel<'r>,
    ) -> RouteRequest<'r> {
        RouteRequest {
            entry: &model.entry,
            model: model.id,
            servers: match request.needs.servers {
                // The stored answer is of another model, which this credential does not share.
                Servers::One(credential_id) if model.entry.position(credential_id).is_none() => {
                    Servers::Keepers
                }
                servers => servers,
            },
            key: self.session_key(request, model.id),
            parent: self.parent_key(request, model.id),
            policy: self.snapshot.policy,
            more_rounds: match request.stream {
                true => self.snapshot.config.bootstrap_retries,
                false => 0,
            },
            is_counting: self.operation.action == Action::Count,
        }
    }
}
