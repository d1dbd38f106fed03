//! Chooses a candidate for requests without a session and for new sessions.

use std::ops::Range;
use std::time::Instant;

use super::attempt_state::AttemptState;
use super::catalog::Candidate;
use super::health::PROBE_INTERVAL;
use super::route_request::{Policy, RouteRequest};
use super::router::{Near, Router};
use crate::config::Strategy;
use crate::failure::Class;

/// Candidates that are compared for one new session.
const STRETCH: usize = 64;
/// The lower bound of the remaining quota in the cost of a credential.
const LEAST_HEADROOM: f64 = 0.02;

impl Router {
    /// The candidate for a request without a session, by the configured strategy.
    pub(super) fn unbound(
        &mut self,
        request: &RouteRequest<'_>,
        attempt_state: &AttemptState,
        now: Instant,
    ) -> Option<usize> {
        let candidates = request.candidates();
        for tier in request.entry.tiers() {
            let start = match request.policy.strategy {
                Strategy::FillFirst => tier.start,
                _ => self.rotations.start(request.model, candidates, tier),
            };
            let mut turns = (start..tier.end).chain(tier.start..start);
            if request.policy.strategy == Strategy::WeightedRoundRobin {
                let usable: Vec<usize> = turns
                    .filter(|index| self.is_free(request, attempt_state, *index, now))
                    .collect();
                let due = self
                    .rotations
                    .weighted(request.model, candidates, usable.into_iter());
                if due.is_some() {
                    return due;
                }
                continue;
            }
            if let Some(index) =
                turns.find(|index| self.is_free(request, attempt_state, *index, now))
            {
                self.taken(request, index);
                return Some(index);
            }
        }
        self.last_resort(request, attempt_state, now)
    }

    /// The candidate for a session without a credential: the least loaded usable one of the highest priority, or the
    /// one that is `near`.
    pub(super) fn place(
        &mut self,
        request: &RouteRequest<'_>,
        attempt_state: &AttemptState,
        near: Option<Near>,
        now: Instant,
    ) -> Option<usize> {
        let tiers = request.entry.tiers().len();
        self.place_within(request, attempt_state, tiers, near, now)
    }

    /// As [`Self::place`], in the tiers above that of the candidate at `index`.
    pub(super) fn place_above(
        &mut self,
        request: &RouteRequest<'_>,
        attempt_state: &AttemptState,
        index: usize,
        now: Instant,
    ) -> Option<usize> {
        let mut tiers = request.entry.tiers().iter();
        let own = tiers.position(|tier| tier.contains(&index))?;
        self.place_within(request, attempt_state, own, None, now)
    }

    fn place_within(
        &mut self,
        request: &RouteRequest<'_>,
        attempt_state: &AttemptState,
        tiers: usize,
        near: Option<Near>,
        now: Instant,
    ) -> Option<usize> {
        let candidates = request.candidates();
        for tier in request.entry.tiers().iter().take(tiers) {
            if request.policy.strategy == Strategy::FillFirst {
                let is_free = |index: &usize| self.is_free(request, attempt_state, *index, now);
                match tier.clone().find(is_free) {
                    Some(index) => return Some(index),
                    None => continue,
                }
            }
            let start = self.rotations.start(request.model, candidates, tier);
            let one = self.bindings.loads().one(now);
            let mut best = None;
            for stretch in stretches(tier, start) {
                for range in stretch {
                    self.cheapest(request, attempt_state, range, one, now, &mut best);
                }
                if best.is_some() {
                    break;
                }
            }
            let Some((least, mut index)) = best else {
                continue;
            };
            if let Some(near) = near
                && let Some(there) = request.entry.position(near.credential_id)
                && tier.contains(&there)
                && self.is_free(request, attempt_state, there, now)
                && let Some(candidate) = candidates.get(there)
                && let Some(cost) = self.cost(candidate, one, &request.policy)
                && cost <= least + near.slack * one
            {
                index = there;
            }
            self.taken(request, index);
            return Some(index);
        }
        None
    }

    /// Updates `best` with the least loaded candidate of `range`.
    fn cheapest(
        &self,
        request: &RouteRequest<'_>,
        attempt_state: &AttemptState,
        range: Range<usize>,
        one: f64,
        now: Instant,
        best: &mut Option<(f64, usize)>,
    ) {
        let mut least = best.map_or(f64::INFINITY, |(least, _)| least);
        let loads = self.bindings.loads();
        let is_weighted = request.policy.strategy == Strategy::WeightedRoundRobin;
        let credential_ids = request
            .entry
            .credential_ids()
            .get(range.clone())
            .unwrap_or_default();
        for (index, credential_id) in range.zip(credential_ids) {
            // The actual cost is at least this much.
            if !is_weighted && loads.weight_of(*credential_id) + one >= least {
                continue;
            }
            let Some(candidate) = request.candidates().get(index) else {
                continue;
            };
            if let Some(cost) = self.cost(candidate, one, &request.policy)
                && cost < least
                && self.is_free(request, attempt_state, index, now)
            {
                least = cost;
                *best = Some((cost, index));
            }
        }
    }

    fn taken(&mut self, request: &RouteRequest<'_>, index: usize) {
        if let Some(candidate) = request.candidates().get(index) {
            self.rotations.take(request.model, candidate);
        }
    }

    /// The load of a credential with one more session; `None` if its weight is 0.
    fn cost(&self, candidate: &Candidate, one: f64, policy: &Policy) -> Option<f64> {
        let load = self.bindings.loads().weight_of(candidate.credential_id) + one;
        let share = match policy.strategy {
            Strategy::WeightedRoundRobin if candidate.credential.weight == 0 => return None,
            Strategy::WeightedRoundRobin => f64::from(candidate.credential.weight),
            _ => 1.0,
        };
        if self.health.is_unblemished(candidate.credential_id) {
            return Some(load / share);
        }
        let headroom = self
            .health
            .headroom(candidate.credential_id)
            .max(LEAST_HEADROOM);
        Some(load / (share * headroom))
    }

    /// The candidate if all are blocked: the one with a temporary failure that recovers first, since refusing without
    /// trying would be an outage of its own; else, every [`PROBE_INTERVAL`], one that is out of quota.
    pub(super) fn last_resort(
        &mut self,
        request: &RouteRequest<'_>,
        attempt_state: &AttemptState,
        now: Instant,
    ) -> Option<usize> {
        let mut soft: Option<(Option<Instant>, usize)> = None;
        let mut quota: Option<(Instant, usize)> = None;
        let mut all_quota = attempt_state.is_fresh();
        for (index, candidate) in request.candidates().iter().enumerate() {
            if !request.serves(candidate) || !attempt_state.is_open(index) {
                continue;
            }
            for (_, upstream_model) in attempt_state.untried_models(index, candidate) {
                let Some(block) =
                    self.health
                        .block(candidate.credential_id, &upstream_model.name, now)
                else {
                    return Some(index);
                };
                if block.class.is_soft() && soft.is_none_or(|(until, _)| block.until < until) {
                    soft = Some((block.until, index));
                }
                match block.until {
                    Some(until) if block.class == Class::Quota => {
                        if quota.is_none_or(|(earliest, _)| until < earliest) {
                            quota = Some((until, index));
                        }
                    }
                    _ => all_quota = false,
                }
            }
        }
        if let Some((_, index)) = soft {
            return Some(index);
        }
        let (until, index) = quota.filter(|_| all_quota)?;
        if until.saturating_duration_since(now) <= PROBE_INTERVAL {
            return None;
        }
        let candidate = request.candidates().get(index)?;
        let upstream_model = candidate.upstream_models.first()?;
        self.health
            .probe(candidate.credential_id, &upstream_model.name, now)
            .then_some(index)
    }
}

/// Splits a tier, beginning at `start` and wrapping around, into stretches of at most two ranges. Comparing a few dozen
/// of very many credentials is good enough, and the rotation reaches all of them.
fn stretches(tier: &Range<usize>, start: usize) -> impl Iterator<Item = [Range<usize>; 2]> {
    let (from, end, size) = (tier.start, tier.end, tier.len());
    (0..size).step_by(STRETCH).map(move |offset| {
        let upto = (offset + STRETCH).min(size);
        let behind = (start + offset).min(end)..(start + upto).min(end);
        let skipped = end - start;
        let before = from + offset.saturating_sub(skipped)..from + upto.saturating_sub(skipped);
        [behind, before]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_cover_everything_once() {
        for size in [1, 2, 127, 128, 129, 300] {
            let tier = 5..5 + size;
            for start in [5, 5 + size / 2, 4 + size] {
                let all: Vec<usize> = stretches(&tier, start).flatten().flatten().collect();
                let expected: Vec<usize> = (start..tier.end).chain(5..start).collect();
                assert_eq!(all, expected, "{size} {start}");
            }
        }
    }
}
