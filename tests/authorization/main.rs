//! The embedded authorization server by itself, as a vendor's client would meet it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "A test ends at the first thing that is not as it must be"
)]

mod client;
mod service_accounts;
mod tokens;
