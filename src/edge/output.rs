//! Bytes that are waiting to be sent to a client.

use std::io;
use std::time::{Duration, Instant};

use super::stream::Stream;

/// The capacity that an empty buffer keeps.
const KEPT: usize = 16 * 1024;
/// The time before the minimum rate applies.
const GRACE: Duration = Duration::from_secs(30);
/// The minimum rate of a slow client, bytes per second.
const RATE: u64 = 256;

/// Bytes for a client that the system has not accepted yet.
#[derive(Debug, Default)]
pub struct Output {
    bytes: Vec<u8>,
    /// The number of `bytes` that the system has accepted.
    taken: usize,
    slow: Option<Slow>,
}

/// The period in which the client has not accepted everything.
#[derive(Clone, Copy, Debug)]
struct Slow {
    since: Instant,
    /// Bytes accepted since then, and the time of the last of them.
    taken: u64,
    last: Instant,
}

impl Output {
    /// The bytes that wait here, without those in a TLS session; see [`Output::is_pending`].
    pub fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    pub fn is_pending(&self, stream: &Stream) -> bool {
        self.len() > 0 || stream.has_unsent()
    }

    /// Sends `bytes`, and keeps what the system does not accept.
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

    /// Sends as many waiting bytes as the system accepts.
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
                // Free the memory of a burst.
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

    /// When the client will be too slow if it accepts nothing until then. `stall` is the longest time without progress.
    pub fn deadline(&self, stall: Duration) -> Option<Instant> {
        let slow = self.slow?;
        let earned = GRACE + Duration::from_secs(slow.taken / RATE);
        let by_rate = slow.since.checked_add(earned.max(stall));
        let by_stall = slow.last.checked_add(stall);
        by_rate.into_iter().chain(by_stall).min()
    }

    /// Frees the memory of an idle connection.
    pub fn shrink(&mut self) {
        if self.len() == 0 {
            *self = Self::default();
        }
    }
}
