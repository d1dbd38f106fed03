//! What stands before a request on a lane: a line about it, and its head as the edge has checked it.
//!
//! ```text
//! 192.0.2.1:1234 86 241              the client, bytes of the head, bytes of the body (`-`: unknown)
//! POST /v1/messages HTTP/1.1
//! Host: localhost
//!
//! {"model":…}
//! ```
//!
//! A body whose length is not known comes in pieces, each after its length in four bytes, big-endian; one of
//! no bytes ends it.

use std::io;
use std::net::SocketAddr;

/// Bytes the first line can have; a longer one is none.
const LINE_BYTES: usize = 128;

/// What is known of a request before its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'b> {
    pub peer: SocketAddr,
    /// Request line and header lines, each with its CR LF, and the empty line.
    pub head: &'b str,
    /// Where the body begins.
    pub body: usize,
    pub length: Length,
}

/// Bytes of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Known(usize),
    /// It comes in pieces.
    Unknown,
}

/// Everything that goes over the lane before the body. Without `length`, pieces must follow.
pub fn seal(peer: SocketAddr, head: &str, length: Option<u64>) -> Vec<u8> {
    let line = match length {
        Some(length) => format!("{peer} {} {length}\r\n", head.len()),
        None => format!("{peer} {} -\r\n", head.len()),
    };
    [line.as_bytes(), head.as_bytes()].concat()
}

/// Puts one piece of a body behind `out`; an empty one ends the body.
pub fn put_piece(out: &mut Vec<u8>, mut piece: &[u8]) {
    loop {
        let size = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        let (now, later) = piece
            .split_at_checked(size as usize)
            .unwrap_or((piece, b""));
        out.extend_from_slice(&size.to_be_bytes());
        out.extend_from_slice(now);
        if later.is_empty() {
            return;
        }
        piece = later;
    }
}

/// Reads an envelope; `None` while there is only a part of it.
///
/// # Errors
/// When it is none.
pub fn open(bytes: &[u8]) -> io::Result<Option<Envelope<'_>>> {
    let start = bytes.get(..LINE_BYTES).unwrap_or(bytes);
    let Some(end) = memchr::memmem::find(start, b"\r\n") else {
        return match start.len() {
            LINE_BYTES => Err(io::ErrorKind::InvalidData.into()),
            _ => Ok(None),
        };
    };
    let line = std::str::from_utf8(start.get(..end).unwrap_or_default()).unwrap_or_default();
    let Some((peer, head_bytes, length)) = read_line(line) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let head = end + 2;
    let body = head.saturating_add(head_bytes);
    let Some(text) = bytes.get(head..body) else {
        return Ok(None);
    };
    match std::str::from_utf8(text) {
        Ok(head) => Ok(Some(Envelope {
            peer,
            head,
            body,
            length,
        })),
        Err(_) => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn read_line(line: &str) -> Option<(SocketAddr, usize, Length)> {
    let mut words = line.split(' ');
    let peer = words.next()?.parse().ok()?;
    let head = words.next()?.parse().ok()?;
    let length = match words.next()? {
        "-" => Length::Unknown,
        digits => Length::Known(digits.parse().ok()?),
    };
    words.next().is_none().then_some((peer, head, length))
}
