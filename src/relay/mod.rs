//! Relays an upstream's answer to a client.
//!
//! Both forms are opened first: [`stream::open`] waits for the first event with content, [`whole::open`] for
//! as much of a body as shows whether it is an error. Until then nothing has been written, and a failure can
//! still move to another credential. Then the head of the answer is written (not here), and the rest is
//! pumped: whole events, each flushed, or the bytes of the body.

mod chunks;
mod closing;
mod envelope;
mod event_loop;
mod expected;
mod extract;
mod gathering;
mod opening;
mod outcome;
mod pump;
mod rename;
mod source;
pub mod stream;
mod style;
pub mod translation;
pub mod whole;

#[cfg(test)]
mod tests;

pub use chunks::Chunks;
pub use expected::ExpectedAnswer;
pub use outcome::{AnswerEnd, Ended, OnEnd, Relayed};
pub use rename::Rename;
pub use stream::{Opened, Primed};
pub use style::{Framing, Style};
pub use translation::Translation;
pub use whole::Whole;
