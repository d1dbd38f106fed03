//! What became of an answer.

use crate::failure::Failure;
use crate::wire::usage::Usage;

/// What became of an answer that was relayed.
#[derive(Clone, Debug)]
pub struct Relayed {
    /// Bytes of payload written, framing not counted.
    pub bytes: u64,
    /// Events with data written.
    pub events: u64,
    /// What the answer says it cost.
    pub usage: Option<Usage>,
    pub ended: Ended,
    /// What was written has the end that its framing promises; otherwise the connection must be closed.
    pub is_whole: bool,
    /// Why it ended, unless it ended well or the client went.
    pub failure: Option<Failure>,
}

/// What has to be entered about an answer before its client can act on its end: its next request may follow at once.
#[derive(Clone, Copy, Debug)]
pub struct AnswerEnd<'a> {
    pub ended: Ended,
    /// Why it ended, unless it ended well.
    pub failure: Option<&'a Failure>,
    /// The id under which the upstream keeps the answer (Responses).
    pub response: Option<&'a str>,
    /// The whole answer as its client gets it: a body that is in memory, or the response in the last event of a stream
    /// of Responses.
    pub whole: Option<&'a [u8]>,
}

/// Is called once for an answer, as soon as its end is known and before the last of it is written; not at all if the
/// client goes before.
pub type OnEnd<'s> = &'s mut dyn FnMut(&AnswerEnd<'_>);

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As its dialect says it must.
    Terminal,
    /// The upstream closed it without saying so.
    NoTerminal,
    /// The upstream broke it, or was silent for too long.
    Broken,
    /// With an error of the upstream's own, which has been passed on.
    UpstreamError,
    /// The client hung up.
    ClientGone,
}
