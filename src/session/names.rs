//! The index from the names of one client to its bindings. The owner bounds its size.

use std::collections::{HashMap, VecDeque};

use super::name::Name;

/// A binding, as names refer to it. Never given twice. Its upper bit is 0.
pub type Id = u64;

/// Names left over in the queue at most, beside a quarter of those that are known.
const SLACK: usize = 64;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meant {
    pub binding: Id,
    /// For the beginning of a conversation: a request once ended here.
    pub is_end: bool,
}

/// Names in a queue, of which the first goes. One that is asked for in the first half goes back to the end. So the
/// least recently used go, about, in at most some 100 bytes a name with all the room that map and queue have to spare.
#[derive(Debug, Default)]
pub struct Names {
    known: HashMap<Name, Known>,
    /// A name is where its place says; elsewhere it is only left over.
    queue: VecDeque<Name>,
    /// The place of the first in the queue. Places are counted from the very first there was.
    start: u64,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    packed: u64,
    place: u64,
}

impl Names {
    pub fn count(&self) -> usize {
        self.known.len()
    }

    pub fn get(&mut self, name: Name) -> Option<Meant> {
        let known = self.known.get_mut(&name)?;
        let meant = unpack(known.packed);
        if known.place - self.start < self.queue.len() as u64 / 2 {
            known.place = self.start + self.queue.len() as u64;
            self.push(name);
        }
        Some(meant)
    }

    pub fn insert(&mut self, name: Name, meant: Meant) {
        let known = Known {
            packed: meant.binding << 1 | u64::from(meant.is_end),
            place: self.start + self.queue.len() as u64,
        };
        self.known.insert(name, known);
        self.push(name);
    }

    /// Puts a name at the end, whose place is known to be there.
    fn push(&mut self, name: Name) {
        if self.queue.len() == self.queue.capacity() {
            // By itself it would take twice the room.
            self.queue.reserve_exact(self.queue.len() / 4 + 4);
        }
        self.queue.push_back(name);
        // Most names go about in the order in which they came.
        for _ in 0..2 {
            if self.first().is_some_and(|(_, is_left_over)| is_left_over) {
                self.pop();
            }
        }
        if self.queue.len() > self.known.len() + self.known.len() / 4 + SLACK {
            self.tidy();
        }
    }

    pub fn remove(&mut self, name: Name) {
        self.known.remove(&name);
    }

    /// Forgets one that has not been used for long.
    pub fn forget_one(&mut self) {
        while let Some((name, is_left_over)) = self.first() {
            self.pop();
            if !is_left_over {
                self.known.remove(&name);
                break;
            }
        }
        if self.known.len() < self.known.capacity() / 4 {
            // Others have taken over the room.
            self.known.shrink_to(2 * self.known.len());
            self.tidy();
        }
    }

    fn first(&self) -> Option<(Name, bool)> {
        let name = *self.queue.front()?;
        let known = self.known.get(&name);
        Some((name, known.is_none_or(|known| known.place != self.start)))
    }

    fn pop(&mut self) {
        self.queue.pop_front();
        self.start += 1;
    }

    /// Names from a place on, at most `most` of them, and the place behind them; `None` at the end. Who goes on
    /// from there misses none that is there all the time, but may meet some twice.
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
            let known = self.known.get(name)?;
            Some((*name, unpack(known.packed)))
        });
        Some((names, from + (end - index) as u64))
    }

    /// Takes out of the queue what is left over. The last one keeps its place, so that nobody is moved to where a
    /// walk over slices has been.
    fn tidy(&mut self) {
        let mut place = self.start;
        self.queue.retain(|name| {
            place += 1;
            let known = self.known.get(name);
            known.is_some_and(|known| known.place == place - 1)
        });
        self.queue
            .shrink_to(self.queue.len() + self.queue.len() / 4);
        self.start = place - self.queue.len() as u64;
        for (place, name) in (self.start..).zip(&self.queue) {
            if let Some(known) = self.known.get_mut(name) {
                known.place = place;
            }
        }
    }
}

fn unpack(packed: u64) -> Meant {
    Meant {
        binding: packed >> 1,
        is_end: packed & 1 == 1,
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
            if names.count() > 100 {
                names.forget_one();
            }
            assert_eq!(names.get(name(0)), Some(meant(0)), "used all the time");
            assert!(names.count() <= 100);
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
        assert_eq!(names.count(), 3);
        names.remove(name(1));
        assert_eq!(names.get(name(1)), None);
    }

    proptest! {
        #[test]
        fn the_queue_knows_every_name_and_does_not_grow(
            steps in prop::collection::vec((0..4_u8, 0..20_u64), 0..400),
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
                prop_assert_eq!(names.count(), model.len());
                prop_assert!(names.queue.len() <= names.count() * 5 / 4 + SLACK + 40);
                for n in &model {
                    let place = names.known[&name(*n)].place - names.start;
                    prop_assert_eq!(names.queue[usize::try_from(place).unwrap()], name(*n));
                }
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
