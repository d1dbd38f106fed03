//! Streams: whole events, as they came, each flushed.

use std::io::{self, Read, Write};
use std::time::Duration;

use super::outcome::{Ended, Relayed};
use super::pump::Pump;
use super::source::{closed, error_of, fill};
use super::style::Style;
use super::whole::{self, Whole};
use crate::dialect::Dialect;
use crate::dialect::event::{self, Meaning};
use crate::provider::{Answer, Failure, FailureKind, Headers, watch};
use crate::sse::{Event, Splitter};

/// Bytes of comments before the first payload that are passed on; what is more is dropped.
const LEAD: usize = 16 * 1024;
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
    dialect: Dialect,
    pub(super) body: Box<dyn Read + Send>,
    pub(super) splitter: Splitter,
    /// Comments that came before it.
    lead: Vec<u8>,
    /// The event with the first payload.
    pub(super) first: Vec<u8>,
}

/// Waits for the first payload of a stream.
///
/// # Errors
/// When the stream breaks or ends before, or its first payload is an error: then with the status that fits.
pub fn open(answer: Answer, dialect: Dialect, event_bytes: usize) -> Result<Opened, Failure> {
    let Answer {
        status,
        headers,
        mut body,
    } = answer;
    let mut splitter = Splitter::new(event_bytes);
    let mut lead = Vec::new();
    loop {
        let count = fill(&mut splitter, &mut body).map_err(|error| Failure::of_read(&error))?;
        if lead.is_empty() && is_json(splitter.rest()) {
            let start = io::Cursor::new(splitter.rest().to_vec());
            let answer = Answer {
                status,
                headers,
                body: Box::new(start.chain(body)),
            };
            return Ok(Opened::Whole(whole::open(answer, dialect, None)?));
        }
        while let Some(event) = splitter.next_event() {
            if is_payload(dialect, &event, &headers)? {
                let first = event.raw.to_vec();
                return Ok(Opened::Events(Primed {
                    status,
                    headers,
                    dialect,
                    body,
                    splitter,
                    lead,
                    first,
                }));
            }
            if lead.len() + event.raw.len() <= LEAD {
                lead.extend_from_slice(event.raw);
            }
        }
        if count == 0 {
            let first = closed(&splitter.last_event());
            if let Some(first) = first
                && is_payload(dialect, &Event::of(&first), &headers)?
            {
                return Ok(Opened::Events(Primed {
                    status,
                    headers,
                    dialect,
                    body: Box::new(io::empty()),
                    splitter: Splitter::new(event_bytes),
                    lead,
                    first,
                }));
            }
            return Err(Failure::new(
                FailureKind::Broken,
                "empty_stream: upstream stream closed before first payload",
            ));
        }
    }
}

/// Whether a body is JSON instead of events.
fn is_json(start: &[u8]) -> bool {
    matches!(start.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// Whether an event is the beginning of an answer.
///
/// # Errors
/// When it is an error instead.
fn is_payload(dialect: Dialect, event: &Event, headers: &Headers) -> Result<bool, Failure> {
    let Some(data) = event.data() else {
        return Ok(false);
    };
    Ok(match event::meaning(dialect, event, Some(&data)) {
        Meaning::Idle => false,
        // A chat that has not said anything has nothing to end.
        Meaning::End => dialect != Dialect::Chat,
        Meaning::Part | Meaning::Finish => true,
        Meaning::Error => return Err(error_of(&data, headers)),
    })
}

/// Reads the end of a body behind a stream that is over.
fn drain(body: &mut dyn Read) {
    let mut scratch = [0; 1024];
    let mut left = DRAINED;
    watch::hurry(Some(DRAIN));
    while let Ok(count @ 1..) = body.read(&mut scratch) {
        left = left.saturating_sub(count);
        if left == 0 {
            break;
        }
    }
    watch::hurry(None);
}

impl Primed {
    /// Writes the stream, chunked, to its end. The client gets exactly one end: the upstream's own, the
    /// missing one if the answer was complete, or an error.
    pub fn pump(mut self, lane: impl Write, style: Style) -> Relayed {
        let mut pump = Pump::new(self.dialect, style, lane);
        let over = pump.run(&self.lead, &self.first, &mut self.splitter, &mut self.body);
        watch::wake_after(None);
        let over = over.unwrap_or((Ended::ClientGone, None));
        if over.0 == Ended::Terminal {
            drain(&mut self.body);
        }
        pump.relayed(over)
    }
}
