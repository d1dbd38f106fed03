//! Identifiers of answers and of tool calls.
//!
//! [`mod@format`] says which call ids each dialect accepts, [`matching`] which result belongs to which call of a
//! conversation. [`UpstreamCallIds`] are the ids that an upstream is sent, [`ClientCallIds`] those that a client gets.

pub mod client;
pub mod format;
pub mod matching;
mod mint;
pub mod upstream;

pub use client::ClientCallIds;
pub use format::CallIdFormat;
pub use matching::ResultMatches;
pub use mint::{Mint, answer, hash, short};
pub use upstream::UpstreamCallIds;
