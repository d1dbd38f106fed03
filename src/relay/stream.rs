//! Streams: whole events, as they came, each flushed.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use super::held::Held;
use super::outcome::{Ended, Relayed, Settle};
use super::pump::Pump;
use super::source::{closed, fill};
use super::style::Style;
use super::whole::{self, Whole};
use crate::dialect::Dialect;
use crate::exchange::{Interruption, Waiter};
use crate::provider::{Answer, Failure, Headers};
use crate::redaction::Redaction;
use crate::sse::{Event, Splitter};

/// The longest wait for the end of a body whose stream has ended, so that its connection can be used again.
const DRAIN: Duration = Duration::from_millis(500);
/// Bytes read while waiting for that end.
const DRAINED: usize = 64 * 1024;

/// An answer to a request for a stream, as far as it is known.
pub enum Opened {
    /// A stream, its first payload in hand.
    Events(Primed),
    /// The upstream answered with one body all the same.
    Whole(Whole),
}

/// A stream with its first payload in hand. Nothing of it has been written.
pub struct Primed {
    /// The status of the upstream.
    pub status: u16,
    /// The headers of the upstream, unfiltered.
    pub headers: Headers,
    /// What the attempt presented.
    pub redaction: Arc<Redaction>,
    dialect: Dialect,
    pub(super) body: Box<dyn Read>,
    /// Through which the body waits.
    pub(super) waiter: Waiter,
    pub(super) splitter: Splitter,
    /// Comments that came before it.
    lead: Vec<u8>,
    /// The events up to the first payload.
    pub(super) first: Vec<Vec<u8>>,
}

/// Waits for the first payload of a stream. Events that only open it are held back, because what follows
/// may still be an error; but not for ever.
///
/// # Errors
/// When the stream breaks or ends before, or its first payload is an error: then with the status that fits.
/// When it ends as it should and has said nothing.
pub fn open(answer: Answer, dialect: Dialect, event_bytes: usize) -> Result<Opened, Failure> {
    let waiter = answer.waiter.clone();
    let redaction = Arc::clone(&answer.redaction);
    let opened = wait(answer, dialect, event_bytes);
    waiter.wake_after(None);
    opened.map_err(|failure| failure.redacted(&redaction))
}

fn wait(answer: Answer, dialect: Dialect, event_bytes: usize) -> Result<Opened, Failure> {
    let Answer {
        status,
        headers,
        mut body,
        waiter,
        redaction,
    } = answer;
    let mut splitter = Splitter::new(event_bytes);
    let mut held = Held::new(dialect);
    loop {
        if let Some(left) = held.patience() {
            waiter.wake_after(Some(left));
        }
        let count = match fill(&mut splitter, &mut body) {
            Ok(count) => count,
            Err(error) if Interruption::of(&error) == Some(Interruption::Awake) => break,
            Err(error) => return Err(Failure::of_read(&error)),
        };
        if held.is_empty() && is_json(splitter.rest()) {
            let start = io::Cursor::new(splitter.rest().to_vec());
            let answer = Answer {
                status,
                headers,
                body: Box::new(start.chain(body)),
                waiter,
                redaction,
            };
            return Ok(Opened::Whole(whole::open(answer, dialect, None)?));
        }
        let mut is_payload = false;
        while let Some(event) = splitter.next_event() {
            is_payload = held.take(&event, &headers)?;
            if is_payload {
                break;
            }
        }
        if is_payload {
            break;
        }
        if count == 0 {
            if let Some(last) = closed(&splitter.last_event())
                && held.take(&Event::of(&last), &headers)?
            {
                body = Box::new(io::empty());
                splitter = Splitter::new(event_bytes);
                break;
            }
            return Err(held.ended());
        }
    }
    Ok(Opened::Events(Primed {
        status,
        headers,
        redaction,
        dialect,
        body,
        waiter,
        splitter,
        lead: held.lead,
        first: held.events,
    }))
}

/// Whether a body is JSON instead of events.
fn is_json(start: &[u8]) -> bool {
    matches!(start.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// Reads the end of a body behind a stream that is over.
fn drain(body: &mut dyn Read, waiter: &Waiter) {
    let mut scratch = [0; 1024];
    let mut left = DRAINED;
    waiter.hurry(Some(DRAIN));
    while let Ok(count @ 1..) = body.read(&mut scratch) {
        left = left.saturating_sub(count);
        if left == 0 {
            break;
        }
    }
    waiter.hurry(None);
}

impl Primed {
    /// Writes the stream, chunked, to its end. The client gets exactly one end: the upstream's own, the
    /// missing one if the answer was complete, or an error.
    pub fn pump<'a>(mut self, lane: impl Write, style: Style<'a>, settle: Settle<'a>) -> Relayed {
        let waiter = self.waiter.clone();
        let redaction = Arc::clone(&self.redaction);
        let mut pump = Pump::new(self.dialect, style, lane, waiter, &redaction, settle);
        let over = pump.run(&self.lead, &self.first, &mut self.splitter, &mut self.body);
        self.waiter.wake_after(None);
        let over = over.unwrap_or((Ended::ClientGone, None));
        if over.0 == Ended::Terminal {
            drain(&mut self.body, &self.waiter);
        }
        pump.relayed(over)
    }
}
