//! The whole gateway over real sockets, in front of the embedded upstreams.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod access;
mod affinity;
mod agent_errors;
mod client;
mod cooldowns;
#[path = "../document/mod.rs"]
#[allow(dead_code)] // shared with other tests
mod document;
mod dropped_signatures;
mod error_rules;
mod failures;
mod files;
#[path = "../translation/grammar/mod.rs"]
#[allow(dead_code)] // shared with other tests
mod grammar;
mod harness;
mod keep_alive;
mod keys;
mod library;
mod malformed_answers;
mod model_lists;
mod models;
mod network;
mod passthrough;
mod payload;
mod published_schema;
mod requests;
mod response_items;
mod routes;
mod routing;
mod sessions;
mod stored;
mod streams;
mod translation;
mod usage;
mod xai;
