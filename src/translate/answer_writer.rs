//! Writes the stream of a client, whatever its dialect.

use serde_json::Value;

use super::input::Form;
use super::neutral::Event;
use super::neutral::answer::{Ending, Head};
use super::{chat, gemini, messages, responses};
use crate::wire::Dialect;

/// The writer of one answer.
#[derive(Debug)]
pub enum AnswerWriter {
    Chat(chat::write_answer::Writer),
    Completions(chat::completions::Writer),
    Responses(responses::write_answer::Writer),
    Messages(messages::write_answer::Writer),
    Gemini(gemini::write_answer::Writer),
}

/// How Gemini's chunks are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Events,
    /// As the elements of one JSON array.
    Array {
        has_elements: bool,
    },
}

impl AnswerWriter {
    pub fn new(dialect: Dialect, form: Form, head: Head) -> Self {
        match dialect {
            Dialect::Chat if form == Form::Completions => {
                Self::Completions(chat::completions::Writer::new(head))
            }
            Dialect::Chat => Self::Chat(chat::write_answer::Writer::new(head)),
            Dialect::Responses => Self::Responses(responses::write_answer::Writer::new(head)),
            Dialect::Messages => Self::Messages(messages::write_answer::Writer::new(head)),
            Dialect::Gemini => Self::Gemini(gemini::write_answer::Writer::new(head)),
        }
    }

    /// Writes one event that is neither the end nor an error.
    pub fn put(&mut self, event: Event, framing: &mut Framing, out: &mut Vec<u8>) {
        match self {
            Self::Chat(writer) => writer.put(event, out),
            Self::Completions(writer) => writer.put(event, out),
            Self::Responses(writer) => writer.put(event, out),
            Self::Messages(writer) => writer.put(event, out),
            Self::Gemini(writer) => {
                let mut chunks = Vec::new();
                writer.put(event, &mut chunks);
                framing.write_all(&chunks, out);
            }
        }
    }

    /// Writes the end.
    pub fn end(&mut self, ending: Ending, framing: &mut Framing, out: &mut Vec<u8>) {
        match self {
            Self::Chat(writer) => writer.end(ending, out),
            Self::Completions(writer) => writer.end(ending, out),
            Self::Responses(writer) => writer.end(ending, out),
            Self::Messages(writer) => writer.end(ending, out),
            Self::Gemini(writer) => {
                let mut chunks = Vec::new();
                writer.end(ending, &mut chunks);
                framing.write_all(&chunks, out);
            }
        }
    }
}

impl Framing {
    fn write_all(&mut self, chunks: &[Value], out: &mut Vec<u8>) {
        for chunk in chunks {
            self.write(chunk.to_string().as_bytes(), out);
        }
    }

    pub fn write(&mut self, json: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Array { has_elements } => {
                let is_first = !std::mem::replace(has_elements, true);
                out.extend_from_slice(if is_first { b"[" } else { b",\n" });
                out.extend_from_slice(json);
            }
            Self::Events => {
                out.extend_from_slice(b"data: ");
                out.extend_from_slice(json);
                out.extend_from_slice(b"\n\n");
            }
        }
    }

    /// Writes the end of the array, if it is one.
    pub fn end(self, out: &mut Vec<u8>) {
        match self {
            Self::Array { has_elements: true } => out.extend_from_slice(b"]"),
            Self::Array {
                has_elements: false,
            } => out.extend_from_slice(b"[]"),
            Self::Events => {}
        }
    }
}
