//! Calls a request's candidates one after another until one of them answers.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use super::attempt_state::{AttemptState, Unreachable, same_way};
use super::catalog::{Candidate, UpstreamModel};
use super::dispatch_error::{Availability, DispatchError};
use super::route_request::RouteRequest;
use super::serving::{Placed, Serving};
use super::state::State;
use super::{explain, retry_round};
use crate::credential::UpstreamKind;
use crate::failure::{Class, Failure, FailureKind, Verdict, classify};
use crate::session::names::Id;

/// No new attempt begins this long after the request was admitted, so that many credentials times a hanging
/// upstream cannot keep a client waiting without bound.
pub const ADMISSION_LIMIT: Duration = Duration::from_secs(600);

impl State {
    /// Calls `attempt` with one candidate after another until it succeeds, its failure is final, or no candidate is
    /// left. `wait` waits, and returns whether the client is still connected. `attempt` also gets a function that tells
    /// whether another credential could serve the request (`Router::has_free_peer`).
    ///
    /// # Errors
    /// [`DispatchError`] with the most informative failure.
    pub fn dispatch<'a, T>(
        &'a self,
        request: RouteRequest<'a>,
        now: impl Fn() -> Instant,
        mut wait: impl FnMut(Duration) -> bool,
        mut attempt: impl FnMut(
            &'a Candidate,
            &'a UpstreamModel,
            &dyn Fn() -> bool,
        ) -> Result<T, Failure>,
    ) -> Result<Placed<'a, T>, Box<DispatchError>> {
        let admitted = now();
        let is_late = || now().saturating_duration_since(admitted) >= ADMISSION_LIMIT;
        let mut attempt_state = AttemptState::new(request.candidates().len());
        let mut error = Box::new(DispatchError::default());
        let mut unreachable = Unreachable::default();
        // A guard, so that the session is left also if an attempt panics.
        let mut entered = Entered {
            state: self,
            session: None,
            now: &now,
        };
        let mut round = 0;
        'rounds: loop {
            while !is_late() {
                let began = now();
                let pick = self.router.lock().pick(&request, &mut attempt_state, began);
                entered.session = attempt_state.session;
                let Some((pick, candidate)) =
                    pick.and_then(|pick| Some((pick, request.candidates().get(pick.index)?)))
                else {
                    break;
                };
                let Some(upstream_model) = candidate.upstream_models.get(pick.upstream_model)
                else {
                    break;
                };
                error.attempts += 1;
                let has_free_peer = || {
                    let router = self.router.lock();
                    router.has_free_peer(&request, &attempt_state, pick.index, now())
                };
                match attempt(candidate, upstream_model, &has_free_peer) {
                    Ok(answer) => {
                        self.router
                            .lock()
                            .committed(&request, &attempt_state, pick, now());
                        entered.session = None;
                        self.explain(&request, &attempt_state, now());
                        return Ok(Placed {
                            candidate,
                            upstream_model,
                            decision: pick.decision,
                            attempts: error.attempts,
                            answer,
                            serving: Serving::new(self, request, attempt_state, pick, began),
                        });
                    }
                    Err(failure) => {
                        let kind = UpstreamKind::of(&candidate.credential.provider);
                        let fault =
                            classify(&failure, kind, &upstream_model.name, SystemTime::now());
                        let rules = &candidate.credential.error_rules;
                        let Verdict { fault, told } = Verdict::of(&failure, fault, rules);
                        log::debug!(
                            "{}: attempt on {} failed: {failure} ({})",
                            request.model,
                            candidate.id(),
                            fault.class.name()
                        );
                        self.router.lock().failed(
                            &request,
                            &mut attempt_state,
                            pick,
                            &fault,
                            now(),
                        );
                        if failure.kind == FailureKind::Connect
                            && unreachable.note(&candidate.credential)
                        {
                            close_same_way(&request, &mut attempt_state, candidate);
                        }
                        if told.class == Class::Quota && !request.policy.switch_project {
                            close_other_projects(&request, &mut attempt_state, candidate);
                        }
                        error.add(failure, &told);
                        if !told.class.moves_on() {
                            break 'rounds;
                        }
                    }
                }
            }
            round += 1;
            let pause = {
                let router = self.router.lock();
                retry_round::pause(&router, &request, &mut attempt_state, round, now())
            };
            let Some(pause) = pause.filter(|_| !is_late()) else {
                break;
            };
            match self.wait(&request, pause, &mut wait) {
                Waited::Enough => {}
                Waited::NoRoom => break,
                Waited::ClientGone => {
                    error.client_gone();
                    break;
                }
            }
        }
        self.explain(&request, &attempt_state, now());
        error.availability = Availability::of(&self.router.lock(), &request, now());
        Err(error)
    }

    fn wait(
        &self,
        request: &RouteRequest<'_>,
        pause: Duration,
        wait: &mut impl FnMut(Duration) -> bool,
    ) -> Waited {
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= request.policy.waiters {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return Waited::NoRoom;
        }
        let is_there = wait(pause);
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        match is_there {
            true => Waited::Enough,
            false => Waited::ClientGone,
        }
    }

    fn explain(&self, request: &RouteRequest<'_>, attempt_state: &AttemptState, now: Instant) {
        if log::log_enabled!(log::Level::Debug) {
            let line = explain::line(&self.router.lock(), request, attempt_state, now);
            log::debug!("{line}");
        }
    }
}

/// A session whose request no credential has answered yet. Ends the request when dropped.
struct Entered<'a, N: Fn() -> Instant> {
    state: &'a State,
    session: Option<Id>,
    now: &'a N,
}

impl<N: Fn() -> Instant> Drop for Entered<'_, N> {
    fn drop(&mut self) {
        if let Some(id) = self.session {
            self.state.router.lock().left(id, (self.now)());
        }
    }
}

enum Waited {
    Enough,
    /// Too many requests are waiting already.
    NoRoom,
    ClientGone,
}

/// Skips the candidates with the same host and proxy as `candidate`.
fn close_same_way(
    request: &RouteRequest<'_>,
    attempt_state: &mut AttemptState,
    candidate: &Candidate,
) {
    for (index, other) in request.candidates().iter().enumerate() {
        if same_way(&other.credential, &candidate.credential) {
            attempt_state.close(index);
        }
    }
}

/// Skips the other projects of the account of `candidate`.
fn close_other_projects(
    request: &RouteRequest<'_>,
    attempt_state: &mut AttemptState,
    candidate: &Candidate,
) {
    let file = |candidate: &Candidate| {
        let account = candidate.credential.account.as_ref()?;
        Some(std::sync::Arc::clone(&account.file))
    };
    let Some(own) = file(candidate) else { return };
    for (index, other) in request.candidates().iter().enumerate() {
        if other.id() != candidate.id() && file(other).as_ref() == Some(&own) {
            attempt_state.close(index);
        }
    }
}

impl DispatchError {
    fn client_gone(&mut self) {
        let failure = Failure::new(FailureKind::ClientGone, "the client has disconnected");
        let fault = classify(&failure, UpstreamKind::Compat, "", SystemTime::UNIX_EPOCH);
        debug_assert_eq!(fault.class, Class::ClientGone);
        self.add(failure, &fault);
    }
}

#[cfg(test)]
mod tests;
