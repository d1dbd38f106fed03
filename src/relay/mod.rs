//! Pumping an upstream's answer to a client.
//!
//! Both forms open first: [`stream::open`] waits for the first event with something in it, [`whole::open`] for
//! as much of a body as shows whether it is an error. Until then nothing has been written, and a failure can
//! still move to another credential. Then the head of the answer is written (not here), and the rest is
//! pumped: whole events, each flushed, or the bytes of the body.

mod asked;
mod chunks;
mod closing;
mod event_loop;
mod gathering;
mod held;
mod look;
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

pub use asked::ExpectedAnswer;
pub use chunks::Chunks;
pub use outcome::{AnswerEnd, Ended, OnEnd, Relayed};
pub use rename::Rename;
pub use stream::{Opened, Primed};
pub use style::{Framing, Style};
pub use translation::Translation;
pub use whole::Whole;
