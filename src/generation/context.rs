//! The context of one request for an upstream, which every step of serving it uses.

use std::io::{self, Write};
use std::time::{Duration, Instant, SystemTime};

use super::access_log::Access;
use super::hooks::Report;
use super::inbound::Inbound;
use super::operation::Operation;
use super::parsed_request::ParsedRequest;
use super::services::Services;
use super::snapshot::Snapshot;
use crate::budget::{Exhausted, Reservation};
use crate::exchange::Waiter;
use crate::failure::{Failure, FailureKind, Headers};
use crate::http::client_key::Client;
use crate::http::passthrough;
use crate::http::reply::Reply;
use crate::logs::mask;
use crate::redaction::Redaction;
use crate::session::decision::Decision;
use crate::wire::problem::{self, Problem};
use crate::wire::usage::Usage;

/// Pause between attempts to reserve memory.
const RETRY: Duration = Duration::from_millis(20);

/// One request for an upstream, with its client identified.
pub struct Generation<'a> {
    pub services: &'a Services,
    pub snapshot: &'a Snapshot,
    pub client: Client<'a>,
    pub access: &'a Access,
    pub operation: Operation<'a>,
    /// Waits for upstreams, and watches the client meanwhile.
    pub waiter: Waiter,
}

/// The destination of an answer.
pub(super) struct ResponseSink<'l> {
    pub out: &'l mut dyn Write,
    /// Whether the head and keep-alives have been sent, in chunks.
    pub has_begun: bool,
}

/// The outcome of a request.
pub(super) struct Outcome<'a> {
    pub credential: Option<&'a str>,
    pub decision: Decision,
    pub attempts: usize,
    pub status: u16,
    pub usage: Option<Usage>,
}

impl Generation<'_> {
    /// The client's key; empty for anonymous clients.
    pub(super) fn client_key(&self) -> &str {
        match self.client {
            Client::Anonymous => "",
            Client::Known(key) => key.reveal(),
        }
    }

    /// An error as the answer to this request: in an array if the successful answer would be one.
    pub(super) fn framed(&self, reply: Reply) -> Reply {
        reply.in_array_if(self.operation.is_array)
    }

    /// The upstream's headers that are passed on to the client.
    pub(super) fn passed_on<'h>(&self, upstream: &'h Headers) -> Vec<(&'h str, &'h str)> {
        passthrough::passed_on(upstream.iter(), self.snapshot.config.passthrough_headers)
    }

    /// Sets the error message for the request's line in the log.
    pub(super) fn set_failure(&self, why: &str) {
        self.access.set_failure(&self.without_client_key(why));
    }

    /// `text` for the log. Upstreams may repeat the client's key in error messages; for the client it is no secret.
    pub(super) fn without_client_key(&self, text: &str) -> String {
        let mut redaction = Redaction::default();
        mask::hide(&mut redaction, self.client_key());
        redaction.text(text).into_owned()
    }

    /// Answers with an error of the gateway.
    #[inline(never)]
    pub(super) fn refuse(&self, problem: &Problem, out: &mut dyn Write) -> io::Result<()> {
        self.set_failure(&problem.message);
        self.framed(Reply::problem(self.operation.dialect, problem))
            .with_id(self.access.id)
            .write(out)
    }

    /// Reports the outcome to the log and to the observer of an embedding program.
    #[inline(never)]
    pub(super) fn report(
        &self,
        inbound: &Inbound,
        request: &ParsedRequest<'_>,
        outcome: &Outcome<'_>,
    ) {
        let report = Report {
            dialect: self.operation.dialect,
            model: &request.model,
            session: request.identity.primary.as_deref(),
            credential: outcome.credential,
            decision: outcome.decision,
            attempts: outcome.attempts,
            status: outcome.status,
            usage: outcome.usage,
            elapsed: inbound.arrived.elapsed(),
        };
        self.access
            .write_line(inbound, outcome.status, Some(&report));
        if let Some(observer) = &self.services.observer {
            observer(&report);
        }
    }

    /// Reserves memory for a copy of the request. Waits for it up to `queue-timeout`, as for a worker.
    pub(super) fn reserve(&self, bytes: usize) -> Result<Reservation, Failure> {
        let budget = &self.services.budget;
        if bytes > budget.limit() {
            let problem = Problem::too_large_to_translate();
            let body = problem::render(self.operation.dialect, &problem);
            let now = SystemTime::now();
            return Err(Failure::of_status(
                problem.status.code(),
                Headers::default(),
                body,
                now,
            ));
        }
        let limit = Instant::now() + self.snapshot.config.limits.queue_timeout;
        loop {
            match budget.reserve(bytes) {
                Ok(reservation) => return Ok(reservation),
                Err(Exhausted) if Instant::now() >= limit => return Err(Failure::no_memory()),
                Err(Exhausted) if self.waiter.pause(RETRY) => {}
                Err(Exhausted) => {
                    let message = "the client has disconnected";
                    return Err(Failure::new(FailureKind::ClientGone, message));
                }
            }
        }
    }
}
