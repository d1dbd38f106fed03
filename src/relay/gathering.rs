//! Answers in another form than was requested: events instead of one body, and the reverse.

use std::io::{self, Read};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::value::RawValue;

use super::expected::ExpectedAnswer;
use super::source::{closed, error_of, fill, no_json, unfinished};
use crate::budget::Reservation;
use crate::failure::{Failure, FailureKind, Headers};
use crate::provider::codex;
use crate::sse::{self, Event, Splitter};
use crate::translate::{Gathered, TranslationContext};
use crate::wire::Dialect;
use crate::wire::event::{self, Meaning};

/// A body with a limit of bytes, which are taken from the budget.
pub struct Bounded<'b> {
    pub body: &'b mut dyn Read,
    pub left: usize,
    pub reservation: &'b mut Reservation,
    pub is_exhausted: bool,
}

impl Read for Bounded<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.body.read(room)?;
        self.left = self
            .left
            .checked_sub(count)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is too long"))?;
        if let Err(error) = self.reservation.grow(count) {
            self.is_exhausted = true;
            return Err(io::Error::other(error));
        }
        Ok(count)
    }
}

/// Makes the one JSON answer of a stream of events, in the same dialect.
///
/// # Errors
/// When the stream breaks, ends before its end, or is an error.
pub fn whole(
    body: &mut Bounded<'_>,
    headers: &Headers,
    asked: &ExpectedAnswer<'_>,
) -> Result<Vec<u8>, Failure> {
    let whole = match asked.dialect {
        // Its last event has the answer as it is.
        Dialect::Responses => codex::collect(&mut *body, asked.event_bytes),
        _ => gathered(body, headers, asked),
    };
    match whole {
        Err(_) if body.is_exhausted => Err(Failure::no_memory()),
        whole => whole,
    }
}

fn gathered(
    body: &mut Bounded<'_>,
    headers: &Headers,
    asked: &ExpectedAnswer<'_>,
) -> Result<Vec<u8>, Failure> {
    let mut splitter = Splitter::new(asked.event_bytes);
    let mut gathered = Gathered::new(straight(asked));
    let mut take = |event: &Event<'_>| {
        let Some(data) = event.data() else {
            return Ok(false);
        };
        let meaning = event::meaning(asked.dialect, event, Some(&data));
        if meaning == Meaning::Error {
            return match gathered.is_complete() && asked.dialect != Dialect::Chat {
                true => Ok(true),
                false => Err(error_of(asked.dialect, &data, headers)),
            };
        }
        gathered.read(&data);
        Ok(meaning == Meaning::End)
    };
    let mut is_over = false;
    while !is_over {
        let count = fill(&mut splitter, body).map_err(|error| Failure::of_read(&error))?;
        while !is_over && let Some(event) = splitter.next_event() {
            is_over = take(&event)?;
        }
        if count == 0 {
            if let Some(last) = closed(&splitter.last_event()) {
                take(&Event::of(&last))?;
            }
            break;
        }
    }
    ended(gathered)
}

fn ended(gathered: Gathered) -> Result<Vec<u8>, Failure> {
    if !gathered.is_complete() {
        return Err(unfinished());
    }
    let (body, _) = gathered.end().map_err(|(status, message)| Failure {
        status: Some(status),
        ..Failure::new(FailureKind::Status, message)
    })?;
    Ok(body)
}

/// Makes the one JSON answer of a Gemini stream in its other framing, an array.
///
/// # Errors
/// When it is no JSON, or no whole answer.
pub fn whole_of_array(json: &[u8], asked: &ExpectedAnswer<'_>) -> Result<Vec<u8>, Failure> {
    let mut gathered = Gathered::new(straight(asked));
    for element in elements(json)? {
        gathered.read(element.get().as_bytes());
    }
    ended(gathered)
}

/// Makes events of a whole Gemini answer, or of a stream of it in its other framing: the parts of both are the
/// same.
///
/// # Errors
/// When it is no JSON.
pub fn events(json: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut events = Vec::with_capacity(json.len() + 64);
    for element in elements(json)? {
        events.extend_from_slice(&sse::data_line(element.get().as_bytes()));
    }
    Ok(events)
}

fn elements(json: &[u8]) -> Result<Vec<&RawValue>, Failure> {
    let elements = match json.trim_ascii_start().first() {
        Some(b'[') => serde_json::from_slice(json),
        _ => serde_json::from_slice(json).map(|element| vec![element]),
    };
    elements.map_err(|_| no_json())
}

fn straight(asked: &ExpectedAnswer<'_>) -> TranslationContext {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let seed = now.as_nanos().to_string();
    TranslationContext::straight(asked.dialect, asked.model, &seed, now.as_secs())
}
