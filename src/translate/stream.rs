//! Streams, translated event by event.

use std::collections::BTreeSet;

use super::answer_reader::AnswerReader;
use super::answer_writer::{AnswerWriter, Framing};
use super::context::TranslationContext;
use super::neutral::Event;
use super::neutral::answer::Ending;
use crate::time;
use crate::wire::Dialect;
use crate::wire::problem::{self, ErrorStatus, Problem};
use crate::wire::usage::{Meter, Usage};

/// The state of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    /// Every choice has its finish reason; only usage can follow.
    Finished,
    /// It ended with an error that the client has been sent.
    Failed {
        status: u16,
        message: String,
    },
}

/// The translation of a streamed answer.
#[derive(Debug)]
pub struct Stream {
    context: TranslationContext,
    reader: AnswerReader,
    meter: Meter,
    writer: Option<AnswerWriter>,
    ending: Ending,
    state: State,
    /// The choices that have begun.
    begun: BTreeSet<u32>,
    /// The usage that was written last.
    usage: Option<Usage>,
    framing: Framing,
}

impl Stream {
    /// `is_array`: the client gets the events as one JSON array (Gemini without `alt=sse`).
    pub fn new(context: TranslationContext, is_array: bool) -> Self {
        Self {
            reader: context.reader(),
            meter: Meter::new(context.upstream),
            writer: None,
            ending: Ending::default(),
            state: State::Running,
            begun: BTreeSet::new(),
            usage: None,
            framing: match is_array {
                true => Framing::Array {
                    has_elements: false,
                },
                false => Framing::Events,
            },
            context,
        }
    }

    /// The dialect of the client.
    pub fn client(&self) -> Dialect {
        self.context.client
    }

    /// Bytes of the answer so far that are held in memory because its end repeats them.
    pub fn held_bytes(&self) -> usize {
        match &self.writer {
            Some(AnswerWriter::Responses(writer)) => writer.held_bytes(),
            _ => 0,
        }
    }

    /// Whether the array has elements, where it is one.
    pub fn array_has_elements(&self) -> Option<bool> {
        match self.framing {
            Framing::Array { has_elements } => Some(has_elements),
            Framing::Events => None,
        }
    }

    /// The dialect of the upstream.
    pub fn upstream(&self) -> Dialect {
        self.context.upstream
    }

    /// Whether the client gets one JSON array instead of events.
    pub fn is_array(&self) -> bool {
        self.array_has_elements().is_some()
    }

    /// The state so far.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The usage that the answer has reported so far.
    pub fn usage(&self) -> Option<Usage> {
        self.meter.usage()
    }

    /// Reads the data of one event of the upstream, or a whole JSON answer, and appends to `out` what the client gets for
    /// it.
    pub fn read(&mut self, data: &[u8], out: &mut Vec<u8>) {
        let mut events = Vec::new();
        if data.trim_ascii() == b"[DONE]" {
            self.reader.done(&mut events);
        } else {
            // Data that is not an object has no meaning in any dialect.
            let Ok(object) = serde_json::from_slice(data) else {
                return;
            };
            self.meter.read(data);
            self.reader.read(object, &mut events);
        }
        for event in events {
            self.event(event, out);
        }
    }

    fn event(&mut self, event: Event, out: &mut Vec<u8>) {
        if matches!(self.state, State::Failed { .. }) {
            return;
        }
        if let Some(choice) = event.choice() {
            self.begun.insert(choice);
        }
        let event = match event {
            Event::Start { id, created } => {
                self.start(id.as_deref(), created);
                return;
            }
            Event::Error {
                status,
                message,
                class,
            } => {
                // A complete answer stays complete, except in a chat: some upstreams send the error after the finish
                // reason.
                if self.state == State::Running || self.context.upstream == Dialect::Chat {
                    let status = ErrorStatus::from_upstream(status);
                    let problem = Problem {
                        class,
                        ..Problem::new(status, message)
                    };
                    self.fail_with(&problem, out);
                }
                return;
            }
            other => other,
        };
        let mut restored = Vec::new();
        self.context
            .restore(event, &mut |event| restored.push(event));
        for event in restored {
            self.write(event, out);
        }
        self.update_state();
    }

    fn write(&mut self, event: Event, out: &mut Vec<u8>) {
        if matches!(&event, Event::TextDelta(_, text) if text.is_empty()) {
            return;
        }
        if let Event::Finish {
            choice,
            finish,
            native,
        } = event
        {
            self.ending.finishes.insert(choice, (finish, native));
            return;
        }
        let usage = self.meter.usage();
        if usage != self.usage
            && let Some(usage) = usage
        {
            self.usage = Some(usage);
            self.put(Event::Usage(usage), out);
        }
        self.put(event, out);
    }

    /// One choice may end before another begins.
    fn update_state(&mut self) {
        if matches!(self.state, State::Failed { .. }) || self.ending.finishes.is_empty() {
            return;
        }
        let finishes = &self.ending.finishes;
        self.state = match self
            .begun
            .iter()
            .all(|choice| finishes.contains_key(choice))
        {
            true => State::Finished,
            false => State::Running,
        };
    }

    fn start(&mut self, id: Option<&str>, created: Option<u64>) -> &mut AnswerWriter {
        let context = &mut self.context;
        self.writer.get_or_insert_with(|| {
            let head = context.answer_head(id, created);
            AnswerWriter::new(context.client, context.form, head)
        })
    }

    fn put(&mut self, event: Event, out: &mut Vec<u8>) {
        let mut framing = self.framing;
        self.start(None, None).put(event, &mut framing, out);
        self.framing = framing;
    }

    /// Writes an error as the end.
    pub fn fail(&mut self, status: u16, message: &str, out: &mut Vec<u8>) {
        let problem = Problem::new(ErrorStatus::from_upstream(status), message);
        self.fail_with(&problem, out);
    }

    /// Writes an error as the end.
    pub fn fail_with(&mut self, problem: &Problem, out: &mut Vec<u8>) {
        match (self.context.client, self.framing) {
            (Dialect::Responses, _) => {
                let (_, code, message) = problem::stream_words(problem);
                let status = problem.status.code();
                if let AnswerWriter::Responses(writer) = self.start(None, None) {
                    writer.fail((status, &code), &message, out);
                }
            }
            (_, Framing::Array { .. }) => {
                let rendered = problem::render(Dialect::Gemini, problem);
                self.framing.write(&rendered, out);
                self.framing.end(out);
            }
            (dialect, Framing::Events) => {
                out.extend_from_slice(&problem::render_in_stream(dialect, problem, 0));
            }
        }
        self.state = State::Failed {
            status: problem.status.code(),
            message: problem.message.clone(),
        };
    }

    /// Writes the end of a complete answer when the upstream's stream has ended.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        if self.state != State::Finished {
            return;
        }
        let mut ending = std::mem::take(&mut self.ending);
        ending.usage = self.meter.usage();
        ending.at = Some(time::unix_now());
        let mut framing = self.framing;
        self.start(None, None).end(ending, &mut framing, out);
        framing.end(out);
        self.framing = framing;
    }
}
