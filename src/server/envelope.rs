//! How a request travels over a lane: wrapped whole in the body of another one.
//!
//! tiny_http reads heads byte by byte, with several allocations for each line, and takes ASCII only. So it
//! gets the same short head every time, and the request that is meant stands in the body: a line that says
//! who sent it and proves that it came through the edge, the client's head as the edge has checked it, and
//! the client's body.
//!
//! ```text
//! POST / HTTP/1.1                       for tiny_http
//! Content-Length: 241
//!
//! <seat> <peer> <bytes of the head>     the seal
//! POST /v1/messages HTTP/1.1            the client's head, without what is about its connection
//! Host: localhost
//!
//! {"model":…}                           the client's body
//! ```

use std::io::Write;
use std::net::SocketAddr;

use super::lane::{Presence, Seat};

/// Bytes a seal can have; a longer one is none.
const SEAL_BYTES: usize = 256;

/// How the end of the client's body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// It has this many bytes.
    Length(u64),
    /// What follows on the lane are its chunks.
    Chunked,
}

/// A request unwrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'b> {
    pub seat: Seat,
    pub peer: SocketAddr,
    /// Request line and header lines, each with its CR LF, and the empty line.
    pub head: &'b str,
    /// Where the client's body begins in the bytes that were read.
    pub body_start: usize,
}

/// Everything that goes over the lane before the client's body. `seal` comes from [`Presence::seal`].
pub fn wrap(seal: &str, peer: SocketAddr, head: &str, body: Framing) -> Vec<u8> {
    let line = format!("{seal} {peer} {}\r\n", head.len());
    let mut out = Vec::with_capacity(line.len() + head.len() + 96);
    let prefix = line.len() + head.len();
    // Writing into memory does not fail.
    let _ = match body {
        Framing::Length(length) => write!(
            out,
            "POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n",
            length.saturating_add(prefix as u64)
        ),
        Framing::Chunked => write!(
            out,
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{prefix:x}\r\n"
        ),
    };
    out.extend_from_slice(line.as_bytes());
    out.extend_from_slice(head.as_bytes());
    if body == Framing::Chunked {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Reads the body of a request that came over a lane; `None` if it did not come through the edge.
pub fn unwrap<'b>(bytes: &'b [u8], presence: &Presence) -> Option<Envelope<'b>> {
    let start = bytes.get(..SEAL_BYTES).unwrap_or(bytes);
    let end = memchr::memmem::find(start, b"\r\n")?;
    let mut words = std::str::from_utf8(start.get(..end)?).ok()?.split(' ');
    let seat = presence.verify(words.next()?)?;
    let peer = words.next()?.parse().ok()?;
    let length: usize = words.next()?.parse().ok()?;
    let head_start = end + 2;
    let body_start = head_start.checked_add(length)?;
    let head = std::str::from_utf8(bytes.get(head_start..body_start)?).ok()?;
    Some(Envelope {
        seat,
        peer,
        head,
        body_start,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "POST /v1/x HTTP/1.1\r\nHost: h\r\nX-Name: Zoë\r\n\r\n";

    fn wrapped(body: Framing) -> (std::sync::Arc<Presence>, Vec<u8>) {
        let presence = Presence::new(2).unwrap();
        let seat = Seat {
            lane: 1,
            exchange: 7,
        };
        let peer = SocketAddr::from(([192, 0, 2, 1], 1234));
        let bytes = wrap(&presence.seal(seat), peer, HEAD, body);
        (presence, bytes)
    }

    #[test]
    fn what_is_wrapped_is_unwrapped() {
        let (presence, mut bytes) = wrapped(Framing::Length(4));
        bytes.extend_from_slice(b"body");
        let text = String::from_utf8(bytes).unwrap();
        let (head, content) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(
            head,
            format!("POST / HTTP/1.1\r\nContent-Length: {}", content.len())
        );
        let envelope = unwrap(content.as_bytes(), &presence).unwrap();
        assert_eq!(envelope.head, HEAD);
        assert_eq!(envelope.seat.exchange, 7);
        assert_eq!(envelope.peer.to_string(), "192.0.2.1:1234");
        assert_eq!(&content[envelope.body_start..], "body");
    }

    #[test]
    fn before_chunks_it_is_a_chunk() {
        let (presence, bytes) = wrapped(Framing::Chunked);
        let text = String::from_utf8(bytes).unwrap();
        let (head, chunk) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(head, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked");
        let (size, content) = chunk.split_once("\r\n").unwrap();
        let content = content.strip_suffix("\r\n").unwrap();
        assert_eq!(usize::from_str_radix(size, 16).unwrap(), content.len());
        assert_eq!(unwrap(content.as_bytes(), &presence).unwrap().head, HEAD);
    }

    #[test]
    fn nothing_else_is_unwrapped() {
        let (presence, bytes) = wrapped(Framing::Length(0));
        let at = memchr::memmem::find(&bytes, b"\r\n\r\n").unwrap() + 4;
        let content = &bytes[at..];
        assert!(unwrap(content, &presence).is_some());
        for length in 0..content.len() {
            assert_eq!(unwrap(&content[..length], &presence), None, "{length}");
        }
        assert_eq!(unwrap(content, &Presence::new(2).unwrap()), None);
        assert_eq!(unwrap(&[b' '; 400], &presence), None);
        let huge = String::from_utf8(content.to_vec())
            .unwrap()
            .replace(&format!(" {}\r\n", HEAD.len()), " 18446744073709551615\r\n");
        assert_eq!(unwrap(huge.as_bytes(), &presence), None);
    }
}
