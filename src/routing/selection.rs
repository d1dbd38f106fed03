//! Choosing among usable candidates (spec/routing.md 2).

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;

use crate::config::Strategy;

/// How many rotations are remembered; beyond it the least recently used starts anew
/// (spec/routing.md D 17).
const ROTATIONS: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// Where each rotation stands. One per model and priority tier, unaffected by failures and reloads
/// (spec/routing.md D 17).
#[derive(Debug)]
pub struct Rotations {
    last_taken: Mutex<LruCache<Place, Arc<str>>>,
}

/// Whose turn it is kept for.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Place {
    model: Box<str>,
    tier: i32,
}

impl Default for Rotations {
    fn default() -> Self {
        let mut last_taken = LruCache::unbounded();
        last_taken.resize(ROTATIONS);
        Self {
            last_taken: Mutex::new(last_taken),
        }
    }
}

impl Rotations {
    /// Chooses among `usable`, the ids of one tier in ascending order.
    pub fn choose<'a>(
        &self,
        strategy: Strategy,
        model: &str,
        tier: i32,
        mut usable: impl Iterator<Item = &'a Arc<str>>,
    ) -> Option<Arc<str>> {
        if strategy == Strategy::FillFirst {
            return usable.next().cloned();
        }
        let mut last_taken = self.last_taken.lock();
        let place = Place {
            model: Box::from(model),
            tier,
        };
        let chosen = match last_taken.get(&place) {
            None => usable.next(),
            Some(last) => {
                let mut first = None;
                let mut next = None;
                for id in usable {
                    if id > last {
                        next = Some(id);
                        break;
                    }
                    first.get_or_insert(id);
                }
                next.or(first)
            }
        }?;
        let chosen = Arc::clone(chosen);
        last_taken.put(place, Arc::clone(&chosen));
        Some(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(names: &[&str]) -> Vec<Arc<str>> {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    fn take(rotations: &Rotations, model: &str, usable: &[Arc<str>]) -> String {
        rotations
            .choose(Strategy::RoundRobin, model, 0, usable.iter())
            .unwrap()
            .to_string()
    }

    #[test]
    fn round_robin_takes_turns() {
        let rotations = Rotations::default();
        let all = ids(&["a", "b", "c"]);
        let taken: Vec<_> = (0..7).map(|_| take(&rotations, "m", &all)).collect();
        assert_eq!(taken, ["a", "b", "c", "a", "b", "c", "a"]);
    }

    #[test]
    fn one_that_cannot_be_used_is_skipped_without_losing_the_place() {
        let rotations = Rotations::default();
        let all = ids(&["a", "b", "c"]);
        assert_eq!(take(&rotations, "m", &all), "a");
        assert_eq!(take(&rotations, "m", &ids(&["a", "c"])), "c");
        assert_eq!(take(&rotations, "m", &all), "a");
        assert_eq!(take(&rotations, "m", &all), "b");
    }

    #[test]
    fn models_and_tiers_rotate_apart() {
        let rotations = Rotations::default();
        let all = ids(&["a", "b"]);
        assert_eq!(take(&rotations, "m", &all), "a");
        assert_eq!(take(&rotations, "n", &all), "a");
        assert_eq!(
            rotations
                .choose(Strategy::RoundRobin, "m", 1, all.iter())
                .unwrap()
                .as_ref(),
            "a"
        );
        assert_eq!(take(&rotations, "m", &all), "b");
    }

    #[test]
    fn fill_first_takes_the_lowest() {
        let rotations = Rotations::default();
        let all = ids(&["a", "b"]);
        for _ in 0..3 {
            assert_eq!(
                rotations
                    .choose(Strategy::FillFirst, "m", 0, all.iter())
                    .unwrap()
                    .as_ref(),
                "a"
            );
        }
    }

    #[test]
    fn nothing_usable_is_nothing_chosen() {
        let rotations = Rotations::default();
        assert!(
            rotations
                .choose(Strategy::RoundRobin, "m", 0, [].iter())
                .is_none()
        );
    }
}
