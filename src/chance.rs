//! Random numbers that are not for secrets.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A number from 0 to 1, 1 excluded.
pub fn fraction() -> f64 {
    let chance = RandomState::new().build_hasher().finish();
    // The mantissa has 53 bits.
    (chance >> 11) as f64 / (1_u64 << 53) as f64
}
