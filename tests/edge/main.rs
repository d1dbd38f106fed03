//! Tests of the edge over sockets, with a test service.

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
mod over_tls;
mod requests;
mod states;
mod tls;
mod tls_client;
mod workers;
