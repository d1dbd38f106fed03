//! The client behind a lane as one that is waited for.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering;
use std::time::Instant;

use rustix::event::PollFlags;

use super::Client;
use crate::exchange::{self, Gone};

impl exchange::Client for Client {
    fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Only its end: the edge sends nothing while a request is answered.
    fn interest(&self) -> PollFlags {
        PollFlags::empty()
    }

    fn ready(&self, found: PollFlags) -> Result<(), Gone> {
        if found.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            self.gone.store(true, Ordering::Release);
            return Err(Gone);
        }
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn tick(&self, _: Instant) -> Result<(), Gone> {
        Ok(())
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        (&*self.stream).write_all(bytes)
    }
}
