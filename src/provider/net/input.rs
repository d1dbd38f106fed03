//! Bytes that have been read and not yet used. An empty one holds no memory.

use std::io;

use super::connection::Connection;

/// Bytes of a read, and of the first one and those after one that came back full: with its head all of a short answer
/// comes, or all that a stream has to say so far.
const ROOM: [usize; 2] = [4 * 1024, 16 * 1024];

/// Bytes read.
#[derive(Debug)]
pub struct Input {
    bytes: Vec<u8>,
    start: usize,
    /// As far as one can tell, more has come.
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

    /// `count` of the unread bytes are used.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.bytes.len());
        if self.is_empty() {
            self.bytes = Vec::new();
            self.start = 0;
        }
    }

    /// Reads once more, behind what is unread; 0 is the end. Holds at most `limit` bytes.
    ///
    /// # Errors
    /// When there are that many, and those of [`Connection::read`].
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
