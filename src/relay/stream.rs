//! Streams: whole events, as they came, each flushed.

use std::io::{self, Cursor, Read, Write};
use std::sync::Arc;

use super::chunks::Chunks;
use super::expected::ExpectedAnswer;
use super::opening::Held;
use super::outcome::{Ended, OnEnd, Relayed};
use super::pump::Pump;
use super::source::{self, Begun, closed, fill};
use super::style::Style;
use super::whole::{self, Whole};
use crate::budget::{Budget, Reservation};
use crate::exchange::{Interruption, Waiter};
use crate::failure::{Failure, Headers};
use crate::provider::Answer;
use crate::redaction::Redaction;
use crate::sse::{Event, Splitter};
use crate::wire::Dialect;

/// The answer to a request for a stream.
pub enum Opened {
    /// A stream whose first payload has been read.
    Events(Box<Primed>),
    /// One body, read completely.
    Whole(Box<Whole>),
}

/// A stream whose first payload has been read. Nothing has been written.
pub struct Primed {
    /// The status of the upstream.
    pub status: u16,
    /// The headers of the upstream, unfiltered.
    pub headers: Headers,
    /// The secrets of the attempt.
    pub redaction: Arc<Redaction>,
    dialect: Dialect,
    pub(super) body: Box<dyn Read>,
    /// Waits for the body.
    pub(super) waiter: Waiter,
    pub(super) splitter: Splitter,
    /// Comments that came before it.
    lead: Vec<u8>,
    /// The events up to the first payload.
    pub(super) first: Vec<Vec<u8>>,
    /// The budget for bytes in memory.
    budget: Budget,
    /// The reservation of the whole answer, if it came as one body.
    _reservation: Option<Reservation>,
}

/// Waits for the first payload of a stream. Events that only open it are held back, because what follows
/// may still be an error; but only for a limited time.
///
/// # Errors
/// When the stream breaks or ends before, or its first payload is an error: then with the status that fits.
/// When it ends normally without content.
pub fn open(answer: Answer, asked: &ExpectedAnswer<'_>) -> Result<Opened, Failure> {
    let waiter = answer.waiter.clone();
    let redaction = Arc::clone(&answer.redaction);
    let opened = wait(answer, asked);
    waiter.wake_after(None);
    opened.map_err(|failure| failure.redacted(&redaction))
}

fn wait(answer: Answer, asked: &ExpectedAnswer<'_>) -> Result<Opened, Failure> {
    let dialect = asked.dialect;
    let Answer {
        status,
        headers,
        body,
        waiter,
        redaction,
    } = answer;
    let Begun {
        mut start,
        mut body,
        ..
    } = source::begin(body, &waiter)?;
    if source::is_json(&start) && dialect != Dialect::Gemini {
        let answer = Answer {
            status,
            headers,
            body: Box::new(Cursor::new(start).chain(body)),
            waiter,
            redaction,
        };
        return whole::open_all(answer, asked)
            .map(Box::new)
            .map(Opened::Whole);
    }
    let mut reservation = None;
    if source::is_json(&start) {
        let events = whole::events(start, body, asked)?;
        (start, reservation) = (events.0, Some(events.1));
        body = Box::new(io::empty());
    }
    let mut splitter = Splitter::new(asked.event_bytes);
    let pushed = splitter.push(&start);
    pushed.map_err(|error| Failure::of_read(&io::Error::other(error)))?;
    drop(start);
    let mut held = Held::new(dialect);
    loop {
        let mut is_payload = false;
        while !is_payload && let Some(event) = splitter.next_event() {
            is_payload = held.take(&event, &headers)?;
        }
        if is_payload {
            break;
        }
        if let Some(left) = held.patience() {
            waiter.wake_after(Some(left));
        }
        match fill(&mut splitter, &mut body) {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) if Interruption::of(&error) == Some(Interruption::Awake) => break,
            Err(error) => return Err(Failure::of_read(&error)),
        }
        if let Some(last) = closed(&splitter.last_event())
            && held.take(&Event::of(&last), &headers)?
        {
            body = Box::new(io::empty());
            splitter = Splitter::new(asked.event_bytes);
            break;
        }
        return Err(held.ended());
    }
    Ok(Opened::Events(Box::new(Primed {
        status,
        headers,
        redaction,
        dialect,
        body,
        waiter,
        splitter,
        lead: held.lead,
        first: held.events,
        budget: asked.budget.clone(),
        _reservation: reservation,
    })))
}

impl Primed {
    /// Writes the stream, chunked, to its end. The client gets exactly one end: the upstream's own, the
    /// missing one if the answer was complete, or an error.
    pub fn pump<'a, W: Write>(
        mut self,
        out: Chunks<W>,
        style: Style<'a>,
        on_end: OnEnd<'a>,
    ) -> Relayed {
        let waiter = self.waiter.clone();
        let redaction = Arc::clone(&self.redaction);
        let budget = self.budget.clone();
        let mut pump = Pump::new(self.dialect, style, out, waiter, redaction, &budget, on_end);
        let (lead, first) = (self.lead, self.first);
        let over = pump.run(lead, first, &mut self.splitter, &mut self.body);
        self.waiter.wake_after(None);
        let over = over.unwrap_or((Ended::ClientGone, None));
        if over.0 == Ended::Terminal {
            source::drain(&mut self.body, &self.waiter);
        }
        pump.relayed(over)
    }
}
