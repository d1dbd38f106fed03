//! One `mio::Poll` that the threads use in turn: one thread waits in it, the others wait for its lock.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Poll, Registry, Token};
use parking_lot::Mutex;

use super::Interest;

/// The watched sockets.
#[derive(Debug)]
pub struct Poller {
    turn: Mutex<Turn>,
    registry: Registry,
}

#[derive(Debug)]
struct Turn {
    poll: Poll,
    events: Events,
}

impl Poller {
    /// # Errors
    /// When the system has no file descriptor.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        Ok(Self {
            registry: poll.registry().try_clone()?,
            turn: Mutex::new(Turn {
                poll,
                // Other threads get the other events.
                events: Events::with_capacity(1),
            }),
        })
    }

    /// Watches `fd` until it is closed. Its readiness is reported once, as `key`.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn add(&self, fd: BorrowedFd<'_>, key: u64, interest: Interest) -> io::Result<()> {
        let fd = fd.as_raw_fd();
        (self.registry).register(&mut SourceFd(&fd), token(key)?, interests(interest))
    }

    /// Lets `fd` report once more. `mio` reports only changes; a new registration counts as one.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn arm(&self, fd: BorrowedFd<'_>, key: u64, interest: Interest) -> io::Result<()> {
        let fd = fd.as_raw_fd();
        (self.registry).reregister(&mut SourceFd(&fd), token(key)?, interests(interest))
    }

    /// Waits for one socket to be ready; `None` if the time ends first. A socket that was not armed again may be reported
    /// twice; the second time there is nothing to do.
    ///
    /// # Errors
    /// When the system refuses to wait.
    pub fn wait(&self, timeout: Option<Duration>) -> io::Result<Option<u64>> {
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut turn = match end {
            None => self.turn.lock(),
            Some(end) => match self.turn.try_lock_until(end) {
                Some(turn) => turn,
                None => return Ok(None),
            },
        };
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let Turn { poll, events } = &mut *turn;
        match poll.poll(events, left) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
            Ok(()) => Ok(events.iter().next().map(|event| event.token().0 as u64)),
        }
    }
}

fn token(key: u64) -> io::Result<Token> {
    usize::try_from(key)
        .map(Token)
        .map_err(|_| io::ErrorKind::InvalidInput.into())
}

fn interests(interest: Interest) -> mio::Interest {
    match interest {
        // mio reports a broken connection as readable.
        Interest::Read | Interest::End | Interest::Broken => mio::Interest::READABLE,
        Interest::Write => mio::Interest::WRITABLE,
    }
}
