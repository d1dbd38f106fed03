//! One request through its candidates until one of them answers.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::{Mutex, MutexGuard};

use super::catalog::{Candidate, Member};
use super::explain;
use super::holders::Holders;
use super::rounds;
use super::router::{Order, Router};
use super::serving::{Placed, Serving};
use super::unserved::{Standstill, Unserved};
use super::visit::{Unreachable, Visit, same_way};
use crate::provider::{Class, Failure, FailureKind, Fault, Kind};
use crate::session::bindings::{self, Bindings, Copies, Holder};
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
    pub holders: Holders,
    /// Requests that wait for somebody's recovery.
    waiting: AtomicUsize,
}

impl State {
    /// `names` bounds what is remembered of sessions, see [`bindings::NAMES`].
    pub fn new(names: NonZeroUsize, now: Instant) -> Self {
        let bindings = Bindings::new(bindings::CAPACITY, names, now);
        Self {
            router: Mutex::new(Router::new(bindings)),
            holders: Holders::default(),
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
    pub fn retain(&self, exists: impl Fn(Holder) -> bool) {
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
        store::write(copies, |holder| self.holders.id(holder), moment)
    }

    /// Takes up a session that a file has kept.
    pub fn restore(&self, client: Client, holder: Holder, used: Instant, names: &[(Name, Mark)]) {
        let mut router = self.router.lock();
        router.bindings.restore(client, holder, used, names);
    }

    /// Calls `attempt` with one candidate after another until it succeeds, the failure is final, or
    /// nobody is left. `wait` waits, and says whether the client is still there.
    ///
    /// # Errors
    /// [`Unserved`] with the failure most worth telling.
    pub fn dispatch<'a, T>(
        &'a self,
        order: Order<'a>,
        now: impl Fn() -> Instant,
        mut wait: impl FnMut(Duration) -> bool,
        mut attempt: impl FnMut(&'a Candidate, &'a Member) -> Result<T, Failure>,
    ) -> Result<Placed<'a, T>, Box<Unserved>> {
        let admitted = now();
        let is_late = || now().saturating_duration_since(admitted) >= ADMISSION_LIMIT;
        let mut visit = Visit::new(order.candidates().len());
        let mut unserved = Box::new(Unserved::default());
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
                let pick = self.router.lock().pick(&order, &mut visit, began);
                entered.session = visit.session;
                let Some((pick, candidate)) =
                    pick.and_then(|pick| Some((pick, order.candidates().get(pick.index)?)))
                else {
                    break;
                };
                let Some(member) = candidate.members.get(pick.member) else {
                    break;
                };
                unserved.attempts += 1;
                match attempt(candidate, member) {
                    Ok(answer) => {
                        self.router.lock().committed(&order, &visit, pick, now());
                        entered.session = None;
                        self.explain(&order, &visit, now());
                        return Ok(Placed {
                            candidate,
                            member,
                            decision: pick.decision,
                            attempts: unserved.attempts,
                            answer,
                            serving: Serving::new(self, order, visit, pick, began),
                        });
                    }
                    Err(failure) => {
                        let kind = Kind::of(&candidate.credential.provider);
                        let fault = Fault::of(&failure, kind, &member.upstream, SystemTime::now());
                        log::debug!(
                            "{}: attempt on {} failed: {failure} ({})",
                            order.model,
                            candidate.id(),
                            fault.class.name()
                        );
                        self.router
                            .lock()
                            .failed(&order, &mut visit, pick, &fault, now());
                        if failure.kind == FailureKind::Connect
                            && unreachable.note(&candidate.credential)
                        {
                            close_same_way(&order, &mut visit, candidate);
                        }
                        unserved.add(failure, &fault);
                        if !fault.class.moves_on() {
                            break 'rounds;
                        }
                    }
                }
            }
            round += 1;
            let pause = {
                let router = self.router.lock();
                rounds::pause(&router, &order, &mut visit, round, now())
            };
            let Some(pause) = pause.filter(|_| !is_late()) else {
                break;
            };
            match self.wait(&order, pause, &mut wait) {
                Waited::Enough => {}
                Waited::NoRoom => break,
                Waited::ClientGone => {
                    unserved.client_gone();
                    break;
                }
            }
        }
        self.explain(&order, &visit, now());
        unserved.standstill = Standstill::of(&self.router.lock(), &order, now());
        Err(unserved)
    }

    fn wait(
        &self,
        order: &Order<'_>,
        pause: Duration,
        wait: &mut impl FnMut(Duration) -> bool,
    ) -> Waited {
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= order.policy.waiters {
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

    fn explain(&self, order: &Order<'_>, visit: &Visit, now: Instant) {
        if log::log_enabled!(log::Level::Debug) {
            let line = explain::line(&self.router.lock(), order, visit, now);
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
fn close_same_way(order: &Order<'_>, visit: &mut Visit, candidate: &Candidate) {
    for (index, other) in order.candidates().iter().enumerate() {
        if same_way(&other.credential, &candidate.credential) {
            visit.close(index);
        }
    }
}

impl Unserved {
    fn client_gone(&mut self) {
        let failure = Failure::new(FailureKind::ClientGone, "the client has gone");
        let fault = Fault::of(&failure, Kind::Compat, "", SystemTime::UNIX_EPOCH);
        debug_assert_eq!(fault.class, Class::ClientGone);
        self.add(failure, &fault);
    }
}

#[cfg(test)]
mod tests;
