//! The body of an answer, read as it comes. Behind its end the connection goes back to where it is from.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq_proto::BodyMode;
use ureq_proto::client::state::RecvBody;
use ureq_proto::client::{Call, RecvBodyResult, RecvResponseResult};

use super::connection::{Connection, is_pause};
use super::http11::not_http;
use super::input::Input;
use super::pool::Origin;
use crate::exchange::{Interruption, Waiter};

/// Bytes of framing without payload at most: trailers, or the line of a chunk.
const FRAMING: usize = 64 * 1024;

/// A body that is still to be read.
pub struct Body {
    /// Until its end.
    open: Option<Open>,
    waiter: Waiter,
    /// The longest silence.
    silence: Duration,
    /// Since when nothing has come.
    silent_since: Option<Instant>,
}

struct Open {
    connection: Connection,
    origin: Arc<Origin>,
    call: Call<RecvBody>,
    input: Input,
    /// The end of the connection is that of the body.
    ends_with_connection: bool,
    /// Bytes of framing since the last payload.
    framing: usize,
}

impl Body {
    /// The body behind a head. `input` is what has been read of it.
    pub fn new(
        next: RecvResponseResult,
        connection: Connection,
        input: Input,
        origin: Arc<Origin>,
        waiter: Waiter,
        silence: Duration,
    ) -> Self {
        let open = match next {
            RecvResponseResult::RecvBody(call) => Some(Open {
                ends_with_connection: call.body_mode() == BodyMode::CloseDelimited,
                connection,
                origin,
                call,
                input,
                framing: 0,
            }),
            RecvResponseResult::Redirect(call) => {
                keep(call.must_close_connection(), connection, &input, &origin);
                None
            }
            RecvResponseResult::Cleanup(call) => {
                keep(call.must_close_connection(), connection, &input, &origin);
                None
            }
        };
        Self {
            open,
            waiter,
            silence,
            silent_since: None,
        }
    }

    /// The whole of it has been read.
    fn end(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        let must_close = match open.call.proceed() {
            Some(RecvBodyResult::Cleanup(call)) => call.must_close_connection(),
            Some(RecvBodyResult::Redirect(call)) => call.must_close_connection(),
            None => true,
        };
        keep(must_close, open.connection, &open.input, &open.origin);
    }
}

fn keep(must_close: bool, connection: Connection, input: &Input, origin: &Origin) {
    if !must_close && input.is_empty() {
        origin.give_back(connection, Instant::now());
    }
}

impl Open {
    /// Takes payload out of what has been read. `None` when there is none yet.
    fn take(&mut self, room: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            let (used, given) = self
                .call
                .read(self.input.unread(), room)
                .map_err(not_http)?;
            self.input.consume(used);
            if given > 0 {
                self.framing = 0;
                return Ok(Some(given));
            }
            self.framing += used;
            if self.framing > FRAMING {
                let message = "the answer has too long trailers";
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            if used == 0 || self.has_ended() {
                return Ok(None);
            }
        }
    }

    fn has_ended(&self) -> bool {
        !self.ends_with_connection && self.call.can_proceed()
    }

    /// Waits and reads; 0 is the end of the connection.
    fn fill(
        &mut self,
        waiter: &Waiter,
        silence: Duration,
        since: &mut Option<Instant>,
    ) -> io::Result<usize> {
        loop {
            let began = *since.get_or_insert_with(Instant::now);
            if !self.connection.wait(waiter, began.checked_add(silence))? {
                return Err(Interruption::Idle.into());
            }
            match self.input.fill(&mut self.connection, FRAMING) {
                Err(error) if is_pause(&error) => {}
                read => {
                    *since = None;
                    return read;
                }
            }
        }
    }
}

/// A read without room waits until there is something to read, so that nobody needs a buffer meanwhile.
impl Read for Body {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if room.is_empty() {
            if let Some(open) = &mut self.open
                && open.input.is_empty()
                && !open.has_ended()
            {
                open.fill(&self.waiter, self.silence, &mut self.silent_since)?;
            }
            return Ok(0);
        }
        while let Some(open) = &mut self.open {
            let given = match open.input.is_empty() {
                true => None,
                false => open.take(room)?,
            };
            if open.has_ended() {
                self.end();
                return Ok(given.unwrap_or(0));
            }
            if let Some(given) = given {
                return Ok(given);
            }
            if open.fill(&self.waiter, self.silence, &mut self.silent_since)? > 0 {
                continue;
            }
            if !open.ends_with_connection {
                let message = "the connection was closed in the middle of the answer";
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
            }
            self.end();
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_stream_costs_little() {
        let size = std::mem::size_of::<Body>();
        assert!(size <= 640, "{size} bytes");
    }
}
