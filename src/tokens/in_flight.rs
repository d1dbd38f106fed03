//! One renewal at a time for each refresh token: copies of a file have the same one, and it may be valid only once.

use std::collections::HashSet;

use parking_lot::{Condvar, Mutex};
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use crate::config::Secret;

type Digest = [u8; SHA256_OUTPUT_LEN];

/// The refresh tokens that are being used.
#[derive(Default)]
pub struct InFlight {
    used: Mutex<HashSet<Digest>>,
    ended: Condvar,
}

/// The right to use a refresh token, until it is dropped.
pub struct InFlightToken<'t> {
    in_flight: &'t InFlight,
    token: Digest,
}

impl InFlight {
    /// Waits until nobody uses `refresh`.
    pub fn take(&self, refresh: &Secret) -> InFlightToken<'_> {
        let mut token = [0; SHA256_OUTPUT_LEN];
        token.copy_from_slice(digest(&SHA256, refresh.reveal().as_bytes()).as_ref());
        let mut used = self.used.lock();
        while !used.insert(token) {
            self.ended.wait(&mut used);
        }
        InFlightToken {
            in_flight: self,
            token,
        }
    }
}

impl Drop for InFlightToken<'_> {
    fn drop(&mut self) {
        self.in_flight.used.lock().remove(&self.token);
        self.in_flight.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn a_token_is_used_by_one_at_a_time() {
        let in_flight = InFlight::default();
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _used = in_flight.take(&Secret::new("same"));
                        let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        running.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(most.load(Ordering::SeqCst), 1);
        let _one = in_flight.take(&Secret::new("one"));
        // Another one is free.
        let _two = in_flight.take(&Secret::new("two"));
    }
}
