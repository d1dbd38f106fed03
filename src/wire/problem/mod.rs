//! Errors: every failure that a client sees is a [`Problem`], written in the client's dialect, before a stream or within
//! it.

mod class;
mod report;
mod shape;
mod status;
mod upstream;
mod wordings;
mod words;

pub use class::Class;
pub use report::{MAX_MESSAGE_CHARS, Problem, Unavailable};
pub use shape::{is_codex_client, render, render_in_stream, stream_words};
pub use status::{ErrorStatus, reason};
pub use upstream::{from_upstream, read_upstream, retold};
