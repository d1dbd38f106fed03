//! Answers that are one JSON body.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::SystemTime;

use super::chunks::Chunks;
use super::outcome::{Ended, Relayed, Settle, Settlement};
use super::rename::Rename;
use super::source::silent;
use crate::coding::Coding;
use crate::dialect::usage::{self, Usage};
use crate::dialect::{Dialect, event, opening};
use crate::exchange::Interruption;
use crate::provider::{Answer, Failure, FailureKind, Headers};
use crate::redaction::Redaction;

/// Bytes of a body held back to see whether it is an error, and what it cost.
const HELD: u64 = 1024 * 1024;
/// The same when it is edited or translated: what matters can stand at the end.
const HELD_TO_EDIT: u64 = 32 * 1024 * 1024;
/// Bytes of one write of what is not held.
const PIECE: usize = 16 * 1024;

/// A body of which at least the beginning is in hand. Nothing of it has been written.
pub struct Whole {
    /// The status of the upstream.
    pub status: u16,
    /// The headers of the upstream, unfiltered.
    pub headers: Headers,
    /// What the attempt presented.
    pub redaction: Arc<Redaction>,
    /// The bytes to write first.
    held: Vec<u8>,
    rest: Rest,
    usage: Option<Usage>,
    response: Option<String>,
}

/// What comes behind the held bytes.
enum Rest {
    Nothing,
    /// The upstream told how many bytes there are in all.
    Known(Box<dyn Read>, u64),
    Unknown(Box<dyn Read>),
}

/// Reads a body, or its beginning if it is long.
///
/// # Errors
/// When it breaks before, or is an error in spite of its status (spec/providers.md 2.3).
pub fn open(answer: Answer, dialect: Dialect, rename: Option<Rename>) -> Result<Whole, Failure> {
    let limit = if rename.is_some() { HELD_TO_EDIT } else { HELD };
    let mut whole = read(answer, dialect, limit)?;
    if let Some(renamed) = rename.and_then(|rename| rename.json(dialect, &whole.held)) {
        whole.held = renamed;
    }
    Ok(whole)
}

/// Reads all of a body.
///
/// # Errors
/// Like [`open`], and when it is too long to be held.
pub fn open_all(answer: Answer, dialect: Dialect) -> Result<Whole, Failure> {
    let whole = read(answer, dialect, HELD_TO_EDIT)?;
    match whole.rest {
        Rest::Nothing => Ok(whole),
        Rest::Known(..) | Rest::Unknown(_) => Err(Failure::new(
            FailureKind::Broken,
            "the answer is too long to be translated",
        )),
    }
}

fn read(answer: Answer, dialect: Dialect, limit: u64) -> Result<Whole, Failure> {
    let redaction = Arc::clone(&answer.redaction);
    take(answer, dialect, limit).map_err(|failure| failure.redacted(&redaction))
}

fn take(answer: Answer, dialect: Dialect, limit: u64) -> Result<Whole, Failure> {
    let mut length = answer.length();
    let Answer {
        status,
        headers,
        mut body,
        redaction,
        ..
    } = answer;
    let expected = length.unwrap_or(0).min(HELD);
    let mut held = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
    let mut is_long = hold(&mut body, limit, &mut held)?;
    // Compressed, and not said to be.
    if let Some(coding) = Coding::of_start(&held) {
        body = coding.undone(Box::new(io::Cursor::new(held).chain(body)));
        held = Vec::new();
        length = None;
        is_long = hold(&mut body, limit, &mut held)?;
    }
    if is_long {
        let rest = match length {
            Some(length) => Rest::Known(body, length),
            None => Rest::Unknown(body),
        };
        return Ok(Whole {
            status,
            headers,
            redaction,
            held,
            rest,
            usage: None,
            response: None,
        });
    }
    if event::is_error_body(dialect, &held) {
        let status = event::error_status(&held);
        return Err(Failure::of_status(status, headers, held, SystemTime::now()));
    }
    let usage = usage::of_body(dialect, &held);
    if usage.is_none_or(|usage| usage.output == 0)
        && serde_json::from_slice(&held).is_ok_and(|json| opening::is_empty_body(dialect, &json))
    {
        return Err(silent());
    }
    let response = (dialect == Dialect::Responses)
        .then(|| event::response_id(&held))
        .flatten();
    Ok(Whole {
        status,
        headers,
        redaction,
        held,
        rest: Rest::Nothing,
        usage,
        response,
    })
}

/// Reads up to `limit` bytes; whether there may be more.
fn hold(body: &mut dyn Read, limit: u64, held: &mut Vec<u8>) -> Result<bool, Failure> {
    let mut start = body.take(limit);
    start
        .read_to_end(held)
        .map_err(|error| Failure::of_read(&error))?;
    Ok(start.limit() == 0)
}

impl Whole {
    /// An answer of which nothing but the headers is the upstream's.
    pub(super) fn translated(
        headers: Headers,
        redaction: Arc<Redaction>,
        body: Vec<u8>,
        usage: Option<Usage>,
    ) -> Self {
        Self {
            status: 200,
            headers,
            redaction,
            held: body,
            rest: Rest::Nothing,
            usage,
            response: None,
        }
    }

    /// An answer without an upstream.
    pub fn made(body: Vec<u8>) -> Self {
        Self::translated(Headers::default(), Arc::default(), body, None)
    }

    /// What is in hand.
    pub fn held(&self) -> &[u8] {
        &self.held
    }

    /// The length of the body as it will be written, if it is known; else it is written chunked.
    pub fn length(&self) -> Option<u64> {
        match &self.rest {
            Rest::Nothing => Some(self.held.len() as u64),
            Rest::Known(_, length) => Some(*length),
            Rest::Unknown(_) => None,
        }
    }

    /// The same, to be written chunked in any case.
    pub fn chunked(self) -> Self {
        let rest = match self.rest {
            Rest::Nothing => Rest::Unknown(Box::new(io::empty())),
            Rest::Known(body, _) | Rest::Unknown(body) => Rest::Unknown(body),
        };
        Self { rest, ..self }
    }

    /// The id under which the upstream keeps the answer (Responses).
    pub(super) fn into_response(self) -> Option<String> {
        self.response
    }

    /// Writes the body. If it breaks on the way, what was written is not whole.
    pub fn pump(self, mut lane: impl Write, settle: Settle<'_>) -> Relayed {
        let mut copy = Copy {
            settle,
            response: self.response,
            relayed: Relayed {
                bytes: 0,
                events: 0,
                usage: self.usage,
                ended: Ended::Terminal,
                is_whole: true,
                failure: None,
            },
        };
        let written = match self.rest {
            Rest::Nothing => {
                copy.settle();
                copy.relayed.bytes = self.held.len() as u64;
                lane.write_all(&self.held).and_then(|()| lane.flush())
            }
            Rest::Known(body, length) => copy.all(self.held, body, Some(length), |piece, _| {
                lane.write_all(piece)?;
                lane.flush()
            }),
            Rest::Unknown(body) => {
                let mut chunks = Chunks::new(lane);
                copy.all(self.held, body, None, |piece, is_last| {
                    chunks.put(piece);
                    if is_last {
                        chunks.finish()
                    } else {
                        chunks.flush()
                    }
                })
            }
        };
        let mut relayed = copy.relayed;
        if written.is_err() {
            relayed.ended = Ended::ClientGone;
        }
        relayed.is_whole = relayed.ended == Ended::Terminal;
        relayed
    }
}

/// A body on its way.
struct Copy<'s> {
    settle: Settle<'s>,
    response: Option<String>,
    relayed: Relayed,
}

impl Copy<'_> {
    fn settle(&mut self) {
        (self.settle)(&Settlement {
            ended: self.relayed.ended,
            failure: self.relayed.failure.as_ref(),
            response: self.response.as_deref(),
        });
    }

    /// Writes `held`, then all of `body`, then nothing, as the last piece. `length` is that of all, if it is known.
    ///
    /// # Errors
    /// Those of `write`. A body that breaks is noted.
    fn all(
        &mut self,
        held: Vec<u8>,
        mut body: Box<dyn Read>,
        length: Option<u64>,
        mut write: impl FnMut(&[u8], bool) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut left = length.map(|length| length.saturating_sub(held.len() as u64));
        if left == Some(0) {
            self.settle();
        }
        write(&held, false)?;
        self.relayed.bytes += held.len() as u64;
        drop(held);
        let mut piece = vec![0; PIECE];
        loop {
            let count = match body.read(&mut piece) {
                Ok(0) => {
                    if left != Some(0) {
                        self.settle();
                    }
                    return write(&[], true);
                }
                Ok(count) => count,
                Err(error) => {
                    self.broken(&error, left != Some(0));
                    return Ok(());
                }
            };
            if let Some(left) = left.as_mut().filter(|left| **left > 0) {
                *left = left.saturating_sub(count as u64);
                if *left == 0 {
                    self.settle();
                }
            }
            write(piece.get(..count).unwrap_or_default(), false)?;
            self.relayed.bytes += count as u64;
        }
    }

    fn broken(&mut self, error: &io::Error, is_open: bool) {
        self.relayed.ended = match Interruption::of(error) {
            Some(Interruption::ClientGone) => Ended::ClientGone,
            _ => Ended::Broken,
        };
        self.relayed.failure = Some(Failure::of_read(error));
        if is_open && self.relayed.ended != Ended::ClientGone {
            self.settle();
        }
    }
}
