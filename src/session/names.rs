//! Which name of one client belongs to which binding. How many there may be is the owner's say.

use std::collections::{HashMap, VecDeque};

use super::name::Name;

/// A binding, as names refer to it. Never given twice. Its upper two bits are 0.
pub type Id = u64;

/// Names looked at to find one that can go.
const LOOKS: usize = 64;

const IS_END: u64 = 1;
/// It has been asked for since its turn to go came last.
const IS_USED: u64 = 1 << 1;
const FLAGS: u32 = 2;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meant {
    pub binding: Id,
    /// For the beginning of a conversation: a request once ended here.
    pub is_end: bool,
}

/// Names in a queue: the first one goes, or back to the end if it was asked for meanwhile. So the least recently
/// used go, about, in 40 bytes a name instead of the 75 that a list through all of them would cost.
#[derive(Debug, Default)]
pub struct Names {
    known: HashMap<Name, u64>,
    /// Also names that are gone.
    queue: VecDeque<Name>,
    /// The place of the first in the queue, counted from the very first there was.
    start: u64,
}

impl Names {
    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn get(&mut self, name: Name) -> Option<Meant> {
        let packed = self.known.get_mut(&name)?;
        *packed |= IS_USED;
        Some(unpack(*packed))
    }

    pub fn insert(&mut self, name: Name, meant: Meant) {
        let packed = meant.binding << FLAGS | u64::from(meant.is_end);
        match self.known.insert(name, packed) {
            None => self.push(name),
            // It stands where it stood.
            Some(_) => drop(self.get(name)),
        }
    }

    fn push(&mut self, name: Name) {
        // Most names go about in the order in which they came.
        for _ in 0..2 {
            if self
                .queue
                .front()
                .is_some_and(|first| !self.known.contains_key(first))
            {
                self.queue.pop_front();
                self.start += 1;
            }
        }
        self.queue.push_back(name);
        if self.queue.len() > 2 * self.known.len() + LOOKS {
            self.tidy();
        }
    }

    pub fn remove(&mut self, name: Name) {
        self.known.remove(&name);
    }

    /// Forgets one that has not been used for long.
    pub fn forget_one(&mut self) {
        let mut looks = LOOKS;
        while let Some(name) = self.queue.pop_front() {
            self.start += 1;
            let Some(packed) = self.known.get_mut(&name) else {
                continue;
            };
            if *packed & IS_USED == 0 || looks == 0 {
                self.known.remove(&name);
                break;
            }
            *packed &= !IS_USED;
            looks -= 1;
            self.queue.push_back(name);
        }
        if self.known.len() < self.known.capacity() / 4 {
            // The room that others have taken over.
            self.known.shrink_to(2 * self.known.len());
            self.tidy();
        }
    }

    /// Names from a place in the queue on, at most `most` of them, and the place behind them; `None` at the end.
    /// Who goes on from there misses none that is there all the time, but may meet some twice.
    pub fn slice(
        &self,
        from: u64,
        most: usize,
    ) -> Option<(impl Iterator<Item = (Name, Meant)>, u64)> {
        let from = from.max(self.start);
        let index = usize::try_from(from - self.start).unwrap_or(usize::MAX);
        let end = index.saturating_add(most).min(self.queue.len());
        if index >= end {
            return None;
        }
        let names = self.queue.range(index..end).filter_map(|name| {
            let packed = self.known.get(name)?;
            Some((*name, unpack(*packed)))
        });
        Some((names, from + (end - index) as u64))
    }

    /// Takes out of the queue what is gone, and what is in it twice.
    fn tidy(&mut self) {
        let before = self.queue.len();
        let mut left = self.known.clone();
        // Of two places the later one is the name's own.
        let kept = self
            .queue
            .iter()
            .rev()
            .filter(|name| left.remove(*name).is_some());
        let mut queue: VecDeque<Name> = kept.copied().collect();
        queue.make_contiguous().reverse();
        self.queue = queue;
        // The last keep their places.
        self.start += (before - self.queue.len()) as u64;
    }
}

fn unpack(packed: u64) -> Meant {
    Meant {
        binding: packed >> FLAGS,
        is_end: packed & IS_END != 0,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn name(n: u64) -> Name {
        Name::new("", &n.to_string(), "")
    }

    fn meant(binding: Id) -> Meant {
        Meant {
            binding,
            is_end: binding.is_multiple_of(2),
        }
    }

    #[test]
    fn the_least_recently_used_are_forgotten() {
        let mut names = Names::default();
        for n in 0..1_000 {
            names.insert(name(n), meant(n));
            if names.len() > 100 {
                names.forget_one();
            }
            assert_eq!(names.get(name(0)), Some(meant(0)), "used all the time");
            assert!(names.len() <= 100);
        }
        for n in 951..1_000 {
            assert_eq!(names.get(name(n)), Some(meant(n)));
        }
        assert_eq!(names.get(name(500)), None);
    }

    #[test]
    fn a_name_has_one_meaning() {
        let mut names = Names::default();
        for n in 1..=3 {
            names.insert(name(n), meant(n));
        }
        names.insert(name(1), meant(9));
        assert_eq!(names.get(name(1)), Some(meant(9)));
        assert_eq!(names.len(), 3);
        names.remove(name(1));
        assert_eq!(names.get(name(1)), None);
    }

    proptest! {
        #[test]
        fn the_queue_knows_every_name_and_does_not_grow(
            steps in prop::collection::vec((0..4_u8, 0..20_u64), 0..600),
            slice in 1..9_usize,
        ) {
            let mut names = Names::default();
            let mut model: HashSet<u64> = HashSet::new();
            let mut from = 0;
            // Since the walk over the slices began.
            let mut stayed: HashSet<u64> = HashSet::new();
            let mut met: HashSet<Name> = HashSet::new();
            for (step, n) in steps {
                match step {
                    0 => names.remove(name(n)),
                    1 => names.forget_one(),
                    2 => drop(names.get(name(n))),
                    _ => names.insert(name(n), meant(n)),
                }
                model = (0..20).filter(|n| names.known.contains_key(&name(*n))).collect();
                prop_assert_eq!(names.len(), model.len());
                prop_assert!(names.queue.len() <= 2 * names.len() + LOOKS + 20);
                prop_assert!(model.iter().all(|n| names.queue.contains(&name(*n))));
                stayed.retain(|n| model.contains(n));
                match names.slice(from, slice) {
                    Some((some, next)) => {
                        met.extend(some.map(|(name, _)| name));
                        from = next;
                    }
                    None => {
                        let missed = stayed.iter().find(|n| !met.contains(&name(**n)));
                        prop_assert_eq!(missed, None);
                        (from, stayed) = (0, model.clone());
                        met.clear();
                    }
                }
            }
            prop_assert!(model.len() <= 20);
        }
    }
}
