//! What a request asks for, in any of the four dialects.

use serde_json::Value;

use super::offers::{self, Offers};
use super::rules::{self, Asked};
use super::wishes::Wishes;

/// A dialect, by the shape of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Chat,
    Responses,
    Messages,
    Gemini,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Generate,
    Count,
    Compact,
}

/// A path that leads somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub dialect: Dialect,
    pub action: Action,
    /// Gemini names the model, and whether to stream, in the path.
    pub model: Option<String>,
    pub streams: Option<Streaming>,
}

/// How a stream is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streaming {
    Events,
    /// Gemini without `alt=sse`.
    Array,
}

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

/// Why a request is refused.
#[derive(Clone, Debug)]
pub struct Fault {
    pub message: String,
    /// For programs.
    pub details: Option<Box<Value>>,
    /// Where OpenAI says what is wrong.
    pub param: Option<String>,
    /// OpenAI's word for it.
    pub code: Option<&'static str>,
}

impl From<&str> for Fault {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Self {
            message,
            details: None,
            param: None,
            code: None,
        }
    }
}

impl Fault {
    /// Conversations kept by the server. With this code Anthropic's SDK sends all of the conversation instead.
    fn threads() -> Self {
        Self {
            details: Some(Box::new(serde_json::json!({
                "error_code": "thread_unsupported_request",
                "unsupported": ["thread"],
            }))),
            ..Self::from("The demo keeps no threads.")
        }
    }
}

impl Dialect {
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::Gemini => "gemini",
        }
    }
}

impl Target {
    /// Where a `POST` to `path`, query included, leads.
    pub fn of(path: &str) -> Option<Self> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let plain = |dialect, action| Self {
            dialect,
            action,
            model: None,
            streams: None,
        };
        for (ending, dialect, action) in [
            ("/chat/completions", Dialect::Chat, Action::Generate),
            ("/responses", Dialect::Responses, Action::Generate),
            ("/responses/compact", Dialect::Responses, Action::Compact),
            ("/responses/input_tokens", Dialect::Responses, Action::Count),
            ("/messages", Dialect::Messages, Action::Generate),
            ("/messages/count_tokens", Dialect::Messages, Action::Count),
        ] {
            if path.ends_with(ending) {
                return Some(plain(dialect, action));
            }
        }
        let (_, rest) = path.rsplit_once("/models/")?;
        let (model, method) = rest.rsplit_once(':')?;
        let streaming = if query.split('&').any(|pair| pair == "alt=sse") {
            Streaming::Events
        } else {
            Streaming::Array
        };
        let (action, streams) = match method {
            "generateContent" => (Action::Generate, None),
            "streamGenerateContent" => (Action::Generate, Some(streaming)),
            "countTokens" => (Action::Count, None),
            _ => return None,
        };
        Some(Self {
            dialect: Dialect::Gemini,
            action,
            model: Some(model.to_owned()),
            streams,
        })
    }

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
        rules::check(self.dialect, self.action, asked)?;
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
