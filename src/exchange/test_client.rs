//! A client for unit tests.

use std::cell::Cell;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Instant;

use rustix::event::PollFlags;

use super::{Client, Gone, Waiter};

/// One end of a socket pair, gone when the other end is.
struct Peer {
    socket: UnixStream,
    gone: Cell<bool>,
}

impl Client for Peer {
    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn interest(&self) -> PollFlags {
        PollFlags::IN
    }

    fn ready(&self, found: PollFlags) -> Result<(), Gone> {
        self.gone.set(found.contains(PollFlags::HUP));
        match self.gone.get() {
            true => Err(Gone),
            false => Ok(()),
        }
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn tick(&self, _: Instant) -> Result<(), Gone> {
        Ok(())
    }

    fn is_gone(&self) -> bool {
        self.gone.get()
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.socket).write_all(bytes)
    }
}

/// A waiter for a client whose other end is the second value.
pub fn pair() -> (Waiter, UnixStream) {
    let (socket, other) = UnixStream::pair().unwrap();
    let gone = Cell::new(false);
    (Waiter::of(Rc::new(Peer { socket, gone })), other)
}
