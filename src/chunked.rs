//! Decodes the chunked transfer coding (RFC 9112 7.1) incrementally, for bodies of clients and upstreams.

/// Hex digits of a chunk size: enough for any length below 2^60.
const SIZE_DIGITS: u32 = 15;
/// The most bytes of a chunk's extensions, which are ignored.
const EXTENSION_BYTES: usize = 1024;
/// The most bytes of trailers, which are dropped.
const TRAILER_BYTES: usize = 16 * 1024;

/// The error of invalid chunked coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotChunked;

/// Decodes a chunked body in pieces of any size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoder {
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size {
        value: u64,
        digits: u32,
    },
    Extension {
        value: u64,
        bytes: usize,
    },
    SizeLf {
        value: u64,
    },
    Data {
        left: u64,
    },
    DataCr,
    DataLf,
    /// In a trailer line.
    Trailer {
        is_start: bool,
        bytes: usize,
    },
    TrailerLf {
        bytes: usize,
    },
    EndLf,
    Done,
}

/// The result for a piece of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'b> {
    /// Bytes of the input that belong to the body, framing included.
    pub taken: usize,
    /// The number of payload bytes at their end.
    pub payload: &'b [u8],
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            state: State::Size {
                value: 0,
                digits: 0,
            },
        }
    }
}

impl Decoder {
    /// Whether the body has ended.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes bytes from the front of `input` up to the end of the first run of payload, of the body, or of
    /// the input. Call it again with what is left; nothing taken means that more input is needed or that
    /// the body has ended.
    ///
    /// # Errors
    /// [`NotChunked`]; the connection cannot be used any further. Nothing is taken then, so that the same bytes are
    /// refused again.
    pub fn step<'b>(&mut self, input: &'b [u8]) -> Result<Step<'b>, NotChunked> {
        let mut taken = 0;
        let mut state = self.state;
        while state != State::Done {
            if let State::Data { left } = state {
                let rest = input.get(taken..).unwrap_or_default();
                let length = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                let payload = rest.get(..length).unwrap_or_default();
                let left = left - length as u64;
                state = match left {
                    0 => State::DataCr,
                    left => State::Data { left },
                };
                if length > 0 || rest.is_empty() {
                    self.state = state;
                    return Ok(Step {
                        taken: taken + length,
                        payload,
                    });
                }
                continue;
            }
            let Some(byte) = input.get(taken) else {
                break;
            };
            state = state.after(*byte)?;
            taken += 1;
        }
        self.state = state;
        Ok(Step {
            taken,
            payload: &[],
        })
    }
}

impl State {
    /// The state after one byte of framing.
    fn after(self, byte: u8) -> Result<Self, NotChunked> {
        Ok(match (self, byte) {
            (Self::Size { value, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F')
                if digits < SIZE_DIGITS =>
            {
                let digit = char::from(byte).to_digit(16).ok_or(NotChunked)?;
                Self::Size {
                    value: value * 16 + u64::from(digit),
                    digits: digits + 1,
                }
            }
            (Self::Size { value, digits: 1.. }, b'\r') => Self::SizeLf { value },
            (Self::Size { value, digits: 1.. }, b';' | b' ' | b'\t') => {
                Self::Extension { value, bytes: 0 }
            }
            (Self::Extension { value, .. }, b'\r') => Self::SizeLf { value },
            (Self::Extension { value, bytes }, _) if is_text(byte) && bytes < EXTENSION_BYTES => {
                Self::Extension {
                    value,
                    bytes: bytes + 1,
                }
            }
            (Self::SizeLf { value: 0 }, b'\n') => Self::Trailer {
                is_start: true,
                bytes: 0,
            },
            (Self::SizeLf { value }, b'\n') => Self::Data { left: value },
            (Self::DataCr, b'\r') => Self::DataLf,
            (Self::DataLf, b'\n') => Self::Size {
                value: 0,
                digits: 0,
            },
            (Self::Trailer { is_start: true, .. }, b'\r') => Self::EndLf,
            (Self::Trailer { bytes, .. }, b'\r') => Self::TrailerLf { bytes },
            (Self::Trailer { bytes, .. }, _) if is_text(byte) && bytes < TRAILER_BYTES => {
                Self::Trailer {
                    is_start: false,
                    bytes: bytes + 1,
                }
            }
            (Self::TrailerLf { bytes }, b'\n') => Self::Trailer {
                is_start: true,
                bytes,
            },
            (Self::EndLf, b'\n') => Self::Done,
            _ => return Err(NotChunked),
        })
    }
}

/// A byte that is allowed in a line: no control character except the tab.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn put_chunk(out: &mut Vec<u8>, payload: &[u8]) {
        // One of no bytes would end the body.
        if !payload.is_empty() {
            out.extend_from_slice(format!("{:x}\r\n", payload.len()).as_bytes());
            out.extend_from_slice(payload);
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Payload and bytes taken, from pieces.
    fn decode<'p>(
        pieces: impl IntoIterator<Item = &'p [u8]>,
    ) -> Result<(Vec<u8>, usize, bool), NotChunked> {
        let mut decoder = Decoder::default();
        let mut payload = Vec::new();
        let mut total = 0;
        for mut piece in pieces {
            loop {
                let step = decoder.step(piece)?;
                payload.extend_from_slice(step.payload);
                total += step.taken;
                piece = &piece[step.taken..];
                if step.taken == 0 {
                    break;
                }
            }
        }
        Ok((payload, total, decoder.is_done()))
    }

    #[test]
    fn bodies_that_are_fine() {
        for (body, payload) in [
            ("0\r\n\r\n", ""),
            ("3\r\nabc\r\n0\r\n\r\n", "abc"),
            (
                "A;x=\"y\"\r\n0123456789\r\n1 \r\n!\r\n000\r\n\r\n",
                "0123456789!",
            ),
            ("1\r\na\r\n0\r\nTrailer: x\r\nB: c\r\n\r\n", "a"),
        ] {
            let with_more = format!("{body}GET /");
            assert_eq!(
                decode([with_more.as_bytes()]),
                Ok((payload.as_bytes().to_vec(), body.len(), true)),
                "{body:?}"
            );
        }
    }

    #[test]
    fn bodies_that_are_not() {
        for body in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "0x1\r\n",
            "1\na\n",
            "1\r\nab\r\n",
            "1\r\na\n",
            "1\r\na0\r\n\r\n",
            "1000000000000000\r\n",
            ";\r\n",
            " 1\r\na\r\n",
            "1\r\r\n",
            "0\r\n\n",
            "0\r\nA: b\n\r\n",
            "1;\u{1}\r\n",
            "0\r\nA\u{0}: b\r\n\r\n",
        ] {
            assert_eq!(decode([body.as_bytes()]), Err(NotChunked), "{body:?}");
        }
        let long = format!("1;{}\r\n", "x".repeat(EXTENSION_BYTES + 1));
        assert_eq!(decode([long.as_bytes()]), Err(NotChunked));
        let trailer = format!("0\r\nA: {}\r\n", "x".repeat(TRAILER_BYTES));
        assert_eq!(decode([trailer.as_bytes()]), Err(NotChunked));
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
            size in 1_usize..50,
        ) {
            let mut body = Vec::new();
            for piece in &pieces {
                put_chunk(&mut body, piece);
            }
            body.extend_from_slice(b"0\r\n\r\n");
            prop_assert_eq!(decode(body.chunks(size)), Ok((pieces.concat(), body.len(), true)));
        }

        #[test]
        fn any_split_gives_the_same(body in "[0-3a;\r\n x]{0,30}", size in 1_usize..9) {
            let whole = decode([body.as_bytes()]);
            let split = decode(body.as_bytes().chunks(size));
            match (whole, split) {
                (Ok(whole), Ok(split)) => prop_assert_eq!(whole, split),
                (whole, split) => prop_assert_eq!(whole.is_err(), split.is_err()),
            }
        }
    }
}
