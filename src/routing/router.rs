//! Picks the candidate for each attempt and applies outcomes to sessions and health. No I/O and no clock: the time is
//! an argument.

use std::time::{Duration, Instant};

use super::attempt_state::{AttemptState, Pick};
use super::catalog::{Candidate, UpstreamModel};
use super::health::{Block, Health};
use super::rotations::Rotations;
use super::route_request::{Policy, RouteRequest};
use crate::config::Strategy;
use crate::failure::{Class, Fault, Pause, Windows};
use crate::session::bindings::{Binding, Bindings, CredentialId, Key, Known};
use crate::session::decision::Decision;
use crate::session::names::Id;

/// A branch of a conversation goes to the credential that has its beginning in the cache, unless that credential has
/// this many more sessions than the least loaded one (for a request that is shared completely).
const BRANCH_SLACK: f64 = 3.0;

/// A credential that already has part of a new session's prompt in its cache.
#[derive(Clone, Copy, Debug)]
pub struct Near {
    pub credential_id: CredentialId,
    /// How many more sessions than elsewhere are acceptable there.
    pub slack: f64,
}

/// The state of routing.
#[derive(Debug)]
pub struct Router {
    pub(super) bindings: Bindings,
    pub(super) health: Health,
    pub(super) rotations: Rotations,
}

impl Router {
    pub fn new(bindings: Bindings) -> Self {
        Self {
            bindings,
            health: Health::default(),
            rotations: Rotations::default(),
        }
    }

    /// The next attempt, if there is one.
    pub fn pick(
        &mut self,
        request: &RouteRequest<'_>,
        attempt_state: &mut AttemptState,
        now: Instant,
    ) -> Option<Pick> {
        if let Some(again) = self.next_of_pool(request, attempt_state, now) {
            return Some(again);
        }
        let most = request.policy.max_retry_credentials;
        if most > 0 && attempt_state.called() >= most {
            return None;
        }
        let (index, decision) = match (&request.key, request.policy.affinity) {
            (Some(key), Some(ttl)) => match attempt_state.session {
                None => self.enter(request, key, ttl, attempt_state, now)?,
                Some(id) => self.bound(request, id, attempt_state, now)?,
            },
            _ => (
                self.unbound(request, attempt_state, now)?,
                Decision::Unbound,
            ),
        };
        let candidate = request.candidates().get(index)?;
        let upstream_model = self
            .upstream_model(candidate, index, request, attempt_state, now)
            .or_else(|| attempt_state.untried_model(index, candidate))?;
        let pick = Pick {
            index,
            upstream_model,
            decision,
        };
        attempt_state.begin(pick);
        Some(pick)
    }

    /// The rest of a pool comes before other credentials.
    fn next_of_pool(
        &self,
        request: &RouteRequest<'_>,
        attempt_state: &mut AttemptState,
        now: Instant,
    ) -> Option<Pick> {
        let last = attempt_state.last?;
        let candidate = request.candidates().get(last.index)?;
        if candidate.upstream_models.len() < 2 || !attempt_state.is_open(last.index) {
            return None;
        }
        let upstream_model = self.usable_model(candidate, last.index, attempt_state, now)?;
        let pick = Pick {
            upstream_model,
            ..last
        };
        attempt_state.begin(pick);
        Some(pick)
    }

    /// Looks up the request's session and picks its candidate.
    fn enter(
        &mut self,
        request: &RouteRequest<'_>,
        key: &Key,
        ttl: Duration,
        attempt_state: &mut AttemptState,
        now: Instant,
    ) -> Option<(usize, Decision)> {
        let near = match self.bindings.find(key, ttl, now) {
            Known::Bound(id) => {
                self.bindings.attach(id, key);
                self.bindings
                    .change(id, now, |binding| binding.in_flight += 1);
                attempt_state.session = Some(id);
                return self.bound(request, id, attempt_state, now);
            }
            Known::Branch { from, share } => {
                let from = self.bindings.get(from);
                from.and_then(|binding| binding.serving())
                    .map(|credential_id| Near {
                        credential_id,
                        slack: BRANCH_SLACK * share,
                    })
            }
            Known::Nothing => self.near_parent(request, ttl, now),
        };
        let index = self
            .place(request, attempt_state, near, now)
            .or_else(|| self.last_resort(request, attempt_state, now))?;
        let credential_id = request.candidates().get(index)?.credential_id;
        let id = self.bindings.insert(key.client, credential_id, now);
        self.bindings.attach(id, key);
        self.bindings
            .change(id, now, |binding| binding.in_flight = 1);
        attempt_state.session = Some(id);
        Some((index, Decision::New))
    }

    fn near_parent(
        &mut self,
        request: &RouteRequest<'_>,
        ttl: Duration,
        now: Instant,
    ) -> Option<Near> {
        let parent = request.parent.as_ref()?;
        let Known::Bound(id) = self.bindings.find(parent, ttl, now) else {
            return None;
        };
        let credential_id = self.bindings.get(id)?.serving()?;
        Some(Near {
            credential_id,
            slack: f64::INFINITY,
        })
    }

    /// Picks the candidate for a known session: its primary credential if usable, else its standby, else another one,
    /// which becomes the standby.
    fn bound(
        &mut self,
        request: &RouteRequest<'_>,
        id: Id,
        attempt_state: &mut AttemptState,
        now: Instant,
    ) -> Option<(usize, Decision)> {
        let binding = self.bindings.get(id)?;
        let (primary, temporary) = (binding.primary, binding.temporary);
        let at = |credential_id: Option<CredentialId>| request.entry.position(credential_id?);
        if let Some(index) = at(primary)
            && self.is_free(request, attempt_state, index, now)
        {
            if request.policy.failback
                && let Some(better) = self.place_above(request, attempt_state, index, now)
            {
                let credential_id = request.candidates().get(better)?.credential_id;
                self.bindings.change(id, now, |binding| {
                    binding.primary = Some(credential_id);
                    binding.temporary = None;
                });
                return Some((better, Decision::Moved));
            }
            // The standby is dropped once the primary has answered.
            let decision = match temporary {
                None => Decision::Sticky,
                Some(_) => Decision::Returned,
            };
            return Some((index, decision));
        }
        if let Some(index) = at(temporary)
            && self.is_free(request, attempt_state, index, now)
        {
            return Some((index, Decision::Failover));
        }
        let index = self
            .place(request, attempt_state, None, now)
            .or_else(|| self.last_resort(request, attempt_state, now))?;
        let credential_id = Some(request.candidates().get(index)?.credential_id);
        if credential_id == primary {
            return Some((index, Decision::Sticky));
        }
        if request.is_counting {
            return Some((index, Decision::Failover));
        }
        self.bindings
            .change(id, now, |binding| match binding.primary {
                None => binding.primary = credential_id,
                Some(_) => binding.temporary = credential_id,
            });
        let decision = match primary {
            None => Decision::Moved,
            Some(_) => Decision::Failover,
        };
        Some((index, decision))
    }

    /// Whether another credential of the same priority as that of the candidate at `index` could serve the request now. None
    /// that has failed in this request could.
    pub(super) fn has_free_peer(
        &self,
        request: &RouteRequest<'_>,
        attempt_state: &AttemptState,
        index: usize,
        now: Instant,
    ) -> bool {
        let candidates = request.candidates();
        let Some(own) = candidates.get(index) else {
            return false;
        };
        let mut peers = (0..).zip(candidates).filter(|(_, peer)| {
            peer.credential_id != own.credential_id
                && peer.credential.priority == own.credential.priority
        });
        peers.any(|(peer, _)| {
            attempt_state.class(peer).is_none() && self.is_free(request, attempt_state, peer, now)
        })
    }

    pub(super) fn is_free(
        &self,
        request: &RouteRequest<'_>,
        attempt_state: &AttemptState,
        index: usize,
        now: Instant,
    ) -> bool {
        let Some(candidate) = request.candidates().get(index) else {
            return false;
        };
        if !attempt_state.is_open(index) || !request.serves(candidate) {
            return false;
        }
        if request.policy.strategy == Strategy::WeightedRoundRobin
            && candidate.credential.weight == 0
        {
            return false;
        }
        if candidate.upstream_models.len() == 1
            && self.health.is_unblemished(candidate.credential_id)
        {
            return true;
        }
        self.usable_model(candidate, index, attempt_state, now)
            .is_some()
    }

    /// The first upstream model, in this request's order, that is not blocked.
    fn usable_model(
        &self,
        candidate: &Candidate,
        index: usize,
        attempt_state: &AttemptState,
        now: Instant,
    ) -> Option<usize> {
        attempt_state
            .untried_models(index, candidate)
            .find(|(_, upstream_model)| {
                let block = self
                    .health
                    .block(candidate.credential_id, &upstream_model.name, now);
                block.is_none()
            })
            .map(|(at, _)| at)
    }

    /// The first upstream model to try: the pool's next one.
    fn upstream_model(
        &mut self,
        candidate: &Candidate,
        index: usize,
        request: &RouteRequest<'_>,
        attempt_state: &mut AttemptState,
        now: Instant,
    ) -> Option<usize> {
        if candidate.upstream_models.len() > 1 && !attempt_state.has_started(index) {
            let size = candidate.upstream_models.len();
            let start = self.rotations.pool(candidate.id(), request.model, size);
            attempt_state.start_pool(index, start);
        }
        self.usable_model(candidate, index, attempt_state, now)
    }

    /// Records that the picked candidate has begun to answer.
    pub fn committed(
        &mut self,
        request: &RouteRequest<'_>,
        attempt_state: &AttemptState,
        pick: Pick,
        now: Instant,
    ) {
        let Some((id, candidate)) = attempt_state
            .session
            .zip(request.candidates().get(pick.index))
        else {
            return;
        };
        let credential_id = Some(candidate.credential_id);
        let Some(binding) = self.bindings.get(id) else {
            return;
        };
        if binding.primary == credential_id && binding.temporary.is_none() {
            return self.bindings.confirm(id);
        }
        let is_lost =
            binding.temporary == credential_id && self.is_lost(request, binding.primary, now);
        self.bindings.change(id, now, |binding| {
            if binding.primary == credential_id {
                binding.is_confirmed = true;
                binding.temporary = None;
            } else if is_lost {
                binding.is_confirmed = true;
                binding.primary = binding.temporary.take();
            }
        });
    }

    /// Whether a session should give up its primary: it was removed, an operator has to fix it, or its block outlasts
    /// the session's lifetime, so that its cache will be cold.
    fn is_lost(
        &self,
        request: &RouteRequest<'_>,
        primary: Option<CredentialId>,
        now: Instant,
    ) -> bool {
        let Some(candidate) = primary
            .and_then(|credential_id| request.entry.position(credential_id))
            .and_then(|index| request.candidates().get(index))
        else {
            return true;
        };
        let ttl = request.policy.affinity.unwrap_or_default();
        let blocks = candidate.upstream_models.iter().map(|upstream_model| {
            self.health
                .block(candidate.credential_id, &upstream_model.name, now)
        });
        blocks
            .into_iter()
            .all(|block| block.is_some_and(|b| b.class.is_terminal() || b.outlasts(ttl, now)))
    }

    /// Records that the picked candidate has failed, before or during its answer.
    pub fn failed(
        &mut self,
        request: &RouteRequest<'_>,
        attempt_state: &mut AttemptState,
        pick: Pick,
        fault: &Fault,
        now: Instant,
    ) {
        let Some(candidate) = request.candidates().get(pick.index) else {
            return;
        };
        let Some(upstream_model) = candidate.upstream_models.get(pick.upstream_model) else {
            return;
        };
        attempt_state.failed(pick, candidate, fault);
        if let Some(fault) = cooling(fault, candidate, &request.policy)
            && !request.is_counting
        {
            self.health
                .fail(candidate.credential_id, &upstream_model.name, &fault, now);
        }
        let is_told = fault.class.moves_on() && !request.is_counting;
        let Some(id) = attempt_state.session.filter(|_| is_told) else {
            return;
        };
        let credential_id = Some(candidate.credential_id);
        let is_over = !attempt_state.is_open(pick.index);
        self.bindings.change(id, now, |binding| {
            if binding.temporary == credential_id && is_over {
                binding.temporary = None;
            }
            let is_released = fault.class.is_terminal() || !binding.is_confirmed;
            if binding.primary == credential_id && is_over && is_released {
                binding.primary = binding.temporary.take();
                binding.is_confirmed = binding.primary.is_some();
            }
        });
    }

    /// Records that an answer is complete.
    pub fn succeeded(
        &mut self,
        candidate: &Candidate,
        upstream_model: &UpstreamModel,
        began: Instant,
    ) {
        self.health
            .succeed(candidate.credential_id, &upstream_model.name, began);
    }

    /// Removes the state of credentials for which `exists` is false.
    pub fn retain(&mut self, exists: impl Fn(CredentialId) -> bool) {
        self.health.retain(&exists);
        self.bindings.retain(exists);
    }

    /// Records that a credential's configuration changed.
    pub fn changed(&mut self, credential_id: CredentialId, has_other_models: bool) {
        self.health.changed(credential_id, has_other_models);
    }

    /// Records that a credential has a new token since that time.
    pub fn renewed(&mut self, credential_id: CredentialId, since: Instant) {
        self.health.renewed(credential_id, since);
    }

    /// Records the quota that an answer's headers report.
    pub fn note(
        &mut self,
        credential_id: CredentialId,
        windows: Windows,
        began: Instant,
        now: Instant,
    ) {
        self.health.note(credential_id, windows, began, now);
    }

    /// Records that a request of a session has ended.
    pub fn left(&mut self, id: Id, now: Instant) {
        self.bindings.change(id, now, |binding| {
            binding.in_flight = binding.in_flight.saturating_sub(1);
        });
        let is_nothing = |binding: &Binding| {
            binding.in_flight == 0 && (!binding.is_confirmed || binding.serving().is_none())
        };
        if self.bindings.get(id).is_some_and(is_nothing) {
            self.bindings.remove(id);
        }
    }

    /// Why a candidate is blocked for the request's model, considering its whole pool.
    pub fn block(&self, candidate: &Candidate, now: Instant) -> Option<Block> {
        let blocks = candidate.upstream_models.iter().map(|upstream_model| {
            self.health
                .block(candidate.credential_id, &upstream_model.name, now)
        });
        // The first upstream model to recover counts.
        blocks
            .min_by_key(|block| {
                block.map(|block| block.until.map_or((1, None), |at| (0, Some(at))))
            })
            .flatten()
    }
}

/// The part of a fault that blocks a credential under this configuration.
fn cooling(fault: &Fault, candidate: &Candidate, policy: &Policy) -> Option<Fault> {
    let disabled = candidate
        .credential
        .disable_cooling
        .unwrap_or(policy.disable_cooling);
    if disabled && fault.pause != Pause::UntilChanged {
        return None;
    }
    let mut fault = *fault;
    if let (Class::Transient, Pause::Fixed(_)) = (fault.class, fault.pause) {
        fault.pause = Pause::Fixed(policy.transient_cooldown?);
    }
    Some(fault)
}
