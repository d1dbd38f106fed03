//! A read buffer. It holds no memory when empty.

use std::io;

use super::connection::Connection;

/// The sizes of reads: small, and large for the first read and after a full one. The first read usually gets a short
/// answer completely, or all that a stream has sent so far.
const ROOM: [usize; 2] = [4 * 1024, 16 * 1024];

/// Bytes that were read and not yet used.
#[derive(Debug)]
pub struct Input {
    bytes: Vec<u8>,
    start: usize,
    /// Whether more bytes have probably arrived.
    is_full: bool,
}

impl Default for Input {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            is_full: true,
        }
    }
}

impl Input {
    pub fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.unread().is_empty()
    }

    /// Marks `count` bytes as used.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.bytes.len());
        if self.is_empty() {
            self.bytes = Vec::new();
            self.start = 0;
        }
    }

    /// Reads once and appends; returns 0 at the end. The buffer has at most `limit` bytes.
    ///
    /// # Errors
    /// When the limit is reached, and those of [`Connection::read`].
    pub fn fill(&mut self, connection: &mut Connection, limit: usize) -> io::Result<usize> {
        self.bytes.drain(..self.start);
        self.start = 0;
        let before = self.bytes.len();
        let [first, next] = ROOM;
        let room = if self.is_full { next } else { first };
        let room = room.min(limit.saturating_sub(before));
        if room == 0 {
            let message = format!("a line or a head of more than {limit} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let read = connection.receive(&mut self.bytes, room);
        self.is_full = self.bytes.len() - before >= room;
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
        read
    }
}
