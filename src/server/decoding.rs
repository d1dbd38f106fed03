//! Request bodies with a `Content-Encoding` (`spec/http.md` 14 row 1). Newer Codex clients send zstd.

use std::fmt;

use crate::dialect::problem::Problem;

/// How many codings may be stacked. Each is bounded by the body limit, but each also costs a pass over it.
const MAX_CODINGS: usize = 4;

/// Why a body cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undecodable {
    /// Decoded it is larger than this many bytes: 413.
    TooLarge { limit: u64 },
    /// It is not what its header says: 400.
    Corrupt { coding: &'static str },
    /// A coding that this build does not know: 400.
    Unsupported { coding: String },
    /// More codings on top of each other than anybody needs: 400.
    Stacked,
}

impl Undecodable {
    /// What the client is told.
    pub fn problem(&self) -> Problem {
        match self {
            Self::TooLarge { limit } => Problem::body_too_large(*limit),
            Self::Corrupt { .. } | Self::Unsupported { .. } | Self::Stacked => {
                Problem::unreadable_body(self)
            }
        }
    }
}

/// Undoes the codings named in `content_encoding` (all values of the header, joined with commas), last one
/// first. What cannot be decoded but `is_json` as it is, is used as it is: some clients claim a coding that
/// they do not apply.
///
/// # Errors
/// When the body is neither, or grows beyond `limit` bytes.
pub fn decode(
    content_encoding: &str,
    body: Vec<u8>,
    limit: u64,
    is_json: impl FnOnce(&[u8]) -> bool,
) -> Result<Vec<u8>, Undecodable> {
    match undo_all(content_encoding, &body, limit) {
        Ok(Some(plain)) => Ok(plain),
        Ok(None) => Ok(body),
        Err(error @ Undecodable::TooLarge { .. }) => Err(error),
        Err(_) if is_json(&body) => Ok(body),
        Err(error) => Err(error),
    }
}

/// `None` if there is nothing to undo.
fn undo_all(header: &str, body: &[u8], limit: u64) -> Result<Option<Vec<u8>>, Undecodable> {
    let codings: Vec<&str> = header
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"))
        .collect();
    if codings.len() > MAX_CODINGS {
        return Err(Undecodable::Stacked);
    }
    let mut plain: Option<Vec<u8>> = None;
    for name in codings.into_iter().rev() {
        let coded = plain.as_deref().unwrap_or(body);
        plain = Some(undo(name, coded, limit)?);
    }
    Ok(plain)
}

#[cfg(not(feature = "compression"))]
fn undo(name: &str, _coded: &[u8], _limit: u64) -> Result<Vec<u8>, Undecodable> {
    Err(unsupported(name))
}

#[cfg(feature = "compression")]
fn undo(name: &str, coded: &[u8], limit: u64) -> Result<Vec<u8>, Undecodable> {
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    let mut plain = Bounded::new(limit);
    let (coding, result) = if is("gzip") || is("x-gzip") {
        ("gzip", codings::gzip(coded, &mut plain))
    } else if is("deflate") {
        ("deflate", codings::deflate(coded, &mut plain))
    } else if is("br") {
        ("br", codings::brotli(coded, &mut plain))
    } else if is("zstd") {
        ("zstd", codings::zstd(coded, &mut plain))
    } else {
        return Err(unsupported(name));
    };
    match result {
        _ if plain.overflowed => Err(Undecodable::TooLarge { limit }),
        Ok(()) => Ok(plain.bytes),
        Err(_) => Err(Undecodable::Corrupt { coding }),
    }
}

fn unsupported(name: &str) -> Undecodable {
    Undecodable::Unsupported {
        coding: name.chars().take(32).collect(),
    }
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => write!(f, "the decoded body is larger than {limit} bytes"),
            Self::Corrupt { coding } => write!(f, "the body is not valid {coding}"),
            Self::Unsupported { coding } => {
                write!(f, "Content-Encoding {coding} is not supported here")
            }
            Self::Stacked => write!(f, "more than {MAX_CODINGS} content codings"),
        }
    }
}

impl std::error::Error for Undecodable {}

/// Memory that cannot grow beyond a limit.
#[cfg(feature = "compression")]
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
    overflowed: bool,
}

#[cfg(feature = "compression")]
impl Bounded {
    fn new(limit: u64) -> Self {
        Self {
            bytes: Vec::new(),
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            overflowed: false,
        }
    }
}

#[cfg(feature = "compression")]
impl std::io::Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
        if piece.len() > self.limit - self.bytes.len() {
            self.overflowed = true;
            return Err(std::io::Error::other("over the limit"));
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(feature = "compression")]
mod codings {
    use std::io::{self, Read, copy};

    use brotli_decompressor::Decompressor;
    use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
    use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
    use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

    use super::Bounded;

    /// What a zstd frame may ask for to look back, in bytes (RFC 9659: 8 MB for content codings).
    const MAX_ZSTD_WINDOW: u64 = 8 << 20;

    /// Input that brotli takes at a time, in bytes.
    const BROTLI_BUFFER: usize = 4096;

    pub(super) fn gzip(coded: &[u8], plain: &mut Bounded) -> io::Result<()> {
        copy(&mut MultiGzDecoder::new(coded), plain).map(drop)
    }

    /// RFC 9110 8.4.1.2 means zlib, but warns that some send the bare deflate stream.
    pub(super) fn deflate(coded: &[u8], plain: &mut Bounded) -> io::Result<()> {
        let wrapped = matches!(coded, [method, flags, ..]
            if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0);
        if wrapped {
            copy(&mut ZlibDecoder::new(coded), plain).map(drop)
        } else {
            copy(&mut DeflateDecoder::new(coded), plain).map(drop)
        }
    }

    pub(super) fn brotli(coded: &[u8], plain: &mut Bounded) -> io::Result<()> {
        // RFC 7932 9.1 reserves this window size; the decoder would read it as a window of up to 1 GiB.
        if coded.first().is_some_and(|first| first & 0x7f == 0x11) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        copy(&mut Decompressor::new(coded, BROTLI_BUFFER), plain).map(drop)
    }

    /// One frame after another, skippable ones skipped (RFC 8878 3.1).
    pub(super) fn zstd(mut coded: &[u8], plain: &mut Bounded) -> io::Result<()> {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_ZSTD_WINDOW);
        let mut frames = 0;
        while frames == 0 || !coded.is_empty() {
            match StreamingDecoder::new_with_decoder(&mut coded, &mut decoder) {
                Ok(mut frame) => copy(&mut frame, plain).map(drop)?,
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => skip(&mut coded, length)?,
                Err(error) => return Err(io::Error::other(error)),
            }
            frames += 1;
        }
        Ok(())
    }

    fn skip(coded: &mut &[u8], length: u32) -> io::Result<()> {
        let skipped = copy(&mut coded.by_ref().take(length.into()), &mut io::sink())?;
        if skipped < u64::from(length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}
