//! How each dialect writes an error.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::class::Class;
use super::report::{MAX_MESSAGE_CHARS, Problem};
use super::status::{ErrorStatus, reason};
use super::words;
use crate::redaction::patterns::redact;
use crate::wire::Dialect;

/// The body of an error answer, and of an error within a Gemini JSON array.
pub fn render(dialect: Dialect, problem: &Problem) -> Vec<u8> {
    let message = &*message(dialect, problem);
    let details = &problem.details;
    match dialect {
        Dialect::Chat | Dialect::Responses => json(&Envelope {
            r#type: None,
            error: OpenAi {
                message,
                r#type: kind(dialect, problem, words::openai_type),
                param: problem.param,
                code: match code(dialect, problem) {
                    Some(code) => Some(code).filter(|code| !code.is_empty()),
                    None => words::openai_code(problem.status),
                },
                details,
            },
        }),
        Dialect::Messages => json(&Envelope {
            r#type: Some("error"),
            error: Claude {
                r#type: kind(dialect, problem, words::claude_type),
                message,
                details,
            },
        }),
        Dialect::Gemini => json(&Envelope {
            r#type: None,
            error: Gemini {
                code: problem.status_in(dialect).code(),
                message,
                status: kind(dialect, problem, words::google_status),
                retry: problem.retry_after.map(|after| [retry_info(after)]),
                details,
            },
        }),
    }
}

/// The error event that ends a stream that has begun.
///
/// `sequence_number`: the number that the next event of a Responses stream would have; the other dialects count
/// nothing.
pub fn render_in_stream(dialect: Dialect, problem: &Problem, sequence_number: u64) -> Vec<u8> {
    match dialect {
        // Google's SDKs raise their error for this form and no other (`relay::closing`).
        // Google ends events with CR LF twice, and its SDK for Go takes what ends otherwise behind one of those for more
        // of it.
        Dialect::Gemini => [b"data: ", &*render(dialect, problem), b"\r\n\r\n"].concat(),
        Dialect::Chat => event("data: ", &render(dialect, problem)),
        Dialect::Messages => event("event: error\ndata: ", &render(dialect, problem)),
        Dialect::Responses => {
            // As OpenAI's OpenAPI document has it, and as its servers send it: OpenCode and OpenAI's own SDKs look for
            // the object.
            let (kind, code, message) = stream_words(problem);
            let error = json!({
                "type": "error",
                "code": code,
                "message": message,
                "param": problem.param,
                "sequence_number": sequence_number,
                "error": {"type": kind, "code": code, "message": message, "param": problem.param},
            });
            event("\nevent: error\ndata: ", &json(&error))
        }
    }
}

/// Type, code and message of an error within a stream of Responses.
pub fn stream_words(problem: &Problem) -> (String, String, String) {
    let dialect = Dialect::Responses;
    let kind = kind(dialect, problem, words::openai_type).to_owned();
    let code = code(dialect, problem).filter(|code| !code.is_empty());
    let code = code.unwrap_or_else(|| words::stream_code(problem.status));
    let message = message(dialect, problem).into_owned();
    // OpenAI's wording of the time to wait, which Codex parses.
    let message = match (problem.class, problem.retry_after) {
        (Some(Class::Quota), Some(after)) if !message.contains("try again in") => {
            format!("{message} Please try again in {}s.", seconds(after))
        }
        _ => message,
    };
    (kind, code.to_owned(), message)
}

/// Whether a client is Codex, which needs other errors in streams (`responses::failure`).
pub fn is_codex_client(user_agent: Option<&str>, originator: Option<&str>) -> bool {
    [user_agent, originator].into_iter().flatten().any(|value| {
        value
            .as_bytes()
            .windows(b"codex".len())
            .any(|window| window.eq_ignore_ascii_case(b"codex"))
    })
}

#[derive(Serialize)]
struct Envelope<E> {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    error: E,
}

#[derive(Serialize)]
struct OpenAi<'a> {
    message: &'a str,
    r#type: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
    #[serde(flatten)]
    details: &'a BTreeMap<&'static str, Value>,
}

#[derive(Serialize)]
struct Claude<'a> {
    r#type: &'a str,
    message: &'a str,
    #[serde(flatten)]
    details: &'a BTreeMap<&'static str, Value>,
}

#[derive(Serialize)]
struct Gemini<'a> {
    code: u16,
    message: &'a str,
    status: &'a str,
    #[serde(rename = "details", skip_serializing_if = "Option::is_none")]
    retry: Option<[Value; 1]>,
    #[serde(flatten)]
    details: &'a BTreeMap<&'static str, Value>,
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // Cannot fail: the keys are strings and nothing here has a serializer of its own.
    serde_json::to_vec(value).unwrap_or_else(|_| b"{}".to_vec())
}

fn event(lead: &str, data: &[u8]) -> Vec<u8> {
    [lead.as_bytes(), data, b"\n\n"].concat()
}

/// The error's type: that of its class, else the upstream's, else that of the status.
fn kind(dialect: Dialect, problem: &Problem, of_status: fn(ErrorStatus) -> &'static str) -> &str {
    match problem.class {
        Some(class) => class.kind(dialect),
        None => problem
            .kind
            .as_deref()
            .unwrap_or_else(|| of_status(problem.status)),
    }
}

fn code(dialect: Dialect, problem: &Problem) -> Option<&str> {
    let said = problem.code.as_deref();
    match problem.class {
        Some(class) => Some(class.code(dialect, said)),
        None => said,
    }
}

/// The message as clients may see it.
fn message(dialect: Dialect, problem: &Problem) -> Cow<'_, str> {
    let classed = problem
        .class
        .map(|class| class.message(dialect, &problem.message));
    match classed {
        Some(message) => presentable(&message, problem.status_in(dialect))
            .into_owned()
            .into(),
        None => presentable(&problem.message, problem.status),
    }
}

fn presentable(message: &str, status: ErrorStatus) -> Cow<'_, str> {
    if message.is_empty() {
        let phrase = reason(status.code());
        return Cow::Borrowed(if phrase.is_empty() { "Error" } else { phrase });
    }
    let clean = redact(message);
    match clean.char_indices().nth(MAX_MESSAGE_CHARS) {
        None => clean,
        Some(_) => clean
            .chars()
            .take(MAX_MESSAGE_CHARS - 1)
            .chain(std::iter::once('…'))
            .collect(),
    }
}

/// The member in which Google's clients look for the time to wait (google/rpc/error_details.proto).
fn retry_info(after: Duration) -> Value {
    json!({
        "@type": "type.googleapis.com/google.rpc.RetryInfo",
        "retryDelay": format!("{}s", seconds(after)),
    })
}

fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(dialect: Dialect, problem: &Problem) -> Value {
        serde_json::from_slice(&render(dialect, problem)).expect("an error body is JSON")
    }

    fn status(code: u16) -> ErrorStatus {
        ErrorStatus::new(code).expect("an error status")
    }

    /// The JSON of an event, and what stands before it.
    fn parts(event: &[u8]) -> (String, Value) {
        let text = str::from_utf8(event).expect("UTF-8");
        let (lead, data) = text.split_once("data: ").expect("a data line");
        let end = ["\r\n\r\n", "\n\n"];
        let mut ended = end.iter().filter_map(|end| data.strip_suffix(end));
        let data = ended.next().expect("a blank line at the end");
        assert!(!data.contains('\n'));
        (
            lead.to_owned(),
            serde_json::from_str(data).expect("JSON data"),
        )
    }

    #[test]
    fn unknown_models_in_every_dialect() {
        let problem = Problem::unknown_model("a\"b\\c\n", &["a", "b"]);
        let message = "The model `a\"b\\c\n` does not exist here; did you mean `a`, `b`? GET /v1/models lists all";
        let openai = json!({"error": {
            "message": message, "type": "invalid_request_error", "param": "model", "code": "model_not_found",
        }});
        assert_eq!(problem.status.code(), 404);
        assert_eq!(body(Dialect::Chat, &problem), openai);
        assert_eq!(body(Dialect::Responses, &problem), openai);
        assert_eq!(
            body(Dialect::Messages, &problem),
            json!({"type": "error", "error": {"type": "not_found_error", "message": message}})
        );
        assert_eq!(
            body(Dialect::Gemini, &problem),
            json!({"error": {"code": 404, "message": message, "status": "NOT_FOUND"}})
        );
    }

    #[test]
    fn cooldown_carries_its_times() {
        let problem = Problem::cooling_down("m", Some("gemini"), Duration::from_secs(65));
        let error = &body(Dialect::Chat, &problem)["error"];
        assert_eq!(error["code"], "model_cooldown");
        assert_eq!(error["model"], "m");
        assert_eq!(error["provider"], "gemini");
        assert_eq!(error["reset_time"], "1m5s");
        assert_eq!(error["reset_seconds"], 65);
        let error = &body(Dialect::Gemini, &problem)["error"];
        assert_eq!(error["code"], 429);
        assert_eq!(error["status"], "RESOURCE_EXHAUSTED");
        assert_eq!(error["details"][0]["retryDelay"], "65s");
    }

    #[test]
    fn an_empty_message_is_the_standard_phrase() {
        for (code, phrase) in [
            (503, "Service Unavailable"),
            (529, "Overloaded"),
            (599, "Error"),
        ] {
            let problem = Problem::new(status(code), "");
            assert_eq!(body(Dialect::Chat, &problem)["error"]["message"], phrase);
        }
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let problem = Problem::invalid_request("é".repeat(MAX_MESSAGE_CHARS + 1));
        let shown = body(Dialect::Messages, &problem)["error"]["message"].clone();
        let shown = shown.as_str().expect("a string");
        assert_eq!(shown.chars().count(), MAX_MESSAGE_CHARS);
        assert!(shown.ends_with("é…"));
        let problem = Problem::invalid_request("é".repeat(MAX_MESSAGE_CHARS));
        let shown = body(Dialect::Messages, &problem)["error"]["message"].clone();
        assert_eq!(shown.as_str().map(|text| text.ends_with('é')), Some(true));
    }

    #[test]
    fn events_within_a_stream() {
        let problem = Problem::broken_stream();
        let message = problem.message.as_str();

        for (dialect, expected) in [
            (Dialect::Chat, ""),
            (Dialect::Gemini, ""),
            (Dialect::Messages, "event: error\n"),
        ] {
            let (lead, data) = parts(&render_in_stream(dialect, &problem, 7));
            assert_eq!(lead, expected);
            assert_eq!(data, body(dialect, &problem));
        }

        let (lead, data) = parts(&render_in_stream(Dialect::Responses, &problem, 7));
        assert_eq!(lead, "\nevent: error\n");
        assert_eq!(
            data,
            json!({"type": "error", "code": "internal_server_error", "message": message, "param": null,
                "sequence_number": 7, "error": {"type": "server_error", "code": "internal_server_error",
                "message": message, "param": null}})
        );
    }

    #[test]
    fn codex_names_itself_in_either_header() {
        assert!(is_codex_client(Some("codex_cli_rs/0.40.0 (Linux)"), None));
        assert!(is_codex_client(Some("node"), Some("Codex Desktop")));
        assert!(!is_codex_client(Some("claude-cli/2.0"), Some("code")));
        assert!(!is_codex_client(None, None));
    }

    proptest! {
        #[test]
        fn errors_are_json_without_keys(
            dialect in prop::sample::select(Dialect::ALL.to_vec()),
            code in 400_u16..600,
            before in ".{0,40}[ \"':=(\n]",
            key in "sk-[A-Za-z0-9_-]{6,40}|AIza[A-Za-z0-9_-]{35}",
            after in "([ \"'\r\n].{0,40})?",
        ) {
            let problem = Problem::new(status(code), format!("{before}{key}{after}"));
            let body = render(dialect, &problem);
            prop_assert!(serde_json::from_slice::<Value>(&body).is_ok());
            prop_assert!(!String::from_utf8_lossy(&body).contains(&key));
            let event = render_in_stream(dialect, &problem, 0);
            parts(&event);
            prop_assert!(!String::from_utf8_lossy(&event).contains(&key));
        }
    }
}
