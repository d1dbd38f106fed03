//! A stream in its own dialect, from its first payload to its one end.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::chunks::Chunks;
use super::closing;
use super::event_loop::{self, Over, Sink};
use super::outcome::{AnswerEnd, Ended, OnEnd, Relayed};
use super::source::{closed, error_of, unfinished};
use super::style::{Framing, Style};
use crate::budget::Budget;
use crate::exchange::Waiter;
use crate::failure::{Failure, FailureKind, Headers};
use crate::redaction::Redaction;
use crate::sse::{self, Event, Splitter};
use crate::time;
use crate::translate::responses::failure::{self, FailedAnswer};
use crate::wire::event::{self, Choices, Meaning};
use crate::wire::output_items::OutputItems;
use crate::wire::problem::{self, ErrorStatus, Problem};
use crate::wire::usage::Meter;
use crate::wire::{Dialect, choice_error};

pub struct Pump<'a, W> {
    dialect: Dialect,
    style: Style<'a>,
    out: Chunks<W>,
    meter: Meter,
    items: OutputItems,
    response: Option<String>,
    events: u64,
    choices: Choices,
    /// All choices of the answer have a finish reason.
    is_finished: bool,
    last_written: Instant,
    waiter: Waiter,
    /// The secrets of the attempt, removed from errors.
    redaction: Arc<Redaction>,
    on_end: OnEnd<'a>,
    is_settled: bool,
}

impl<'a, W: Write> Pump<'a, W> {
    pub fn new(
        dialect: Dialect,
        style: Style<'a>,
        out: Chunks<W>,
        waiter: Waiter,
        redaction: Arc<Redaction>,
        budget: &Budget,
        on_end: OnEnd<'a>,
    ) -> Self {
        Self {
            dialect,
            style,
            out,
            meter: Meter::new(dialect),
            items: OutputItems::new(budget),
            response: None,
            events: 0,
            choices: Choices::default(),
            is_finished: false,
            last_written: Instant::now(),
            waiter,
            redaction,
            on_end,
            is_settled: false,
        }
    }

    /// Writes the events that were read before, then the rest.
    ///
    /// # Errors
    /// The client cannot be written to.
    pub fn run(
        &mut self,
        lead: Vec<u8>,
        first: Vec<Vec<u8>>,
        splitter: &mut Splitter,
        body: &mut dyn Read,
    ) -> io::Result<Over> {
        if self.passes_comments() {
            self.out.put(&lead);
        }
        drop(lead);
        for event in first {
            if let Some(over) = self.event(&Event::of(&event))? {
                return Ok(over);
            }
        }
        let waiter = self.waiter.clone();
        event_loop::run(self, splitter, body, &waiter)
    }

    /// The outcome of the stream.
    pub fn relayed(self, (ended, failure): Over) -> Relayed {
        Relayed {
            bytes: self.out.bytes,
            events: self.events,
            usage: self.meter.usage(),
            ended,
            // A broken stream gets an end as long as its client is connected.
            is_whole: ended != Ended::ClientGone,
            failure,
        }
    }

    /// Adds one event to the next write. Returns how the stream ended, if this event ends it.
    fn put_event(&mut self, event: &Event) -> Option<Over> {
        let data = event.data();
        let meaning = event::meaning(self.dialect, event, data.as_deref());
        let clean = (meaning == Meaning::Error).then(|| self.cleaned(event, data.as_deref()));
        let clean = clean.as_deref().map(Event::of);
        let (event, data) = match &clean {
            Some(clean) => (clean, clean.data()),
            None => (event, data),
        };
        let Some(data) = data else {
            if self.passes_comments() {
                self.out.put(event.raw);
            }
            return None;
        };
        if meaning == Meaning::Error && self.is_finished && self.dialect != Dialect::Chat {
            let failure = self.error_of(&data);
            self.put_end();
            return Some((Ended::Terminal, Some(failure)));
        }
        self.meter.read(&data);
        if meaning == Meaning::Error
            && let Some(problem) = problem::retold(self.dialect, &data)
        {
            self.put_problem(&problem);
            self.events += 1;
            let failure = self.error_of(&data);
            return Some((Ended::UpstreamError, Some(failure)));
        }
        let edited = self.edited(&data, meaning);
        if (self.dialect, meaning) == (Dialect::Responses, Meaning::End) {
            let told = edited.as_deref().unwrap_or(&data);
            let whole = event::response_in(told).filter(|_| self.items.are_whole());
            self.on_end(&(Ended::Terminal, None), whole);
        }
        match (self.style.framing, &edited) {
            (Framing::Array, edited) => self.put_element(edited.as_deref().unwrap_or(&data)),
            (Framing::Events, None) if self.dialect != Dialect::Gemini || event.is_data_line() => {
                self.out.put(event.raw);
            }
            (Framing::Events, edited) if self.dialect == Dialect::Gemini => {
                let data = edited.as_deref().unwrap_or(&data);
                self.out.put(&sse::data_line(data));
            }
            (Framing::Events, edited) => {
                let edited = edited.as_deref().unwrap_or(&data);
                self.out.put(&sse::with_data(event, &data, edited));
            }
        }
        self.events += 1;
        match meaning {
            Meaning::Idle => None,
            Meaning::Part | Meaning::Finish => {
                self.choices.see(self.dialect, &data);
                self.is_finished = match self.dialect {
                    Dialect::Chat | Dialect::Gemini => self.choices.are_finished(),
                    Dialect::Messages | Dialect::Responses => {
                        self.is_finished || meaning == Meaning::Finish
                    }
                };
                None
            }
            Meaning::End => Some((Ended::Terminal, None)),
            Meaning::Error => {
                let failure = self.error_of(&data);
                Some((Ended::UpstreamError, Some(failure)))
            }
        }
    }

    /// An event that is an error as its client can read it, and without what the attempt presented.
    #[inline(never)]
    fn cleaned<'e>(&self, event: &Event<'e>, data: Option<&[u8]>) -> Cow<'e, [u8]> {
        let raw = match data.map(|data| (data, choice_error::at_top_level(self.dialect, data))) {
            Some((data, Cow::Owned(told))) => Cow::Owned(sse::with_data(event, data, &told)),
            _ => Cow::Borrowed(event.raw),
        };
        match self.redaction.bytes(&raw) {
            Cow::Borrowed(_) => raw,
            Cow::Owned(clean) => Cow::Owned(clean),
        }
    }

    fn error_of(&self, data: &[u8]) -> Failure {
        error_of(self.dialect, data, &Headers::default())
    }

    /// The data of an event, where it cannot go on as it came.
    fn edited(&mut self, data: &[u8], meaning: Meaning) -> Option<Vec<u8>> {
        let completed = match (self.dialect, meaning) {
            (Dialect::Responses, Meaning::Part) => {
                self.items.note(data);
                None
            }
            (Dialect::Responses, Meaning::End) => {
                self.response = event::response_id(data);
                self.items.complete_event(data)
            }
            _ => None,
        };
        let rename = self.style.rename.as_ref();
        let renamed = rename
            .and_then(|rename| rename.json(self.dialect, completed.as_deref().unwrap_or(data)));
        renamed.or(completed)
    }

    /// Gemini's clients know none ([`closing::keep_alive`]).
    fn passes_comments(&self) -> bool {
        self.style.framing == Framing::Events && self.dialect != Dialect::Gemini
    }

    fn put_element(&mut self, json: &[u8]) {
        self.out.put(if self.events == 0 { b"[" } else { b",\n" });
        self.out.put(json);
    }

    /// The final event that the upstream did not send.
    fn put_end(&mut self) {
        if self.style.framing == Framing::Events {
            self.out.put(closing::end(self.dialect).as_bytes());
        }
    }

    /// Handles the end of a broken stream. If the answer was complete, the final event is sent, else an error.
    #[inline(never)]
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
        self.put_problem(&problem);
        self.close((ended, Some(failure)))
    }

    fn put_problem(&mut self, problem: &Problem) {
        match self.style.framing {
            Framing::Events => {
                let event = match (self.dialect, self.style.is_codex) {
                    (Dialect::Responses, true) => failure::event(
                        problem,
                        FailedAnswer {
                            id: self.response.as_deref().unwrap_or_default(),
                            model: self.style.model,
                            created: time::unix_now(),
                            sequence_number: self.events,
                        },
                    ),
                    (dialect, _) => problem::render_in_stream(dialect, problem, self.events),
                };
                self.out.put(&event);
            }
            Framing::Array => self.put_element(&problem::render(self.dialect, problem)),
        }
    }

    /// Reports the end, once.
    fn on_end(&mut self, (ended, failure): &Over, whole: Option<&[u8]>) {
        if !std::mem::replace(&mut self.is_settled, true) {
            (self.on_end)(&AnswerEnd {
                ended: *ended,
                failure: failure.as_ref(),
                response: self.response.as_deref(),
                whole,
            });
        }
    }

    /// Ends the body.
    fn close(&mut self, over: Over) -> io::Result<Over> {
        self.on_end(&over, None);
        if self.style.framing == Framing::Array {
            self.out.put(b"]");
        }
        self.out.finish()?;
        Ok(over)
    }
}

impl<W: Write> Sink for Pump<'_, W> {
    fn event(&mut self, event: &Event) -> io::Result<Option<Over>> {
        match self.put_event(event) {
            Some(over) => self.close(over).map(Some),
            None => Ok(None),
        }
    }

    fn waiting(&self) -> usize {
        self.out.waiting()
    }

    fn silence(&self) -> (Option<Duration>, Instant) {
        (self.style.keep_alive, self.last_written)
    }

    fn end_of_body(&mut self, last: &Event) -> io::Result<Over> {
        if let Some(last) = closed(last)
            && let Some(over) = self.event(&Event::of(&last))?
        {
            return Ok(over);
        }
        self.fail(Ended::NoTerminal, unfinished())
    }

    fn broken(&mut self, failure: Failure) -> io::Result<Over> {
        self.fail(Ended::Broken, failure)
    }

    fn keep_alive(&mut self) -> io::Result<()> {
        match self.style.framing {
            Framing::Array => self.out.put(b"\n"),
            // There may be no further event.
            Framing::Events if self.dialect == Dialect::Gemini && self.is_finished => {}
            Framing::Events => self.out.keep_alive(self.dialect),
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
