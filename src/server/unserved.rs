//! What a client hears when no upstream has answered its request.

use std::borrow::Cow;

use super::reply::Reply;
use crate::dialect::Dialect;
use crate::dialect::problem::{self, ErrorStatus, Problem, Unavailable};
use crate::provider::FailureKind;
use crate::routing::{Standstill, Unserved};

/// In logs: the client left before there was an answer. nginx's number.
pub const CLIENT_GONE: u16 = 499;

/// The answer; `None` when there is nobody left to hear it.
pub fn reply(dialect: Dialect, model: &str, unserved: &Unserved) -> Option<Reply> {
    let standstill = &unserved.standstill;
    let earliest = standstill.earliest.filter(|_| standstill.is_complete());
    let Some(failure) = &unserved.failure else {
        return Some(Reply::problem(dialect, &blocked(model, standstill)));
    };
    let is_quota = standstill.is_out_of_quota();
    // When to come back is when somebody can be asked again, whoever that will be.
    let retry_after = match is_quota {
        true => earliest.or(failure.retry_after),
        false => failure.retry_after,
    };
    let problem = match (failure.kind, failure.status) {
        (FailureKind::ClientGone, _) => return None,
        (FailureKind::Request, _) => Problem::invalid_request(&failure.message),
        // Our credentials are not the client's: passed on, it would log its own user out.
        (FailureKind::Status, Some(status)) if unserved.is_refusal() && !is_quota => Problem::new(
            ErrorStatus::UNAVAILABLE,
            format!(
                "the upstream refused {} of {} credentials tried for {model}, the last with {status}{}",
                unserved.refused,
                unserved.attempts,
                match standstill.blocked.is_empty() {
                    true => String::new(),
                    false => format!(" ({})", standstill.describe()),
                }
            ),
        )
        .with_retry_after(earliest),
        (FailureKind::Status, Some(status))
            if !unserved.is_refusal() && (is_final(status) || !is_quota || status == 429) =>
        {
            let status = ErrorStatus::from_upstream(status);
            let body = problem::from_upstream(
                dialect,
                status,
                &failure.body,
                failure.headers.get("content-type"),
            );
            let body = Cow::into_owned(body);
            return Some(Reply::refusal(status.code(), retry_after, body));
        }
        _ if is_quota => blocked(model, standstill),
        (FailureKind::Unsupported, _) => {
            Problem::new(ErrorStatus::NOT_IMPLEMENTED, &failure.message)
        }
        (FailureKind::Timeout, _) => Problem::upstream_timeout(failure),
        (FailureKind::Connect | FailureKind::Broken | FailureKind::Status, _) => {
            Problem::upstream_broken(failure)
        }
    };
    let problem = match problem.retry_after {
        None => problem.with_retry_after(retry_after),
        Some(_) => problem,
    };
    Some(Reply::problem(dialect, &problem))
}

/// Whether a status tells the client of its own request, however the others fared.
fn is_final(status: u16) -> bool {
    matches!(status, 400 | 404..=407 | 409..=428)
}

/// What there is to say when nobody could be asked, or only in vain.
fn blocked(model: &str, standstill: &Standstill) -> Problem {
    let providers: Vec<&str> = standstill.providers.iter().map(String::as_str).collect();
    if standstill.is_out_of_quota() {
        let only = match providers.as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        return Problem::cooling_down(model, only, standstill.earliest.unwrap_or_default());
    }
    if !standstill.is_complete() {
        return Problem::no_credential(Unavailable::NotFound, &providers, model);
    }
    let mut problem = Problem::no_credential(Unavailable::Blocked, &providers, model);
    problem.message = format!("{}; {}", problem.message, standstill.describe());
    problem.with_retry_after(standstill.earliest)
}
