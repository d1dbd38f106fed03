//! Reading Chat answers: streams chunk by chunk, and whole ones.

use serde_json::{Map, Value};

use super::read_choice::{ChoiceReader, Kind};
use crate::json::fields::{Fields, object};
use crate::translate::neutral::ids::Mint;
use crate::translate::neutral::{Event, Finish, event};
use crate::wire::choice_error;

/// Reads the chunks of one answer.
#[derive(Debug)]
pub struct Reader {
    mint: Mint,
    started: bool,
    choices: Vec<ChoiceReader>,
}

impl Reader {
    pub fn new(mint: Mint) -> Self {
        Self {
            mint,
            started: false,
            choices: Vec::new(),
        }
    }

    /// Reads one chunk, or a whole answer.
    pub fn read(&mut self, mut chunk: Map<String, Value>, events: &mut Vec<Event>) {
        if let Some(error) = chunk.take("error") {
            events.push(event::error(error));
            return;
        }
        let choices = chunk.list("choices");
        if !self.started && (!choices.is_empty() || chunk.contains_key("id")) {
            self.started = true;
            events.push(Event::Start {
                id: chunk.nonempty_text("id"),
                created: chunk.count("created").filter(|created| *created > 0),
            });
        }
        for choice in choices.into_iter().filter_map(object) {
            self.choice(choice, events);
        }
    }

    /// Reads the end of a stream, `[DONE]`. Some upstreams send it without a finish reason.
    pub fn done(&mut self, events: &mut Vec<Event>) {
        for choice in &mut self.choices {
            if choice.has_finished {
                continue;
            }
            let is_call = choice.ends_with_call();
            choice.end_calls(&mut self.mint, events);
            choice.has_finished = true;
            events.push(Event::Finish {
                choice: choice.index,
                finish: if is_call {
                    Finish::ToolCalls
                } else {
                    Finish::EndTurn
                },
                native: "stop".to_owned(),
            });
        }
    }

    fn choice(&mut self, mut object: Map<String, Value>, events: &mut Vec<Event>) {
        let index = object
            .count("index")
            .and_then(|index| u32::try_from(index).ok())
            .unwrap_or(0);
        let error = choice_error::of(&object);
        // The text of a legacy completion. Together (recorded through Hugging Face's router by pydantic-ai) repeats there
        // the text of `delta`.
        let text = match object.contains_key("delta") {
            true => None,
            false => object.nonempty_text("text"),
        };
        let at = match self.choices.iter().position(|known| known.index == index) {
            Some(at) => at,
            None => {
                self.choices.push(ChoiceReader::new(index));
                self.choices.len() - 1
            }
        };
        let Some(choice) = self.choices.get_mut(at) else {
            return;
        };
        let delta = object
            .object("delta")
            .or_else(|| object.object("message").map(numbered));
        if let Some(delta) = delta {
            choice.delta(delta, &mut self.mint, events);
        }
        if let Some(text) = text {
            choice.text(Kind::Text, text, events);
        }
        if let Some(error) = error {
            events.push(event::error(error));
            return;
        }
        if let Some(reason) = object.nonempty_text("finish_reason") {
            choice.end_calls(&mut self.mint, events);
            choice.has_finished = true;
            events.push(Event::Finish {
                choice: index,
                finish: finish(&reason),
                native: object
                    .nonempty_text("native_finish_reason")
                    .unwrap_or(reason),
            });
        }
    }
}

/// A whole message with its calls numbered: their ids may be equal.
fn numbered(mut message: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Array(calls)) = message.get_mut("tool_calls") {
        for (at, call) in calls.iter_mut().enumerate() {
            if let Value::Object(call) = call {
                call.insert("index".to_owned(), at.into());
            }
        }
    }
    message
}

fn finish(reason: &str) -> Finish {
    match reason {
        "tool_calls" | "function_call" => Finish::ToolCalls,
        "length" | "max_tokens" => Finish::MaxTokens,
        "content_filter" => Finish::ContentFilter,
        _ => Finish::EndTurn,
    }
}
