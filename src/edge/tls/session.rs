//! The server side of a TLS connection on a non-blocking socket.

use std::io::{self, BufRead, Read, Write};
use std::net::TcpStream;

use rustls::ServerConnection;

use super::super::socket::{self, Received};
use super::Identity;

/// The most bytes of an answer that wait in the session, as records or before the handshake.
const UNSENT: usize = 64 * 1024;
/// The most bytes without payload, such as empty records; beyond it the client counts as malicious. A handshake has about
/// 2,000 bytes.
const FRUITLESS: usize = 64 * 1024;

/// A TLS session.
pub struct Session {
    protocol: ServerConnection,
    phase: Phase,
    /// Bytes read since the last payload.
    fruitless: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing has arrived.
    Fresh,
    Handshake,
    Open,
    /// The first byte was HTTP instead of TLS.
    PlainHttp,
    /// The protocol failed; an alert was sent if there is one.
    Failed,
}

/// The socket as a reader and writer for rustls.
struct Wire<'s>(&'s TcpStream);

impl Read for Wire<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match socket::send(self.0, bytes)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Session {
    /// # Errors
    /// When the identity is invalid.
    pub fn new(identity: &Identity) -> io::Result<Self> {
        let mut protocol =
            ServerConnection::new(identity.config.clone()).map_err(io::Error::other)?;
        protocol.set_buffer_limit(Some(UNSENT));
        Ok(Self {
            protocol,
            phase: Phase::Fresh,
            fruitless: 0,
        })
    }

    pub fn is_opening(&self) -> bool {
        matches!(self.phase, Phase::Fresh | Phase::Handshake)
    }

    pub fn met_plain_http(&self) -> bool {
        self.phase == Phase::PlainHttp
    }

    pub fn has_unsent(&self) -> bool {
        self.protocol.wants_write()
    }

    pub fn has_decrypted(&mut self) -> bool {
        let mut reader = self.protocol.reader();
        reader.fill_buf().is_ok_and(|bytes| !bytes.is_empty())
    }

    /// Reads what has arrived and appends it to `into`.
    pub fn receive(&mut self, socket: &TcpStream, into: &mut Vec<u8>) -> Received {
        if self.phase == Phase::Failed {
            return Received::End;
        }
        if self.phase == Phase::Fresh {
            match first_byte(socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Received::Nothing;
                }
                Err(_) | Ok(None) => return Received::End,
                // The type of a record is never a letter (RFC 8446, B.1).
                Ok(Some(byte)) if byte.is_ascii_uppercase() => {
                    self.phase = Phase::PlainHttp;
                    return Received::End;
                }
                Ok(Some(_)) => self.phase = Phase::Handshake,
            }
        }
        loop {
            match self.protocol.reader().fill_buf() {
                Ok([]) => return Received::End,
                Ok(bytes) => {
                    let count = bytes.len();
                    into.extend_from_slice(bytes);
                    self.protocol.reader().consume(count);
                    self.fruitless = 0;
                    return Received::Bytes;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The connection ended without a close notification, as with most clients.
                Err(_) => return Received::End,
            }
            match self.protocol.read_tls(&mut Wire(socket)) {
                // Reported by the next read of plain bytes.
                Ok(count) => self.fruitless += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Received::Nothing;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Received::End,
            }
            let processed = self.protocol.process_new_packets();
            // Send protocol messages, including alerts.
            let flushed = self.flush(socket);
            if let Err(error) = processed {
                log::debug!("TLS with a client failed: {error}");
                self.phase = Phase::Failed;
                return Received::End;
            }
            if flushed.is_err() || self.fruitless > FRUITLESS {
                self.phase = Phase::Failed;
                return Received::End;
            }
            if self.phase == Phase::Handshake && !self.protocol.is_handshaking() {
                self.phase = Phase::Open;
            }
        }
    }

    /// Accepts as many of `bytes` as there is space for. Returns their number.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn send(&mut self, socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        let mut sent = 0;
        loop {
            self.flush(socket)?;
            let rest = bytes.get(sent..).unwrap_or_default();
            if rest.is_empty() || self.has_unsent() {
                return Ok(sent);
            }
            match self.protocol.writer().write(rest)? {
                0 => return Ok(sent),
                count => sent += count,
            }
        }
    }

    /// Writes as much as the system accepts.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn flush(&mut self, socket: &TcpStream) -> io::Result<()> {
        while self.protocol.wants_write() {
            match self.protocol.write_tls(&mut Wire(socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends the close notification, so that the client can distinguish a complete answer from a truncated one.
    pub fn end(&mut self) {
        if self.phase == Phase::Open {
            self.protocol.send_close_notify();
        }
    }
}

/// Peeks at the first byte that has arrived; `None` at the end.
fn first_byte(socket: &TcpStream) -> io::Result<Option<u8>> {
    let mut byte = [0];
    Ok(match socket.peek(&mut byte)? {
        0 => None,
        _ => byte.first().copied(),
    })
}
