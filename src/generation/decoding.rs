//! Request bodies with a `Content-Encoding` (`spec/http.md` 14 row 1). Newer Codex clients send zstd.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use crate::budget::{Budget, Exhausted, Reservation};
use crate::content_encoding::Coding;
use crate::wire::problem::Problem;

/// How many encodings may be stacked. Each is bounded by the body limit, but each also costs a pass over it.
const MAX_ENCODINGS: usize = 4;

/// After how long a client may ask again for whose body there is no memory.
const RETRY: Duration = Duration::from_secs(1);

/// Why a body cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Decoded it is larger than this many bytes: 413.
    TooLarge { limit: u64 },
    /// AtUpstream is no memory for it now: 503.
    NoMemory,
    /// It is not what its header says: 400.
    Corrupt { encoding: &'static str },
    /// A coding that this build does not know: 400.
    Unsupported { encoding: String },
    /// More encodings on top of each other than anybody needs: 400.
    TooMany,
}

impl DecodeError {
    /// What the client is told.
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

/// A body without its encodings.
#[derive(Debug)]
pub struct Decoded {
    pub body: Vec<u8>,
    /// What the decoded body takes of the budget; nothing for a body that is used as it came.
    pub reservation: Reservation,
}

/// Undoes the encodings named in `content_encoding` (all values of the header, joined with commas), last one
/// first. What cannot be decoded but `is_json` as it is, is used as it is: some clients claim a coding that
/// they do not apply. What is decoded, and what the decoders need, is taken from `budget` as it grows.
///
/// # Errors
/// When the body is neither, grows beyond `limit` bytes, or the budget has no more.
pub fn decode(
    content_encoding: &str,
    body: Vec<u8>,
    limit: u64,
    budget: &Budget,
    is_json: impl FnOnce(&[u8]) -> bool,
) -> Result<Decoded, DecodeError> {
    match undo_all(content_encoding, &body, limit, budget) {
        Ok(Some(decoded)) => Ok(decoded),
        Ok(None) => Ok(as_it_came(body, budget)),
        Err(error @ (DecodeError::TooLarge { .. } | DecodeError::NoMemory)) => Err(error),
        Err(_) if is_json(&body) => Ok(as_it_came(body, budget)),
        Err(error) => Err(error),
    }
}

fn as_it_came(body: Vec<u8>, budget: &Budget) -> Decoded {
    Decoded {
        body,
        reservation: budget.nothing(),
    }
}

/// `None` if there is nothing to undo.
fn undo_all(
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
        let coded = decoded.as_ref().map_or(body, |decoded| &decoded.body);
        // What it was decoded from goes as soon as it is there.
        decoded = Some(undo(name, coded, limit, budget)?);
    }
    Ok(decoded)
}

fn undo(name: &str, coded: &[u8], limit: u64, budget: &Budget) -> Result<Decoded, DecodeError> {
    let Some(coding) = Coding::of_name(name) else {
        return Err(unsupported(name));
    };
    // One byte more than is allowed shows that there is more.
    let most = usize::try_from(limit)
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    let mut decoder_room = budget.reserve(coding.room(coded, 0))?;
    let mut decoded = as_it_came(Vec::new(), budget);
    let mut reader = coding.undone(Box::new(coded));
    loop {
        decoded.grow(coded.len(), most)?;
        decoder_room.resize(coding.room(coded, decoded.body.capacity()))?;
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
                    encoding: coding.name(),
                });
            }
        }
    }
    decoded.fit()?;
    Ok(decoded)
}

/// The room that a body begins with, bytes, for how many of its coded form.
const FIRST_ROOM: (usize, usize) = (4, 64 * 1024);

impl Decoded {
    /// Makes room for more of it, up to `most` bytes: half as much again as there is. Doubling would take more than
    /// is needed, and less would copy it more often.
    fn grow(&mut self, coded: usize, most: usize) -> Result<(), Exhausted> {
        let now = self.body.capacity();
        let (times, first) = FIRST_ROOM;
        let wanted = match now {
            0 => coded.saturating_mul(times).clamp(256, first),
            now => now.saturating_add(now / 2),
        };
        let wanted = wanted.min(most);
        // While it moves, both are there.
        self.reservation.resize(now.saturating_add(wanted))?;
        self.body.reserve_exact(wanted - self.body.len());
        self.reservation.resize(self.body.capacity())
    }

    /// Gives back the room that was not needed, where that is much.
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
            Self::NoMemory => write!(f, "there is no memory for the decoded body now"),
            Self::Corrupt { encoding } => write!(f, "the body is not valid {encoding}"),
            Self::Unsupported { encoding } => {
                write!(f, "Content-Encoding {encoding} is not supported here")
            }
            Self::TooMany => write!(f, "more than {MAX_ENCODINGS} content encodings"),
        }
    }
}

impl std::error::Error for DecodeError {}
