//! Reads and writes of a non-blocking socket.

use std::io;
use std::net::TcpStream;

use rustix::buffer::spare_capacity;
use rustix::io::Errno;

/// The result of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// At least one byte.
    Bytes,
    /// Nothing has arrived.
    Nothing,
    /// The client has shut down its side, or the connection is broken.
    End,
}

/// Reads what has arrived and appends it to `into`, within its capacity.
pub fn receive(socket: &TcpStream, into: &mut Vec<u8>) -> Received {
    loop {
        match rustix::io::read(socket, spare_capacity(into)) {
            Ok(0) => return Received::End,
            Ok(_) => return Received::Bytes,
            Err(Errno::AGAIN) => return Received::Nothing,
            Err(Errno::INTR) => {}
            Err(_) => return Received::End,
        }
    }
}

/// Writes until the system accepts no more. Returns the number of bytes written.
///
/// # Errors
/// When the connection is broken.
pub fn send(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
        match rustix::io::write(socket, rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => sent += count,
            Err(Errno::AGAIN) => break,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(sent)
}
