//! The whole gateway over real sockets, in front of the embedded upstreams.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "A test ends at the first thing that is not as it must be"
)]

mod access;
mod agents;
mod client;
mod crossing;
#[path = "../document/mod.rs"]
#[allow(dead_code)] // Not every test needs all of it.
mod document;
mod dropped;
mod failures;
#[path = "../translation/grammar/mod.rs"]
#[allow(dead_code)] // What requests must look like is of no use here.
mod grammar;
mod harness;
mod items;
mod keys;
mod library;
mod model_lists;
mod models;
mod network;
mod odd_answers;
mod passthrough;
mod payload;
mod published;
mod requests;
mod routes;
mod routing;
mod sessions;
mod signs_of_life;
mod stored;
mod streams;
mod usage;
