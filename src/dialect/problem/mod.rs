//! The one place that shapes errors: every failure that a caller sees is a [`Problem`], written in the
//! caller's own dialect, before the stream or within it (`spec/http.md` 9 and 14).

mod report;
mod shape;
mod status;
mod upstream;
mod words;

pub use report::{MAX_MESSAGE_CHARS, Problem, Unavailable};
pub use shape::{is_codex_client, render, render_in_stream};
pub use status::{ErrorStatus, reason};
pub use upstream::{from_upstream, read_upstream};
pub use words::stream_code;
