//! Which name belongs to which binding. Bounded: what has not been used for long is forgotten.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use super::name::Name;

/// A binding, as names refer to it. Never given twice.
pub type Id = u64;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meant {
    pub binding: Id,
    /// For the beginning of a conversation: a request once ended here.
    pub is_end: bool,
}

/// Names in two generations. When the young one has half of what may be kept, it becomes the old one and
/// the old one is forgotten; whoever is asked for becomes young again. So the least recently used go, in
/// 24 bytes a name instead of the 60 that a list through all of them would cost.
#[derive(Debug)]
pub struct Names {
    young: HashMap<Name, u64>,
    old: HashMap<Name, u64>,
    half: usize,
}

impl Names {
    pub fn with_capacity(capacity: NonZeroUsize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            half: capacity.get().div_ceil(2),
        }
    }

    pub fn get(&mut self, name: Name) -> Option<Meant> {
        if let Some(packed) = self.young.get(&name) {
            return Some(unpack(*packed));
        }
        let packed = self.old.remove(&name)?;
        self.put(name, packed);
        Some(unpack(packed))
    }

    pub fn insert(&mut self, name: Name, meant: Meant) {
        self.old.remove(&name);
        self.put(name, meant.binding << 1 | u64::from(meant.is_end));
    }

    pub fn remove(&mut self, name: Name) {
        self.young.remove(&name);
        self.old.remove(&name);
    }

    fn put(&mut self, name: Name, packed: u64) {
        if self.young.len() >= self.half && !self.young.contains_key(&name) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name, packed);
    }

    pub fn iter(&self) -> impl Iterator<Item = (Name, Meant)> {
        let all = self.old.iter().chain(&self.young);
        all.map(|(name, packed)| (*name, unpack(*packed)))
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
        let mut names = Names::with_capacity(NonZeroUsize::new(100).unwrap());
        for n in 0..1_000 {
            names.insert(name(n), meant(n));
            assert_eq!(names.get(name(0)), Some(meant(0)), "used all the time");
            assert!(names.iter().count() <= 100);
        }
        for n in 951..1_000 {
            assert_eq!(names.get(name(n)), Some(meant(n)));
        }
        assert_eq!(names.get(name(500)), None);
    }

    #[test]
    fn a_name_has_one_meaning() {
        let mut names = Names::with_capacity(NonZeroUsize::new(4).unwrap());
        names.insert(name(1), meant(1));
        names.insert(name(2), meant(2));
        names.insert(name(3), meant(3));
        // Among the old ones by now.
        names.insert(name(1), meant(9));
        assert_eq!(names.get(name(1)), Some(meant(9)));
        assert_eq!(names.iter().count(), 3);
        names.remove(name(1));
        assert_eq!(names.get(name(1)), None);
    }
}
