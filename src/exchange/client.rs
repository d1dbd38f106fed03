//! The client of a request in progress.

use std::fmt;
use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Instant;

use rustix::event::PollFlags;

/// The client disconnected, or reads its answer too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// A client whose request is being answered. One thread serves it, so methods take `&self` and implementations use cells.
pub trait Client {
    /// The socket to poll.
    fn fd(&self) -> BorrowedFd<'_>;

    /// The events to poll for. Errors and hang-ups are always reported.
    fn interest(&self) -> PollFlags;

    /// Handles events of the socket: records that the client shut down its side, and writes pending bytes.
    ///
    /// # Errors
    /// [`Gone`] if the client disconnected.
    fn ready(&self, found: PollFlags) -> Result<(), Gone>;

    /// When to call [`Client::tick`] if there is no event.
    fn due(&self) -> Option<Instant>;

    /// Does what is due.
    ///
    /// # Errors
    /// [`Gone`] if the client has not read enough of its answer in time.
    fn tick(&self, now: Instant) -> Result<(), Gone>;

    /// Whether the client is known to have disconnected, without a system call.
    fn is_gone(&self) -> bool;

    /// Writes bytes of the answer. Bytes that the client does not accept at once are buffered up to a limit; beyond it this
    /// waits.
    ///
    /// # Errors
    /// When the client disconnected or reads too slowly.
    fn send(&self, bytes: &[u8]) -> io::Result<()>;

    /// Sets the size of this buffer. For answers that are not streams, so that the worker does not wait for a slow reader.
    fn keep_up_to(&self, _bytes: usize) {}

    /// Sets the bytes with which to probe a client that shut down its side within the answer: bytes without meaning at that
    /// place. Without them there is no probe.
    fn probe_with(&self, _bytes: &[u8]) {}
}

/// A probe between two chunks of a body: a leading zero of the next chunk size, which has no meaning (RFC 9112, 7.1).
/// Readers limit the number of digits, so it is written once.
pub const ZERO: &[u8] = b"0";

/// Writes to a client through [`Client::send`].
#[derive(Clone)]
pub struct Writer(pub Rc<dyn Client>);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client has hung up")
    }
}

impl std::error::Error for Gone {}

impl From<Gone> for io::Error {
    fn from(gone: Gone) -> Self {
        Self::new(io::ErrorKind::BrokenPipe, gone)
    }
}
