//! Rate limit for lines of one kind: one a second is logged, the others are counted.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Counts what happens, and says when to tell of it.
#[derive(Debug, Default)]
pub struct PerSecond {
    count: AtomicU64,
    /// How many of them have been told.
    told: AtomicU64,
    /// The second in which the last line was written, counted from one.
    second: AtomicU64,
}

impl PerSecond {
    pub const fn new() -> Self {
        Self {
            count: AtomicU64::new(0),
            told: AtomicU64::new(0),
            second: AtomicU64::new(0),
        }
    }

    /// Counts one more. `Some` if it is to be told: with how many there were since the last one told, itself
    /// included.
    pub fn note(&self) -> Option<u64> {
        let second = START.elapsed().as_secs() + 1;
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        if self.second.swap(second, Ordering::Relaxed) == second {
            return None;
        }
        let before = self.told.swap(count, Ordering::Relaxed);
        Some(count.saturating_sub(before).max(1))
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_one_is_counted_and_few_are_told() {
        let counter = PerSecond::new();
        assert_eq!(counter.note(), Some(1));
        let began = START.elapsed().as_secs();
        let told: u64 = (0..1000).filter_map(|_| counter.note()).sum();
        // A second may have begun meanwhile.
        assert!(told == 0 || START.elapsed().as_secs() > began);
        assert_eq!(counter.count(), 1001);
    }
}
