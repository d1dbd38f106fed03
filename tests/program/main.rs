//! The program as a user runs it: arguments, signals, exit codes, what it prints.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "A test ends at the first thing that is not as it must be"
)]

mod access;
mod cloud;
mod commands;
#[cfg(feature = "demo")]
mod doctor;
mod documents;
mod environment;
mod flags;
#[cfg(feature = "demo")]
mod golden;
mod harness;
mod identify;
#[cfg(feature = "demo")]
mod import;
#[cfg(feature = "demo")]
mod killed;
mod listening;
#[cfg(feature = "demo")]
mod logged;
#[cfg(feature = "demo")]
mod login;
#[cfg(feature = "demo")]
mod logs;
mod manager;
mod questions;
#[cfg(feature = "demo")]
mod real_programs;
mod reload;
#[cfg(feature = "demo")]
mod reload_under_load;
#[cfg(feature = "demo")]
mod renewed;
mod serve;
mod try_out;
mod unread;
#[cfg(feature = "demo")]
mod vendor;
