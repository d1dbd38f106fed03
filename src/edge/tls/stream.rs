//! What a client's bytes come and go by.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::Shutdown;

use mio::event::Source;
use mio::net::TcpStream;

use super::super::socket::Transport;
use super::session::Session;

/// A connection, with TLS or without.
pub struct Stream {
    socket: TcpStream,
    tls: Option<Box<Session>>,
}

impl Stream {
    pub fn new(socket: TcpStream, tls: Option<Session>) -> Self {
        Self {
            socket,
            tls: tls.map(Box::new),
        }
    }

    /// What events are asked for.
    pub fn source(&mut self) -> &mut impl Source {
        &mut self.socket
    }

    /// Whether there is no way yet to tell the client anything.
    pub fn is_opening(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_opening())
    }

    /// Goes on without TLS if the client has never spoken it. Whether that is so.
    pub fn fall_back(&mut self) -> bool {
        self.tls.take_if(|tls| tls.met_plain_http()).is_some()
    }

    /// Ends our direction.
    pub fn shut_write(&self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }
}

impl Read for Stream {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.read(room),
            Some(tls) => tls.read(&mut self.socket, room),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.write(bytes),
            Some(tls) => tls.write(&mut self.socket, bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            None => Ok(()),
            Some(tls) => tls.flush(&mut self.socket),
        }
    }
}

impl Transport for Stream {
    fn may_have_more(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.may_have_more())
    }

    fn unsent(&self) -> usize {
        self.tls.as_ref().map_or(0, |tls| tls.unsent())
    }

    fn end(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.end();
        }
    }

    fn shrink(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.shrink();
        }
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
