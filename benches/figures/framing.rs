//! A minimal reader of HTTP/1.1 messages: end, status, body bytes.
//!
//! Both ends are trusted, so only what determines the end of a message is validated.

use std::io;

use memchr::memmem;

/// Longest head this tool accepts, in bytes.
const HEAD_BYTES: usize = 64 * 1024;

/// Reads one message after another from a connection.
#[derive(Default)]
pub struct Messages {
    head: Vec<u8>,
    body: Option<Body>,
    start_line: String,
}

/// The result of [`Messages::feed`].
pub struct Fed {
    /// How many of the bytes belong to this message.
    pub used: usize,
    pub complete: bool,
}

enum Body {
    Length(u64),
    Chunked(Chunk),
}

enum Chunk {
    Size { value: u64, extension: bool },
    Data(u64),
    AfterData,
    Trailer { line: usize },
}

impl Messages {
    /// Takes the next bytes of the message; body bytes go to `sink` with their framing removed.
    /// After a complete message the next call starts a new one.
    pub fn feed(&mut self, bytes: &[u8], mut sink: impl FnMut(&[u8])) -> io::Result<Fed> {
        let mut used = 0;
        if self.body.is_none() {
            match self.read_head(bytes)? {
                Some(taken) => used = taken,
                None => {
                    return Ok(Fed {
                        used: bytes.len(),
                        complete: false,
                    });
                }
            }
        }
        let Some(body) = &mut self.body else {
            return Err(invalid("no body after a head"));
        };
        let (taken, complete) = body.take(&bytes[used..], &mut sink)?;
        if complete {
            self.body = None;
        }
        Ok(Fed {
            used: used + taken,
            complete,
        })
    }

    /// Status of the newest response.
    pub fn status(&self) -> u16 {
        let digits = self.start_line.get(9..12).unwrap_or_default();
        digits.parse().unwrap_or(0)
    }

    /// Reads the head; returns how many of `bytes` belong to it, or `None` while it is incomplete.
    fn read_head(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        let before = self.head.len();
        if before == 0
            && let Some(end) = head_end(bytes)
        {
            self.open(&bytes[..end])?;
            return Ok(Some(end));
        }
        self.head.extend_from_slice(bytes);
        let Some(end) = head_end(&self.head) else {
            return match self.head.len() {
                0..=HEAD_BYTES => Ok(None),
                _ => Err(invalid("head too long")),
            };
        };
        let head = std::mem::take(&mut self.head);
        self.open(&head[..end])?;
        Ok(Some(end - before))
    }

    fn open(&mut self, head: &[u8]) -> io::Result<()> {
        let text = std::str::from_utf8(head).map_err(|_| invalid("head is not text"))?;
        let mut lines = text.split("\r\n");
        self.start_line.clear();
        self.start_line.push_str(lines.next().unwrap_or_default());
        let mut body = Body::Length(0);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                let length = value.trim().parse();
                body = Body::Length(length.map_err(|_| invalid("length is no number"))?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                body = Body::Chunked(Chunk::Size {
                    value: 0,
                    extension: false,
                });
            }
        }
        self.body = Some(body);
        Ok(())
    }
}

impl Body {
    fn take(&mut self, bytes: &[u8], sink: &mut impl FnMut(&[u8])) -> io::Result<(usize, bool)> {
        match self {
            Self::Length(left) => {
                let taken = pass(left, bytes, sink);
                Ok((taken, *left == 0))
            }
            Self::Chunked(chunk) => {
                let mut used = 0;
                while used < bytes.len() {
                    let (taken, complete) = chunk.step(&bytes[used..], sink)?;
                    used += taken;
                    if complete {
                        return Ok((used, true));
                    }
                }
                Ok((used, false))
            }
        }
    }
}

impl Chunk {
    /// Takes at least one byte; true after the last one of the body.
    fn step(&mut self, bytes: &[u8], sink: &mut impl FnMut(&[u8])) -> io::Result<(usize, bool)> {
        let byte = bytes[0];
        match self {
            Self::Size { value, extension } => match byte {
                b'\n' if *value == 0 => *self = Self::Trailer { line: 0 },
                b'\n' => *self = Self::Data(*value),
                b'\r' => {}
                b';' => *extension = true,
                _ if *extension => {}
                _ => {
                    let digit = char::from(byte).to_digit(16);
                    let digit = digit.ok_or_else(|| invalid("chunk size is no number"))?;
                    *value = *value * 16 + u64::from(digit);
                }
            },
            Self::Data(left) => {
                let taken = pass(left, bytes, sink);
                if *left == 0 {
                    *self = Self::AfterData;
                }
                return Ok((taken, false));
            }
            Self::AfterData => {
                if byte == b'\n' {
                    *self = Self::Size {
                        value: 0,
                        extension: false,
                    };
                }
            }
            Self::Trailer { line } => match byte {
                b'\n' if *line == 0 => return Ok((1, true)),
                b'\n' => *line = 0,
                b'\r' => {}
                _ => *line += 1,
            },
        }
        Ok((1, false))
    }
}

/// Passes at most the remaining bytes of the body or chunk to the sink.
fn pass(left: &mut u64, bytes: &[u8], sink: &mut impl FnMut(&[u8])) -> usize {
    let taken = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
    if taken > 0 {
        sink(&bytes[..taken]);
    }
    *left -= taken as u64;
    taken
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
