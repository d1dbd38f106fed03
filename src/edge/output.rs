//! What waits to be taken by a client.

use std::io;
use std::time::{Duration, Instant};

use super::stream::Stream;

/// Capacity that an empty buffer may keep.
const KEPT: usize = 16 * 1024;
/// How long a client may be slow before its rate counts.
const GRACE: Duration = Duration::from_secs(30);
/// The least rate of a client that does not take all at once, bytes per second.
const RATE: u64 = 256;

/// Bytes on their way to a client that the system has not taken yet.
#[derive(Debug, Default)]
pub struct Output {
    bytes: Vec<u8>,
    /// How much of `bytes` the system has taken.
    taken: usize,
    slow: Option<Slow>,
}

/// Since when the client has not taken all.
#[derive(Clone, Copy, Debug)]
struct Slow {
    since: Instant,
    /// Bytes taken since then, and when the last of them were.
    taken: u64,
    last: Instant,
}

impl Output {
    /// Bytes that wait here. What a TLS session holds is not counted; see [`Output::is_pending`].
    pub fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    pub fn is_pending(&self, stream: &Stream) -> bool {
        self.len() > 0 || stream.has_unsent()
    }

    /// Sends `bytes`; what the system does not take is kept.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn send(&mut self, stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
        let mut sent = 0;
        if self.len() == 0 {
            sent = stream.send(bytes)?;
        }
        let rest = bytes.get(sent..).unwrap_or_default();
        if !rest.is_empty() {
            self.bytes.reserve_exact(rest.len());
            self.bytes.extend_from_slice(rest);
        }
        self.note(stream, sent);
        Ok(())
    }

    /// Sends what the system takes of what waits.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn flush(&mut self, stream: &mut Stream) -> io::Result<()> {
        stream.flush()?;
        let mut sent = 0;
        if self.len() > 0 {
            sent = stream.send(self.bytes.get(self.taken..).unwrap_or_default())?;
            self.taken += sent;
            if self.taken == self.bytes.len() {
                self.taken = 0;
                self.bytes.clear();
                // A burst must not keep its memory.
                if self.bytes.capacity() > KEPT {
                    self.bytes = Vec::new();
                }
            }
        }
        self.note(stream, sent);
        Ok(())
    }

    fn note(&mut self, stream: &Stream, sent: usize) {
        if !self.is_pending(stream) {
            self.slow = None;
            return;
        }
        let now = Instant::now();
        let slow = self.slow.get_or_insert(Slow {
            since: now,
            taken: 0,
            last: now,
        });
        if sent > 0 {
            slow.taken += sent as u64;
            slow.last = now;
        }
    }

    /// When the client will have been too slow, if it takes nothing until then. `stall` is how long it may take
    /// nothing.
    pub fn deadline(&self, stall: Duration) -> Option<Instant> {
        let slow = self.slow?;
        let earned = GRACE + Duration::from_secs(slow.taken / RATE);
        let by_rate = slow.since.checked_add(earned.max(stall));
        let by_stall = slow.last.checked_add(stall);
        by_rate.into_iter().chain(by_stall).min()
    }

    /// Gives back the memory of an idle connection.
    pub fn shrink(&mut self) {
        if self.len() == 0 {
            *self = Self::default();
        }
    }
}
