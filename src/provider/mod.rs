//! Calls upstreams. One file per kind of upstream defines the request.
//!
//! [`Upstream::call`] takes the client's request and the credential ([`Call`]), and returns an [`Answer`] with a body to
//! read, or a [`Failure`](crate::failure::Failure). Bodies are not parsed: the client's bytes are sent with a few
//! edits, and the upstream's are returned as they are, decompressed if necessary.

mod answers;
mod antigravity;
mod call;
mod call_failure;
mod claude;
pub mod code_assist;
mod code_assist_body;
pub mod codex;
mod compat;
mod compressed;
mod credits;
mod envelope;
mod fetch;
mod gemini;
mod gemini_cli;
mod headers;
mod hosts;
mod iflow;
mod imagen;
mod kimi;
pub mod models;
mod net;
pub mod oauth;
mod presented;
mod request;
mod target;
pub mod url;
mod vertex;
mod xai;

pub use antigravity::validates_calls;
pub use call::{Answer, Upstream};
pub use compressed::undone;
pub use fetch::{Fetch, Fetched};
pub use net::{Settings, Variables};
pub use target::{Action, Call, ProxySetting, Stored, Target, Verb};
