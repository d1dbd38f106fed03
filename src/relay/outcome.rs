//! The outcome of an answer.

use crate::failure::Failure;
use crate::wire::usage::Usage;

/// The outcome of a relayed answer.
#[derive(Clone, Debug)]
pub struct Relayed {
    /// Bytes of payload written, framing not counted.
    pub bytes: u64,
    /// Events with data written.
    pub events: u64,
    /// The usage that the answer reports.
    pub usage: Option<Usage>,
    pub ended: Ended,
    /// The written body has its final frame; otherwise the connection must be closed.
    pub is_whole: bool,
    /// The failure, unless the answer is complete or the client disconnected.
    pub failure: Option<Failure>,
}

/// The end of an answer. It is recorded before the client receives it, because the next request may follow at once.
#[derive(Clone, Copy, Debug)]
pub struct AnswerEnd<'a> {
    pub ended: Ended,
    /// The failure, unless the answer is complete.
    pub failure: Option<&'a Failure>,
    /// The id under which the upstream keeps the answer (Responses).
    pub response: Option<&'a str>,
    /// The whole answer as its client gets it: a body that is in memory, or the response in the last event of a stream
    /// of Responses.
    pub whole: Option<&'a [u8]>,
}

/// Called once per answer, when its end is known and before its last bytes are written; not called if the
/// client disconnects before.
pub type OnEnd<'s> = &'s mut dyn FnMut(&AnswerEnd<'_>);

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With the final event of its dialect, or a complete body.
    Terminal,
    /// The upstream closed the stream without a final event.
    NoTerminal,
    /// The connection to the upstream broke, or was silent for too long.
    Broken,
    /// With an error event of the upstream, which was passed on.
    UpstreamError,
    /// The client disconnected.
    ClientGone,
}
