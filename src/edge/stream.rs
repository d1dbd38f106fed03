//! A client's connection, with TLS or without. It never blocks.

use std::fmt;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use super::socket::{self, Received};
use super::tls::Session;

/// A connected socket and, if the connection is secured, its TLS session.
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

    /// Whether a TLS handshake is under way: there is no way yet to tell the client anything.
    pub fn is_opening(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_opening())
    }

    /// Goes on without TLS if the client has never spoken it. Whether that is so.
    pub fn fall_back(&mut self) -> bool {
        self.tls.take_if(|tls| tls.met_plain_http()).is_some()
    }

    /// Reads what has arrived behind the bytes of `into`, as much as has room; there is room for at least `room`
    /// bytes.
    pub fn receive(&mut self, into: &mut Vec<u8>, room: usize) -> Received {
        if into.capacity() - into.len() < room {
            into.reserve_exact(room);
        }
        match &mut self.tls {
            Some(tls) => tls.receive(&self.socket, into),
            None => socket::receive(&self.socket, into),
        }
    }

    /// Writes as much as the system takes, and says how much that was.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => tls.send(&self.socket, bytes),
            None => socket::send(&self.socket, bytes),
        }
    }

    /// Whether the system has not taken all that [`Stream::send`] has.
    pub fn has_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_unsent())
    }

    /// Brings what [`Stream::send`] has taken on its way.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => tls.flush(&self.socket),
            None => Ok(()),
        }
    }

    /// Says that this was all, where TLS has a way to say it; to be followed by [`Stream::flush`].
    pub fn end(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.end();
        }
    }

    /// Whether nothing comes any more but the end. Where poll(2) tells of the end by itself, it has been asked.
    pub fn is_at_end(&self) -> bool {
        cfg!(any(target_os = "linux", target_os = "android"))
            || !matches!(self.socket.peek(&mut [0]), Ok(1..))
    }

    /// Ends our side.
    pub fn shut_write(&self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Whether bytes that have arrived are still in the TLS session, where no event tells of them.
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
