//! Who serves a request, and what its outcome changes. No I/O and no clock: what time it is is told.

use std::time::{Duration, Instant};

use super::catalog::{Candidate, Member, Offer};
use super::health::{Block, Health};
use super::near::Near;
use super::policy::Policy;
use super::selection::Rotations;
use super::visit::{Pick, Visit};
use crate::config::Strategy;
use crate::provider::{Class, Fault, Pause, Windows};
use crate::session::bindings::{Binding, Bindings, Holder, Key, Known};
use crate::session::decision::Decision;
use crate::session::names::Id;

/// A branch of a conversation goes where its beginning is cached, unless there is so much more to do than
/// elsewhere: this many sessions for a wholly shared request.
const BRANCH_SLACK: f64 = 3.0;

/// Who of a model's candidates can serve a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Servers {
    #[default]
    All,
    /// Those whose upstream keeps answers: the request refers to one that is not known here.
    Keepers,
    /// The one that has what the request refers to.
    One(Holder),
}

/// One request, as far as routing is concerned.
#[derive(Debug)]
pub struct Order<'a> {
    pub offer: &'a Offer,
    /// The base name of the model asked for.
    pub model: &'a str,
    /// Who can serve it.
    pub servers: Servers,
    /// By what its session is found, if it belongs to one.
    pub key: Option<Key>,
    /// The session whose credential a new session is to start on.
    pub parent: Option<Key>,
    pub policy: Policy,
    /// Rounds beside those of the policy.
    pub more_rounds: u32,
    /// It asks nothing of the model: what comes of it says nothing about anybody's health
    /// (spec/routing.md D 25).
    pub is_counting: bool,
}

impl<'a> Order<'a> {
    pub fn candidates(&self) -> &'a [Candidate] {
        self.offer.candidates()
    }

    pub fn serves(&self, candidate: &Candidate) -> bool {
        match self.servers {
            Servers::All => true,
            Servers::Keepers => candidate.credential.keeps_answers(),
            Servers::One(holder) => candidate.holder == holder,
        }
    }
}

/// All that routing remembers.
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

    /// The next one to ask, if there is any.
    pub fn pick(&mut self, order: &Order<'_>, visit: &mut Visit, now: Instant) -> Option<Pick> {
        if let Some(again) = self.next_of_pool(order, visit, now) {
            return Some(again);
        }
        let most = order.policy.max_retry_credentials;
        if most > 0 && visit.called() >= most {
            return None;
        }
        let (index, decision) = match (&order.key, order.policy.affinity) {
            (Some(key), Some(ttl)) => match visit.session {
                None => self.enter(order, key, ttl, visit, now)?,
                Some(id) => self.bound(order, id, visit, now)?,
            },
            _ => (self.unbound(order, visit, now)?, Decision::Unbound),
        };
        let candidate = order.candidates().get(index)?;
        let member = self
            .member(candidate, index, order, visit, now)
            .or_else(|| visit.untried_member(index, candidate))?;
        let pick = Pick {
            index,
            member,
            decision,
        };
        visit.begin(pick);
        Some(pick)
    }

    /// What remains of a pool comes before other credentials.
    fn next_of_pool(&self, order: &Order<'_>, visit: &mut Visit, now: Instant) -> Option<Pick> {
        let last = visit.last?;
        let candidate = order.candidates().get(last.index)?;
        if candidate.members.len() < 2 || !visit.is_open(last.index) {
            return None;
        }
        let member = self.free_member(candidate, last.index, visit, now)?;
        let pick = Pick { member, ..last };
        visit.begin(pick);
        Some(pick)
    }

    /// A request of a session that has not been looked up.
    fn enter(
        &mut self,
        order: &Order<'_>,
        key: &Key,
        ttl: Duration,
        visit: &mut Visit,
        now: Instant,
    ) -> Option<(usize, Decision)> {
        let near = match self.bindings.find(key, ttl, now) {
            Known::Bound(id) => {
                self.bindings.attach(id, key);
                self.bindings
                    .change(id, now, |binding| binding.in_flight += 1);
                visit.session = Some(id);
                return self.bound(order, id, visit, now);
            }
            Known::Branch { from, share } => {
                let from = self.bindings.get(from);
                from.and_then(|binding| binding.serving())
                    .map(|holder| Near {
                        holder,
                        slack: BRANCH_SLACK * share,
                    })
            }
            Known::Nothing => self.near_parent(order, ttl, now),
        };
        let index = self
            .place(order, visit, near, now)
            .or_else(|| self.better_than_nothing(order, visit, now))?;
        let holder = order.candidates().get(index)?.holder;
        let id = self.bindings.insert(key.client, holder, now);
        self.bindings.attach(id, key);
        self.bindings
            .change(id, now, |binding| binding.in_flight = 1);
        visit.session = Some(id);
        Some((index, Decision::New))
    }

    fn near_parent(&mut self, order: &Order<'_>, ttl: Duration, now: Instant) -> Option<Near> {
        let parent = order.parent.as_ref()?;
        let Known::Bound(id) = self.bindings.find(parent, ttl, now) else {
            return None;
        };
        let holder = self.bindings.get(id)?.serving()?;
        Some(Near {
            holder,
            slack: f64::INFINITY,
        })
    }

    /// A request of a known session (spec/routing.md 7.2).
    fn bound(
        &mut self,
        order: &Order<'_>,
        id: Id,
        visit: &mut Visit,
        now: Instant,
    ) -> Option<(usize, Decision)> {
        let binding = self.bindings.get(id)?;
        let (primary, temporary) = (binding.primary, binding.temporary);
        let at = |holder: Option<Holder>| order.offer.position(holder?);
        if let Some(index) = at(primary)
            && self.is_free(order, visit, index, now)
        {
            if order.policy.failback
                && let Some(better) = self.place_above(order, visit, index, now)
            {
                let holder = order.candidates().get(better)?.holder;
                self.bindings.change(id, now, |binding| {
                    binding.primary = Some(holder);
                    binding.temporary = None;
                });
                return Some((better, Decision::Moved));
            }
            // The stand-in is let go once home has answered.
            let decision = match temporary {
                None => Decision::Sticky,
                Some(_) => Decision::Returned,
            };
            return Some((index, decision));
        }
        if let Some(index) = at(temporary)
            && self.is_free(order, visit, index, now)
        {
            return Some((index, Decision::Failover));
        }
        let index = self
            .place(order, visit, None, now)
            .or_else(|| self.better_than_nothing(order, visit, now))?;
        let holder = Some(order.candidates().get(index)?.holder);
        if holder == primary {
            return Some((index, Decision::Sticky));
        }
        if order.is_counting {
            return Some((index, Decision::Failover));
        }
        self.bindings
            .change(id, now, |binding| match binding.primary {
                None => binding.primary = holder,
                Some(_) => binding.temporary = holder,
            });
        let decision = match primary {
            None => Decision::Moved,
            Some(_) => Decision::Failover,
        };
        Some((index, decision))
    }

    pub(super) fn is_free(
        &self,
        order: &Order<'_>,
        visit: &Visit,
        index: usize,
        now: Instant,
    ) -> bool {
        let Some(candidate) = order.candidates().get(index) else {
            return false;
        };
        if !visit.is_open(index) || !order.serves(candidate) {
            return false;
        }
        if order.policy.strategy == Strategy::WeightedRoundRobin && candidate.credential.weight == 0
        {
            return false;
        }
        if candidate.members.len() == 1 && self.health.is_spotless(candidate.holder) {
            return true;
        }
        self.free_member(candidate, index, visit, now).is_some()
    }

    /// The first member of a pool, in this request's order, that nothing is held against.
    fn free_member(
        &self,
        candidate: &Candidate,
        index: usize,
        visit: &Visit,
        now: Instant,
    ) -> Option<usize> {
        visit
            .untried_members(index, candidate)
            .find(|(_, member)| {
                let block = self.health.block(candidate.holder, &member.upstream, now);
                block.is_none()
            })
            .map(|(at, _)| at)
    }

    /// The member to ask first: the pool's next one.
    fn member(
        &mut self,
        candidate: &Candidate,
        index: usize,
        order: &Order<'_>,
        visit: &mut Visit,
        now: Instant,
    ) -> Option<usize> {
        if candidate.members.len() > 1 && !visit.has_started(index) {
            let size = candidate.members.len();
            let start = self.rotations.pool(candidate.id(), order.model, size);
            visit.start_pool(index, start);
        }
        self.free_member(candidate, index, visit, now)
    }

    /// The picked one has begun to answer.
    pub fn committed(&mut self, order: &Order<'_>, visit: &Visit, pick: Pick, now: Instant) {
        let Some((id, candidate)) = visit.session.zip(order.candidates().get(pick.index)) else {
            return;
        };
        let holder = Some(candidate.holder);
        let Some(binding) = self.bindings.get(id) else {
            return;
        };
        if binding.primary == holder && binding.temporary.is_none() {
            return self.bindings.confirm(id);
        }
        let is_lost = binding.temporary == holder && self.is_lost(order, binding.primary, now);
        self.bindings.change(id, now, |binding| {
            if binding.primary == holder {
                binding.is_confirmed = true;
                binding.temporary = None;
            } else if is_lost {
                binding.is_confirmed = true;
                binding.primary = binding.temporary.take();
            }
        });
    }

    /// Whether a session has no reason to wait for its primary: it is gone, it will not have what was cached, or
    /// somebody has to mend it first (spec/routing.md 7.2).
    fn is_lost(&self, order: &Order<'_>, primary: Option<Holder>, now: Instant) -> bool {
        let Some(candidate) = primary
            .and_then(|holder| order.offer.position(holder))
            .and_then(|index| order.candidates().get(index))
        else {
            return true;
        };
        let ttl = order.policy.affinity.unwrap_or_default();
        let blocks = candidate
            .members
            .iter()
            .map(|member| self.health.block(candidate.holder, &member.upstream, now));
        blocks
            .into_iter()
            .all(|block| block.is_some_and(|b| b.class.is_terminal() || b.outlasts(ttl, now)))
    }

    /// The picked one has failed, before its answer or within it.
    pub fn failed(
        &mut self,
        order: &Order<'_>,
        visit: &mut Visit,
        pick: Pick,
        fault: &Fault,
        now: Instant,
    ) {
        let Some(candidate) = order.candidates().get(pick.index) else {
            return;
        };
        let Some(member) = candidate.members.get(pick.member) else {
            return;
        };
        visit.failed(pick, candidate, fault);
        if let Some(fault) = cooling(fault, candidate, &order.policy)
            && !order.is_counting
        {
            self.health
                .fail(candidate.holder, &member.upstream, &fault, now);
        }
        let is_told = fault.class.moves_on() && !order.is_counting;
        let Some(id) = visit.session.filter(|_| is_told) else {
            return;
        };
        let holder = Some(candidate.holder);
        let is_over = !visit.is_open(pick.index);
        self.bindings.change(id, now, |binding| {
            if binding.temporary == holder && is_over {
                binding.temporary = None;
            }
            let lets_go = fault.class.is_terminal() || !binding.is_confirmed;
            if binding.primary == holder && is_over && lets_go {
                binding.primary = binding.temporary.take();
                binding.is_confirmed = binding.primary.is_some();
            }
        });
    }

    /// The picked one has answered to the end.
    pub fn succeeded(&mut self, candidate: &Candidate, member: &Member, began: Instant) {
        self.health
            .succeed(candidate.holder, &member.upstream, began);
    }

    /// Forgets what is known of credentials that are gone.
    pub fn retain(&mut self, exists: impl Fn(Holder) -> bool) {
        self.health.retain(&exists);
        self.bindings.retain(exists);
    }

    /// A credential is set up otherwise than before.
    pub fn changed(&mut self, holder: Holder, has_other_models: bool) {
        self.health.changed(holder, has_other_models);
    }

    /// What the headers of an answer told of its credential.
    pub fn note(&mut self, holder: Holder, windows: Windows, began: Instant, now: Instant) {
        self.health.note(holder, windows, began, now);
    }

    /// The request is over.
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

    /// Why a candidate is passed over for the order's model, all its names considered.
    pub fn block(&self, candidate: &Candidate, now: Instant) -> Option<Block> {
        let blocks = candidate
            .members
            .iter()
            .map(|member| self.health.block(candidate.holder, &member.upstream, now));
        // The first to recover is what counts.
        blocks
            .min_by_key(|block| {
                block.map(|block| block.until.map_or((1, None), |at| (0, Some(at))))
            })
            .flatten()
    }
}

/// What of a fault keeps a credential away, under the configuration.
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
