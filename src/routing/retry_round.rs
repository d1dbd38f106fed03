//! Whether to try the candidates again, and after which pause.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use super::attempt_state::AttemptState;
use super::catalog::Candidate;
use super::route_request::RouteRequest;
use super::router::Router;
use crate::failure::Class;

/// The pause before a round in which a candidate is usable; it doubles with each round.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Requests that wait for the same credential wake at random times: up to a quarter of the wait later, at most this.
const SPREAD: Duration = Duration::from_secs(2);

/// Begins round `round`, counted from 1, and returns the pause before it; `None` if there is no further round. A
/// candidate takes part if its own `request-retry` allows and its last failure may be temporary.
pub fn pause(
    router: &Router,
    request: &RouteRequest<'_>,
    attempt_state: &mut AttemptState,
    round: u32,
    now: Instant,
) -> Option<Duration> {
    let admits = |index: usize, candidate: &Candidate| {
        let own = candidate.credential.request_retry;
        let rounds = own.unwrap_or(request.policy.request_retry);
        request.serves(candidate)
            && rounds.saturating_add(request.more_rounds) >= round
            && attempt_state.class(index).is_none_or(Class::may_pass)
    };
    let mut admitted = vec![false; request.candidates().len()];
    let mut is_ready = false;
    let mut earliest: Option<Instant> = None;
    for ((index, candidate), admitted) in request.candidates().iter().enumerate().zip(&mut admitted)
    {
        *admitted = admits(index, candidate);
        if !*admitted {
            continue;
        }
        match router.block(candidate, now) {
            None => is_ready = true,
            Some(block) if block.class.is_soft() => is_ready = true,
            Some(block) => {
                if let Some(until) = block.until
                    && earliest.is_none_or(|known| until < known)
                {
                    earliest = Some(until);
                }
            }
        }
    }
    let pause = match (is_ready, earliest) {
        (true, _) => {
            let doubled = FIRST_PAUSE.saturating_mul(1 << (round - 1).min(8));
            doubled.min(LONGEST_PAUSE)
        }
        (false, Some(until)) => {
            let most = request.policy.max_retry_interval;
            let needed = until.saturating_duration_since(now);
            if needed > most {
                return None;
            }
            let spread = (needed / 4).min(SPREAD).mul_f64(random());
            (needed + spread).min(most)
        }
        (false, None) => return None,
    };
    attempt_state.next_round(|index| admitted.get(index).copied().unwrap_or(false));
    Some(pause)
}

/// A random number between 0 and 1; good enough for jitter.
fn random() -> f64 {
    let bits = RandomState::new().hash_one(0) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}
