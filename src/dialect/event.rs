//! What an event of an upstream's stream means for the stream itself: goes on, may end, has ended, has
//! failed. And which answers are errors although they came as a success.

use std::borrow::Cow;

use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;

use super::Dialect;
use crate::json;
use crate::sse::Event;

/// What an event does to its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing: a comment, a ping, a blank line.
    Idle,
    /// A part of the answer.
    Part,
    /// A part of the answer that says why it ends. The stream may end after it, or bring more.
    Finish,
    /// The end.
    End,
    /// An error; nothing follows.
    Error,
}

/// What `event` means. `data` is its data, if it has any. JSON is read only where a key that matters can be.
pub fn meaning(dialect: Dialect, event: &Event, data: Option<&[u8]>) -> Meaning {
    let Some(data) = data else {
        return Meaning::Idle;
    };
    let name = event.name();
    match dialect {
        _ if name == Some(b"error") => Meaning::Error,
        Dialect::Chat if data.trim_ascii() == b"[DONE]" => Meaning::End,
        Dialect::Chat | Dialect::Gemini if has_error(data) => Meaning::Error,
        Dialect::Chat if has_text(data, "finish_reason") => Meaning::Finish,
        Dialect::Gemini if has_text(data, "finishReason") || has_text(data, "blockReason") => {
            Meaning::Finish
        }
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
            "message_delta" if has_text(data, "stop_reason") => Meaning::Finish,
            _ => Meaning::Part,
        },
    }
}

/// The status that fits an error in JSON: a body, an event, or the error object itself. 502 when it does not
/// say (spec/dialects.md 5.6, spec/providers.md 2.3).
pub fn error_status(json: &[u8]) -> u16 {
    let json: Value = serde_json::from_slice(json).unwrap_or_default();
    let error = error_object(&json);
    let numbers = ["code", "status", "status_code"];
    let mut numbers = numbers.iter().filter_map(|key| match error.get(key)? {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    });
    if let Some(status) = numbers.find(|number| (400..600).contains(number)) {
        return u16::try_from(status).unwrap_or(502);
    }
    let texts = ["code", "type", "status"];
    let mut texts = texts.iter().filter_map(|key| error.get(key)?.as_str());
    texts.find_map(status_of_word).unwrap_or(502)
}

/// The error object in a body or an event; the whole, if there is none.
pub fn error_object(json: &Value) -> &Value {
    let places = ["/response/error", "/error"];
    let mut found = places.iter().filter_map(|place| json.pointer(place));
    found.find(|error| error.is_object()).unwrap_or(json)
}

/// Whether a whole JSON answer is an error, whatever its status said: an object with an `error`, or, from
/// chat upstreams, one without `choices` that has a code and a message.
pub fn is_error_body(dialect: Dialect, body: &[u8]) -> bool {
    if has_error(body) {
        return true;
    }
    if dialect != Dialect::Chat || memmem::find(body, b"\"choices\"").is_some() {
        return false;
    }
    let Ok(members) = json::members(body) else {
        return false;
    };
    let has = |keys: [&str; 2]| members.iter().any(|member| keys.contains(&&*member.key));
    has(["status", "code"]) && has(["msg", "message"])
}

/// The id of an answer of Responses: in the event that ends its stream, or in the whole of it.
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

const RESPONSES_KINDS: &[&str] = &[
    "response.completed",
    "response.incomplete",
    "response.done",
    "response.cancelled",
    "response.failed",
    "error",
];
const MESSAGES_KINDS: &[&str] = &["message_stop", "message_delta", "error", "ping"];

/// The kind of an event: its name, else the `type` in its data. The data is read only if one of `known` can
/// be its type.
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
        .any(|kind| memmem::find(data, format!("\"{kind}\"").as_bytes()).is_some())
    {
        return Cow::Borrowed("other");
    }
    let typed = serde_json::from_slice::<Typed>(data);
    Cow::Owned(typed.map(|typed| typed.kind).unwrap_or_default())
}

/// Whether the object has an `error` at its top that is not null.
fn has_error(json: &[u8]) -> bool {
    memmem::find(json, b"\"error\"").is_some()
        && json::members(json).is_ok_and(|members| {
            members.iter().any(|member| {
                let value = json.get(member.value.start..member.value.end);
                member.key == "error" && value != Some(b"null")
            })
        })
}

/// Whether a key is there with a string behind it, at any depth. Inside a string its quotes would be escaped.
fn has_text(json: &[u8], key: &str) -> bool {
    memmem::find_iter(json, key.as_bytes()).any(|at| {
        let after = json.get(at + key.len()..).unwrap_or_default();
        let is_key = at.checked_sub(1).and_then(|at| json.get(at)) == Some(&b'"');
        let mut next = after.iter().filter(|byte| !byte.is_ascii_whitespace());
        is_key
            && next.next() == Some(&b'"')
            && next.next() == Some(&b':')
            && next.next() == Some(&b'"')
    })
}

/// The vendors' words for errors.
fn status_of_word(word: &str) -> Option<u16> {
    Some(match word {
        "invalid_request_error"
        | "invalid_prompt"
        | "context_length_exceeded"
        | "INVALID_ARGUMENT"
        | "FAILED_PRECONDITION" => 400,
        "authentication_error" | "invalid_api_key" | "UNAUTHENTICATED" => 401,
        "billing_error" | "usage_not_included" => 402,
        "permission_error" | "PERMISSION_DENIED" => 403,
        "not_found_error" | "model_not_found" | "NOT_FOUND" => 404,
        "request_timeout" => 408,
        "request_too_large" => 413,
        "rate_limit_error"
        | "rate_limit_exceeded"
        | "usage_limit_reached"
        | "insufficient_quota"
        | "RESOURCE_EXHAUSTED" => 429,
        "api_error" | "server_error" | "internal_server_error" | "INTERNAL" => 500,
        "server_is_overloaded" | "slow_down" | "UNAVAILABLE" => 503,
        "timeout_error" | "DEADLINE_EXCEEDED" => 504,
        "overloaded_error" | "overloaded" => 529,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sse::{MAX_EVENT, Splitter};

    fn of(dialect: Dialect, event: &str) -> Meaning {
        let mut splitter = Splitter::new(MAX_EVENT);
        splitter.push(event.as_bytes()).unwrap();
        splitter.push(b"\n\n").unwrap();
        let event = splitter.next_event().unwrap();
        meaning(dialect, &event, event.data().as_deref())
    }

    #[test]
    fn chat() {
        use Meaning::*;
        for (data, expected) in [
            (
                r#"{"choices":[{"delta":{"content":"a"},"finish_reason":null}]}"#,
                Part,
            ),
            (
                r#"{"choices":[{"delta":{"content":"\"finish_reason\":\"x\""}}]}"#,
                Part,
            ),
            (
                r#"{"choices":[{"delta":{},"finish_reason" : "stop"}]}"#,
                Finish,
            ),
            ("[DONE]", End),
            (r#"{"error":{"message":"m"}}"#, Error),
            (r#"{"choices":[],"error":null}"#, Part),
            (r#"{"choices":[{"delta":{"x":{"error":1}}}]}"#, Part),
        ] {
            assert_eq!(
                of(Dialect::Chat, &format!("data: {data}")),
                expected,
                "{data}"
            );
        }
        assert_eq!(of(Dialect::Chat, ": OPENROUTER PROCESSING"), Idle);
        assert_eq!(of(Dialect::Chat, "event: error\ndata: {}"), Error);
    }

    #[test]
    fn responses() {
        use Meaning::*;
        for (kind, expected) in [
            ("response.created", Part),
            ("response.output_text.delta", Part),
            ("response.completed", End),
            ("response.incomplete", End),
            ("response.failed", Error),
            ("error", Error),
        ] {
            let data = format!(
                r#"data: {{"sequence_number":1,"type":"{kind}","response":{{"error":null}}}}"#
            );
            assert_eq!(of(Dialect::Responses, &data), expected, "{kind}");
            let named = format!("event: {kind}\n{data}");
            assert_eq!(of(Dialect::Responses, &named), expected, "{kind}");
        }
        assert_eq!(
            of(Dialect::Responses, r#"data: {"error":{"code":"x"}}"#),
            Error
        );
    }

    #[test]
    fn messages() {
        use Meaning::*;
        for (data, expected) in [
            (
                r#"{"type":"message_start","message":{"stop_reason":null}}"#,
                Part,
            ),
            (r#"{"type":"ping"}"#, Idle),
            (
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
                Finish,
            ),
            (
                r#"{"type":"message_delta","delta":{"stop_reason":null}}"#,
                Part,
            ),
            (r#"{"type":"message_stop"}"#, End),
            (
                r#"{"type":"error","error":{"type":"overloaded_error"}}"#,
                Error,
            ),
        ] {
            assert_eq!(
                of(Dialect::Messages, &format!("data: {data}")),
                expected,
                "{data}"
            );
        }
    }

    #[test]
    fn gemini() {
        use Meaning::*;
        for (data, expected) in [
            (r#"{"candidates":[{"content":{}}]}"#, Part),
            (r#"{"candidates":[{"finishReason":"STOP"}]}"#, Finish),
            (r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#, Finish),
            (r#"{"error":{"code":503}}"#, Error),
        ] {
            assert_eq!(
                of(Dialect::Gemini, &format!("data: {data}")),
                expected,
                "{data}"
            );
        }
    }

    #[test]
    fn errors_have_a_status() {
        for (json, expected) in [
            (r#"{"error":{"code":503,"status":"UNAVAILABLE"}}"#, 503),
            (r#"{"error":{"code":"429","message":"m"}}"#, 429),
            (
                r#"{"type":"error","error":{"type":"overloaded_error"}}"#,
                529,
            ),
            (r#"{"type":"error","code":"rate_limit_exceeded"}"#, 429),
            (
                r#"{"response":{"error":{"code":"server_is_overloaded"}}}"#,
                503,
            ),
            (
                r#"{"error":{"code":"what","type":"rate_limit_error"}}"#,
                429,
            ),
            (r#"{"error":{"code":200}}"#, 502),
            (r#"{"error":"text"}"#, 502),
            ("no json", 502),
        ] {
            assert_eq!(error_status(json.as_bytes()), expected, "{json}");
        }
    }

    #[test]
    fn bodies_can_be_errors() {
        let is = |body: &str| is_error_body(Dialect::Chat, body.as_bytes());
        assert!(is(r#"{"error":{"message":"m"}}"#));
        assert!(is(r#"{"code":10004,"msg":"m"}"#));
        assert!(!is(r#"{"choices":[],"code":1,"msg":"m"}"#));
        assert!(!is(r#"{"choices":[],"error":null}"#));
        let response = br#"{"id":"r","error":null,"output":[{"arguments":{"error":1}}]}"#;
        assert!(!is_error_body(Dialect::Responses, response));
        assert!(!is_error_body(
            Dialect::Responses,
            br#"{"code":1,"message":"m"}"#
        ));
    }
}
