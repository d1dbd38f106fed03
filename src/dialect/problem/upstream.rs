//! What an upstream's refusal says, and how much of it goes on as it is.

use std::borrow::Cow;

use serde_json::Value;

use super::redact::redact;
use super::report::{MAX_MESSAGE_CHARS, Problem};
use super::shape::render;
use super::status::ErrorStatus;
use crate::dialect::Dialect;

/// How often a message may be JSON that holds the message, as gateways in a row produce it.
const MAX_NESTING: usize = 8;

/// The longest type or code word that is believed, in bytes.
const MAX_WORD_BYTES: usize = 64;

/// The error types of the Anthropic API (its errors page).
const CLAUDE_TYPES: &[&str] = &[
    "invalid_request_error",
    "authentication_error",
    "billing_error",
    "permission_error",
    "not_found_error",
    "conflict_error",
    "request_too_large",
    "rate_limit_error",
    "api_error",
    "timeout_error",
    "overloaded_error",
];

/// An upstream's error body as the caller gets it: verbatim if it is a JSON object in the caller's dialect
/// that gives no secret away and rambles not, else written anew with what it says.
pub fn from_upstream<'b>(
    dialect: Dialect,
    status: ErrorStatus,
    body: &'b [u8],
    content_type: Option<&str>,
) -> Cow<'b, [u8]> {
    let parsed = parse(body);
    if let Some(value) = &parsed
        && in_shape(dialect, value)
        && is_presentable(value)
    {
        return Cow::Borrowed(body);
    }
    let problem = problem_of(dialect, status, parsed.as_ref(), body, content_type);
    Cow::Owned(render(dialect, &problem))
}

/// What an upstream's error body says, for where it cannot go on as it is: within a stream, in a log.
pub fn read_upstream(
    dialect: Dialect,
    status: ErrorStatus,
    body: &[u8],
    content_type: Option<&str>,
) -> Problem {
    problem_of(dialect, status, parse(body).as_ref(), body, content_type)
}

fn parse(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok()
}

/// Whether clients of `dialect` can read the error as it is.
fn in_shape(dialect: Dialect, value: &Value) -> bool {
    if !value.is_object() || !value["error"]["message"].is_string() {
        return false;
    }
    let error = &value["error"];
    let claude = value["type"] == "error" && error["type"].is_string();
    let gemini = error["code"].is_number() && error["status"].is_string();
    match dialect {
        Dialect::Chat | Dialect::Responses => !claude && !gemini,
        Dialect::Messages => claude,
        Dialect::Gemini => gemini,
    }
}

/// Whether all text in `value` is free of secrets and its message short enough.
fn is_presentable(value: &Value) -> bool {
    let message = value["error"]["message"].as_str().unwrap_or_default();
    message.chars().nth(MAX_MESSAGE_CHARS).is_none() && is_clean(value)
}

/// Nesting is bounded: `serde_json` reads at most 128 levels.
fn is_clean(value: &Value) -> bool {
    match value {
        Value::String(text) => matches!(redact(text), Cow::Borrowed(_)),
        Value::Array(items) => items.iter().all(is_clean),
        Value::Object(members) => members.values().all(is_clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

fn problem_of(
    dialect: Dialect,
    status: ErrorStatus,
    parsed: Option<&Value>,
    body: &[u8],
    content_type: Option<&str>,
) -> Problem {
    let Some(value) = parsed else {
        return Problem::new(status, plain_text(body, content_type));
    };
    let error = error_object(value);
    let message = inner_message(value, MAX_NESTING).unwrap_or_default();
    Problem {
        kind: kind(dialect, error),
        code: word(&error["code"]).map(Cow::Owned),
        ..Problem::new(status, message)
    }
}

/// The object that describes the error: `error` of the body, or the body itself.
fn error_object(value: &Value) -> &Value {
    let body = match value {
        Value::Array(items) => items.first().unwrap_or(value),
        _ => value,
    };
    let inner = match &body["response"]["error"] {
        Value::Null => &body["error"],
        nested => nested,
    };
    if inner.is_object() { inner } else { body }
}

/// The upstream's own word for what went wrong, if it is one that `dialect` has.
fn kind(dialect: Dialect, error: &Value) -> Option<Cow<'static, str>> {
    let kind = match dialect {
        Dialect::Chat | Dialect::Responses => {
            word(&error["type"]).filter(|kind| kind != "error" && error["status"].is_null())
        }
        Dialect::Messages => {
            word(&error["type"]).filter(|kind| CLAUDE_TYPES.contains(&kind.as_str()))
        }
        Dialect::Gemini => word(&error["status"])
            .filter(|kind| kind.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')),
    };
    kind.map(Cow::Owned)
}

/// A short token with nothing of a key about it.
fn word(value: &Value) -> Option<String> {
    let word = value.as_str()?;
    let short = (1..=MAX_WORD_BYTES).contains(&word.len());
    let plain = word
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    (short && plain && is_clean(value)).then(|| word.to_owned())
}

/// The message at the bottom of `value`, where the vendors and the frameworks behind them put it.
fn inner_message(value: &Value, nesting: usize) -> Option<String> {
    let nesting = nesting.checked_sub(1)?;
    match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(nested_message(text, nesting).unwrap_or_else(|| text.clone())),
        Value::Array(items) => inner_message(items.first()?, nesting),
        Value::Object(members) => [
            "error",
            "message",
            "detail",
            "msg",
            "error_description",
            "response",
        ]
        .iter()
        .find_map(|key| inner_message(members.get(*key)?, nesting)),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The message of a JSON text within a text.
fn nested_message(text: &str, nesting: usize) -> Option<String> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    inner_message(&serde_json::from_str(text).ok()?, nesting)
}

/// A body that is not JSON. Pages made for browsers tell an API client nothing: empty, which stands for
/// the status' own phrase.
fn plain_text(body: &[u8], content_type: Option<&str>) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let html = content_type.is_some_and(|value| value.to_ascii_lowercase().contains("html"));
    if html || text.starts_with('<') {
        return String::new();
    }
    text.to_owned()
}
