//! Explains the routing of a request in one line of the debug log.

use std::fmt::Write;
use std::time::Instant;

use super::attempt_state::AttemptState;
use super::route_request::RouteRequest;
use super::router::Router;

/// The most candidates that are listed; more are counted.
const NAMED: usize = 32;

/// For example `m: a skipped (quota 12s), b failed (transient), c failover`.
pub fn line(
    router: &Router,
    request: &RouteRequest<'_>,
    attempt_state: &AttemptState,
    now: Instant,
) -> String {
    let mut line = format!("{}:", request.model);
    let candidates = request.candidates();
    for (index, candidate) in candidates.iter().enumerate().take(NAMED) {
        let separator = if index == 0 { "" } else { "," };
        // Writing into memory does not fail.
        let _ = write!(line, "{separator} {}", candidate.id());
        let picked = attempt_state.last.filter(|last| last.index == index);
        let what = match (picked, attempt_state.class(index)) {
            (Some(pick), None) => pick.decision.name().to_owned(),
            (_, Some(class)) => format!("failed ({})", class.name()),
            (None, None) if !request.serves(candidate) => "skipped (cannot serve it)".to_owned(),
            (None, None) => match router.block(candidate, now) {
                Some(block) => {
                    let left = block
                        .until
                        .map(|until| until.saturating_duration_since(now));
                    let left = left.map_or("until changed".to_owned(), |left| {
                        format!("{}s", left.as_secs_f64().ceil())
                    });
                    format!("skipped ({} {left})", block.class.name())
                }
                None if !attempt_state.is_open(index) => "skipped (host unreachable)".to_owned(),
                None => continue,
            },
        };
        let _ = write!(line, " {what}");
    }
    if candidates.len() > NAMED {
        let _ = write!(line, " and {} more", candidates.len() - NAMED);
    }
    line
}
