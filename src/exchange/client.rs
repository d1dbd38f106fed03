//! The client's end of a request under way.

use std::fmt;
use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Instant;

use rustix::event::PollFlags;

/// The client has hung up, or takes its answer too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// A client whose request is being answered. One thread serves it at a time, so methods take `&self` and
/// implementations use cells.
pub trait Client {
    /// The socket to be polled.
    fn fd(&self) -> BorrowedFd<'_>;

    /// What the socket is to be polled for. Errors and hang-ups are always reported.
    fn interest(&self) -> PollFlags;

    /// Deals with what was reported of the socket: notes that the client has shut down its side, writes what
    /// it takes.
    ///
    /// # Errors
    /// [`Gone`] when there is nobody left to answer.
    fn ready(&self, found: PollFlags) -> Result<(), Gone>;

    /// When [`Client::tick`] is to be called although nothing was reported.
    fn due(&self) -> Option<Instant>;

    /// Does what is due.
    ///
    /// # Errors
    /// [`Gone`] when the client has not taken enough of its answer in time.
    fn tick(&self, now: Instant) -> Result<(), Gone>;

    /// Whether the client is known to have gone. Does not ask the system.
    fn is_gone(&self) -> bool;

    /// Writes bytes of the answer. What the client does not take at once is kept up to a bound; beyond it this
    /// waits.
    ///
    /// # Errors
    /// When the client has gone or takes too little.
    fn send(&self, bytes: &[u8]) -> io::Result<()>;

    /// Keeps up to this many bytes that the client has not taken before [`Client::send`] waits: for answers that
    /// are not streams, whose worker is not to wait for a slow reader.
    fn keep_up_to(&self, _bytes: usize) {}

    /// What to write to a client that has shut down its side in the middle of the answer, to find out whether it
    /// still reads: bytes that mean nothing at that place. Nothing is written without.
    fn probe_with(&self, _bytes: &[u8]) {}
}

/// What may be written between two chunks of a body: a zero before the size of the next one, which means nothing (RFC
/// 9112, 7.1). Readers take only so many digits, so it is written once.
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
