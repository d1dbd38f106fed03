//! Requests of the four dialects in one form.

use serde_json::Value;

use super::offers::{self, Offers};
use super::rules::{self, Asked};
use super::target::{Dialect, Fault, Streaming, Target};
use super::wishes::Wishes;

/// A request that has been understood.
#[derive(Clone, Debug)]
pub struct Ask {
    pub model: String,
    pub streaming: Option<Streaming>,
    pub include_usage: bool,
    /// Whether the answer is to be kept (Responses).
    pub stores: bool,
    /// Tools, system text and messages, one by one: what a prompt cache compares.
    pub parts: Vec<String>,
    /// How many times the user has spoken.
    pub turn: usize,
    /// The end of what the user, or the user's tools, said last.
    pub last_words: String,
    pub wishes: Wishes,
    /// The request, of which the answer repeats something (Responses).
    pub asked: Value,
}

impl Target {
    /// Reads the body of a request, what it refers to put in.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&self, mut body: Value) -> Result<Ask, Fault> {
        // Gemini counts a whole request as well as its contents.
        if let Some(inner) = body.get_mut("generateContentRequest") {
            body = inner.take();
        }
        if !body["thread"].is_null() {
            return Err(Fault::threads());
        }
        let (system, tools, messages) = match self.dialect {
            Dialect::Chat => ("", "tools", "messages"),
            Dialect::Responses => ("instructions", "tools", "input"),
            Dialect::Messages => ("system", "tools", "messages"),
            Dialect::Gemini => ("systemInstruction", "tools", "contents"),
        };
        let model = match &self.model {
            Some(model) => model.clone(),
            None => body["model"]
                .as_str()
                .ok_or("you must provide a model parameter")?
                .to_owned(),
        };
        let asked = Asked {
            model: &model,
            body: &body,
        };
        rules::check(self, asked)?;
        let mut parts: Vec<String> = [&body[tools], &body[system]]
            .into_iter()
            .filter(|part| !part.is_null())
            .map(cached_as)
            .collect();
        let spoken = match &body[messages] {
            Value::Array(messages) => messages.clone(),
            Value::String(text) => vec![serde_json::json!({"role": "user", "content": text})],
            _ => return Err("the conversation is missing".into()),
        };
        parts.extend(spoken.iter().map(cached_as));
        let by_user: Vec<&Value> = spoken
            .iter()
            .filter(|message| message["role"] == "user")
            .collect();
        let streams = body["stream"] == true;
        let offers = Offers {
            dialect: self.dialect,
            body: &body,
            spoken: &spoken,
        };
        if offers.has_foreign_reasoning() {
            return Err("Invalid `signature` in `thinking` block".into());
        }
        let results = offers.results()?;
        let prompt = by_user
            .last()
            .map_or_else(String::new, |last| offers::text(last));
        let wishes = if results.is_empty() {
            Wishes::of(&prompt, &offers)?
        } else {
            // They have been granted.
            Wishes::default()
        };
        Ok(Ask {
            model,
            streaming: self.streams.or(streams.then_some(Streaming::Events)),
            include_usage: body["stream_options"]["include_usage"] == true,
            stores: body["store"] != false,
            parts,
            turn: by_user.len(),
            last_words: if results.is_empty() {
                end_of(&prompt)
            } else {
                end_of(&results.join("; "))
            },
            wishes,
            asked: match self.dialect {
                Dialect::Responses => body,
                _ => Value::Null,
            },
        })
    }
}

/// A text, shortened from the front.
fn end_of(text: &str) -> String {
    const LONGEST: usize = 240;
    let skipped = text.chars().count().saturating_sub(LONGEST);
    text.chars().skip(skipped).collect()
}

/// What a cache compares of a piece of a prompt: marks that say where to cache are no part of it.
fn cached_as(part: &Value) -> String {
    let mut part = part.clone();
    without_marks(&mut part);
    part.to_string()
}

fn without_marks(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.shift_remove("cache_control");
            map.values_mut().for_each(without_marks);
        }
        Value::Array(list) => list.iter_mut().for_each(without_marks),
        _ => {}
    }
}
