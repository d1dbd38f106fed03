//! Answers that are one JSON body.

use std::io::{self, Cursor, Read, Write};
use std::sync::Arc;

use serde::de::IgnoredAny;

use super::asked::ExpectedAnswer;
use super::chunks::Chunks;
use super::gathering::{self, Bounded};
use super::look::Look;
use super::outcome::{AnswerEnd, Ended, OnEnd, Relayed};
use super::rename::Rename;
use super::source::{self, Begun, silent};
use crate::budget::{Budget, Reservation};
use crate::exchange::{Interruption, Waiter};
use crate::failure::{Failure, FailureKind, Headers};
use crate::json;
use crate::provider::Answer;
use crate::redaction::Redaction;
use crate::wire::usage::{self, Usage};
use crate::wire::{Dialect, event, opening};

/// Bytes of a body held back to see whether it is an error, and what it cost.
const HELD: usize = 1024 * 1024;
/// The same when it is edited or translated: what matters can stand at the end.
const HELD_TO_EDIT: usize = 32 * 1024 * 1024;
/// Bytes of one write of what is not held, and the least that is taken from the budget at a time.
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
    held: Held,
    rest: Rest,
    usage: Option<Usage>,
    response: Option<String>,
    /// What is left of a stream that has been made into this body.
    behind: Option<(Box<dyn Read>, Waiter)>,
}

/// Bytes in memory, and what they take of the budget.
struct Held {
    bytes: Vec<u8>,
    reservation: Reservation,
}

/// What comes behind the held bytes.
enum Rest {
    Nothing,
    /// The upstream told how many bytes there are in all.
    Known(Long, u64),
    Unknown(Long),
}

/// What is still to be read of a body, and what is looked for in all of it, unless that is known.
struct Long {
    body: Box<dyn Read>,
    look: Option<(Dialect, Box<Look>)>,
}

/// Reads a body, or its beginning if it is long.
///
/// # Errors
/// When it breaks before that, is an error despite its status, is not JSON or is empty.
/// When the budget is exhausted.
pub fn open(
    answer: Answer,
    asked: &ExpectedAnswer<'_>,
    rename: Option<Rename>,
) -> Result<Whole, Failure> {
    let limit = if rename.is_some() { HELD_TO_EDIT } else { HELD };
    let mut whole = read(answer, asked, limit)?;
    if let Some(renamed) = rename.and_then(|rename| rename.json(asked.dialect, &whole.held.bytes)) {
        whole.held.replace(renamed);
    }
    Ok(whole)
}

/// Reads all of a body.
///
/// # Errors
/// Like [`open`], and when it is too long to be held.
pub fn open_all(answer: Answer, asked: &ExpectedAnswer<'_>) -> Result<Whole, Failure> {
    let whole = read(answer, asked, HELD_TO_EDIT)?;
    match whole.rest {
        Rest::Nothing => Ok(whole),
        Rest::Known(..) | Rest::Unknown(_) => Err(too_long()),
    }
}

/// Makes events of all of a Gemini body that was to be a stream.
///
/// # Errors
/// Like [`open_all`], but errors and silence are left to whoever reads the events.
pub(super) fn events(
    start: Vec<u8>,
    mut body: Box<dyn Read>,
    asked: &ExpectedAnswer<'_>,
) -> Result<(Vec<u8>, Reservation), Failure> {
    let mut held = Held::new(start, asked)?;
    if held.fill(&mut body, HELD_TO_EDIT, None)? {
        return Err(too_long());
    }
    let events = gathering::events(&held.bytes)?;
    Ok((events, held.reservation))
}

fn too_long() -> Failure {
    Failure::new(
        FailureKind::Broken,
        "the answer is too long to be translated",
    )
}

fn read(answer: Answer, asked: &ExpectedAnswer<'_>, limit: usize) -> Result<Whole, Failure> {
    let redaction = Arc::clone(&answer.redaction);
    let whole = take(answer, asked, limit).map_err(|failure| failure.redacted(&redaction))?;
    Ok(Whole { redaction, ..whole })
}

fn take(answer: Answer, asked: &ExpectedAnswer<'_>, limit: usize) -> Result<Whole, Failure> {
    let length = answer.length();
    let Answer {
        status,
        headers,
        body,
        waiter,
        ..
    } = answer;
    let Begun {
        start,
        mut body,
        was_coded,
    } = source::begin(body, &waiter)?;
    let length = length.filter(|_| !was_coded);
    if asked.is_generation && source::is_events(&start) {
        let held = gathered(start, &mut body, &headers, asked)?;
        let whole = judged(status, headers, held, asked)?;
        return Ok(Whole {
            behind: Some((body, waiter)),
            ..whole
        });
    }
    let first = start.trim_ascii_start().first().copied();
    // Gemini streams may be arrays.
    let is_array = first == Some(b'[') && asked.dialect == Dialect::Gemini && asked.is_generation;
    let limit = if is_array { HELD_TO_EDIT } else { limit };
    let mut held = Held::new(start, asked)?;
    let is_long = held.fill(&mut body, limit, length)?;
    if is_array {
        if is_long {
            return Err(too_long());
        }
        let whole = gathering::whole_of_array(&held.bytes, asked)?;
        held.replace(whole);
    }
    if !is_long {
        return judged(status, headers, held, asked);
    }
    if first.is_some_and(|first| first != b'{') {
        return Err(source::no_json());
    }
    let look = Some((asked.dialect, Box::new(Look::new(asked.dialect))));
    let long = Long { body, look };
    Ok(Whole {
        status,
        headers,
        redaction: Arc::default(),
        held,
        rest: match length {
            Some(length) => Rest::Known(long, length),
            None => Rest::Unknown(long),
        },
        usage: None,
        response: None,
        behind: None,
    })
}

/// An upstream that answered with events all the same.
fn gathered(
    start: Vec<u8>,
    body: &mut dyn Read,
    headers: &Headers,
    asked: &ExpectedAnswer<'_>,
) -> Result<Held, Failure> {
    let mut reservation = asked.budget.nothing();
    let mut all = Cursor::new(start).chain(body);
    let mut bounded = Bounded {
        body: &mut all,
        left: HELD_TO_EDIT,
        reservation: &mut reservation,
        is_exhausted: false,
    };
    let bytes = gathering::whole(&mut bounded, headers, asked)?;
    Ok(Held { bytes, reservation })
}

/// A body that is all there, unless it is no answer.
fn judged(
    status: u16,
    headers: Headers,
    held: Held,
    asked: &ExpectedAnswer<'_>,
) -> Result<Whole, Failure> {
    let ExpectedAnswer { dialect, .. } = *asked;
    let bytes = &held.bytes;
    if let Some(usage) = plain_answer(dialect, bytes) {
        let response = response_of(dialect, bytes);
        return Ok(Whole {
            status,
            headers,
            redaction: Arc::default(),
            held,
            rest: Rest::Nothing,
            usage: Some(usage),
            response,
            behind: None,
        });
    }
    if event::is_error_body(dialect, bytes) {
        return Err(source::error_of(dialect, bytes, &headers));
    }
    if bytes.trim_ascii().is_empty() {
        return Err(silent());
    }
    if json::members(bytes).is_err() {
        return Err(match serde_json::from_slice::<IgnoredAny>(bytes) {
            Ok(_) => silent(),
            Err(_) => source::no_json(),
        });
    }
    let usage = usage::of_body(dialect, bytes);
    if asked.is_generation && says_nothing(dialect, bytes, usage) {
        return Err(silent());
    }
    let response = response_of(dialect, bytes);
    Ok(Whole {
        status,
        headers,
        redaction: Arc::default(),
        held,
        rest: Rest::Nothing,
        usage,
        response,
        behind: None,
    })
}

fn response_of(dialect: Dialect, body: &[u8]) -> Option<String> {
    (dialect == Dialect::Responses)
        .then(|| event::response_id(body))
        .flatten()
}

/// The usage of a body that is seen to be an answer in one pass over it: it says nothing of errors, has output and ends.
/// Of any other it must be found out what it is.
fn plain_answer(dialect: Dialect, body: &[u8]) -> Option<Usage> {
    if event::may_be_error(body) || !event::may_be_finished(dialect, body) {
        return None;
    }
    let name = match dialect {
        Dialect::Chat => "choices",
        Dialect::Messages => "content",
        Dialect::Responses => "output",
        Dialect::Gemini => "candidates",
    };
    let members = json::members(body).ok()?;
    let main = members.iter().find(|member| member.key == name)?.value;
    let items = body.get(main.start..main.end)?.strip_prefix(b"[")?;
    let is_alone = !members
        .iter()
        .any(|member| ["message", "response"].contains(&&*member.key));
    let usage = usage::of_members(dialect, body, &members)?;
    let is_plain = is_alone && usage.output > 0 && items.trim_ascii_start().first() != Some(&b']');
    is_plain.then_some(usage)
}

/// Bytes of an answer that is taken apart to see whether it says anything; a longer one does.
const SHORT: usize = 16 * 1024;

fn says_nothing(dialect: Dialect, body: &[u8], usage: Option<Usage>) -> bool {
    let has_output = usage.is_some_and(|usage| usage.output > 0);
    body.len() <= SHORT
        && serde_json::from_slice(body).is_ok_and(|json| {
            opening::is_void_body(dialect, &json)
                || !has_output && opening::is_empty_body(dialect, &json)
        })
}

/// Reads until `room` is full or the body has ended, and says how much that was.
fn read_all(body: &mut dyn Read, room: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while let Some(left) = room.get_mut(read..).filter(|left| !left.is_empty()) {
        match body.read(left) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

impl Held {
    fn new(bytes: Vec<u8>, asked: &ExpectedAnswer<'_>) -> Result<Self, Failure> {
        let reservation = asked.budget.reserve(bytes.len());
        let reservation = reservation.map_err(|_| Failure::no_memory())?;
        Ok(Self { bytes, reservation })
    }

    /// Other bytes in the place of these. They are there already, so they are counted as far as the budget goes.
    fn replace(&mut self, bytes: Vec<u8>) {
        let _ = self.reservation.resize(bytes.len());
        self.bytes = bytes;
    }

    /// Reads until there are `limit` bytes; whether there may be more. `length` is that of the body, if it is known.
    fn fill(
        &mut self,
        body: &mut dyn Read,
        limit: usize,
        length: Option<u64>,
    ) -> Result<bool, Failure> {
        let length = length.and_then(|length| usize::try_from(length).ok());
        loop {
            let start = self.bytes.len();
            // With room for one byte more, the read that finds the end needs no other room.
            let left = length.map_or(usize::MAX, |length| length.saturating_sub(start) + 1);
            let more = start.max(PIECE).min(left).min(limit.saturating_sub(start));
            if more == 0 {
                return Ok(true);
            }
            let reserved = self.reservation.resize(start + more);
            reserved.map_err(|_| Failure::no_memory())?;
            self.bytes.reserve_exact(more);
            self.bytes.resize(start + more, 0);
            let room = self.bytes.get_mut(start..).unwrap_or_default();
            let read = read_all(body, room).map_err(|error| Failure::of_read(&error))?;
            if read < more {
                self.bytes.truncate(start + read);
                if more - read > 1 {
                    self.bytes.shrink_to_fit();
                }
                let _ = self.reservation.resize(self.bytes.len());
                return Ok(false);
            }
        }
    }
}

impl Whole {
    /// The same with a translated body: nothing but the headers is the upstream's.
    pub(super) fn translated(mut self, body: Vec<u8>, usage: Option<Usage>) -> Self {
        self.held.replace(body);
        Self {
            status: 200,
            usage,
            response: None,
            behind: None,
            ..self
        }
    }

    /// The same with another body: what it cost stays.
    pub fn replaced(self, body: Vec<u8>) -> Self {
        let usage = self.usage;
        self.translated(body, usage)
    }

    /// An answer without an upstream.
    pub fn made(bytes: Vec<u8>, budget: &Budget) -> Self {
        Self {
            status: 200,
            headers: Headers::default(),
            redaction: Arc::default(),
            held: Held {
                reservation: budget.take_anyway(bytes.len()),
                bytes,
            },
            rest: Rest::Nothing,
            usage: None,
            response: None,
            behind: None,
        }
    }

    /// What is in hand.
    pub fn held(&self) -> &[u8] {
        &self.held.bytes
    }

    /// The length of the body as it will be written, if it is known; else it is written chunked.
    pub fn length(&self) -> Option<u64> {
        match &self.rest {
            Rest::Nothing => Some(self.held.bytes.len() as u64),
            Rest::Known(_, length) => Some(*length),
            Rest::Unknown(_) => None,
        }
    }

    /// The same, to be written chunked in any case.
    pub fn chunked(self) -> Self {
        let rest = match self.rest {
            Rest::Nothing => Rest::Unknown(Long {
                body: Box::new(io::empty()),
                look: None,
            }),
            Rest::Known(long, _) | Rest::Unknown(long) => Rest::Unknown(long),
        };
        Self { rest, ..self }
    }

    /// The id under which the upstream keeps the answer (Responses).
    pub(super) fn into_response(self) -> Option<String> {
        self.response
    }

    /// Writes the body. If it breaks on the way, what was written is not whole.
    #[inline(never)]
    pub fn pump(self, mut out: impl Write, on_end: OnEnd<'_>) -> Relayed {
        let mut copy = Copy {
            on_end,
            look: None,
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
        let held = self.held;
        let written = match self.rest {
            Rest::Nothing => {
                copy.on_end(Some(&held.bytes));
                copy.relayed.bytes = held.bytes.len() as u64;
                out.write_all(&held.bytes).and_then(|()| out.flush())
            }
            Rest::Known(long, length) => copy.all(held, long, Some(length), |piece, _| {
                out.write_all(piece)?;
                out.flush()
            }),
            Rest::Unknown(long) => {
                let mut chunks = Chunks::new(out);
                copy.all(held, long, None, |piece, is_last| {
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
        } else if let Some((mut body, waiter)) = self.behind {
            source::drain(&mut body, &waiter);
        }
        relayed.is_whole = matches!(relayed.ended, Ended::Terminal | Ended::UpstreamError);
        relayed
    }
}

/// A body on its way.
struct Copy<'s> {
    on_end: OnEnd<'s>,
    look: Option<(Dialect, Box<Look>)>,
    response: Option<String>,
    relayed: Relayed,
}

impl Copy<'_> {
    fn on_end(&mut self, whole: Option<&[u8]>) {
        if let Some((dialect, look)) = self.look.take()
            && self.relayed.ended == Ended::Terminal
        {
            self.looked(dialect, *look);
        }
        (self.on_end)(&AnswerEnd {
            ended: self.relayed.ended,
            failure: self.relayed.failure.as_ref(),
            response: self.response.as_deref(),
            whole,
        });
    }

    /// Takes up what was found in a body that has passed.
    fn looked(&mut self, dialect: Dialect, look: Look) {
        if !look.is_closed() {
            self.relayed.ended = Ended::Broken;
            self.relayed.failure = Some(source::no_json());
            return;
        }
        let found = look.found();
        self.relayed.usage = usage::of_body(dialect, &found);
        if event::is_error_body(dialect, &found) {
            self.relayed.ended = Ended::UpstreamError;
            self.relayed.failure = Some(source::error_of(dialect, &found, &Headers::default()));
        } else if dialect == Dialect::Responses {
            self.response = event::response_id(&found);
        }
    }

    /// Writes `held`, then all of the rest, then nothing, as the last piece. `length` is that of all, if it is
    /// known.
    ///
    /// # Errors
    /// Those of `write`. A body that breaks is noted.
    fn all(
        &mut self,
        held: Held,
        Long { mut body, look }: Long,
        length: Option<u64>,
        mut write: impl FnMut(&[u8], bool) -> io::Result<()>,
    ) -> io::Result<()> {
        self.look = look;
        let mut left = length;
        self.pass(&held.bytes, &mut left, &mut write)?;
        drop(held);
        let mut piece = vec![0; PIECE];
        loop {
            let count = match body.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => {
                    self.broken(&error, left != Some(0));
                    return Ok(());
                }
            };
            self.pass(
                piece.get(..count).unwrap_or_default(),
                &mut left,
                &mut write,
            )?;
        }
        if left != Some(0) {
            self.on_end(None);
        }
        match self.relayed.ended {
            // It has broken off, so the client must not take it for whole.
            Ended::Broken => Ok(()),
            _ => write(&[], true),
        }
    }

    /// Writes one piece; before it, all is settled if it is the last.
    fn pass(
        &mut self,
        piece: &[u8],
        left: &mut Option<u64>,
        write: &mut impl FnMut(&[u8], bool) -> io::Result<()>,
    ) -> io::Result<()> {
        if let Some((_, look)) = &mut self.look {
            look.see(piece);
        }
        if let Some(left) = left.as_mut().filter(|left| **left > 0) {
            *left = left.saturating_sub(piece.len() as u64);
            if *left == 0 {
                self.on_end(None);
            }
        }
        write(piece, false)?;
        self.relayed.bytes += piece.len() as u64;
        Ok(())
    }

    fn broken(&mut self, error: &io::Error, is_open: bool) {
        self.relayed.ended = match Interruption::of(error) {
            Some(Interruption::ClientGone) => Ended::ClientGone,
            _ => Ended::Broken,
        };
        self.relayed.failure = Some(Failure::of_read(error));
        if is_open && self.relayed.ended != Ended::ClientGone {
            self.on_end(None);
        }
    }
}
