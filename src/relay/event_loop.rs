//! The loop of a stream: reads events from the upstream, and writes together what has arrived together.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use super::outcome::Ended;
use super::source::fill;
use crate::exchange::{Interruption, Waiter};
use crate::failure::Failure;
use crate::sse::{Event, Splitter};

/// Bytes of events that are written together at most; a compressed body can have many more in one read.
pub(super) const TOGETHER: usize = 64 * 1024;

/// How a stream ended, and why.
pub type Over = (Ended, Option<Failure>);

/// Handles the events of a stream.
pub trait Sink {
    /// Takes one event. Returns how the stream ended, if this event ends it.
    ///
    /// # Errors
    /// The client cannot be written to.
    fn event(&mut self, event: &Event) -> io::Result<Option<Over>>;

    /// The number of bytes to be written.
    fn waiting(&self) -> usize;

    /// Writes them.
    ///
    /// # Errors
    /// The client cannot be written to.
    fn flush(&mut self) -> io::Result<()>;

    /// The longest silence towards the client, and the time of the last write.
    fn silence(&self) -> (Option<Duration>, Instant);

    /// Writes a keep-alive.
    ///
    /// # Errors
    /// The client cannot be written to.
    fn keep_alive(&mut self) -> io::Result<()>;

    /// The upstream has closed the body. `last` is what came without an end of its own.
    ///
    /// # Errors
    /// The client cannot be written to.
    fn end_of_body(&mut self, last: &Event) -> io::Result<Over>;

    /// The stream is broken.
    ///
    /// # Errors
    /// The client cannot be written to.
    fn broken(&mut self, failure: Failure) -> io::Result<Over>;
}

/// Reads and writes until the stream is over.
///
/// # Errors
/// The client cannot be written to.
pub fn run(
    sink: &mut impl Sink,
    splitter: &mut Splitter,
    body: &mut dyn Read,
    waiter: &Waiter,
) -> io::Result<Over> {
    // More may have come than has been taken: with the head, and where a read had no room for all.
    let mut may_have_more = true;
    loop {
        while let Some(event) = splitter.next_event() {
            if let Some(over) = sink.event(&event)? {
                return Ok(over);
            }
        }
        // Everything is written before waiting for the upstream.
        let wait = match may_have_more && sink.waiting() < TOGETHER {
            true => Some(Duration::ZERO),
            false => {
                may_have_more = false;
                sink.flush()?;
                let (interval, last) = sink.silence();
                interval.map(|interval| interval.saturating_sub(last.elapsed()))
            }
        };
        waiter.wake_after(wait);
        match fill(splitter, body) {
            Ok(0) => return sink.end_of_body(&splitter.last_event()),
            Ok(_) => may_have_more = splitter.is_full(),
            Err(error) => match Interruption::of(&error) {
                Some(Interruption::Awake) if may_have_more => may_have_more = false,
                Some(Interruption::Awake) => sink.keep_alive()?,
                Some(Interruption::ClientGone) => return Ok((Ended::ClientGone, None)),
                _ => return sink.broken(Failure::of_read(&error)),
            },
        }
    }
}
