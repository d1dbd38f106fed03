//! One request through its candidates until one of them answers.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::{Mutex, MutexGuard};

use super::attempt_state::{AttemptState, Unreachable, same_way};
use super::catalog::{Candidate, UpstreamModel};
use super::credential_ids::CredentialIds;
use super::dispatch_error::{Availability, DispatchError};
use super::explain;
use super::retry_round;
use super::router::{RouteRequest, Router};
use super::serving::{Placed, Serving};
use crate::credential::UpstreamKind;
use crate::failure::{Class, Failure, FailureKind};
use crate::session::bindings::{self, Bindings, Copies, CredentialId};
use crate::session::name::{Client, Mark, Name};
use crate::session::names::Id;
use crate::session::store::{self, Moment};

/// No new attempt is begun this long after a request came in (spec/routing.md D 43).
pub const ADMISSION_LIMIT: Duration = Duration::from_secs(600);

/// Names of sessions copied at a time: some 0.1 ms.
const COPIED: usize = 512;

/// What survives a reload of the configuration.
#[derive(Debug)]
pub struct State {
    router: Mutex<Router>,
    pub credential_ids: CredentialIds,
    /// Requests that wait for somebody's recovery.
    waiting: AtomicUsize,
}

impl State {
    /// `names` bounds what is remembered of sessions, see [`bindings::NAMES`].
    pub fn new(names: NonZeroUsize, now: Instant) -> Self {
        let bindings = Bindings::new(bindings::CAPACITY, names, now);
        Self {
            router: Mutex::new(Router::new(bindings)),
            credential_ids: CredentialIds::default(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// What is remembered, for as long as `look` takes.
    pub fn with<T>(&self, look: impl FnOnce(&mut Router) -> T) -> T {
        look(&mut self.router.lock())
    }

    /// Forgets sessions that have not been used for `ttl`. Returns how many.
    pub fn sweep(&self, ttl: Duration, now: Instant) -> usize {
        self.router.lock().bindings.sweep(ttl, now)
    }

    /// Forgets what is known of credentials that are gone.
    pub fn retain(&self, exists: impl Fn(CredentialId) -> bool) {
        self.router.lock().retain(exists);
    }

    /// All sessions, as text. Requests are held up by no more than copying a few of them takes.
    pub fn sessions(&self, moment: Moment) -> String {
        let mut copies = Copies::default();
        loop {
            let router = self.router.lock();
            let has_more = router.bindings.copy(&mut copies, COPIED);
            // Whoever waits is next.
            MutexGuard::unlock_fair(router);
            if !has_more {
                break;
            }
        }
        store::write(
            copies,
            |credential_id| self.credential_ids.id(credential_id),
            moment,
        )
    }

    /// Takes up a session that a file has kept.
    pub fn restore(
        &self,
        client: Client,
        credential_id: CredentialId,
        used: Instant,
        names: &[(Name, Mark)],
    ) {
        let mut router = self.router.lock();
        router.bindings.restore(client, credential_id, used, names);
    }

    /// Calls `attempt` with one candidate after another until it succeeds, the failure is final, or
    /// nobody is left. `wait` waits, and says whether the client is still there.
    ///
    /// # Errors
    /// [`DispatchError`] with the failure most worth telling.
    pub fn dispatch<'a, T>(
        &'a self,
        request: RouteRequest<'a>,
        now: impl Fn() -> Instant,
        mut wait: impl FnMut(Duration) -> bool,
        mut attempt: impl FnMut(&'a Candidate, &'a UpstreamModel) -> Result<T, Failure>,
    ) -> Result<Placed<'a, T>, Box<DispatchError>> {
        let admitted = now();
        let is_late = || now().saturating_duration_since(admitted) >= ADMISSION_LIMIT;
        let mut attempt_state = AttemptState::new(request.candidates().len());
        let mut error = Box::new(DispatchError::default());
        let mut unreachable = Unreachable::default();
        // Also when an attempt panics.
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
                match attempt(candidate, upstream_model) {
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
                        let fault = crate::failure::classify(
                            &failure,
                            kind,
                            &upstream_model.name,
                            SystemTime::now(),
                        );
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
                        error.add(failure, &fault);
                        if !fault.class.moves_on() {
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

/// A session with a request under way that nobody serves yet.
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
    /// Too many are waiting already.
    NoRoom,
    ClientGone,
}

/// Leaves out the candidates behind the host that `candidate` could not reach.
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

impl DispatchError {
    fn client_gone(&mut self) {
        let failure = Failure::new(FailureKind::ClientGone, "the client has gone");
        let fault =
            crate::failure::classify(&failure, UpstreamKind::Compat, "", SystemTime::UNIX_EPOCH);
        debug_assert_eq!(fault.class, Class::ClientGone);
        self.add(failure, &fault);
    }
}

#[cfg(test)]
mod tests;
