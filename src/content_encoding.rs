//! Decodes content encodings (RFC 9110 8.4.1) while reading.

use std::io::{self, Read};

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentEncoding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl ContentEncoding {
    /// The encoding of a name in `Content-Encoding`; `None` if this build does not support it.
    pub fn of_name(name: &str) -> Option<Self> {
        const NAMES: [(&str, ContentEncoding); 5] = [
            ("gzip", ContentEncoding::Gzip),
            ("x-gzip", ContentEncoding::Gzip),
            ("deflate", ContentEncoding::Deflate),
            ("br", ContentEncoding::Brotli),
            ("zstd", ContentEncoding::Zstd),
        ];
        let is_known = |known: &&(&str, Self)| known.0.eq_ignore_ascii_case(name);
        let known = NAMES.iter().find(is_known).filter(|_| IS_ENABLED);
        known.map(|(_, encoding)| *encoding)
    }

    /// The encoding of a body without `Content-Encoding`, by its first bytes, which no text has.
    pub fn detect(body: &[u8]) -> Option<Self> {
        match body {
            [0x1f, 0x8b, ..] if IS_ENABLED => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] if IS_ENABLED => Some(Self::Zstd),
            // zlib (RFC 1950 2.2) at its usual levels.
            [0x78, 0x01 | 0x9c | 0xda, ..] if IS_ENABLED => Some(Self::Deflate),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The most memory of a decoder after `given` bytes of output: its window, which is at most that large, and its
    /// tables.
    pub fn decoder_memory(self, encoded: &[u8], given: usize) -> usize {
        const TABLES: usize = 64 * 1024;
        /// A zstd block with its literals (RFC 8878 3.1.1.2.4), and the same for its sequences.
        const ZSTD_TABLES: usize = 512 * 1024;
        TABLES
            + match self {
                Self::Gzip | Self::Deflate => 0,
                Self::Brotli => encoded.first().map_or(0, |first| brotli_window(*first)),
                // The window is a ring buffer whose size is a power of two.
                Self::Zstd => ZSTD_TABLES + 2 * given.min(MAX_ZSTD_WINDOW),
            }
    }

    /// Decodes `encoded`. Nothing is read before the first read of the result.
    pub fn decoder<'a>(self, encoded: Box<dyn Read + 'a>) -> Box<dyn Read + 'a> {
        Box::new(LazyDecoder {
            encoding: self,
            encoded: Some(encoded),
            decoded: Box::new(io::empty()),
        })
    }
}

/// The largest window of a zstd frame, bytes (RFC 9659: 8 MB for content encodings).
const MAX_ZSTD_WINDOW: usize = 8 << 20;

/// The window of a brotli stream in bytes, by its first byte (RFC 7932 9.1).
fn brotli_window(first: u8) -> usize {
    let bits = match (first & 1, first >> 1 & 7, first >> 4 & 7) {
        (0, ..) => 16,
        (_, 0, 0) => 17,
        (_, 0, few) => 8 + few,
        (_, many, _) => 17 + many,
    };
    1 << bits
}

const IS_ENABLED: bool = cfg!(feature = "compression");

struct LazyDecoder<'a> {
    encoding: ContentEncoding,
    /// Until the first read.
    encoded: Option<Box<dyn Read + 'a>>,
    decoded: Box<dyn Read + 'a>,
}

impl Read for LazyDecoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(encoded) = self.encoded.take() {
            self.decoded = open_decoder(self.encoding, encoded)?;
        }
        self.decoded.read(buffer)
    }
}

#[cfg(not(feature = "compression"))]
fn open_decoder<'a>(_: ContentEncoding, _: Box<dyn Read + 'a>) -> io::Result<Box<dyn Read + 'a>> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(feature = "compression")]
fn open_decoder<'a>(
    encoding: ContentEncoding,
    mut encoded: Box<dyn Read + 'a>,
) -> io::Result<Box<dyn Read + 'a>> {
    use brotli_decompressor::Decompressor;
    use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

    Ok(match encoding {
        ContentEncoding::Gzip => Box::new(MultiGzDecoder::new(encoded)),
        // RFC 9110 8.4.1.2 means zlib, but warns that some send the bare deflate stream.
        ContentEncoding::Deflate => {
            let (start, rest) = split_start::<2>(encoded)?;
            let wrapped = matches!(start.as_slice(), [method, flags]
                if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0);
            let encoded = io::Cursor::new(start).chain(rest);
            match wrapped {
                true => Box::new(ZlibDecoder::new(encoded)),
                false => Box::new(DeflateDecoder::new(encoded)),
            }
        }
        ContentEncoding::Brotli => {
            let (start, rest) = split_start::<1>(encoded)?;
            // RFC 7932 9.1 reserves this window size; the decoder would read it as a window of up to 1 GiB.
            if start.first().is_some_and(|first| first & 0x7f == 0x11) {
                return Err(io::ErrorKind::InvalidData.into());
            }
            encoded = Box::new(io::Cursor::new(start).chain(rest));
            Box::new(Decompressor::new(encoded, BROTLI_BUFFER))
        }
        ContentEncoding::Zstd => Box::new(zstd::Frames::new(encoded)),
    })
}

/// The input buffer of brotli, bytes.
#[cfg(feature = "compression")]
const BROTLI_BUFFER: usize = 4096;

/// The first bytes, fewer if there are no more, and the rest.
#[cfg(feature = "compression")]
fn split_start<'a, const N: usize>(
    mut encoded: Box<dyn Read + 'a>,
) -> io::Result<(Vec<u8>, Box<dyn Read + 'a>)> {
    let mut start = Vec::with_capacity(N);
    encoded.by_ref().take(N as u64).read_to_end(&mut start)?;
    Ok((start, encoded))
}

#[cfg(feature = "compression")]
mod zstd {
    use std::io::{self, BufRead, BufReader, Read, copy};

    use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
    use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

    /// One frame after another, skippable ones skipped (RFC 8878 3.1).
    pub struct Frames<R> {
        encoded: BufReader<R>,
        decoder: FrameDecoder,
        has_begun: bool,
    }

    impl<R: Read> Frames<R> {
        pub fn new(encoded: R) -> Self {
            let mut decoder = FrameDecoder::new();
            decoder.set_max_window_size(super::MAX_ZSTD_WINDOW as u64);
            Self {
                encoded: BufReader::new(encoded),
                decoder,
                has_begun: false,
            }
        }

        /// Begins the next frame, or skips one.
        fn begin(&mut self) -> io::Result<()> {
            self.has_begun = true;
            match self.decoder.init(&mut self.encoded) {
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    match copy(&mut self.encoded.by_ref().take(length), &mut io::sink())? {
                        skipped if skipped < length => Err(io::ErrorKind::UnexpectedEof.into()),
                        _ => Ok(()),
                    }
                }
                begun => begun.map_err(io::Error::other),
            }
        }
    }

    impl<R: Read> Read for Frames<R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if buffer.is_empty() {
                return Ok(0);
            }
            loop {
                while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                    let one = BlockDecodingStrategy::UptoBlocks(1);
                    let decoded = self.decoder.decode_blocks(&mut self.encoded, one);
                    decoded.map_err(io::Error::other)?;
                }
                match self.decoder.read(buffer)? {
                    0 if self.has_begun && self.encoded.fill_buf()?.is_empty() => return Ok(0),
                    0 => self.begin()?,
                    count => return Ok(count),
                }
            }
        }
    }
}
