//! A non-blocking socket with what waits to be written to it.

use std::io::{self, Read, Write};

use mio::event::Event;
use mio::net::UnixStream;

/// What a socket reads from and writes to.
pub trait Transport: Read + Write {
    /// Whether reading may go on although the system told of nothing more.
    fn may_have_more(&self) -> bool {
        false
    }

    /// Bytes it has taken and the system has not; [`Write::flush`] is to bring them on.
    fn unsent(&self) -> usize {
        0
    }

    /// Says that this was all, where there is a way to say it.
    fn end(&mut self) {}

    /// Gives back the memory of an idle connection.
    fn shrink(&mut self) {}
}

impl Transport for UnixStream {}

/// What the system still owes us shows in events, and only on a change (edge-triggered), so a socket
/// remembers what it may do.
#[derive(Debug)]
pub struct Socket<S> {
    stream: S,
    /// There may be something to read.
    is_readable: bool,
    is_writable: bool,
    /// The other side has ended its direction; there may be bytes before the end.
    has_ended: bool,
    /// Written, but not yet taken by the system.
    output: Vec<u8>,
    /// How much of `output` the system has taken.
    taken: usize,
}

/// What an event tells of a socket.
#[derive(Clone, Copy, Debug)]
pub struct Readiness {
    pub is_readable: bool,
    pub is_writable: bool,
    pub has_ended: bool,
}

impl Readiness {
    pub fn of(event: &Event) -> Self {
        let has_ended = event.is_read_closed() || event.is_error();
        Self {
            is_readable: event.is_readable() || has_ended,
            is_writable: event.is_writable(),
            has_ended,
        }
    }
}

/// What a read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// This many bytes, at least one.
    Bytes(usize),
    /// Nothing at present.
    Nothing,
    /// The other side has ended its direction, or the connection is broken.
    End,
}

/// Pieces from this size on are written directly where possible; smaller ones are gathered.
const DIRECT: usize = 16 * 1024;

impl<S: Transport> Socket<S> {
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            is_readable: false,
            is_writable: true,
            has_ended: false,
            output: Vec::new(),
            taken: 0,
        }
    }

    pub fn stream(&self) -> &S {
        &self.stream
    }

    pub fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Takes what an event told.
    pub fn note(&mut self, readiness: Readiness) {
        self.is_readable |= readiness.is_readable;
        self.is_writable |= readiness.is_writable;
        self.has_ended |= readiness.has_ended;
    }

    pub fn is_readable(&self) -> bool {
        self.is_readable
    }

    /// Whether the other side will send nothing more, though not all of it may have been read.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Reads what is there, as much as fits.
    pub fn receive(&mut self, room: &mut [u8]) -> Received {
        if !self.is_readable {
            return Received::Nothing;
        }
        loop {
            match self.stream.read(room) {
                Ok(0) => return Received::End,
                Ok(count) => {
                    // Less than asked for: the rest will come with an event of its own (epoll(7),
                    // "edge-triggered"), and so will the end, unless it has come already.
                    self.is_readable =
                        count == room.len() || self.has_ended || self.stream.may_have_more();
                    return Received::Bytes(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.is_readable = false;
                    return Received::Nothing;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Received::End,
            }
        }
    }

    /// Has `bytes` written, now or with the next [`Socket::flush`].
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        if self.pending() == 0 && bytes.len() >= DIRECT {
            let written = self.write(bytes)?;
            rest = bytes.get(written..).unwrap_or_default();
        }
        self.output.extend_from_slice(rest);
        Ok(())
    }

    /// Writes as much as the system takes of what waits.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.pending() == 0 {
            return Ok(());
        }
        let output = std::mem::take(&mut self.output);
        let written = self.write(output.get(self.taken..).unwrap_or_default());
        self.output = output;
        self.taken += written?;
        if self.taken == self.output.len() {
            self.taken = 0;
            self.output.clear();
            // A burst must not keep its memory.
            if self.output.capacity() > DIRECT {
                self.output = Vec::new();
            }
        }
        if self.stream.unsent() > 0 {
            self.flush_stream()?;
        }
        Ok(())
    }

    fn flush_stream(&mut self) -> io::Result<()> {
        match self.stream.flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_writable = false,
            flushed => flushed?,
        }
        Ok(())
    }

    /// Says that this was all, once all is on its way.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn end(&mut self) -> io::Result<()> {
        if self.pending() == 0 {
            self.stream.end();
        }
        self.flush()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        while self.is_writable && written < bytes.len() {
            match self.stream.write(bytes.get(written..).unwrap_or_default()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }

    /// Bytes that wait to be taken.
    pub fn pending(&self) -> usize {
        self.output.len() - self.taken + self.stream.unsent()
    }

    /// Gives back the memory of an idle connection.
    pub fn shrink(&mut self) {
        if self.output.is_empty() {
            self.output = Vec::new();
        }
        self.stream.shrink();
    }
}
