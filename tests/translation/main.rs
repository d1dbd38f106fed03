//! Every fixture from its dialect to every other one.

mod answers;
mod calls;
#[path = "../document/mod.rs"]
#[allow(dead_code)] // Not every test needs all of it.
mod document;
mod dropped;
mod fixtures;
mod grammar;
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
