//! Request bodies with a `Content-Encoding` (`spec/http.md` 14 row 1). Newer Codex clients send zstd.

use std::fmt;
use std::io::Read;

use crate::coding::Coding;
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

fn undo(name: &str, coded: &[u8], limit: u64) -> Result<Vec<u8>, Undecodable> {
    let Some(coding) = Coding::of_name(name) else {
        return Err(unsupported(name));
    };
    let mut plain = Vec::new();
    let mut bounded = coding.undone(Box::new(coded)).take(limit.saturating_add(1));
    match bounded.read_to_end(&mut plain) {
        _ if plain.len() as u64 > limit => Err(Undecodable::TooLarge { limit }),
        Ok(_) => Ok(plain),
        Err(_) => Err(Undecodable::Corrupt {
            coding: coding.name(),
        }),
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
