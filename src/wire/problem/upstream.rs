//! Errors of upstreams, and what of them is passed on.

#![allow(
    clippy::indexing_slicing,
    reason = "Reading a member of a `Value` cannot panic"
)]

use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value;

use super::class::Class;
use super::report::{MAX_MESSAGE_CHARS, Problem};
use super::shape::render;
use super::status::ErrorStatus;
use crate::redaction::patterns::redact;
use crate::wire::{Dialect, event};

/// How often a message may be JSON that contains the message, as chained gateways produce it.
const MAX_NESTING: usize = 8;

/// The longest type or code that is passed on, in bytes.
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

/// An upstream's error for the client, status and body: verbatim if it is a JSON object in the client's dialect without
/// secrets, of moderate length, and recognised by clients of that dialect; else rewritten with its message.
pub fn from_upstream<'b>(
    dialect: Dialect,
    status: ErrorStatus,
    body: &'b [u8],
    content_type: Option<&str>,
    retry_after: Option<Duration>,
) -> (ErrorStatus, Cow<'b, [u8]>) {
    let parsed = parse(body);
    let problem = problem_of(dialect, status, parsed.as_ref(), body, content_type)
        .with_retry_after(retry_after);
    if let Some(value) = &parsed
        && in_shape(dialect, value)
        && is_presentable(value)
        && problem
            .class
            .is_none_or(|class| class.is_told_by(dialect, status, &value["error"]))
    {
        let status = match dialect {
            Dialect::Chat | Dialect::Responses => problem.status_in(dialect),
            // The body names it too, or the vendor has several.
            Dialect::Messages | Dialect::Gemini => status,
        };
        return (status, Cow::Borrowed(body));
    }
    (
        problem.status_in(dialect),
        Cow::Owned(render(dialect, &problem)),
    )
}

/// A rewritten error event for a stream in its own dialect, if its clients would not recognise the original.
pub fn retold(dialect: Dialect, data: &[u8]) -> Option<Problem> {
    let value = parse(data)?;
    let status = ErrorStatus::from_upstream(event::error_status(data));
    let problem = problem_of(dialect, status, Some(&value), data, None);
    let class = problem.class?;
    let is_told = class.is_told_by(dialect, status, error_object(&value));
    (!is_told).then_some(problem)
}

/// Reads an upstream's error body, for use within a stream or in a log.
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
        let message = plain_text(body, content_type);
        return Problem {
            class: Class::of(status, &Value::Null, &message),
            ..Problem::new(status, message)
        };
    };
    let error = error_object(value);
    let message = inner_message(value, MAX_NESTING).unwrap_or_else(|| match value {
        Value::Null => String::new(),
        _ => plain_text(body, content_type),
    });
    Problem {
        kind: kind(dialect, error),
        code: word(&error["code"]).map(Cow::Owned),
        class: Class::of(status, error, &message),
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

/// The upstream's own error type, if `dialect` has it.
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

/// A short token that does not look like a key.
fn word(value: &Value) -> Option<String> {
    let word = value.as_str()?;
    let short = (1..=MAX_WORD_BYTES).contains(&word.len());
    let plain = word
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    (short && plain && is_clean(value)).then(|| word.to_owned())
}

/// The innermost message of `value`, in the places that vendors and frameworks use.
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

/// The message of JSON within a text.
fn nested_message(text: &str, nesting: usize) -> Option<String> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    inner_message(&serde_json::from_str(text).ok()?, nesting)
}

/// The message of a body that is not JSON. For an HTML page it is empty, and the standard phrase of the status is used.
fn plain_text(body: &[u8], content_type: Option<&str>) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let html = content_type.is_some_and(|value| value.to_ascii_lowercase().contains("html"));
    if html || text.starts_with('<') {
        return String::new();
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const OPENAI: &str = r#"{ "error": {"message":"Rate limit reached","type":"requests","param":null,"code":"rate_limit_exceeded"} }"#;
    const CLAUDE: &str = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_011CSHoEeqs5C35K2UUqR7Fy"}"#;
    const GEMINI: &str = r#"{"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"3s"}]}}"#;

    fn status(code: u16) -> ErrorStatus {
        ErrorStatus::from_upstream(code)
    }

    fn reshaped(dialect: Dialect, code: u16, body: &str) -> Value {
        match from_upstream(dialect, status(code), body.as_bytes(), None, None).1 {
            Cow::Borrowed(_) => panic!("passed on as it is: {body}"),
            Cow::Owned(bytes) => serde_json::from_slice(&bytes).expect("JSON"),
        }
    }

    #[test]
    fn the_dialects_own_errors_pass_verbatim_and_only_there() {
        for dialect in Dialect::ALL {
            for (body, own) in [
                (
                    OPENAI,
                    matches!(dialect, Dialect::Chat | Dialect::Responses),
                ),
                (CLAUDE, dialect == Dialect::Messages),
                (GEMINI, dialect == Dialect::Gemini),
            ] {
                let (_, answer) = from_upstream(dialect, status(429), body.as_bytes(), None, None);
                let verbatim = matches!(answer, Cow::Borrowed(same) if same == body.as_bytes());
                assert_eq!(verbatim, own, "{dialect:?} {body}");
            }
        }
    }

    #[test]
    fn foreign_errors_are_told_in_the_callers_dialect() {
        assert_eq!(
            reshaped(Dialect::Messages, 429, OPENAI),
            json!({"type": "error", "error": {"type": "rate_limit_error", "message": "Rate limit reached"}})
        );
        assert_eq!(
            reshaped(Dialect::Chat, 429, GEMINI),
            json!({"error": {"message": "Quota", "type": "rate_limit_error", "param": null, "code": "rate_limit_exceeded"}})
        );
        assert_eq!(
            reshaped(Dialect::Gemini, 529, CLAUDE),
            json!({"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}})
        );
    }

    #[test]
    fn messages_are_found_where_frameworks_put_them() {
        for (body, message) in [
            (r#"{"message":"plain"}"#, "plain"),
            (r#"{"error":"short"}"#, "short"),
            (r#"{"detail":"fastapi"}"#, "fastapi"),
            (
                r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#,
                "field required",
            ),
            (
                r#"[{"error":{"code":400,"message":"list","status":"INVALID_ARGUMENT"}}]"#,
                "list",
            ),
            (
                r#"{"error":{"message":"{\"error\":{\"message\":\"inner\"}}"}}"#,
                "inner",
            ),
            (
                r#"{"type":"response.failed","response":{"error":{"code":"c","message":"failed"}}}"#,
                "failed",
            ),
            (r#"{"unknown":1}"#, r#"{"unknown":1}"#),
            ("null", "Bad Request"),
            ("", "Bad Request"),
            ("  upstream said no \n", "upstream said no"),
            (
                "{\"error\":{\"message\":\"cut of",
                "{\"error\":{\"message\":\"cut of",
            ),
            ("<html><title>400</title></html>", "Bad Request"),
        ] {
            let error = reshaped(Dialect::Messages, 400, body);
            assert_eq!(error["error"]["message"], message, "{body}");
        }
        let html = Some("Text/HTML; charset=utf-8");
        let (_, page) = from_upstream(Dialect::Chat, status(502), b"oops", html, None);
        let page: Value = serde_json::from_slice(&page).expect("JSON");
        assert_eq!(page["error"]["message"], "Bad Gateway");
    }

    #[test]
    fn the_upstreams_word_counts_where_the_dialect_has_it() {
        let body = r#"{"error":{"type":"overloaded_error","message":"x"}}"#;
        assert_eq!(
            reshaped(Dialect::Messages, 500, body)["error"]["type"],
            "overloaded_error"
        );
        let body = r#"{"error":{"type":"insufficient_quota","message":"x"}}"#;
        assert_eq!(
            reshaped(Dialect::Messages, 429, body)["error"]["type"],
            "billing_error"
        );
        let body = r#"{"type":"error","code":"context_length_exceeded","message":"x","sequence_number":3}"#;
        let problem = read_upstream(Dialect::Responses, status(400), body.as_bytes(), None);
        assert_eq!(problem.code.as_deref(), Some("context_length_exceeded"));
        assert_eq!(problem.kind, None);
    }

    #[test]
    fn bodies_with_secrets_or_novels_are_written_anew() {
        let leaking = r#"{"error":{"message":"Incorrect API key provided: sk-proj-\u0061bcdef123456","type":"invalid_request_error"}}"#;
        let error = reshaped(Dialect::Chat, 401, leaking);
        assert_eq!(
            error["error"]["message"],
            "Incorrect API key provided: sk-[redacted]"
        );
        assert_eq!(error["error"]["type"], "invalid_request_error");
        let hidden = r#"{"error":{"message":"no","code":"sk-proj-abcdef123456","x":"sk-proj-abcdef123456"}}"#;
        assert!(
            !reshaped(Dialect::Chat, 401, hidden)
                .to_string()
                .contains("abcdef")
        );
        let novel = format!(
            r#"{{"error":{{"message":"{}"}}}}"#,
            "a ".repeat(MAX_MESSAGE_CHARS)
        );
        let error = reshaped(Dialect::Chat, 400, &novel);
        assert_eq!(
            error["error"]["message"]
                .as_str()
                .map(|m| m.chars().count()),
            Some(MAX_MESSAGE_CHARS)
        );
    }

    #[test]
    fn nesting_is_bounded() {
        let mut body = json!({"message": "deep"});
        for _ in 0..20 {
            body = json!({"error": body.to_string()});
        }
        let deep = reshaped(Dialect::Chat, 400, &body.to_string());
        let message = deep["error"]["message"].as_str().expect("a string");
        assert!(message.starts_with(r#"{"error":"#));
        let brackets = "[".repeat(100_000);
        assert!(reshaped(Dialect::Chat, 400, &brackets)["error"]["message"].is_string());
    }

    proptest! {
        #[test]
        fn whatever_comes_json_goes(
            dialect in prop::sample::select(Dialect::ALL.to_vec()),
            code: u16,
            body in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let (_, answer) = from_upstream(dialect, status(code), &body, None, None);
            prop_assert!(serde_json::from_slice::<Value>(&answer).is_ok());
        }
    }
}
