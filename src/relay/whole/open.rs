//! Reading a body until it is known whether it is an answer.

use std::io::{Cursor, Read};
use std::sync::Arc;

use serde::de::IgnoredAny;

use super::body::Whole;
use super::held::{Held, Long, Rest};
use crate::budget::Reservation;
use crate::failure::{Failure, FailureKind, Headers};
use crate::json;
use crate::provider::Answer;
use crate::relay::expected::ExpectedAnswer;
use crate::relay::extract::Extractor;
use crate::relay::gathering::{self, Bounded};
use crate::relay::rename::Rename;
use crate::relay::source::{self, Begun, silent};
use crate::wire::usage::{self, Usage};
use crate::wire::{Dialect, event, opening};

/// Bytes of a body that are held to recognise errors and usage.
const HELD: usize = 1024 * 1024;

/// The same for bodies that are edited or translated.
const HELD_TO_EDIT: usize = 32 * 1024 * 1024;

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

/// Converts a Gemini body to events.
///
/// # Errors
/// Like [`open_all`], but errors and missing content are left to the reader of the events.
pub(crate) fn events(
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
    let look = Some((asked.dialect, Box::new(Extractor::new(asked.dialect))));
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
        is_enveloped: false,
    })
}

/// Converts events to one body.
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

/// A complete body, unless it is not an answer.
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
            is_enveloped: false,
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
        is_enveloped: false,
    })
}

fn response_of(dialect: Dialect, body: &[u8]) -> Option<String> {
    (dialect == Dialect::Responses)
        .then(|| event::response_id(body))
        .flatten()
}

/// The usage of a body that one pass shows to be an answer: it has no error, has output and is complete.
/// Other bodies are parsed.
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

/// Answers up to this many bytes are parsed for content; longer ones have content.
const SHORT: usize = 16 * 1024;

fn says_nothing(dialect: Dialect, body: &[u8], usage: Option<Usage>) -> bool {
    let has_output = usage.is_some_and(|usage| usage.output > 0);
    body.len() <= SHORT
        && serde_json::from_slice(body).is_ok_and(|json| {
            opening::is_void_body(dialect, &json)
                || !has_output && opening::is_empty_body(dialect, &json)
        })
}

fn read(answer: Answer, asked: &ExpectedAnswer<'_>, limit: usize) -> Result<Whole, Failure> {
    let redaction = Arc::clone(&answer.redaction);
    let whole = take(answer, asked, limit).map_err(|failure| failure.redacted(&redaction))?;
    Ok(Whole { redaction, ..whole })
}
