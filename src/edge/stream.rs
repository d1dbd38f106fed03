//! A client's connection with or without TLS. It never blocks.

use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::{fmt, io};

use super::socket::{self, Received};
use super::tls::Session;

/// A connected socket and, with TLS, its session.
pub struct Stream {
    socket: Arc<TcpStream>,
    tls: Option<Box<Session>>,
}

impl Stream {
    pub fn new(socket: Arc<TcpStream>, tls: Option<Session>) -> Self {
        Self {
            socket,
            tls: tls.map(Box::new),
        }
    }

    pub fn socket(&self) -> Arc<TcpStream> {
        Arc::clone(&self.socket)
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Whether a TLS handshake is in progress, so that no answer can be sent.
    pub fn is_opening(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_opening())
    }

    /// Continues without TLS if the client sent plain HTTP. Returns whether it did.
    pub fn fall_back(&mut self) -> bool {
        self.tls.take_if(|tls| tls.met_plain_http()).is_some()
    }

    /// Reads what has arrived and appends it to `into`, within its capacity, which is increased to at least `room` bytes.
    pub fn receive(&mut self, into: &mut Vec<u8>, room: usize) -> Received {
        if into.capacity() - into.len() < room {
            into.reserve_exact(room);
        }
        match &mut self.tls {
            Some(tls) => tls.receive(&self.socket, into),
            None => socket::receive(&self.socket, into),
        }
    }

    /// Writes as much as the system accepts. Returns the number of bytes.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => tls.send(&self.socket, bytes),
            None => socket::send(&self.socket, bytes),
        }
    }

    /// Whether bytes that [`Stream::send`] accepted are not written yet.
    pub fn has_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_unsent())
    }

    /// Writes the bytes that [`Stream::send`] accepted.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => tls.flush(&self.socket),
            None => Ok(()),
        }
    }

    /// Queues the close notification of TLS. Call [`Stream::flush`] afterwards.
    pub fn end(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.end();
        }
    }

    /// Whether the next read is the end. Where poll(2) reports the end separately, that was checked before.
    pub fn is_at_end(&self) -> bool {
        cfg!(any(target_os = "linux", target_os = "android"))
            || !matches!(self.socket.peek(&mut [0]), Ok(1..))
    }

    /// Shuts down the writing side.
    pub fn shut_write(&self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Whether the TLS session has decrypted bytes, which no event reports.
    pub fn has_decrypted(&mut self) -> bool {
        self.tls.as_mut().is_some_and(|tls| tls.has_decrypted())
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("socket", &self.socket)
            .field("tls", &self.tls.is_some())
            .finish()
    }
}
