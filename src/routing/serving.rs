//! A request that has found its credential, until its answer is over.

use std::time::{Instant, SystemTime};

use super::catalog::{Candidate, Member};
use super::dispatch::State;
use super::router::Order;
use super::visit::{Pick, Visit};
use crate::provider::{Failure, Fault, Headers, Kind, Windows};
use crate::session::decision::Decision;
use crate::session::name::Name;

/// A request that has found its credential.
#[derive(Debug)]
pub struct Placed<'a, T> {
    pub candidate: &'a Candidate,
    pub member: &'a Member,
    pub decision: Decision,
    /// Upstream calls made, the successful one included.
    pub attempts: usize,
    pub answer: T,
    /// Takes what becomes of the answer, and keeps the session in use until then.
    pub serving: Serving<'a>,
}

/// An answer under way.
#[derive(Debug)]
pub struct Serving<'a> {
    state: &'a State,
    order: Order<'a>,
    visit: Visit,
    pick: Pick,
    began: Instant,
}

impl<'a> Serving<'a> {
    pub(super) fn new(
        state: &'a State,
        order: Order<'a>,
        visit: Visit,
        pick: Pick,
        began: Instant,
    ) -> Self {
        Self {
            state,
            order,
            visit,
            pick,
            began,
        }
    }

    fn candidate(&self) -> Option<&'a Candidate> {
        self.order.candidates().get(self.pick.index)
    }

    /// The answer's head has come.
    pub fn heard(&self, headers: &Headers) {
        let Some(candidate) = self.candidate() else {
            return;
        };
        let kind = Kind::of(&candidate.credential.provider);
        if let Some(windows) = Windows::read(headers, kind, SystemTime::now()) {
            let now = Instant::now();
            self.state
                .with(|router| router.note(candidate.holder, windows, self.began, now));
        }
    }

    /// The answer was whole.
    pub fn succeeded(&self) {
        let Some(candidate) = self.candidate().filter(|_| !self.order.is_counting) else {
            return;
        };
        if let Some(member) = candidate.members.get(self.pick.member) {
            self.state
                .with(|router| router.succeeded(candidate, member, self.began));
        }
    }

    /// The answer broke off, or ended in an error. It is too late for another credential, but this one and
    /// the session are treated as after any failure.
    pub fn failed(&mut self, failure: &Failure, now: Instant) {
        let Some(candidate) = self.candidate() else {
            return;
        };
        let Some(member) = candidate.members.get(self.pick.member) else {
            return;
        };
        let kind = Kind::of(&candidate.credential.provider);
        let fault = Fault::of(failure, kind, &member.upstream, SystemTime::now());
        let (order, visit, pick) = (&self.order, &mut self.visit, self.pick);
        self.state
            .with(|router| router.failed(order, visit, pick, &fault, now));
    }

    /// One more name of the session, which its answer has given it.
    pub fn add_name(&self, name: Name) {
        if let Some(id) = self.visit.session {
            self.state.with(|router| router.bindings.add_name(id, name));
        }
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.visit.session {
            self.state.with(|router| router.left(id, Instant::now()));
        }
    }
}
