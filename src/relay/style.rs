//! How a stream is written.

use std::time::Duration;

use super::rename::Rename;

/// The form of the stream for the client.
#[derive(Clone, Copy, Debug)]
pub struct Style<'a> {
    pub framing: Framing,
    /// The model's two names, where they differ.
    pub rename: Option<Rename<'a>>,
    /// The interval of keep-alives; none without.
    pub keep_alive: Option<Duration>,
    /// The client is Codex, which reads errors as `response.failed`.
    pub is_codex: bool,
    /// As the client named it.
    pub model: &'a str,
}

/// The framing of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Unchanged.
    Events,
    /// The data of all of them as one JSON array (Gemini without `alt=sse`).
    Array,
}
