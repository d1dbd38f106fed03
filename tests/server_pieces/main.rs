//! Table tests of the parts of `http` and `generation` that do no I/O.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "A test ends at the first thing that is not as it must be"
)]

#[cfg(feature = "compression")]
mod decoding;
mod model_lists;
mod payload_rules;
mod route;
mod unlisted_models;

#[cfg(not(feature = "compression"))]
#[test]
fn without_compression_encodings_are_unsupported() {
    use holdfast::unversioned::budget::Budget;
    use holdfast::unversioned::generation::decoding::{DecodeError, decode};
    let budget = Budget::unlimited();
    let refused = decode("zstd", b"\x28\xb5".to_vec(), 1 << 20, &budget, |_| false);
    assert_eq!(
        refused.map(|decoded| decoded.body),
        Err(DecodeError::Unsupported {
            coding: "zstd".to_owned()
        })
    );
    let plain = decode("identity", b"{}".to_vec(), 1 << 20, &budget, |_| false);
    assert_eq!(plain.map(|decoded| decoded.body), Ok(b"{}".to_vec()));
}
