//! Every fixture from its dialect to every other one.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "A test ends at the first thing that is not as it must be"
)]

mod answers;
mod calls;
#[path = "../document/mod.rs"]
#[allow(dead_code)] // Not every test needs all of it.
mod document;
mod dropped;
mod fixtures;
mod grammar;
mod hosted_tools;
mod hostile;
mod legal;
mod losses;
mod odd_streams;
mod published;
mod requests;
mod round_trips;
mod searches;
mod streams;
mod told_twice;
mod tools;
