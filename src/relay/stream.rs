//! Streams: whole events, as they came, each flushed.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant, SystemTime};

use serde::de::IgnoredAny;

use super::chunks::Chunks;
use super::closing;
use super::rename::Rename;
use super::whole::{self, Whole};
use super::{Ended, Relayed};
use crate::dialect::Dialect;
use crate::dialect::event::{self, Meaning};
use crate::dialect::problem::{self, ErrorStatus, Problem};
use crate::dialect::usage::Meter;
use crate::provider::watch::{self, Interruption};
use crate::provider::{Answer, Failure, FailureKind, Headers};
use crate::sse::{Event, Splitter};

/// Bytes of comments before the first payload that are passed on; what is more is dropped.
const LEAD: usize = 16 * 1024;
/// The longest wait for the end of a body whose stream has ended, so that its connection can be used again.
const DRAIN: Duration = Duration::from_millis(500);
/// Bytes read while waiting for that end.
const DRAINED: usize = 64 * 1024;

/// How the stream looks to the client.
#[derive(Clone, Copy, Debug)]
pub struct Style<'a> {
    pub framing: Framing,
    /// The model's two names, where they differ.
    pub rename: Option<Rename<'a>>,
    /// A sign of life is written when nothing else was for this long; none without.
    pub keep_alive: Option<Duration>,
    /// The client is a Codex, which wants errors as `response.failed` (spec/http.md B 14a).
    pub is_codex: bool,
}

/// What events are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// As they came.
    Events,
    /// The data of all of them as one JSON array (Gemini with `alt=json`, spec/http.md B 11).
    Array,
}

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
    body: Box<dyn Read + Send>,
    splitter: Splitter,
    /// Comments that came before it.
    lead: Vec<u8>,
    /// The event with the first payload.
    first: Vec<u8>,
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

/// The last event of a stream, if it lacks only its blank line, with it.
fn closed(last: &Event) -> Option<Vec<u8>> {
    let data = last.data()?;
    let is_done = data.trim_ascii() == b"[DONE]";
    if !is_done && serde_json::from_slice::<IgnoredAny>(&data).is_err() {
        return None;
    }
    let end: &[u8] = if last.raw.ends_with(b"\n") {
        b"\n"
    } else {
        b"\n\n"
    };
    Some([last.raw, end].concat())
}

/// Reads once into `splitter`; 0 is the end.
fn fill(splitter: &mut Splitter, body: &mut dyn Read) -> io::Result<usize> {
    let count = body.read(splitter.space().map_err(io::Error::other)?)?;
    splitter.filled(count);
    Ok(count)
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

/// An error event as the failure it would have been as an answer.
fn error_of(data: &[u8], headers: &Headers) -> Failure {
    let status = event::error_status(data);
    Failure::of_status(status, headers.clone(), data.to_vec(), SystemTime::now())
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
        let mut pump = Pump {
            dialect: self.dialect,
            style,
            out: Chunks::new(lane),
            meter: Meter::new(self.dialect),
            events: 0,
            is_finished: false,
            last_written: Instant::now(),
        };
        if style.framing == Framing::Events {
            pump.out.put(&self.lead);
        }
        let over = match pump.event(&Event::of(&self.first)) {
            Some(over) => pump.close(over),
            None => pump.run(&mut self.splitter, &mut self.body),
        };
        watch::wake_after(None);
        let (ended, failure) = over.unwrap_or((Ended::ClientGone, None));
        if ended == Ended::Terminal {
            drain(&mut self.body);
        }
        Relayed {
            bytes: pump.out.bytes,
            events: pump.events,
            usage: pump.meter.usage(),
            ended,
            failure,
        }
    }
}

/// How a stream ended, and why.
type Over = (Ended, Option<Failure>);

struct Pump<'a, W> {
    dialect: Dialect,
    style: Style<'a>,
    out: Chunks<W>,
    meter: Meter,
    events: u64,
    /// The answer has said why it ends.
    is_finished: bool,
    last_written: Instant,
}

impl<W: Write> Pump<'_, W> {
    /// Reads and writes until the stream is over.
    ///
    /// # Errors
    /// Those of the lane.
    fn run(&mut self, splitter: &mut Splitter, body: &mut dyn Read) -> io::Result<Over> {
        loop {
            if let Some(over) = self.take(splitter)? {
                return Ok(over);
            }
            if let Some(interval) = self.style.keep_alive {
                watch::wake_after(Some(interval.saturating_sub(self.last_written.elapsed())));
            }
            match fill(splitter, body) {
                Ok(0) => return self.end_of_body(&splitter.last_event()),
                Ok(_) => {}
                Err(error) => match watch::interruption(&error) {
                    Some(Interruption::Awake) => self.keep_alive()?,
                    Some(Interruption::ClientGone) => return Ok((Ended::ClientGone, None)),
                    _ => return self.fail(Ended::Broken, Failure::of_read(&error)),
                },
            }
        }
    }

    /// Writes the whole events of `splitter`, all that one read brought in one write.
    fn take(&mut self, splitter: &mut Splitter) -> io::Result<Option<Over>> {
        while let Some(event) = splitter.next_event() {
            if let Some(over) = self.event(&event) {
                return self.close(over).map(Some);
            }
        }
        self.flush()?;
        Ok(None)
    }

    /// Puts one event into the next write. Returns how the stream ended, if it ended with this.
    fn event(&mut self, event: &Event) -> Option<Over> {
        let data = event.data();
        let meaning = event::meaning(self.dialect, event, data.as_deref());
        let Some(data) = data else {
            if self.style.framing == Framing::Events {
                self.out.put(event.raw);
            }
            return None;
        };
        if meaning == Meaning::Error && self.is_finished {
            let failure = error_of(&data, &Headers::default());
            self.put_end();
            return Some((Ended::Terminal, Some(failure)));
        }
        self.meter.read(&data);
        match (self.style.framing, &self.style.rename) {
            (Framing::Events, Some(rename)) => {
                let renamed = rename.event(self.dialect, event, &data);
                self.out.put(&renamed);
            }
            (Framing::Events, None) => self.out.put(event.raw),
            (Framing::Array, rename) => {
                let renamed = rename.and_then(|rename| rename.json(self.dialect, &data));
                self.put_element(renamed.as_deref().unwrap_or(&data));
            }
        }
        self.events += 1;
        match meaning {
            Meaning::Idle | Meaning::Part => None,
            Meaning::Finish => {
                self.is_finished = true;
                None
            }
            Meaning::End => Some((Ended::Terminal, None)),
            Meaning::Error => {
                let failure = error_of(&data, &Headers::default());
                Some((Ended::UpstreamError, Some(failure)))
            }
        }
    }

    fn put_element(&mut self, json: &[u8]) {
        self.out.put(if self.events == 0 { b"[" } else { b",\n" });
        self.out.put(json);
    }

    /// The end that the upstream owes.
    fn put_end(&mut self) {
        if self.style.framing == Framing::Events {
            self.out.put(closing::end(self.dialect).as_bytes());
        }
    }

    /// The upstream has closed the body.
    fn end_of_body(&mut self, last: &Event) -> io::Result<Over> {
        let last = closed(last);
        if let Some(over) = last.and_then(|last| self.event(&Event::of(&last))) {
            return self.close(over);
        }
        let message = "upstream closed the stream before completion";
        let failure = Failure::new(FailureKind::Broken, message);
        self.fail(Ended::NoTerminal, failure)
    }

    /// The stream goes no further. If the answer was complete, it gets its end (spec/dialects.md 5.7), else
    /// the client is told.
    fn fail(&mut self, ended: Ended, failure: Failure) -> io::Result<Over> {
        if self.is_finished {
            self.put_end();
            let failure = (ended != Ended::NoTerminal).then_some(failure);
            return self.close((Ended::Terminal, failure));
        }
        let status = match failure.kind {
            FailureKind::Timeout => ErrorStatus::GATEWAY_TIMEOUT,
            _ => ErrorStatus::BAD_GATEWAY,
        };
        let problem = Problem::new(status, failure.message.as_str());
        match self.style.framing {
            Framing::Events => {
                let (dialect, is_codex) = (self.dialect, self.style.is_codex);
                let event = problem::render_in_stream(dialect, &problem, is_codex, self.events);
                self.out.put(&event);
            }
            Framing::Array => self.put_element(&problem::render(self.dialect, &problem)),
        }
        self.close((ended, Some(failure)))
    }

    /// Ends the body.
    fn close(&mut self, over: Over) -> io::Result<Over> {
        if self.style.framing == Framing::Array {
            self.out.put(b"]");
        }
        self.out.finish()?;
        Ok(over)
    }

    fn keep_alive(&mut self) -> io::Result<()> {
        if self.style.framing == Framing::Events {
            self.out.put(closing::keep_alive(self.dialect).as_bytes());
        }
        self.last_written = Instant::now();
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        let before = self.out.bytes;
        self.out.flush()?;
        if self.out.bytes > before {
            self.last_written = Instant::now();
        }
        Ok(())
    }
}
