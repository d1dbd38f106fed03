//! The error answer when no upstream has answered a request.

use std::io;
use std::time::{Duration, SystemTime};

use super::access_log::CLIENT_GONE;
use super::context::{Generation, Outcome, ResponseSink};
use super::inbound::Inbound;
use super::parsed_request::ParsedRequest;
use crate::failure::{Failure, FailureKind};
use crate::http::fixed::EVENT_STREAM;
use crate::http::head::{Framing, Head, HeadWriter};
use crate::http::reply::Reply;
use crate::relay::Chunks;
use crate::routing::{Availability, DispatchError};
use crate::session::decision::Decision;
use crate::time;
use crate::translate::responses::failure::{self, FailedAnswer};
use crate::wire::Dialect;
use crate::wire::problem::{self, Class, ErrorStatus, Problem, Unavailable};

/// An error for the client.
pub enum ErrorAnswer<'u> {
    /// An error of the gateway.
    Gateway(Problem),
    /// The error of an upstream.
    Upstream {
        status: ErrorStatus,
        retry_after: Option<Duration>,
        failure: &'u Failure,
    },
}

impl ErrorAnswer<'_> {
    pub fn status(&self, dialect: Dialect) -> u16 {
        match self {
            Self::Gateway(problem) => problem.status_in(dialect).code(),
            Self::Upstream { .. } => self.reply(dialect).status(),
        }
    }

    fn problem(&self, dialect: Dialect) -> Problem {
        match self {
            Self::Gateway(problem) => problem.clone(),
            Self::Upstream {
                status,
                retry_after,
                failure,
            } => {
                let kind = failure.headers.get("content-type");
                problem::read_upstream(dialect, *status, &failure.body, kind)
                    .with_retry_after(*retry_after)
            }
        }
    }

    /// Whether Codex handles the error only as an event of a stream. As a plain answer it treats any 400 as an invalid
    /// request, and any 429 except that of a ChatGPT plan as retryable (openai/codex, `codex-api`, `api_bridge.rs`).
    pub fn needs_stream_event(&self, dialect: Dialect) -> bool {
        let class = self.problem(dialect).class;
        matches!(class, Some(Class::ContextTooLong | Class::Unpaid))
    }

    /// The error as a whole answer.
    pub fn reply(&self, dialect: Dialect) -> Reply {
        match self {
            Self::Gateway(problem) => Reply::problem(dialect, problem),
            Self::Upstream {
                status,
                retry_after,
                failure,
            } => {
                let kind = failure.headers.get("content-type");
                let (status, body) =
                    problem::from_upstream(dialect, *status, &failure.body, kind, *retry_after);
                Reply::upstream_error(status.code(), *retry_after, body.into_owned())
            }
        }
    }

    /// The error as the only event of a stream.
    pub fn in_stream(&self, dialect: Dialect, model: &str, is_codex: bool) -> Vec<u8> {
        let problem = self.problem(dialect);
        match (dialect, is_codex) {
            (Dialect::Responses, true) => failure::event(
                &problem,
                FailedAnswer {
                    id: "",
                    model,
                    created: time::unix_now(),
                    sequence_number: 0,
                },
            ),
            _ => problem::render_in_stream(dialect, &problem, 0),
        }
    }
}

impl Generation<'_> {
    /// Writes the error answer.
    #[inline(never)]
    pub(super) fn write_error(
        &self,
        model: &str,
        error: &DispatchError,
        inbound: &Inbound,
        request: &ParsedRequest<'_>,
        sink: ResponseSink<'_>,
    ) -> (Outcome<'static>, io::Result<()>) {
        let dialect = self.operation.dialect;
        if let Some(failure) = &error.failure {
            self.set_failure(&failure.message);
        }
        let answer = error_answer(model, error);
        if let (None, Some(ErrorAnswer::Gateway(problem))) = (&error.failure, &answer) {
            self.set_failure(&problem.message);
        }
        let (status, answered) = match answer {
            Some(answer)
                if !sink.has_begun
                    && request.stream
                    && inbound.is_codex()
                    && answer.needs_stream_event(dialect) =>
            {
                let head = Head {
                    request_id: Some(self.access.id),
                    ..Head::new(200, EVENT_STREAM, Framing::Chunked)
                };
                let mut bytes = Vec::with_capacity(1024);
                head.write(&mut bytes, SystemTime::now(), []);
                let mut chunks = Chunks::new(HeadWriter::new(bytes, sink.out));
                chunks.put(&answer.in_stream(dialect, model, true));
                (answer.status(dialect), chunks.finish())
            }
            Some(answer) if sink.has_begun => {
                let (mut chunks, body) = match request.stream {
                    true => (
                        Chunks::kept_alive(sink.out, dialect),
                        answer.in_stream(dialect, model, inbound.is_codex()),
                    ),
                    false => (Chunks::new(sink.out), answer.reply(dialect).into_body()),
                };
                chunks.put(&body);
                (answer.status(dialect), chunks.finish())
            }
            Some(answer) => {
                let passed_on = error
                    .failure
                    .iter()
                    .flat_map(|failure| self.passed_on(&failure.headers));
                let reply = self.framed(answer.reply(dialect)).with_id(self.access.id);
                (
                    answer.status(dialect),
                    reply.write_with(sink.out, passed_on),
                )
            }
            None => (CLIENT_GONE, Err(io::ErrorKind::BrokenPipe.into())),
        };
        let outcome = Outcome {
            credential: None,
            decision: Decision::Unbound,
            attempts: error.attempts,
            status,
            usage: None,
        };
        (outcome, answered)
    }
}

/// Selects the error answer; `None` if the client has disconnected.
fn error_answer<'u>(model: &str, error: &'u DispatchError) -> Option<ErrorAnswer<'u>> {
    let availability = &error.availability;
    let earliest = availability.earliest.filter(|_| availability.is_complete());
    let Some(failure) = &error.failure else {
        return Some(ErrorAnswer::Gateway(blocked(model, availability)));
    };
    let is_quota = availability.is_out_of_quota();
    // After a quota failure, `Retry-After` is the time until any credential is available.
    let retry_after = match is_quota {
        true => earliest.or(failure.retry_after),
        false => failure.retry_after,
    };
    let problem = match (failure.kind, failure.status) {
        (FailureKind::ClientGone, _) => return None,
        (FailureKind::Request, _) => Problem::invalid_request(&failure.message),
        (FailureKind::NoToken { .. }, _) if !is_quota => {
            let why = format!(
                "no credential for {model} has a valid token: {}",
                failure.message
            );
            Problem::new(ErrorStatus::UNAVAILABLE, why).with_retry_after(earliest)
        }
        (FailureKind::Memory, _) => {
            Problem::new(ErrorStatus::UNAVAILABLE, failure.message.as_str())
                .with_retry_after(failure.retry_after)
        }
        // A 401 of the gateway's credential must not be passed on: clients would log their user out.
        (FailureKind::Status, Some(status)) if error.is_refusal() && !is_quota => {
            let why = format!(
                "the upstream refused {} of {} credentials tried for {model}, the last with {status}{}; the gateway's log says which",
                error.refused,
                error.attempts,
                match availability.blocked.is_empty() {
                    true => String::new(),
                    false => format!(" ({})", availability.describe()),
                }
            );
            let is_unpaid = error.class == Some(crate::failure::Class::Payment);
            Problem {
                class: is_unpaid.then_some(Class::Unpaid),
                ..Problem::new(ErrorStatus::UNAVAILABLE, why)
            }
            .with_retry_after(earliest)
        }
        (FailureKind::Status, Some(status))
            if !error.is_refusal() && (is_final(status) || !is_quota || status == 429) =>
        {
            return Some(ErrorAnswer::Upstream {
                status: ErrorStatus::from_upstream(status),
                retry_after,
                failure,
            });
        }
        _ if is_quota => blocked(model, availability),
        (FailureKind::Unsupported, _) => {
            Problem::new(ErrorStatus::NOT_IMPLEMENTED, &failure.message)
        }
        (FailureKind::Timeout, _) => Problem::upstream_timeout(failure),
        (
            FailureKind::Connect
            | FailureKind::Broken
            | FailureKind::Status
            | FailureKind::NoToken { .. },
            _,
        ) => Problem::upstream_broken(failure),
    };
    let problem = match problem.retry_after {
        None => problem.with_retry_after(retry_after),
        Some(_) => problem,
    };
    Some(ErrorAnswer::Gateway(problem))
}

/// Whether a status is about the request itself, so that it applies to every upstream.
fn is_final(status: u16) -> bool {
    matches!(status, 400 | 404..=407 | 409..=428)
}

/// The error if no credential was available, or all quotas are used up.
fn blocked(model: &str, availability: &Availability) -> Problem {
    let providers: Vec<&str> = availability.providers.iter().map(String::as_str).collect();
    if availability.is_out_of_quota() {
        let only = match providers.as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        return Problem::cooling_down(model, only, availability.earliest.unwrap_or_default());
    }
    if !availability.is_complete() {
        return Problem::no_credential(Unavailable::NotFound, &providers, model);
    }
    let mut problem = Problem::no_credential(Unavailable::Blocked, &providers, model);
    if availability.is_unpaid() {
        problem.class = Some(Class::Unpaid);
    }
    problem.message = format!("{}; {}", problem.message, availability.describe());
    problem.with_retry_after(availability.earliest)
}
