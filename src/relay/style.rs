//! How a stream is written.

use std::time::Duration;

use super::rename::Rename;

/// How the stream looks to the client.
#[derive(Clone, Copy, Debug)]
pub struct Style<'a> {
    pub framing: Framing,
    /// The model's two names, where they differ.
    pub rename: Option<Rename<'a>>,
    /// A sign of life is written when nothing else was for this long; none without.
    pub keep_alive: Option<Duration>,
    /// The client is a Codex, which wants errors as `response.failed`.
    pub is_codex: bool,
    /// As the client named it.
    pub model: &'a str,
}

/// What events are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// As they came.
    Events,
    /// The data of all of them as one JSON array (Gemini without `alt=sse`).
    Array,
}
