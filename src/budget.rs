//! The memory budget that all requests and answers share (`limits.memory`).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

/// The budget. Clones share it.
#[derive(Clone)]
pub struct Budget(Arc<Shared>);

struct Shared {
    limit: usize,
    used: AtomicUsize,
    /// Whether a connection waits for memory.
    is_wanted: AtomicBool,
    on_release: Mutex<Option<Box<dyn Fn() + Send + Sync>>>,
}

/// The budget has too little memory left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

/// Bytes of a budget, returned when dropped.
pub struct Reservation {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Shared {
            limit,
            used: AtomicUsize::new(0),
            is_wanted: AtomicBool::new(false),
            on_release: Mutex::new(None),
        }))
    }

    /// An unlimited budget.
    pub fn unlimited() -> Self {
        Self::new(usize::MAX)
    }

    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// The reserved bytes.
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Acquire)
    }

    /// Reserves `bytes`.
    ///
    /// # Errors
    /// [`Exhausted`] if fewer are left; then none are reserved.
    pub fn reserve(&self, bytes: usize) -> Result<Reservation, Exhausted> {
        let mut reservation = self.nothing();
        reservation.grow(bytes)?;
        Ok(reservation)
    }

    /// Reserves `bytes` that are in memory already, even beyond the limit.
    pub fn take_anyway(&self, bytes: usize) -> Reservation {
        self.0.used.fetch_add(bytes, Ordering::SeqCst);
        Reservation {
            budget: self.clone(),
            bytes,
        }
    }

    /// Whether `bytes` are left.
    pub fn has(&self, bytes: usize) -> bool {
        let sum = self.used().checked_add(bytes);
        sum.is_some_and(|sum| sum <= self.0.limit)
    }

    /// An empty reservation that can grow.
    pub fn nothing(&self) -> Reservation {
        Reservation {
            budget: self.clone(),
            bytes: 0,
        }
    }

    /// Calls `call` when bytes are returned after [`Budget::want`].
    pub fn on_release(&self, call: impl Fn() + Send + Sync + 'static) {
        *self.0.on_release.lock() = Some(Box::new(call));
    }

    /// Removes the function of [`Budget::on_release`].
    pub fn disconnect(&self) {
        self.0.on_release.lock().take();
    }

    /// Records that a connection waits for memory.
    pub fn want(&self) {
        self.0.is_wanted.store(true, Ordering::SeqCst);
    }

    fn take(&self, bytes: usize) -> Result<(), Exhausted> {
        if bytes == 0 {
            return Ok(());
        }
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.0.limit);
        let taken = (self.0.used).fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits);
        taken.map(drop).map_err(|_| Exhausted)
    }

    fn give_back(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.0.used.fetch_sub(bytes, Ordering::SeqCst);
        if self.0.is_wanted.load(Ordering::SeqCst) {
            self.0.is_wanted.store(false, Ordering::SeqCst);
            if let Some(call) = &*self.0.on_release.lock() {
                call();
            }
        }
    }
}

impl Reservation {
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Reserves `more` bytes.
    ///
    /// # Errors
    /// [`Exhausted`] if fewer are left; then nothing changes.
    pub fn grow(&mut self, more: usize) -> Result<(), Exhausted> {
        self.budget.take(more)?;
        self.bytes += more;
        Ok(())
    }

    /// Grows or shrinks to `bytes`.
    ///
    /// # Errors
    /// [`Exhausted`] if fewer are left; then nothing changes.
    pub fn resize(&mut self, bytes: usize) -> Result<(), Exhausted> {
        match bytes.checked_sub(self.bytes) {
            Some(more) => self.grow(more),
            None => {
                self.budget.give_back(self.bytes - bytes);
                self.bytes = bytes;
                Ok(())
            }
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Budget({} of {})", self.used(), self.limit())
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reservation({})", self.bytes)
    }
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the memory for requests and answers is used up")
    }
}

impl std::error::Error for Exhausted {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back() {
        let budget = Budget::new(10);
        let mut first = budget.reserve(6).unwrap();
        assert_eq!(budget.reserve(5).unwrap_err(), Exhausted);
        let second = budget.reserve(4).unwrap();
        assert_eq!(first.grow(1), Err(Exhausted));
        drop(second);
        first.resize(10).unwrap();
        assert_eq!((first.bytes(), budget.used()), (10, 10));
        first.resize(2).unwrap();
        assert_eq!(first.grow(usize::MAX), Err(Exhausted));
        assert_eq!(budget.used(), 2);
        drop(first);
        assert_eq!(budget.used(), 0);
        drop(Budget::unlimited().reserve(usize::MAX).unwrap());
    }

    #[test]
    fn those_who_wait_are_told_once() {
        let budget = Budget::new(10);
        let told = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&told);
        budget.on_release(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        drop(budget.reserve(1).unwrap());
        assert_eq!(told.load(Ordering::Relaxed), 0);
        budget.want();
        drop(budget.reserve(1).unwrap());
        drop(budget.reserve(1).unwrap());
        assert_eq!(told.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn threads_never_take_more_than_there_is() {
        let budget = Budget::new(100);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        if let Ok(reservation) = budget.reserve(30) {
                            assert!(budget.used() <= 100);
                            drop(reservation);
                        }
                    }
                });
            }
        });
        assert_eq!(budget.used(), 0);
    }
}
