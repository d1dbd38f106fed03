//! holdfast: a gateway for language-model APIs that keeps every conversation on the credential that
//! already holds its prompt cache.
//!
//! [`Gateway`] is the whole of it for other programs: give it a configuration ([`config::load`]), and
//! get a running gateway back. The rooms behind it, and what each may know, are in `ARCHITECTURE.md`.

mod atomic_file;
pub mod budget;
mod capacity;
pub mod chunked;
pub mod cli;
pub mod coding;
mod colour;
pub mod config;
pub mod credential;
#[cfg(feature = "demo")]
#[allow(
    clippy::indexing_slicing,
    reason = "What the embedded upstreams read and write is their own"
)]
pub mod demo;
pub mod diagnostics;
pub mod dialect;
mod doctor;
pub mod edge;
pub mod exchange;
mod gateway;
mod glob;
pub mod heap;
mod janitor;
pub mod json;
pub mod logs;
pub mod payload;
pub mod provider;
pub mod redaction;
pub mod relay;
pub mod routing;
pub mod server;
pub mod session;
mod similar;
pub mod sse;
mod state_folder;
pub mod stored;
mod time;
pub mod usage;

pub use gateway::{Gateway, Running, StartError};
pub use server::report::{Observer, Report};
