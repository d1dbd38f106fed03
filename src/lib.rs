//! holdfast: a gateway for language-model APIs that keeps each conversation on the credential that holds its prompt
//! cache.
//!
//! To run it in another program, start a [`Gateway`] with a configuration ([`config::load`]). `ARCHITECTURE.md` describes
//! the modules.

mod atomic_file;
pub mod budget;
mod capacity;
pub mod chunked;
pub mod cli;
mod colour;
#[deny(missing_docs)]
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
#[deny(missing_docs)]
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
pub use generation::hooks::{Denied, Filter, Incoming, Observer, Report};
