//! What a client hears when no upstream has answered its request.

use std::borrow::Cow;

use super::reply::Reply;
use crate::dialect::Dialect;
use crate::dialect::problem::{self, ErrorStatus, Problem, Unavailable};
use crate::provider::FailureKind;
use crate::routing::Unserved;

/// In logs: the client left before there was an answer. nginx's number.
pub const CLIENT_GONE: u16 = 499;

/// The answer; `None` when there is nobody left to hear it.
pub fn reply(dialect: Dialect, model: &str, unserved: &Unserved) -> Option<Reply> {
    let Some(failure) = &unserved.failure else {
        let problem = Problem::no_credential(Unavailable::NotFound, &[], model);
        return Some(Reply::problem(dialect, &problem));
    };
    let problem = match (failure.kind, failure.status) {
        (FailureKind::ClientGone, _) => return None,
        // Our credentials are not the client's: passed on, it would log its own user out.
        (FailureKind::Status, Some(status @ 401..=403)) => Problem::new(
            ErrorStatus::UNAVAILABLE,
            format!(
                "the upstream refused {} of {} credentials tried for {model}, the last with {status}",
                unserved.refused, unserved.attempts
            ),
        ),
        (FailureKind::Status, Some(status)) => {
            let status = ErrorStatus::from_upstream(status);
            let body = problem::from_upstream(
                dialect,
                status,
                &failure.body,
                failure.headers.get("content-type"),
            );
            let body = Cow::into_owned(body);
            return Some(Reply::refusal(status.code(), failure.retry_after, body));
        }
        (FailureKind::Request, _) => Problem::invalid_request(&failure.message),
        (FailureKind::Unsupported, _) => {
            Problem::new(ErrorStatus::NOT_IMPLEMENTED, &failure.message)
        }
        (FailureKind::Timeout, _) => Problem::upstream_timeout(failure),
        (FailureKind::Connect | FailureKind::Broken | FailureKind::Status, _) => {
            Problem::upstream_broken(failure)
        }
    };
    Some(Reply::problem(
        dialect,
        &problem.with_retry_after(failure.retry_after),
    ))
}
