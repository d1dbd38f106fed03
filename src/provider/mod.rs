//! Calling upstreams: one file per kind says how it is called, one place calls.
//!
//! [`Upstream::call`] takes what the client sent and who to be towards which upstream ([`Call`]), and gives
//! an [`Answer`] whose body is still to be read, or a [`Failure`]. Bodies are not parsed: the client's bytes
//! go out with edits spliced in, the upstream's come back as they are, decompressed if need be.

mod call;
mod call_failure;
mod claude;
pub mod codex;
mod compat;
mod compressed;
mod gemini;
mod headers;
pub mod models;
mod net;
mod presented;
mod request;
mod target;
pub mod url;
mod vertex;

pub use call::{Answer, Upstream};
pub use compressed::undone;
pub use net::{Settings, Variables};
pub use target::{Action, Call, ProxySetting, Stored, Target, Verb};
