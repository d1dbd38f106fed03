//! A request whose answer has begun, until the answer is complete.

use std::time::{Instant, SystemTime};

use super::attempt_state::{AttemptState, Pick};
use super::catalog::{Candidate, UpstreamModel};
use super::route_request::RouteRequest;
use super::state::State;
use crate::credential::UpstreamKind;
use crate::failure::{Failure, Headers, Windows};
use crate::session::decision::Decision;
use crate::session::name::Name;

/// A request that a candidate answers.
#[derive(Debug)]
pub struct Placed<'a, T> {
    pub candidate: &'a Candidate,
    pub upstream_model: &'a UpstreamModel,
    pub decision: Decision,
    /// Upstream calls made, including the successful one.
    pub attempts: usize,
    pub answer: T,
    /// Takes the outcome of the answer, and marks the session as in use until dropped.
    pub serving: Serving<'a>,
}

/// An answer in progress.
#[derive(Debug)]
pub struct Serving<'a> {
    state: &'a State,
    request: RouteRequest<'a>,
    attempt_state: AttemptState,
    pick: Pick,
    began: Instant,
}

impl<'a> Serving<'a> {
    pub(super) fn new(
        state: &'a State,
        request: RouteRequest<'a>,
        attempt_state: AttemptState,
        pick: Pick,
        began: Instant,
    ) -> Self {
        Self {
            state,
            request,
            attempt_state,
            pick,
            began,
        }
    }

    fn candidate(&self) -> Option<&'a Candidate> {
        self.request.candidates().get(self.pick.index)
    }

    /// Records the headers of the answer.
    pub fn heard(&self, headers: &Headers) {
        let Some(candidate) = self.candidate() else {
            return;
        };
        let kind = UpstreamKind::of(&candidate.credential.provider);
        if let Some(windows) = Windows::read(headers, kind, SystemTime::now()) {
            let now = Instant::now();
            self.state
                .with(|router| router.note(candidate.credential_id, windows, self.began, now));
        }
    }

    /// Records that the answer is complete.
    pub fn succeeded(&self) {
        let Some(candidate) = self.candidate().filter(|_| !self.request.is_counting) else {
            return;
        };
        if let Some(upstream_model) = candidate.upstream_models.get(self.pick.upstream_model) {
            self.state
                .with(|router| router.succeeded(candidate, upstream_model, self.began));
        }
    }

    /// Records that the answer broke off or ended in an error. It is too late for another credential, but health and
    /// session change as after any failure.
    pub fn failed(&mut self, failure: &Failure, now: Instant) {
        let Some(candidate) = self.candidate() else {
            return;
        };
        let Some(upstream_model) = candidate.upstream_models.get(self.pick.upstream_model) else {
            return;
        };
        let kind = UpstreamKind::of(&candidate.credential.provider);
        let fault =
            crate::failure::classify(failure, kind, &upstream_model.name, SystemTime::now());
        let (request, attempt_state, pick) = (&self.request, &mut self.attempt_state, self.pick);
        self.state
            .with(|router| router.failed(request, attempt_state, pick, &fault, now));
    }

    /// Adds a session name that the answer contains.
    pub fn add_name(&self, name: Name) {
        if let Some(id) = self.attempt_state.session {
            self.state.with(|router| router.bindings.add_name(id, name));
        }
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.attempt_state.session {
            self.state.with(|router| router.left(id, Instant::now()));
        }
    }
}
