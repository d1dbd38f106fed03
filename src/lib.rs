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
mod colour;
pub mod config;
pub mod content_encoding;
pub mod credential;
#[cfg(feature = "demo")]
#[allow(
    clippy::indexing_slicing,
    reason = "What the embedded upstreams read and write is their own"
)]
pub mod demo;
pub mod diagnostics;
mod doctor;
pub mod edge;
pub mod exchange;
pub mod failure;
mod gateway;
pub mod generation;
mod glob;
pub mod heap;
pub mod http;
mod janitor;
pub mod json;
pub mod logs;
pub mod payload;
pub mod provider;
pub mod reasoning;
pub mod redaction;
pub mod relay;
pub mod routing;
pub mod session;
mod similar;
pub mod sse;
mod state_folder;
pub mod stored;
mod time;
pub mod translate;
pub mod usage;
pub mod wire;

pub use gateway::{Gateway, Running, StartError};
pub use generation::report::{Observer, Report};
