//! Answers for HTTP/1.0, which has no chunked coding: the end of the connection ends the body.

use std::io;

use super::framing::{Body, response};
use crate::chunked::Decoder;

/// The longest head of an answer, bytes.
const HEAD_BYTES: usize = 256 * 1024;

/// Rewrites an answer as it is written.
pub struct Downgrade {
    is_head: bool,
    state: State,
}

enum State {
    /// The beginning of the head.
    Head(Vec<u8>),
    Chunked(Decoder),
    /// Unchanged.
    Plain,
}

impl Downgrade {
    /// `is_head`: the request was one.
    pub fn new(is_head: bool) -> Self {
        Self {
            is_head,
            state: State::Head(Vec::new()),
        }
    }

    /// Rewrites bytes of the answer and appends the result to `out`.
    ///
    /// # Errors
    /// When they are not a valid answer.
    pub fn put(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let broken = || io::Error::from(io::ErrorKind::InvalidData);
        match &mut self.state {
            State::Plain => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            State::Chunked(decoder) => {
                let mut rest = bytes;
                while !rest.is_empty() && !decoder.is_done() {
                    let step = decoder.step(rest).map_err(|_| broken())?;
                    out.extend_from_slice(step.payload);
                    rest = rest.get(step.taken..).unwrap_or_default();
                }
                Ok(())
            }
            State::Head(head) => {
                head.extend_from_slice(bytes);
                let Some(parsed) =
                    response::parse(head, self.is_head, true).map_err(|_| broken())?
                else {
                    return match head.len() > HEAD_BYTES {
                        true => Err(broken()),
                        false => Ok(()),
                    };
                };
                out.extend_from_slice(&parsed.for_client);
                out.extend_from_slice(b"Connection: close\r\n\r\n");
                let rest = head.split_off(parsed.bytes.min(head.len()));
                self.state = match parsed.body {
                    Body::Chunked => State::Chunked(Decoder::default()),
                    Body::None | Body::Length(_) => State::Plain,
                };
                match rest.is_empty() {
                    true => Ok(()),
                    false => self.put(&rest, out),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_undone_however_they_come() {
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let plain = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\nabcde";
        for (answer, length) in [(&chunked[..], ""), (plain, "Content-Length: 5\r\n")] {
            for size in 1..answer.len() {
                let mut downgrade = Downgrade::new(false);
                let mut out = Vec::new();
                for piece in answer.chunks(size) {
                    downgrade.put(piece, &mut out).unwrap();
                }
                let expected =
                    format!("HTTP/1.1 200 OK\r\nA: b\r\n{length}Connection: close\r\n\r\nabcde");
                assert_eq!(String::from_utf8(out).unwrap(), expected);
            }
        }
        assert!(
            Downgrade::new(false)
                .put(b"nonsense\r\n\r\n", &mut Vec::new())
                .is_err()
        );
    }
}
