//! The edge with a service behind it, as clients see it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "A test ends at the first thing that is not as it must be"
)]
#![allow(
    clippy::duplicate_mod,
    reason = "the same tests run over TCP and over TLS"
)]

mod crowded;
mod harness;
mod hostile;
mod limits;
mod ordinary;
mod over_tls;
mod states;
mod tls;
mod wire;
mod workers;
