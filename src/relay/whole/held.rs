//! The part of a body that is in memory, and what follows it.

use crate::budget::Reservation;
use crate::failure::Failure;
use crate::relay::asked::ExpectedAnswer;
use crate::relay::look::Look;
use crate::wire::Dialect;
use std::io::{self, Read};

/// Bytes of one write of what is not held, and the least that is taken from the budget at a time.
pub(super) const PIECE: usize = 16 * 1024;

/// Bytes in memory, and what they take of the budget.
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    pub(super) reservation: Reservation,
}

/// What comes behind the held bytes.
pub(super) enum Rest {
    Nothing,
    /// The upstream told how many bytes there are in all.
    Known(Long, u64),
    Unknown(Long),
}

/// What is still to be read of a body, and what is looked for in all of it, unless that is known.
pub(super) struct Long {
    pub(super) body: Box<dyn Read>,
    pub(super) look: Option<(Dialect, Box<Look>)>,
}

impl Held {
    pub(super) fn new(bytes: Vec<u8>, asked: &ExpectedAnswer<'_>) -> Result<Self, Failure> {
        let reservation = asked.budget.reserve(bytes.len());
        let reservation = reservation.map_err(|_| Failure::no_memory())?;
        Ok(Self { bytes, reservation })
    }

    /// Other bytes in the place of these. They are there already, so they are counted as far as the budget goes.
    pub(super) fn replace(&mut self, bytes: Vec<u8>) {
        let _ = self.reservation.resize(bytes.len());
        self.bytes = bytes;
    }

    /// Reads until there are `limit` bytes; whether there may be more. `length` is that of the body, if it is known.
    pub(super) fn fill(
        &mut self,
        body: &mut dyn Read,
        limit: usize,
        length: Option<u64>,
    ) -> Result<bool, Failure> {
        let length = length.and_then(|length| usize::try_from(length).ok());
        loop {
            let start = self.bytes.len();
            // With room for one byte more, the read that finds the end needs no other room.
            let left = length.map_or(usize::MAX, |length| length.saturating_sub(start) + 1);
            let more = start.max(PIECE).min(left).min(limit.saturating_sub(start));
            if more == 0 {
                return Ok(true);
            }
            let reserved = self.reservation.resize(start + more);
            reserved.map_err(|_| Failure::no_memory())?;
            self.bytes.reserve_exact(more);
            self.bytes.resize(start + more, 0);
            let room = self.bytes.get_mut(start..).unwrap_or_default();
            let read = read_all(body, room).map_err(|error| Failure::of_read(&error))?;
            if read < more {
                self.bytes.truncate(start + read);
                if more - read > 1 {
                    self.bytes.shrink_to_fit();
                }
                let _ = self.reservation.resize(self.bytes.len());
                return Ok(false);
            }
        }
    }
}

/// Reads until `room` is full or the body has ended, and says how much that was.
pub(super) fn read_all(body: &mut dyn Read, room: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while let Some(left) = room.get_mut(read..).filter(|left| !left.is_empty()) {
        match body.read(left) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}
