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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::provider::{FailureKind, Headers};
    use crate::routing::Catalog;

    /// Credentials `a` to `d` for model `m`, the last one of lower priority.
    fn catalog() -> Catalog {
        let text = "openai-compatibility:\n  - name: x\n    base-url: http://127.0.0.1:1/v1\n\
            \x20   models: [{name: m}]\n    api-key-entries: [{api-key: a}, {api-key: b}, {api-key: c}]\n\
            \x20 - name: y\n    base-url: http://127.0.0.1:1/v1\n    priority: -1\n\
            \x20   models: [{name: m}]\n    api-key-entries: [{api-key: d}]\n";
        let config = crate::config::load(text, "test").config.unwrap();
        Catalog::new(crate::credential::from_config(&config).0)
    }

    fn key(candidate: &Candidate) -> String {
        let key = candidate.credential.key.as_ref();
        key.map_or_else(String::new, |key| key.reveal().to_owned())
    }

    fn status(code: u16) -> Failure {
        Failure::of_status(
            code,
            Headers::default(),
            Vec::new(),
            std::time::SystemTime::now(),
        )
    }

    fn broken() -> Failure {
        Failure::new(FailureKind::Broken, "it broke")
    }

    fn names(session: &str) -> Option<Names> {
        Some(Names {
            primary: Key::new("", session, "m"),
            fallback: None,
        })
    }

    struct Setup {
        state: State,
        catalog: Catalog,
        policy: Policy,
    }

    impl Setup {
        fn new() -> Self {
            Self {
                state: State::default(),
                catalog: catalog(),
                policy: Policy {
                    affinity: Some(Duration::from_secs(3600)),
                    ..Policy::default()
                },
            }
        }

        /// Who was tried, in this order, and what came of it: the decision and the attempts.
        fn dispatch(
            &self,
            session: Option<Names>,
            outcome: impl Fn(&str) -> Result<(), Failure>,
        ) -> (Vec<String>, Result<(Decision, usize), Unserved>) {
            let candidates: Vec<&Candidate> = self.catalog.candidates("m").iter().collect();
            let order = Order {
                candidates: &candidates,
                model: "m",
                session,
                policy: self.policy,
            };
            let mut tried = Vec::new();
            let placed = self.state.dispatch(&order, Instant::now, |candidate| {
                tried.push(key(candidate));
                outcome(&key(candidate))
            });
            let placed = placed.map(|placed| (placed.decision, placed.attempts));
            (tried, placed)
        }
    }

    #[test]
    fn everyone_is_tried_once_and_the_best_tier_first() {
        let setup = Setup::new();
        let (mut tried, unserved) = setup.dispatch(None, |_| Err(broken()));
        let unserved = unserved.unwrap_err();
        assert_eq!((unserved.attempts, unserved.refused), (4, 0));
        assert_eq!(tried.pop().unwrap(), "d");
        tried.sort_unstable();
        assert_eq!(tried, ["a", "b", "c"]);
    }

    #[test]
    fn a_session_moves_with_the_failure_and_stays_where_it_got() {
        let setup = Setup::new();
        let (first, placed) = setup.dispatch(names("s"), |_| Ok(()));
        assert_eq!(placed.unwrap(), (Decision::New, 1));
        let (again, placed) = setup.dispatch(names("s"), |_| Ok(()));
        assert_eq!(
            (again, placed.unwrap()),
            (first.clone(), (Decision::Sticky, 1))
        );
        let fails = first[0].clone();
        let (tried, placed) = setup.dispatch(names("s"), |key| match key == fails {
            true => Err(status(500)),
            false => Ok(()),
        });
        assert_eq!((tried[0].as_str(), tried.len()), (fails.as_str(), 2));
        assert_eq!(placed.unwrap(), (Decision::Moved, 2));
        let (now, placed) = setup.dispatch(names("s"), |_| Ok(()));
        assert_eq!(
            (&now[0], placed.unwrap()),
            (&tried[1], (Decision::Sticky, 1))
        );
    }

    #[test]
    fn a_request_at_fault_is_tried_once() {
        for failure in [
            || status(400),
            || status(422),
            || Failure::new(FailureKind::ClientGone, "gone"),
            || Failure::new(FailureKind::Request, "no"),
        ] {
            let (tried, unserved) = Setup::new().dispatch(None, |_| Err(failure()));
            assert_eq!((tried.len(), unserved.unwrap_err().attempts), (1, 1));
        }
    }

    #[test]
    fn the_failure_most_worth_telling_is_told() {
        let (_, unserved) = Setup::new().dispatch(None, |key| {
            Err(match key {
                "a" => status(429),
                "b" => status(401),
                "c" => broken(),
                _ => status(503),
            })
        });
        let unserved = unserved.unwrap_err();
        assert_eq!(unserved.refused, 1);
        assert_eq!(unserved.failure.unwrap().status, Some(429));
    }

    #[test]
    fn nothing_is_begun_when_it_has_taken_too_long() {
        let setup = Setup::new();
        let candidates: Vec<&Candidate> = setup.catalog.candidates("m").iter().collect();
        let order = Order {
            candidates: &candidates,
            model: "m",
            session: None,
            policy: setup.policy,
        };
        let clock = Cell::new(Instant::now());
        let mut attempts = 0;
        let placed = setup.state.dispatch(
            &order,
            || clock.get(),
            |_| {
                attempts += 1;
                clock.set(clock.get() + ADMISSION_LIMIT / 2);
                Err::<(), _>(broken())
            },
        );
        assert_eq!(placed.unwrap_err().attempts, 2);
        assert_eq!(attempts, 2);
    }

    #[test]
    fn a_session_in_use_outlives_its_time() {
        let setup = Setup::new();
        let ttl = Duration::from_secs(60);
        let candidates: Vec<&Candidate> = setup.catalog.candidates("m").iter().collect();
        let order = Order {
            candidates: &candidates,
            model: "m",
            session: names("s"),
            policy: setup.policy,
        };
        let placed = setup.state.dispatch(&order, Instant::now, |_| Ok(()));
        let placed = placed.unwrap();
        let later = Instant::now() + 2 * ttl;
        assert_eq!(setup.state.bindings.sweep(ttl, later), 0);
        drop(placed);
        assert_eq!(setup.state.bindings.sweep(ttl, later), 1);
    }
}
