//! Pumping an upstream's answer to a client.
//!
//! Both forms open first: [`stream::open`] waits for the first event with something in it, [`whole::open`] for
//! as much of a body as shows whether it is an error. Until then nothing has been written, and a failure can
//! still move to another credential. Then the head of the answer is written (not here), and the rest is
//! pumped: whole events, each flushed, or the bytes of the body.

mod chunks;
mod closing;
mod rename;
pub mod stream;
pub mod whole;

pub use rename::Rename;
pub use stream::{Framing, Opened, Primed, Style};
pub use whole::Whole;

use crate::dialect::usage::Usage;
use crate::provider::Failure;

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
    /// Why it ended, unless it ended well or the client went.
    pub failure: Option<Failure>,
}

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
