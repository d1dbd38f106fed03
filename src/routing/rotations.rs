//! Round-robin among candidates of equal priority, and within pools.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

use lru::LruCache;

use super::catalog::Candidate;
use crate::session::bindings::CredentialId;

/// The maximum number of rotations; beyond it the least recently used one is dropped.
const ROTATIONS: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// The position of each rotation. There is one per model and priority; failures and reloads do not reset it, so that
/// the first credentials do not get most of the traffic.
#[derive(Debug)]
pub struct Rotations {
    last_taken: LruCache<Place, Arc<str>>,
    /// The next upstream model of a pool, per credential and model.
    pools: LruCache<Place, usize>,
    weighted: LruCache<Place, Weighted>,
}

/// The key of a rotation.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Place {
    model: Box<str>,
    tier: i32,
}

/// The credits of smooth weighted round-robin, by credential.
type Weighted = HashMap<CredentialId, i64>;

impl Default for Rotations {
    fn default() -> Self {
        Self {
            last_taken: bounded(),
            pools: bounded(),
            weighted: bounded(),
        }
    }
}

fn bounded<V>() -> LruCache<Place, V> {
    let mut cache = LruCache::unbounded();
    cache.resize(ROTATIONS);
    cache
}

impl Rotations {
    /// The index in `tier` after the candidate taken last.
    pub fn start(&mut self, model: &str, candidates: &[Candidate], tier: &Range<usize>) -> usize {
        let upstream_models = candidates.get(tier.clone()).unwrap_or_default();
        let Some(first) = upstream_models.first() else {
            return tier.start;
        };
        let place = Place {
            model: Box::from(model),
            tier: first.priority(),
        };
        let Some(last) = self.last_taken.get(&place) else {
            return tier.start;
        };
        let behind = upstream_models.partition_point(|candidate| candidate.id() <= last);
        match behind == upstream_models.len() {
            true => tier.start,
            false => tier.start + behind,
        }
    }

    /// Records that `candidate` was taken.
    pub fn take(&mut self, model: &str, candidate: &Candidate) {
        let place = Place {
            model: Box::from(model),
            tier: candidate.priority(),
        };
        self.last_taken.put(place, Arc::clone(candidate.id()));
    }

    /// The next of `usable` by weight: each gets its share, evenly spread.
    pub fn weighted(
        &mut self,
        model: &str,
        candidates: &[Candidate],
        usable: impl Iterator<Item = usize>,
    ) -> Option<usize> {
        let usable: Vec<(usize, &Candidate, i64)> = usable
            .filter_map(|index| {
                let candidate = candidates.get(index)?;
                let weight = i64::from(candidate.credential.weight);
                (weight > 0).then_some((index, candidate, weight))
            })
            .collect();
        let place = Place {
            model: Box::from(model),
            tier: usable.first()?.1.priority(),
        };
        let credits = self.weighted.get_or_insert_mut(place, HashMap::new);
        let total: i64 = usable.iter().map(|(_, _, weight)| weight).sum();
        let mut due: Option<(i64, usize, CredentialId)> = None;
        for (index, candidate, weight) in usable {
            let credit = credits.entry(candidate.credential_id).or_default();
            *credit += weight;
            if due.is_none_or(|(most, _, _)| *credit > most) {
                due = Some((*credit, index, candidate.credential_id));
            }
        }
        let (_, index, credential_id) = due?;
        *credits.entry(credential_id).or_default() -= total;
        Some(index)
    }

    /// The index of the first upstream model in a pool of `size`.
    pub fn pool(&mut self, credential: &str, model: &str, size: usize) -> usize {
        if size <= 1 {
            return 0;
        }
        let place = Place {
            model: format!("{credential}\n{model}").into_boxed_str(),
            tier: 0,
        };
        let next = self.pools.get_or_insert_mut(place, || 0);
        let start = *next % size;
        *next = start + 1;
        start
    }
}
