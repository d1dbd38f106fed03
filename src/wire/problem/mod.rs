//! The one place that shapes errors: every failure that a caller sees is a [`Problem`], written in the
//! caller's own dialect, before the stream or within it (`spec/http.md` 9 and 14).

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
