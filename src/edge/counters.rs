//! Counts requests in progress, and connections per address (`limits.connections-per-address`).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

/// Counts requests that are waiting for a worker or being answered.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<AtomicUsize>);

/// A counted request. Dropping it decrements the count.
#[derive(Debug)]
pub struct InFlight(Arc<AtomicUsize>);

impl Requests {
    pub fn enter(&self) -> InFlight {
        self.0.fetch_add(1, Ordering::AcqRel);
        InFlight(Arc::clone(&self.0))
    }

    pub fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Open connections by address.
type Counts = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// Counts connections by address, if there is a limit.
#[derive(Clone, Debug)]
pub struct Addresses {
    counted: Option<(usize, Counts)>,
}

/// A counted connection. Dropping it decrements the count.
#[derive(Debug)]
pub struct Place(Option<(IpAddr, Counts)>);

impl Addresses {
    /// At most `limit` connections from one address.
    pub fn new(limit: Option<usize>) -> Self {
        Self {
            counted: limit.map(|limit| (limit, Arc::default())),
        }
    }

    /// Counts a connection from `address`, if the limit allows it.
    pub fn enter(&self, address: IpAddr) -> Option<Place> {
        let Some((limit, counts)) = &self.counted else {
            return Some(Place(None));
        };
        let address = address.to_canonical();
        let mut open = counts.lock();
        let count = open.entry(address).or_default();
        if *count >= *limit {
            return None;
        }
        *count += 1;
        Some(Place(Some((address, Arc::clone(counts)))))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((address, counts)) = self.0.take() else {
            return;
        };
        let mut counts = counts.lock();
        if let Some(count) = counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back() {
        let addresses = Addresses::new(Some(2));
        let (a, b) = ([192, 0, 2, 1], [192, 0, 2, 2]);
        let first = addresses.enter(IpAddr::from(a)).unwrap();
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        let second = addresses.enter(mapped).unwrap();
        assert!(addresses.enter(IpAddr::from(a)).is_none());
        assert!(addresses.enter(IpAddr::from(b)).is_some());
        drop((first, second));
        assert!(addresses.enter(IpAddr::from(a)).is_some());
        let counts = addresses.counted.as_ref().unwrap();
        assert!(counts.1.lock().is_empty());
        assert!(Addresses::new(None).enter(mapped).is_some());
    }
}
