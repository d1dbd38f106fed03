//! What an event of an upstream's stream means for the stream itself: goes on, may end, has ended, has
//! failed. And which answers are errors although they came as a success.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::{self, Finder};
use serde::Deserialize;
use serde_json::Value;

use super::Dialect;
use super::choice_error;
use crate::json::{self, Invalid, Scanner, Span, Text};
use crate::sse::Event;

/// A text that every event is searched for. What its search needs is made once.
pub type Needle = LazyLock<Finder<'static>>;

static ERROR: Needle = LazyLock::new(|| Finder::new("\"error\""));
static DELTA: Needle = LazyLock::new(|| Finder::new("\"delta\""));
static CONTENT: Needle = LazyLock::new(|| Finder::new("\"content\""));
static INDEX: Needle = LazyLock::new(|| Finder::new("\"index\""));
static FINISH_CHAT: Needle = LazyLock::new(|| Finder::new("\"finish_reason\""));
static FINISH_GEMINI: Needle = LazyLock::new(|| Finder::new("\"finishReason\""));
static STOP: Needle = LazyLock::new(|| Finder::new("\"stop_reason\""));
static COMPLETED: Needle = LazyLock::new(|| Finder::new("\"status\":\"completed\""));
static BLOCK: Needle = LazyLock::new(|| Finder::new("\"blockReason\""));

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
        Dialect::Chat | Dialect::Gemini if may_be_error(data) && tells_error(dialect, data) => {
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

/// The status of an error in JSON: a body, an event, or the error object itself. 502 if it has none.
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
/// chat upstreams, one with an error in a choice, or one without `choices` that has a code and a message.
pub fn is_error_body(dialect: Dialect, body: &[u8]) -> bool {
    if tells_error(dialect, body) {
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

/// The response in an event of Responses.
pub fn response_in(data: &[u8]) -> Option<&[u8]> {
    let members = json::members(data).ok()?;
    let response = members
        .iter()
        .find(|member| member.key == "response")?
        .value;
    data.get(response.start..response.end)
}

/// With the quotes that they have in JSON.
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
        .any(|kind| memmem::find(data, kind.as_bytes()).is_some())
    {
        return Cow::Borrowed("other");
    }
    let typed = serde_json::from_slice::<Typed>(data);
    Cow::Owned(typed.map(|typed| typed.kind).unwrap_or_default())
}

/// Whether an object can have an `error`, at any depth.
pub fn may_be_error(json: &[u8]) -> bool {
    ERROR.find(json).is_some()
}

/// Whether a whole answer can say that it has ended, at any depth.
pub fn may_be_finished(dialect: Dialect, body: &[u8]) -> bool {
    match dialect {
        Dialect::Chat => has_text(body, &FINISH_CHAT),
        Dialect::Messages => has_text(body, &STOP),
        Dialect::Responses => COMPLETED.find(body).is_some(),
        Dialect::Gemini => has_text(body, &FINISH_GEMINI),
    }
}

/// Whether the object is an error, or one of its choices is.
fn tells_error(dialect: Dialect, json: &[u8]) -> bool {
    has_error(json) || (dialect == Dialect::Chat && choice_error::find(json).is_some())
}

/// Whether the object has an `error` at its top that is not null.
fn has_error(json: &[u8]) -> bool {
    may_be_error(json)
        && json::members(json).is_ok_and(|members| {
            members.iter().any(|member| {
                let value = json.get(member.value.start..member.value.end);
                member.key == "error" && value != Some(b"null")
            })
        })
}

/// Answers side by side in one stream: which of them have begun, and which have said why they end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choices {
    /// One bit for each; those beyond share the last.
    begun: u128,
    finished: u128,
}

impl Choices {
    /// Takes note of the data of an event. JSON is read only where an answer ends, or is not the first.
    pub fn see(&mut self, dialect: Dialect, data: &[u8]) {
        let (content, finish) = match dialect {
            Dialect::Chat => (&DELTA, &FINISH_CHAT),
            Dialect::Gemini => (&CONTENT, &FINISH_GEMINI),
            Dialect::Messages | Dialect::Responses => return,
        };
        let is_plain = !has_text(data, finish) && !has_later_index(data) && !is_blocked(data);
        if is_plain {
            // What has begun need not be looked for again.
            if self.begun & 1 == 0 {
                self.begun |= u128::from(content.find(data).is_some());
            }
            return;
        }
        let mut seen = *self;
        let looked = look(dialect, data, &mut |choice| match choice {
            Choice::Blocked => seen.finished = u128::MAX,
            Choice::One { index, is_finished } => {
                let bit = 1 << index.min(127);
                seen.begun |= bit;
                if is_finished {
                    seen.finished |= bit;
                }
            }
        });
        if looked.is_ok() {
            *self = seen;
        }
    }

    /// Whether all that have begun have said why they end.
    pub fn are_finished(&self) -> bool {
        self.finished != 0 && self.begun & !self.finished == 0
    }
}

/// What an event says of one of the answers in it.
enum Choice {
    One {
        index: u32,
        is_finished: bool,
    },
    /// The prompt is refused (Gemini).
    Blocked,
}

/// Whether an event of a chat or of Gemini says why an answer ends.
fn finishes(dialect: Dialect, data: &[u8]) -> bool {
    let may_finish = match dialect {
        Dialect::Chat => has_text(data, &FINISH_CHAT),
        _ => has_text(data, &FINISH_GEMINI) || is_blocked(data),
    };
    let mut finishes = false;
    may_finish
        && look(dialect, data, &mut |choice| {
            finishes |= match choice {
                Choice::One { is_finished, .. } => is_finished,
                Choice::Blocked => true,
            }
        })
        .is_ok()
        && finishes
}

/// Whether the prompt may have been refused.
fn is_blocked(data: &[u8]) -> bool {
    has_text(data, &BLOCK)
}

/// Goes through the answers in an event, where its dialect has them.
fn look(dialect: Dialect, data: &[u8], each: &mut dyn FnMut(Choice)) -> Result<(), Invalid> {
    let mut scanner = Scanner::new(data)?;
    look_in(dialect, &mut scanner, true, each)?;
    scanner.end()
}

fn look_in(
    dialect: Dialect,
    scanner: &mut Scanner<'_>,
    is_top: bool,
    each: &mut dyn FnMut(Choice),
) -> Result<(), Invalid> {
    let (list, finish) = match dialect {
        Dialect::Chat => ("choices", "finish_reason"),
        _ => ("candidates", "finishReason"),
    };
    let is_gemini = dialect == Dialect::Gemini;
    scanner.object(|scanner, key| {
        let next = scanner.peek();
        if next == Some(b'[') && key.is(list) {
            return scanner.array(|scanner| {
                if scanner.peek() != Some(b'{') {
                    return scanner.skip();
                }
                let (mut index, mut is_finished) = (0, false);
                scanner.object(|scanner, key| {
                    let (value, _) = scanner.value()?;
                    match value {
                        json::Value::Number(number) if key.is("index") => {
                            index = number.parse().unwrap_or(0);
                        }
                        json::Value::String(text) if key.is(finish) => {
                            is_finished = !text.is_empty();
                        }
                        _ => {}
                    }
                    Ok(())
                })?;
                each(Choice::One { index, is_finished });
                Ok(())
            });
        }
        if is_gemini && next == Some(b'{') && key.is("promptFeedback") {
            return scanner.object(|scanner, key| {
                let (value, _) = scanner.value()?;
                if says(&key, value, "blockReason") {
                    each(Choice::Blocked);
                }
                Ok(())
            });
        }
        if is_gemini && is_top && next == Some(b'{') && key.is("response") {
            return look_in(dialect, scanner, false, each);
        }
        scanner.skip()
    })
}

/// Whether this is the member `name`, and a text that says something.
fn says(key: &Text<'_>, value: json::Value<'_>, name: &str) -> bool {
    matches!(value, json::Value::String(text) if !text.is_empty()) && key.is(name)
}

/// Whether the delta of a message says why it ends.
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
                found |= says(&key, value, "stop_reason");
                Ok(())
            })
        })
    };
    look().is_ok() && found
}

/// Whether a key, given with its quotes, is there with a string behind it, at any depth. Inside a string its quotes
/// would be escaped.
pub(super) fn has_text(json: &[u8], key: &Finder<'_>) -> bool {
    has_behind(json, key, |next| next == b'"')
}

/// Whether something has an index that is not 0.
fn has_later_index(json: &[u8]) -> bool {
    has_behind(json, &INDEX, |next| matches!(next, b'1'..=b'9'))
}

fn has_behind(json: &[u8], key: &Finder<'_>, is_so: impl Fn(u8) -> bool) -> bool {
    key.find_iter(json).any(|at| {
        let after = json.get(at + key.needle().len()..).unwrap_or_default();
        let mut next = after.iter().filter(|byte| !byte.is_ascii_whitespace());
        next.next() == Some(&b':') && next.next().is_some_and(|next| is_so(*next))
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
            (
                r#"{"choices":[{"delta":{"x":{"finish_reason":"stop"}},"finish_reason":null}]}"#,
                Part,
            ),
            (r#"{"choices":[{"delta":{},"finish_reason":""}]}"#, Part),
            (r#"{"x":{"choices":[{"finish_reason":"stop"}]}}"#, Part),
            (
                r#"{"choices":[{"error":{"code":502},"finish_reason":"error"}]}"#,
                Error,
            ),
            (
                r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"error"}]}"#,
                Error,
            ),
            (
                r#"{"choices":[{"error":null,"finish_reason":"stop"}]}"#,
                Finish,
            ),
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
        let nested = r#"data: {"type":"response.output_item.added","item":{"x":{"type":"response.completed"}}}"#;
        assert_eq!(of(Dialect::Responses, nested), Part);
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
            (
                r#"{"type":"message_delta","delta":{"stop_reason":null,"x":{"stop_reason":"a"}}}"#,
                Part,
            ),
            (
                r#"{"type":"content_block_start","content_block":{"input":{"type":"message_stop"}}}"#,
                Part,
            ),
            (
                r#"{"type":"content_block_start","content_block":{"input":{"type":"error","error":{}}}}"#,
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
            (
                r#"{"response":{"candidates":[{"finishReason":"STOP"}]}}"#,
                Finish,
            ),
            (
                r#"{"candidates":[{"content":{"parts":[{"functionCall":{"args":{"finishReason":"STOP",
                    "blockReason":"x","error":{"code":1},"promptFeedback":{"blockReason":"x"}}}}]}}]}"#,
                Part,
            ),
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
    fn answers_side_by_side_finish_together() {
        let chat = |index: u32, finish: &str| {
            let finish = if finish.is_empty() {
                "null"
            } else {
                "\"stop\""
            };
            format!(r#"{{"choices":[{{"index":{index},"delta":{{}},"finish_reason":{finish}}}]}}"#)
        };
        let gemini = |index: u32, finish: &str| {
            let index = if index == 0 {
                String::new()
            } else {
                format!(r#""index":{index},"#)
            };
            let finish = if finish.is_empty() {
                String::new()
            } else {
                r#","finishReason":"STOP""#.to_owned()
            };
            format!(r#"{{"candidates":[{{{index}"content":{{"parts":[]}}{finish}}}]}}"#)
        };
        let usage = |_: u32, _: &str| r#"{"choices":[],"usage":{}}"#.to_owned();
        type Write<'w> = &'w dyn Fn(u32, &str) -> String;
        for (dialect, write) in [
            (Dialect::Chat, &chat as Write<'_>),
            (Dialect::Gemini, &gemini),
        ] {
            for (events, expected) in [
                (&[(0, ""), (0, "stop")][..], true),
                (&[(0, ""), (1, ""), (0, "stop")], false),
                (&[(0, ""), (1, ""), (1, "stop")], false),
                (&[(0, ""), (1, ""), (1, "stop"), (0, "stop")], true),
                (&[(0, "stop"), (1, "")], false),
                (&[(0, ""), (200, ""), (0, "stop"), (200, "stop")], true),
            ] {
                let mut choices = Choices::default();
                for (index, finish) in events {
                    choices.see(dialect, write(*index, finish).as_bytes());
                }
                choices.see(dialect, usage(0, "").as_bytes());
                assert_eq!(choices.are_finished(), expected, "{dialect:?} {events:?}");
            }
        }
        let mut choices = Choices::default();
        choices.see(
            Dialect::Gemini,
            br#"{"promptFeedback":{"blockReason":"SAFETY"}}"#,
        );
        assert!(choices.are_finished());
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
        assert!(is(r#"{"code":1,"msg":"m","data":{"choices":[]}}"#));
        let response = br#"{"id":"r","error":null,"output":[{"arguments":{"error":1}}]}"#;
        assert!(!is_error_body(Dialect::Responses, response));
        assert!(!is_error_body(
            Dialect::Responses,
            br#"{"code":1,"message":"m"}"#
        ));
    }
}
