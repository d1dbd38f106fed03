//! Answers that are translated from one dialect to another.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use memchr::memmem;

use super::chunks::Chunks;
use super::event_loop::{self, Over, Sink};
use super::expected::ExpectedAnswer;
use super::outcome::{AnswerEnd, Ended, OnEnd, Relayed};
use super::source::{closed, drain, silent, unfinished};
use super::stream::{Opened, Primed};
use super::whole::{self, Whole};
use crate::budget::{Budget, Exhausted, Reservation};
use crate::failure::{Failure, FailureKind, Headers};
use crate::provider::Answer;
use crate::redaction::Redaction;
use crate::sse::Event;
use crate::translate::{self, State, Stream, TranslationContext};
use crate::wire::event::{self, Meaning};
use crate::wire::problem::{self, ErrorStatus};
use crate::wire::{Dialect, choice_error};

/// A whole answer in the client's dialect.
///
/// # Errors
/// When it breaks off, is too long to be held, or is an error.
pub fn whole(
    answer: Answer,
    context: TranslationContext,
    asked: &ExpectedAnswer<'_>,
) -> Result<Whole, Failure> {
    let read = whole::open_all(answer, asked)?;
    let translated = translate::whole(read.held(), context);
    let (body, usage) = translated.map_err(|(status, message)| {
        let failure = no_answer(status, &message);
        failure.redacted(&read.redaction)
    })?;
    Ok(read.translated(body, usage))
}

/// The failure that an answer describes.
fn no_answer(status: u16, message: &str) -> Failure {
    Failure {
        status: Some(status),
        body: message.as_bytes().to_vec(),
        ..Failure::new(FailureKind::Status, message)
    }
}

/// A stream in the client's dialect. Nothing has been written.
pub struct Translation {
    opened: Opened,
    reading: Reading,
    /// The final event has been read.
    is_over: bool,
}

impl Translation {
    /// The state of the translation counts in `budget`.
    pub fn new(mut opened: Opened, stream: Stream, budget: &Budget) -> Self {
        let redaction = match &opened {
            Opened::Events(primed) => &primed.redaction,
            Opened::Whole(whole) => &whole.redaction,
        };
        let mut reading = Reading {
            redaction: Arc::clone(redaction),
            stream,
            pending: Vec::new(),
            events: 0,
            kept: budget.nothing(),
        };
        let is_over = match &mut opened {
            Opened::Events(primed) => {
                let first = std::mem::take(&mut primed.first);
                first.iter().any(|event| reading.event(&Event::of(event)))
            }
            Opened::Whole(whole) => {
                reading.read(whole.held());
                reading.stream.read(b"[DONE]", &mut reading.pending);
                true
            }
        };
        Self {
            opened,
            reading,
            is_over,
        }
    }

    /// The failure that the stream starts with, if any, so that another upstream can be tried.
    pub fn failure(&self) -> Option<Failure> {
        self.reading.failure()
    }

    /// The headers of the upstream, unfiltered.
    pub fn headers(&self) -> &Headers {
        match &self.opened {
            Opened::Events(primed) => &primed.headers,
            Opened::Whole(whole) => &whole.headers,
        }
    }

    /// The secrets of the attempt.
    pub fn redaction(&self) -> &Arc<Redaction> {
        &self.reading.redaction
    }

    /// Writes the stream, chunked, to its end. The client gets exactly one end.
    #[inline(never)]
    pub fn pump<W: Write>(
        self,
        out: Chunks<W>,
        keep_alive: Option<Duration>,
        on_end: OnEnd<'_>,
    ) -> Relayed {
        let mut pump = Pump {
            reading: self.reading,
            out,
            keep_alive,
            last_written: Instant::now(),
            response: None,
            on_end,
        };
        let ended = match self.opened {
            Opened::Events(mut primed) => pump.events(&mut primed, self.is_over),
            Opened::Whole(whole) => pump.whole(*whole),
        };
        let (ended, failure) = ended.unwrap_or((Ended::ClientGone, None));
        Relayed {
            bytes: pump.out.bytes,
            events: pump.reading.events,
            usage: pump.reading.stream.usage(),
            is_whole: ended != Ended::ClientGone,
            ended,
            failure,
        }
    }
}

/// The response in the last of some events.
fn last_response(events: &[u8]) -> Option<&[u8]> {
    const DATA: &[u8] = b"\ndata: ";
    let start = memmem::rfind(events, DATA)? + DATA.len();
    event::response_in(events.get(start..)?.trim_ascii_end())
}

/// Bytes a buffer may keep between events.
const LASTING: usize = 4 * 1024;

/// Bytes of the budget that are reserved in advance.
const AHEAD: usize = 16 * 1024;

/// Translates events and writes them.
struct Reading {
    /// The secrets of the attempt, removed from errors.
    redaction: Arc<Redaction>,
    stream: Stream,
    /// The translated events to be written.
    pending: Vec<u8>,
    events: u64,
    /// The reservation for the state of the translation.
    kept: Reservation,
}

struct Pump<'a, W> {
    reading: Reading,
    out: Chunks<W>,
    keep_alive: Option<Duration>,
    last_written: Instant,
    response: Option<String>,
    on_end: OnEnd<'a>,
}

impl Reading {
    /// Takes one event. Returns whether it is the upstream's last, whatever comes behind.
    fn event(&mut self, event: &Event) -> bool {
        let Some(data) = event.data() else {
            return false;
        };
        self.events += 1;
        let meaning = event::meaning(self.stream.upstream(), event, Some(&data));
        match meaning == Meaning::Error {
            true => self.read(&Arc::clone(&self.redaction).bytes(&data)),
            false => self.read(&data),
        }
        if meaning == Meaning::Error && *self.stream.state() == State::Running {
            let data = choice_error::at_top_level(self.stream.upstream(), &data);
            let data = self.redaction.bytes(&data);
            let status = ErrorStatus::from_upstream(event::error_status(&data));
            let problem = problem::read_upstream(self.stream.client(), status, &data, None);
            self.stream.fail_with(&problem, &mut self.pending);
        }
        meaning == Meaning::End || matches!(self.stream.state(), State::Failed { .. })
    }

    /// Sends the error in `data` to the client.
    fn read(&mut self, data: &[u8]) {
        let before = self.pending.len();
        self.stream.read(data, &mut self.pending);
        if let State::Failed { .. } = self.stream.state() {
            let told = self.pending.get(before..).unwrap_or_default();
            let told = self.redaction.bytes(told).into_owned();
            self.pending.truncate(before);
            self.pending.extend_from_slice(&told);
        }
    }

    /// Adjusts the reservation to the size of the state.
    fn keep(&mut self) -> Result<(), Exhausted> {
        let held = self.stream.held_bytes();
        match held > self.kept.bytes() {
            true => self.kept.resize(held + AHEAD),
            false => Ok(()),
        }
    }

    fn failure(&self) -> Option<Failure> {
        let State::Failed { status, message } = self.stream.state() else {
            return None;
        };
        Some(no_answer(*status, message).redacted(&self.redaction))
    }
}

impl<W: Write> Pump<'_, W> {
    /// Handles one body instead of events.
    fn whole(&mut self, whole: Whole) -> io::Result<Over> {
        self.response = whole.into_response();
        match self.reading.stream.state() {
            State::Running => self.broken(silent()),
            State::Finished | State::Failed { .. } => self.end(),
        }
    }

    fn events(&mut self, primed: &mut Primed, is_over: bool) -> io::Result<Over> {
        let over = match is_over {
            true => self.end_marked(),
            false => {
                let waiter = primed.waiter.clone();
                let Primed { splitter, body, .. } = primed;
                event_loop::run(self, splitter, body, &waiter)
            }
        }?;
        if over.0 == Ended::Terminal {
            primed.waiter.wake_after(None);
            drain(&mut primed.body, &primed.waiter);
        }
        Ok(over)
    }

    fn end_marked(&mut self) -> io::Result<Over> {
        match self.reading.stream.state() {
            State::Running => self.broken(unfinished()),
            State::Finished | State::Failed { .. } => self.end(),
        }
    }

    fn end(&mut self) -> io::Result<Over> {
        let before = self.reading.pending.len();
        self.reading.stream.end(&mut self.reading.pending);
        let over = match self.reading.failure() {
            Some(failure) => (Ended::UpstreamError, Some(failure)),
            None => (Ended::Terminal, None),
        };
        self.close_with(over, before)
    }

    /// Ends the body.
    fn close(&mut self, over: Over) -> io::Result<Over> {
        self.close_with(over, self.reading.pending.len())
    }

    /// The same; the end of the stream stands from `end` on in what is still to be written.
    fn close_with(&mut self, over: Over, end: usize) -> io::Result<Over> {
        let whole = match self.reading.stream.client() {
            Dialect::Responses => self.reading.pending.get(end..).and_then(last_response),
            Dialect::Chat | Dialect::Messages | Dialect::Gemini => None,
        };
        (self.on_end)(&AnswerEnd {
            ended: over.0,
            failure: over.1.as_ref(),
            response: self.response.as_deref(),
            whole,
        });
        self.put_pending();
        self.out.finish()?;
        Ok(over)
    }

    fn put_pending(&mut self) {
        let pending = &mut self.reading.pending;
        if !pending.is_empty() {
            self.out.put(pending);
            pending.clear();
            // One giant event must not keep its memory for the rest of the stream.
            pending.shrink_to(LASTING);
            self.last_written = Instant::now();
        }
    }
}

impl<W: Write> Sink for Pump<'_, W> {
    fn event(&mut self, event: &Event) -> io::Result<Option<Over>> {
        if self.reading.event(event) {
            return self.end_marked().map(Some);
        }
        match self.reading.keep() {
            Ok(()) => Ok(None),
            Err(Exhausted) => self.broken(Failure::no_memory()).map(Some),
        }
    }

    fn waiting(&self) -> usize {
        self.reading.pending.len()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.put_pending();
        self.out.flush()
    }

    fn silence(&self) -> (Option<Duration>, Instant) {
        (self.keep_alive, self.last_written)
    }

    fn keep_alive(&mut self) -> io::Result<()> {
        match self.reading.stream.array_has_elements() {
            None => self.out.keep_alive(self.reading.stream.client()),
            Some(true) => self.out.put(b"\n"),
            // Nothing may stand before the array.
            Some(false) => {}
        }
        self.last_written = Instant::now();
        self.flush()
    }

    fn end_of_body(&mut self, last: &Event) -> io::Result<Over> {
        if let Some(last) = closed(last) {
            self.reading.event(&Event::of(&last));
        }
        self.end_marked()
    }

    /// If the answer was complete, the final event is sent, else an error.
    #[inline(never)]
    fn broken(&mut self, failure: Failure) -> io::Result<Over> {
        let Reading {
            stream, pending, ..
        } = &mut self.reading;
        if *stream.state() != State::Running {
            return self.end();
        }
        let status = match failure.kind {
            FailureKind::Timeout => 504,
            _ => 502,
        };
        stream.fail(status, &failure.message, pending);
        self.close((Ended::Broken, Some(failure)))
    }
}
