//! Decoding request bodies with a `Content-Encoding`. Newer Codex clients send zstd.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use crate::budget::{Budget, Exhausted, Reservation};
use crate::content_encoding::ContentEncoding;
use crate::wire::problem::Problem;

/// The most content encodings of one body. The body limit bounds the result of each, but each costs a pass.
const MAX_ENCODINGS: usize = 4;

/// `Retry-After` of a request whose body does not fit into memory.
const RETRY: Duration = Duration::from_secs(1);

/// Why a body cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The decoded body is larger than `limit` bytes: 413.
    TooLarge { limit: u64 },
    /// The memory budget is used up: 503.
    NoMemory,
    /// The body does not have the encoding that its header names: 400.
    Corrupt { encoding: &'static str },
    /// This build does not support the encoding: 400.
    Unsupported { encoding: String },
    /// The body has more than `MAX_ENCODINGS` encodings: 400.
    TooMany,
}

impl DecodeError {
    /// The error for the client.
    pub fn problem(&self) -> Problem {
        match self {
            Self::TooLarge { limit } => Problem::body_too_large(*limit),
            Self::NoMemory => Problem::overloaded(RETRY),
            Self::Corrupt { .. } | Self::Unsupported { .. } | Self::TooMany => {
                Problem::unreadable_body(self)
            }
        }
    }
}

/// A decoded body.
#[derive(Debug)]
pub struct Decoded {
    pub body: Vec<u8>,
    /// The decoded body's share of the memory budget; empty for a body without encoding.
    pub reservation: Reservation,
}

/// Decodes the encodings listed in `content_encoding` (all values of the header, joined with commas), the last one first.
/// A body that cannot be decoded but `is_json` is used unchanged: some clients name an encoding without applying it. The
/// decoded body and the decoders' memory are reserved from `budget` as they grow.
///
/// # Errors
/// When the body cannot be decoded, grows beyond `limit` bytes, or the budget is used up.
pub fn decode(
    content_encoding: &str,
    body: Vec<u8>,
    limit: u64,
    budget: &Budget,
    is_json: impl FnOnce(&[u8]) -> bool,
) -> Result<Decoded, DecodeError> {
    match decode_all(content_encoding, &body, limit, budget) {
        Ok(Some(decoded)) => Ok(decoded),
        Ok(None) => Ok(unchanged(body, budget)),
        Err(error @ (DecodeError::TooLarge { .. } | DecodeError::NoMemory)) => Err(error),
        Err(_) if is_json(&body) => Ok(unchanged(body, budget)),
        Err(error) => Err(error),
    }
}

fn unchanged(body: Vec<u8>, budget: &Budget) -> Decoded {
    Decoded {
        body,
        reservation: budget.nothing(),
    }
}

/// `None` if there is nothing to decode.
fn decode_all(
    header: &str,
    body: &[u8],
    limit: u64,
    budget: &Budget,
) -> Result<Option<Decoded>, DecodeError> {
    let encodings: Vec<&str> = header
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"))
        .collect();
    if encodings.len() > MAX_ENCODINGS {
        return Err(DecodeError::TooMany);
    }
    let mut decoded: Option<Decoded> = None;
    for name in encodings.into_iter().rev() {
        let encoded = decoded.as_ref().map_or(body, |decoded| &decoded.body);
        // This drops the previous stage.
        decoded = Some(decode_one(name, encoded, limit, budget)?);
    }
    Ok(decoded)
}

fn decode_one(
    name: &str,
    encoded: &[u8],
    limit: u64,
    budget: &Budget,
) -> Result<Decoded, DecodeError> {
    let Some(encoding) = ContentEncoding::of_name(name) else {
        return Err(unsupported(name));
    };
    // One byte more than allowed, to detect a larger body.
    let most = usize::try_from(limit)
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    let mut decoder_reservation = budget.reserve(encoding.decoder_memory(encoded, 0))?;
    let mut decoded = unchanged(Vec::new(), budget);
    let mut reader = encoding.decoder(Box::new(encoded));
    loop {
        decoded.grow(encoded.len(), most)?;
        decoder_reservation.resize(encoding.decoder_memory(encoded, decoded.body.capacity()))?;
        let free = decoded.body.capacity() - decoded.body.len();
        let read = reader
            .by_ref()
            .take(free as u64)
            .read_to_end(&mut decoded.body);
        if decoded.body.len() >= most {
            return Err(DecodeError::TooLarge { limit });
        }
        match read {
            Ok(count) if count == free => {}
            Ok(_) => break,
            Err(_) => {
                return Err(DecodeError::Corrupt {
                    encoding: encoding.name(),
                });
            }
        }
    }
    decoded.fit()?;
    Ok(decoded)
}

/// The initial capacity of a decoded body: a multiple of the encoded size, and its maximum in bytes.
const FIRST_CAPACITY: (usize, usize) = (4, 64 * 1024);

impl Decoded {
    /// Grows the capacity by half, up to `most` bytes. Doubling would reserve more than needed, and smaller steps would
    /// copy more often.
    fn grow(&mut self, encoded: usize, most: usize) -> Result<(), Exhausted> {
        let now = self.body.capacity();
        let (times, first) = FIRST_CAPACITY;
        let wanted = match now {
            0 => encoded.saturating_mul(times).clamp(256, first),
            now => now.saturating_add(now / 2),
        };
        let wanted = wanted.min(most);
        // During reallocation both buffers exist.
        self.reservation.resize(now.saturating_add(wanted))?;
        self.body.reserve_exact(wanted - self.body.len());
        self.reservation.resize(self.body.capacity())
    }

    /// Releases unused capacity if it is considerable.
    fn fit(&mut self) -> Result<(), Exhausted> {
        if self.body.capacity() - self.body.len() > self.body.len() / 8 {
            self.body.shrink_to_fit();
        }
        self.reservation.resize(self.body.capacity())
    }
}

impl From<Exhausted> for DecodeError {
    fn from(_: Exhausted) -> Self {
        Self::NoMemory
    }
}

fn unsupported(name: &str) -> DecodeError {
    DecodeError::Unsupported {
        encoding: name.chars().take(32).collect(),
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => write!(f, "the decoded body is larger than {limit} bytes"),
            Self::NoMemory => write!(f, "not enough memory for the decoded body"),
            Self::Corrupt { encoding } => write!(f, "the body is not valid {encoding}"),
            Self::Unsupported { encoding } => {
                write!(f, "Content-Encoding {encoding} is not supported")
            }
            Self::TooMany => write!(
                f,
                "the body has more than {MAX_ENCODINGS} content encodings"
            ),
        }
    }
}

impl std::error::Error for DecodeError {}
