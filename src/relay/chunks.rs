//! Writing a body whose length is not known: chunked (RFC 9112, 7.1), one write for each flush.

use std::io::{self, Write};

use super::closing::{self, KeepAlive};
use super::envelope;
use crate::wire::Dialect;

/// Room in front of a chunk for its size, in hex, and CR LF.
const FRONT: usize = 18;

/// A chunked body on its way to a client. Added bytes go out with the next flush as one chunk.
pub struct Chunks<W> {
    out: W,
    buffer: Vec<u8>,
    /// Bytes of payload written.
    pub bytes: u64,
    /// The start of the next event's line has been written as a keep-alive.
    has_line: bool,
    /// Events get the envelope of Code Assist.
    is_enveloped: bool,
}

impl<W: Write> Chunks<W> {
    pub fn new(out: W) -> Self {
        Self {
            out,
            buffer: vec![0; FRONT],
            bytes: 0,
            has_line: false,
            is_enveloped: false,
        }
    }

    /// A stream of `dialect` in which [`keep_alive`](Self::keep_alive) has been used before.
    pub fn kept_alive(out: W, dialect: Dialect) -> Self {
        Self {
            has_line: matches!(closing::keep_alive(dialect), KeepAlive::InLine),
            ..Self::new(out)
        }
    }

    /// The same, with events in the envelope of Code Assist: each has its data in one line.
    pub fn enveloped(self, is_enveloped: bool) -> Self {
        Self {
            is_enveloped,
            ..self
        }
    }

    pub fn put(&mut self, mut payload: &[u8]) {
        let has_line = self.has_line && !payload.is_empty();
        if has_line {
            self.has_line = false;
            payload = payload.strip_prefix(b"data:").unwrap_or(payload);
        }
        if !self.is_enveloped {
            self.buffer.extend_from_slice(payload);
            return;
        }
        for (index, line) in payload.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let data = match has_line && index == 0 {
                true => Some(line),
                false => line.strip_prefix(b"data:"),
            };
            match data.filter(|data| envelope::is_answer(data)) {
                Some(data) => {
                    let lead = line.len() - data.len();
                    let data = data.trim_ascii_end();
                    let (lead, rest) = line.split_at(lead);
                    let (_, end) = rest.split_at(data.len());
                    for piece in [lead, b" ", envelope::OPEN, data, envelope::CLOSE, end] {
                        self.buffer.extend_from_slice(piece);
                    }
                }
                None => self.buffer.extend_from_slice(line),
            }
        }
    }

    /// Adds a keep-alive that clients of `dialect` ignore.
    pub fn keep_alive(&mut self, dialect: Dialect) {
        match closing::keep_alive(dialect) {
            KeepAlive::Event(event) => self.put(event.as_bytes()),
            KeepAlive::InLine if self.has_line => self.buffer.push(b' '),
            KeepAlive::InLine => {
                self.buffer.extend_from_slice(b"data: ");
                self.has_line = true;
            }
        }
    }

    /// Bytes that were added and not written.
    pub fn waiting(&self) -> usize {
        self.buffer.len() - FRONT
    }

    /// Writes the added bytes, if there are any.
    ///
    /// # Errors
    /// The client cannot be written to.
    pub fn flush(&mut self) -> io::Result<()> {
        self.write(b"")
    }

    /// Writes the added bytes and the end of the body.
    ///
    /// # Errors
    /// The client cannot be written to.
    pub fn finish(&mut self) -> io::Result<()> {
        self.write(b"0\r\n\r\n")
    }

    /// Writes the added bytes as one chunk, and `end`.
    fn write(&mut self, end: &[u8]) -> io::Result<()> {
        let length = self.buffer.len() - FRONT;
        let start = match length {
            0 if end.is_empty() => return Ok(()),
            0 => FRONT,
            length => {
                self.buffer.extend_from_slice(b"\r\n");
                self.put_size(length)
            }
        };
        self.buffer.extend_from_slice(end);
        self.out
            .write_all(self.buffer.get(start..).unwrap_or_default())?;
        self.out.flush()?;
        self.bytes += length as u64;
        self.buffer.truncate(FRONT);
        // One giant event must not keep its memory for the rest of the stream.
        self.buffer.shrink_to(LASTING);
        Ok(())
    }

    /// Writes the size of a chunk in front of it. Returns where that begins.
    fn put_size(&mut self, length: usize) -> usize {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut left = length;
        let mut start = FRONT;
        let front = self.buffer.iter_mut().take(FRONT).rev();
        for (place, byte) in front.enumerate() {
            *byte = match place {
                0 => b'\n',
                1 => b'\r',
                _ => {
                    let digit = HEX.get(left % 16).copied().unwrap_or_default();
                    left /= 16;
                    digit
                }
            };
            start -= 1;
            if place > 1 && left == 0 {
                break;
            }
        }
        start
    }
}

/// Bytes a buffer may keep between flushes.
const LASTING: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_get_an_envelope_and_errors_none() {
        let mut out = Vec::new();
        let mut chunks = Chunks::kept_alive(&mut out, Dialect::Gemini).enveloped(true);
        chunks.put(b"data: {\"a\":1}\r\n\r\ndata: {\"b\":\"\\n\"}\n\n");
        chunks.put(b"data: {\"error\":{}}\n\n");
        chunks.put(b"{\"whole\":1}");
        chunks.keep_alive(Dialect::Gemini);
        chunks.put(b"data: {\"error\":{}}\n\n");
        chunks.flush().unwrap();
        let written = String::from_utf8(out).unwrap();
        let (_, written) = written.split_once("\r\n").unwrap();
        assert_eq!(
            written,
            " {\"response\": {\"a\":1}}\r\n\r\ndata: {\"response\": {\"b\":\"\\n\"}}\n\n\
             data: {\"error\":{}}\n\n{\"whole\":1}data:  {\"error\":{}}\n\n\r\n"
        );
    }

    #[test]
    fn a_flush_is_one_chunk_in_one_write_and_so_is_the_last_with_the_end() {
        struct Writes(Vec<Vec<u8>>);
        impl Write for &mut Writes {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.push(bytes.to_vec());
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut writes = Writes(Vec::new());
        let mut chunks = Chunks::new(&mut writes);
        chunks.flush().unwrap();
        chunks.put(b"data: a\n\n");
        chunks.put(b"data: b\n\n");
        chunks.flush().unwrap();
        chunks.put(&[b'x'; 300]);
        chunks.finish().unwrap();
        assert_eq!(chunks.bytes, 318);
        assert_eq!(writes.0.len(), 2);
        assert_eq!(writes.0[0], b"12\r\ndata: a\n\ndata: b\n\n\r\n");
        assert_eq!(
            writes.0[1],
            [b"12c\r\n", &[b'x'; 300][..], b"\r\n0\r\n\r\n"].concat()
        );
    }
}
