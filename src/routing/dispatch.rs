//! One request through its candidates until one of them answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::catalog::Candidate;
use super::selection::Rotations;
use super::verdict::{self, Verdict};
use crate::config::Strategy;
use crate::provider::Failure;
use crate::session::bindings::{Bindings, Decision, Key, Names};

/// No new attempt is begun this long after a request came in (spec/routing.md D 43).
const ADMISSION_LIMIT: Duration = Duration::from_secs(600);

/// What survives a reload of the configuration.
#[derive(Debug, Default)]
pub struct State {
    pub bindings: Bindings,
    rotations: Rotations,
}

/// How candidates are chosen; part of the configuration.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policy {
    pub strategy: Strategy,
    /// How long a session stays bound without use; `None` when affinity is off.
    pub affinity: Option<Duration>,
}

/// One request, as far as routing is concerned.
#[derive(Debug)]
pub struct Order<'a> {
    /// In the order of the catalog: priority descending, id ascending.
    pub candidates: &'a [&'a Candidate],
    /// The base name of the model asked for.
    pub model: &'a str,
    pub session: Option<Names>,
    pub policy: Policy,
}

/// A request that has found its credential.
#[derive(Debug)]
pub struct Placed<'a, T> {
    pub candidate: &'a Candidate,
    pub decision: Decision,
    /// Upstream calls made, the successful one included.
    pub attempts: usize,
    pub answer: T,
    /// Keeps the session in use until the request is over.
    pub session: Option<InUse<'a>>,
}

/// A request that nobody could serve.
#[derive(Debug)]
pub struct Unserved {
    pub attempts: usize,
    /// How many credentials were themselves refused: 401, 402, 403.
    pub refused: usize,
    /// The failure most worth telling; `None` when no call was made.
    pub failure: Option<Failure>,
}

/// A session with a request under way.
#[derive(Debug)]
pub struct InUse<'a> {
    bindings: &'a Bindings,
    key: Key,
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        self.bindings.release(&self.key, Instant::now());
    }
}

impl State {
    /// Calls `attempt` with one candidate after another until it succeeds, the failure is final, or
    /// nobody is left.
    ///
    /// # Errors
    /// [`Unserved`] with the failure most worth telling.
    pub fn dispatch<'a, T>(
        &'a self,
        order: &Order<'a>,
        now: impl Fn() -> Instant,
        mut attempt: impl FnMut(&'a Candidate) -> Result<T, Failure>,
    ) -> Result<Placed<'a, T>, Unserved> {
        let admitted = now();
        let mut tried = vec![false; order.candidates.len()];
        let mut unserved = Unserved {
            attempts: 0,
            refused: 0,
            failure: None,
        };
        let mut session = None;
        while now().saturating_duration_since(admitted) < ADMISSION_LIMIT {
            let Some((index, decision)) = self.pick(order, &tried, now()) else {
                break;
            };
            let (Some(candidate), Some(tried)) =
                (order.candidates.get(index), tried.get_mut(index))
            else {
                break;
            };
            *tried = true;
            if let (None, Some(names), Some(_)) = (&session, order.session, order.policy.affinity) {
                self.bindings.hold(&names.primary);
                session = Some(InUse {
                    bindings: &self.bindings,
                    key: names.primary,
                });
            }
            unserved.attempts += 1;
            match attempt(candidate) {
                Ok(answer) => {
                    return Ok(Placed {
                        candidate,
                        decision,
                        attempts: unserved.attempts,
                        answer,
                        session,
                    });
                }
                Err(failure) => {
                    log::debug!(
                        "{}: attempt on {} failed: {failure}",
                        order.model,
                        candidate.credential.id
                    );
                    let verdict = verdict::of(&failure);
                    unserved.add(failure);
                    if verdict == Verdict::Stop {
                        break;
                    }
                }
            }
        }
        Err(unserved)
    }

    /// The next candidate to try, by its index, and how it was found.
    fn pick(&self, order: &Order<'_>, tried: &[bool], now: Instant) -> Option<(usize, Decision)> {
        let untried = || {
            order
                .candidates
                .iter()
                .zip(tried)
                .filter(|(_, tried)| !**tried)
                .map(|(candidate, _)| *candidate)
        };
        let choose = || -> Option<Arc<str>> {
            let tier = untried().next()?.priority();
            self.rotations.choose(
                order.policy.strategy,
                order.model,
                tier,
                untried()
                    .take_while(|candidate| candidate.priority() == tier)
                    .map(Candidate::id),
            )
        };
        let (id, decision) = match (order.session, order.policy.affinity) {
            (Some(names), Some(ttl)) => self.bindings.place(
                names,
                ttl,
                now,
                // A live binding outranks priority (D 4).
                |id| untried().any(|candidate| candidate.id().as_ref() == id),
                choose,
            )?,
            _ => (choose()?, Decision::Unbound),
        };
        let index = order
            .candidates
            .iter()
            .position(|candidate| *candidate.id() == id)?;
        Some((index, decision))
    }
}

impl Unserved {
    fn add(&mut self, failure: Failure) {
        if matches!(failure.status, Some(401..=403)) {
            self.refused += 1;
        }
        let better = self
            .failure
            .as_ref()
            .is_none_or(|known| verdict::rank(&failure) >= verdict::rank(known));
        if better {
            self.failure = Some(failure);
        }
    }
}
