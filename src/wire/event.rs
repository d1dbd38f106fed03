//! The meaning of an event for the stream that it is in, and recognising errors in answers of status 200.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::{self, Finder};
use serde::Deserialize;

pub use super::choices::Choices;
use super::choices::{FINISH_CHAT, FINISH_GEMINI, finishes};
pub use super::error_status::{error_object, error_status};
use super::needle::{Needle, has_text, is_nonempty_text};
use super::{Dialect, choice_error};
use crate::json::{self, Scanner, Span};
use crate::sse::Event;

static ERROR: Needle = LazyLock::new(|| Finder::new("\"error\""));
static STOP: Needle = LazyLock::new(|| Finder::new("\"stop_reason\""));
static COMPLETED: Needle = LazyLock::new(|| Finder::new("\"status\":\"completed\""));

/// What an event means for its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing: a comment or a ping.
    Idle,
    /// A part of the answer.
    Part,
    /// A part of the answer with a finish reason. The stream may end after it or continue.
    Finish,
    /// The end.
    End,
    /// An error; nothing follows.
    Error,
}

/// What `event` means; `data` is its data, if any. JSON is parsed only if it may contain a key that matters.
pub fn meaning(dialect: Dialect, event: &Event, data: Option<&[u8]>) -> Meaning {
    let Some(data) = data else {
        return Meaning::Idle;
    };
    let name = event.name();
    match dialect {
        _ if name == Some(b"error") => Meaning::Error,
        Dialect::Chat if data.trim_ascii() == b"[DONE]" => Meaning::End,
        Dialect::Chat | Dialect::Gemini if may_be_error(data) && is_error(dialect, data) => {
            Meaning::Error
        }
        Dialect::Chat | Dialect::Gemini if finishes(dialect, data) => Meaning::Finish,
        Dialect::Chat | Dialect::Gemini => Meaning::Part,
        Dialect::Responses => match &*kind(name, data, RESPONSES_KINDS) {
            "response.completed"
            | "response.incomplete"
            | "response.done"
            | "response.cancelled" => Meaning::End,
            "response.failed" | "error" => Meaning::Error,
            "" if has_error(data) => Meaning::Error,
            _ => Meaning::Part,
        },
        Dialect::Messages => match &*kind(name, data, MESSAGES_KINDS) {
            "message_stop" => Meaning::End,
            "error" => Meaning::Error,
            "ping" => Meaning::Idle,
            "message_delta" if has_stop_reason(data) => Meaning::Finish,
            _ => Meaning::Part,
        },
    }
}

/// Whether a whole JSON answer is an error, whatever its status: an object with an `error`, or, in a chat, one with an
/// error in a choice, or one with a code and a message and without `choices`.
pub fn is_error_body(dialect: Dialect, body: &[u8]) -> bool {
    if is_error(dialect, body) {
        return true;
    }
    if dialect != Dialect::Chat {
        return false;
    }
    let Ok(members) = json::members(body) else {
        return false;
    };
    let has = |keys: [&str; 2]| members.iter().any(|member| keys.contains(&&*member.key));
    !has(["choices"; 2]) && has(["status", "code"]) && has(["msg", "message"])
}

/// The id of a Responses answer: in the event that ends its stream, or in the whole answer.
pub fn response_id(json: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        id: Option<Cow<'a, str>>,
        #[serde(borrow)]
        response: Option<Response<'a>>,
    }
    #[derive(Deserialize)]
    struct Response<'a> {
        #[serde(borrow)]
        id: Option<Cow<'a, str>>,
    }
    let answer: Answer<'_> = serde_json::from_slice(json).ok()?;
    let id = answer.response.and_then(|response| response.id);
    id.or(answer.id).map(Cow::into_owned)
}

/// The response object in an event of Responses.
pub fn response_in(data: &[u8]) -> Option<&[u8]> {
    let members = json::members(data).ok()?;
    let response = members
        .iter()
        .find(|member| member.key == "response")?
        .value;
    data.get(response.start..response.end)
}

/// As JSON strings.
const RESPONSES_KINDS: &[&str] = &[
    "\"response.completed\"",
    "\"response.incomplete\"",
    "\"response.done\"",
    "\"response.cancelled\"",
    "\"response.failed\"",
    "\"error\"",
];
const MESSAGES_KINDS: &[&str] = &[
    "\"message_stop\"",
    "\"message_delta\"",
    "\"error\"",
    "\"ping\"",
];

/// The kind of an event: its name, or else the `type` in its data. The data is parsed only if it contains one of
/// `known`.
fn kind<'a>(name: Option<&'a [u8]>, data: &'a [u8], known: &[&str]) -> Cow<'a, str> {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "type", default)]
        kind: String,
    }
    if let Some(name) = name {
        return String::from_utf8_lossy(name);
    }
    if !known
        .iter()
        .any(|kind| memmem::find(data, kind.as_bytes()).is_some())
    {
        return Cow::Borrowed("other");
    }
    let typed = serde_json::from_slice::<Typed>(data);
    Cow::Owned(typed.map(|typed| typed.kind).unwrap_or_default())
}

/// Whether an object may have an `error`, at any depth.
pub fn may_be_error(json: &[u8]) -> bool {
    ERROR.find(json).is_some()
}

/// Whether a whole answer may have a finish reason, at any depth.
pub fn may_be_finished(dialect: Dialect, body: &[u8]) -> bool {
    match dialect {
        Dialect::Chat => has_text(body, &FINISH_CHAT),
        Dialect::Messages => has_text(body, &STOP),
        Dialect::Responses => COMPLETED.find(body).is_some(),
        Dialect::Gemini => has_text(body, &FINISH_GEMINI),
    }
}

/// Whether the object or one of its choices is an error.
fn is_error(dialect: Dialect, json: &[u8]) -> bool {
    has_error(json) || (dialect == Dialect::Chat && choice_error::find(json).is_some())
}

/// Whether the object has an `error` that is not null.
fn has_error(json: &[u8]) -> bool {
    may_be_error(json)
        && json::members(json).is_ok_and(|members| {
            members.iter().any(|member| {
                let value = json.get(member.value.start..member.value.end);
                member.key == "error" && value != Some(b"null")
            })
        })
}

/// Whether the delta of a message has a stop reason.
fn has_stop_reason(data: &[u8]) -> bool {
    if !has_text(data, &STOP) {
        return false;
    }
    let mut found = false;
    let mut look = || {
        let mut scanner = Scanner::new(data)?;
        scanner.object(|scanner, key| {
            if scanner.peek() != Some(b'{') || !key.is("delta") {
                return scanner.skip();
            }
            scanner.object(|scanner, key| {
                let (value, _): (_, Span) = scanner.value()?;
                found |= is_nonempty_text(&key, value, "stop_reason");
                Ok(())
            })
        })
    };
    look().is_ok() && found
}

#[cfg(test)]
mod tests;
