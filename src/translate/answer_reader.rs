//! Reads the answer of an upstream, whatever its dialect.

use serde_json::{Map, Value};

use super::neutral::Event;
use super::neutral::ids::Mint;
use super::{chat, gemini, messages, responses};
use crate::wire::Dialect;

/// The reader of one answer.
#[derive(Debug)]
pub enum AnswerReader {
    Chat(chat::read_answer::Reader),
    Responses(responses::read_answer::Reader),
    Messages(messages::read_answer::Reader),
    Gemini(gemini::read_answer::Reader),
}

impl AnswerReader {
    pub fn new(dialect: Dialect, mint: Mint) -> Self {
        match dialect {
            Dialect::Chat => Self::Chat(chat::read_answer::Reader::new(mint)),
            Dialect::Responses => Self::Responses(responses::read_answer::Reader::new(mint)),
            Dialect::Messages => Self::Messages(messages::read_answer::Reader::new(mint)),
            Dialect::Gemini => Self::Gemini(gemini::read_answer::Reader::new(mint)),
        }
    }

    /// Reads one event, or a whole answer.
    pub fn read(&mut self, data: Map<String, Value>, events: &mut Vec<Event>) {
        match self {
            Self::Chat(reader) => reader.read(data, events),
            Self::Responses(reader) => reader.read(data, events),
            Self::Messages(reader) => reader.read(data, events),
            Self::Gemini(reader) => reader.read(data, events),
        }
    }

    /// Reads the end of the stream.
    pub fn done(&mut self, events: &mut Vec<Event>) {
        if let Self::Chat(reader) = self {
            reader.done(events);
        }
    }
}
