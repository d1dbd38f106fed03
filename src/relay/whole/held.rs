//! The part of a body that is in memory, and what follows it.

use std::io::{self, Read};

use crate::budget::Reservation;
use crate::failure::Failure;
use crate::relay::expected::ExpectedAnswer;
use crate::relay::extract::Extractor;
use crate::wire::Dialect;

/// Bytes of one write, and the least reservation.
pub(super) const PIECE: usize = 16 * 1024;

/// Bytes in memory, and their reservation.
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    pub(super) reservation: Reservation,
}

/// The rest behind the held bytes.
pub(super) enum Rest {
    Nothing,
    /// The upstream announced the number of all bytes.
    Known(Long, u64),
    Unknown(Long),
}

/// A body that is still to be read, and what is extracted from it.
pub(super) struct Long {
    pub(super) body: Box<dyn Read>,
    pub(super) look: Option<(Dialect, Box<Extractor>)>,
}

impl Held {
    pub(super) fn new(bytes: Vec<u8>, asked: &ExpectedAnswer<'_>) -> Result<Self, Failure> {
        let reservation = asked.budget.reserve(bytes.len());
        let reservation = reservation.map_err(|_| Failure::no_memory())?;
        Ok(Self { bytes, reservation })
    }

    /// Replaces the bytes. They exist already, so they are counted as far as the budget allows.
    pub(super) fn replace(&mut self, bytes: Vec<u8>) {
        let _ = self.reservation.resize(bytes.len());
        self.bytes = bytes;
    }

    /// Reads up to `limit` bytes, and returns whether there may be more. `length` is that of the body, if it is known.
    pub(super) fn fill(
        &mut self,
        body: &mut dyn Read,
        limit: usize,
        length: Option<u64>,
    ) -> Result<bool, Failure> {
        let length = length.and_then(|length| usize::try_from(length).ok());
        loop {
            let start = self.bytes.len();
            // Room for one byte more, so that the read that finds the end does not grow the buffer.
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
