//! The client's end of a request under way.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
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
