//! Reads the body of an answer. At its end, the connection returns to its pool.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connection::{Connection, is_pause};
use super::http11::{End, not_http};
use super::input::Input;
use super::pool::Origin;
use super::socket::MOMENT;
use crate::exchange::{Interruption, Waiter};

/// The most bytes that are buffered, about one read.
const HELD: usize = 64 * 1024;

/// A body to read.
pub struct Body {
    /// The connection, until the end of the body.
    open: Option<Open>,
    waiter: Waiter,
    /// The longest time without a byte.
    silence: Duration,
    /// The time of the last byte.
    silent_since: Option<Instant>,
}

struct Open {
    connection: Connection,
    origin: Arc<Origin>,
    end: End,
    /// Whether the connection can be reused after the body.
    is_kept: bool,
    input: Input,
    /// In a steady stream, the last time the client was checked. For a [`MOMENT`] after that, reads block by themselves.
    steady_since: Option<Instant>,
}

impl Body {
    /// The body after a head. `input` has the bytes that were read already.
    pub fn new(
        end: End,
        is_kept: bool,
        connection: Connection,
        input: Input,
        origin: Arc<Origin>,
        waiter: Waiter,
        silence: Duration,
    ) -> Self {
        let open = Open {
            connection,
            origin,
            end,
            is_kept,
            input,
            steady_since: None,
        };
        let mut body = Self {
            open: Some(open),
            waiter,
            silence,
            silent_since: None,
        };
        if body.open.as_ref().is_some_and(Open::has_ended) {
            body.end();
        }
        body
    }

    /// Ends the body: returns the connection to the pool.
    fn end(&mut self) {
        if let Some(open) = self.open.take()
            && open.is_kept
            && open.input.is_empty()
        {
            open.origin.give_back(open.connection, Instant::now());
        }
    }
}

impl Open {
    /// Takes payload from the buffer. `None` if it has none.
    fn take(&mut self, room: &mut [u8]) -> io::Result<Option<usize>> {
        let Self { end, input, .. } = self;
        let mut given = 0;
        while let Some(free) = room.get_mut(given..).filter(|free| !free.is_empty()) {
            let unread = input.unread();
            // So all of the payload fits.
            let some = unread.get(..free.len()).unwrap_or(unread);
            let (taken, payload) = match end {
                End::Length(left) => {
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(some.len());
                    *left -= count as u64;
                    (count, some.get(..count).unwrap_or_default())
                }
                End::Chunked(decoder) => {
                    let step = decoder.step(some);
                    let step = step.map_err(|_| not_http("the body is not chunked"))?;
                    (step.taken, step.payload)
                }
                End::Close => (some.len(), some),
            };
            if let Some(free) = free.get_mut(..payload.len()) {
                free.copy_from_slice(payload);
            }
            given += payload.len();
            input.consume(taken);
            if taken == 0 {
                break;
            }
        }
        Ok((given > 0).then_some(given))
    }

    fn has_ended(&self) -> bool {
        match &self.end {
            End::Length(left) => *left == 0,
            End::Chunked(decoder) => decoder.is_done(),
            End::Close => false,
        }
    }

    /// Waits and reads; returns 0 at the end of the connection.
    fn fill(
        &mut self,
        waiter: &Waiter,
        silence: Duration,
        since: &mut Option<Instant>,
    ) -> io::Result<usize> {
        loop {
            let began = *since.get_or_insert_with(Instant::now);
            let limit = began.checked_add(silence);
            let waits = self.steady_since.is_some_and(|at| began < at + MOMENT)
                && self.connection.can_wait()
                && waiter.has_nothing_due(MOMENT, limit)?;
            if !waits && !self.connection.wait(waiter, limit)? {
                return Err(Interruption::Idle.into());
            }
            self.connection.let_wait(waits);
            let read = self.input.fill(&mut self.connection, HELD);
            self.connection.let_wait(false);
            match read {
                Err(error) if is_pause(&error) => self.steady_since = None,
                read => {
                    if !waits {
                        let now = Instant::now();
                        let is_soon = now.saturating_duration_since(began) < MOMENT / 2;
                        self.steady_since = is_soon.then_some(now);
                    }
                    *since = None;
                    return read;
                }
            }
        }
    }
}

/// A read into an empty buffer only waits for data, so that the caller needs no buffer during the wait.
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
            if !matches!(open.end, End::Close) {
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

    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use super::super::environment::Variables;
    use super::super::pool::{Name, Pool};
    use super::super::trust::{System, Trust};
    use super::*;
    use crate::exchange::test_client::pair;

    /// Nothing is written to a client whose answer is being gathered, so only a look at it tells that it has gone.
    #[test]
    fn a_client_that_leaves_in_the_midst_of_steady_bytes_is_noticed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut far = listener.accept().unwrap().0;
        // Without a pause, until the other end is gone.
        let upstream = std::thread::spawn(move || while far.write_all(b"more ").is_ok() {});
        let system = System::of(&Variables::new(|_| None));
        let trust = Arc::new(Trust::new(Arc::new(system), Vec::new()));
        let name = Name {
            is_tls: false,
            host: "upstream",
            port: 80,
            proxy: None,
        };
        let origin = Pool::new(9, 9).origin(name, &trust).unwrap();
        let (waiter, client) = pair();
        let silence = Duration::from_secs(20);
        let connection = Connection::new(near).unwrap();
        let mut body = Body::new(
            End::Close,
            false,
            connection,
            Input::default(),
            origin,
            waiter,
            silence,
        );
        let mut room = [0; 512];
        for _ in 0..100 {
            assert!(body.read(&mut room).unwrap() > 0);
        }
        drop(client);
        let error = loop {
            if let Err(error) = body.read(&mut room) {
                break error;
            }
        };
        assert_eq!(Interruption::of(&error), Some(Interruption::ClientGone));
        drop(body);
        upstream.join().unwrap();
    }

    #[test]
    fn a_held_stream_costs_little() {
        let size = std::mem::size_of::<Body>();
        assert!(size <= 640, "{size} bytes");
    }
}
