//! The id of a request in logs and in `X-Request-Id`: 8 lower-case hex digits.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use ring::rand::{SecureRandom, SystemRandom};

/// Random ids fetched at once, so that one request in 64 asks the system.
const IDS: usize = 64;

/// What logs show for requests that have no id.
pub const NONE: &str = "--------";

/// One request's id. Unique enough to find a request in a log; no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 8]);

impl RequestId {
    /// A fresh random id.
    pub fn fresh() -> Self {
        thread_local! {
            static RANDOM: RefCell<Random> = const { RefCell::new(Random::empty()) };
        }
        Self::from_bytes(RANDOM.with_borrow_mut(Random::take))
    }

    fn from_bytes(bytes: [u8; 4]) -> Self {
        let mut digits = [0; 8];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            for (digit, nibble) in pair.iter_mut().zip([byte >> 4, byte & 0xf]) {
                *digit = match nibble {
                    0..=9 => b'0' + nibble,
                    _ => b'a' + nibble - 10,
                };
            }
        }
        Self(digits)
    }

    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or(NONE)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

struct Random {
    ids: [[u8; 4]; IDS],
    used: usize,
}

impl Random {
    const fn empty() -> Self {
        Self {
            ids: [[0; 4]; IDS],
            used: IDS,
        }
    }

    fn take(&mut self) -> [u8; 4] {
        if let Some(id) = self.ids.get(self.used) {
            self.used += 1;
            return *id;
        }
        if SystemRandom::new()
            .fill(self.ids.as_flattened_mut())
            .is_err()
        {
            // Distinct is all that an id must be.
            static COUNTER: AtomicU32 = AtomicU32::new(0);
            return COUNTER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        }
        self.used = 1;
        let [first, ..] = self.ids;
        first
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn bytes_become_hex_digits() {
        assert_eq!(
            RequestId::from_bytes([0x00, 0x9a, 0xbc, 0xff]).as_str(),
            "009abcff"
        );
    }

    #[test]
    fn ids_differ_across_refills_and_threads() {
        let draw = || (0..200).map(|_| RequestId::fresh()).collect::<Vec<_>>();
        let other = std::thread::spawn(draw);
        let mut ids = draw();
        ids.extend(other.join().expect("the thread draws"));
        let distinct: HashSet<_> = ids.iter().collect();
        // Two of 400 random ids are equal once in 50,000 runs; a refill that repeats itself always.
        assert!(distinct.len() >= 399);
        assert!(ids.iter().all(|id| {
            id.as_str()
                .bytes()
                .all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
        }));
    }
}
