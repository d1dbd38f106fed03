//! Test clients that disconnect.

use std::cell::Cell;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use holdfast::unversioned::exchange::{Client, Gone, Waiter};
use rustix::event::PollFlags;

/// A client at the other end of a socket pair.
struct Peer {
    socket: UnixStream,
    /// The other end, of one that goes by the clock.
    _other: Option<UnixStream>,
    goes_at: Option<Instant>,
    is_gone: Cell<bool>,
}

fn waiter(socket: UnixStream, other: Option<UnixStream>, goes_at: Option<Instant>) -> Waiter {
    Waiter::of(Rc::new(Peer {
        socket,
        _other: other,
        goes_at,
        is_gone: Cell::new(false),
    }))
}

/// A waiter whose client disconnects after `time`.
pub fn going_after(time: Duration) -> Waiter {
    let (socket, other) = UnixStream::pair().unwrap();
    waiter(socket, Some(other), Some(Instant::now() + time))
}

/// A waiter whose client disconnects when the other end is dropped.
pub fn hanging_up() -> (Waiter, UnixStream) {
    let (socket, other) = UnixStream::pair().unwrap();
    (waiter(socket, None, None), other)
}

impl Client for Peer {
    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn interest(&self) -> PollFlags {
        PollFlags::empty()
    }

    fn ready(&self, found: PollFlags) -> Result<(), Gone> {
        if found.contains(PollFlags::HUP) {
            self.is_gone.set(true);
            return Err(Gone);
        }
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        self.goes_at
    }

    fn tick(&self, _: Instant) -> Result<(), Gone> {
        self.is_gone.set(true);
        Err(Gone)
    }

    fn is_gone(&self) -> bool {
        self.is_gone.get()
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.socket).write_all(bytes)
    }
}
