//! Whole answers, and streams that are gathered into one.

use serde_json::{Map, Value};

use super::answer_reader::AnswerReader;
use super::context::TranslationContext;
use super::input::Form;
use super::neutral::Event;
use super::neutral::answer::Answer;
use super::{chat, gemini, messages, responses};
use crate::time;
use crate::wire::Dialect;
use crate::wire::usage::{Meter, Usage};

/// Translates a whole answer. Returns it with the usage that it reports.
///
/// # Errors
/// Status and message, when it is an error or not an answer of the upstream's dialect.
pub fn whole(
    body: &[u8],
    context: TranslationContext,
) -> Result<(Vec<u8>, Option<Usage>), (u16, String)> {
    let object = serde_json::from_slice(body)
        .map_err(|_| (502, "the upstream's answer is not a JSON object".to_owned()))?;
    let mut gathered = Gathered::new(context);
    gathered.take(body, object);
    gathered.done();
    gathered.end()
}

/// A streamed answer that becomes a whole one.
#[derive(Debug)]
pub struct Gathered {
    context: TranslationContext,
    reader: AnswerReader,
    meter: Meter,
    answer: Answer,
}

impl Gathered {
    /// An answer without events so far.
    pub fn new(context: TranslationContext) -> Self {
        Self {
            reader: context.reader(),
            meter: Meter::new(context.upstream),
            answer: Answer::default(),
            context,
        }
    }

    /// Reads the data of one event of the upstream.
    pub fn read(&mut self, data: &[u8]) {
        if data.trim_ascii() == b"[DONE]" {
            self.done();
        } else if let Ok(object) = serde_json::from_slice(data) {
            self.take(data, object);
        }
    }

    fn take(&mut self, data: &[u8], object: Map<String, Value>) {
        let mut events = Vec::new();
        self.meter.read(data);
        self.reader.read(object, &mut events);
        self.push(events);
    }

    fn done(&mut self) {
        let mut events = Vec::new();
        self.reader.done(&mut events);
        self.push(events);
    }

    fn push(&mut self, events: Vec<Event>) {
        let Self {
            context, answer, ..
        } = self;
        for event in events {
            context.restore(event, &mut |event| answer.push(event));
        }
    }

    /// Whether every choice has its finish reason.
    pub fn is_complete(&self) -> bool {
        let choices = &self.answer.choices;
        !choices.is_empty() && choices.values().all(|choice| choice.finish.is_some())
    }

    /// The whole answer, and the usage that it reports.
    ///
    /// # Errors
    /// Status and message, when it is an error.
    pub fn end(self) -> Result<(Vec<u8>, Option<Usage>), (u16, String)> {
        let Self {
            mut context,
            meter,
            mut answer,
            ..
        } = self;
        if let Some(error) = answer.error {
            return Err(error);
        }
        answer.usage = meter.usage();
        answer.ended = Some(time::unix_now());
        let head = context.answer_head(answer.id.as_deref(), answer.created);
        let whole = match context.client {
            Dialect::Chat if context.form == Form::Completions => {
                chat::completions::whole(&answer, &head)
            }
            Dialect::Chat => chat::write_answer::whole(&answer, &head),
            Dialect::Responses => responses::whole::whole(&answer, &head),
            Dialect::Messages => messages::answer::whole(&answer, &head),
            Dialect::Gemini => gemini::write_answer::whole(&answer, &head),
        };
        Ok((whole.to_string().into_bytes(), answer.usage))
    }
}
