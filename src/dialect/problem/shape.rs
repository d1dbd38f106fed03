//! How each dialect writes an error.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::redact::redact;
use super::report::{MAX_MESSAGE_CHARS, Problem};
use super::status::{ErrorStatus, reason};
use crate::dialect::Dialect;

/// The body of an error answer, and of an error within a Gemini JSON array.
pub fn render(dialect: Dialect, problem: &Problem) -> Vec<u8> {
    let message = &*message(problem);
    let details = &problem.details;
    match dialect {
        Dialect::Chat | Dialect::Responses => json(&Envelope {
            r#type: None,
            error: OpenAi {
                message,
                r#type: openai_type(problem),
                param: problem.param,
                code: problem.code.as_deref().or(openai_code(problem.status)),
                details,
            },
        }),
        Dialect::Messages => json(&Envelope {
            r#type: Some("error"),
            error: Claude {
                r#type: claude_type(problem),
                message,
                details,
            },
        }),
        Dialect::Gemini => json(&Envelope {
            r#type: None,
            error: Gemini {
                code: problem.status.code(),
                message,
                status: problem
                    .kind
                    .as_deref()
                    .unwrap_or(google_status(problem.status)),
                retry: problem.retry_after.map(|after| [retry_info(after)]),
                details,
            },
        }),
    }
}

/// The error event that ends a stream which has already begun (`spec/http.md` 9.3).
///
/// `codex_client`: see [`is_codex_client`]. `sequence_number`: the number that the next event of a Responses
/// stream would have; the other dialects count nothing.
pub fn render_in_stream(
    dialect: Dialect,
    problem: &Problem,
    codex_client: bool,
    sequence_number: u64,
) -> Vec<u8> {
    match dialect {
        Dialect::Chat => event("data: ", &render(dialect, problem)),
        Dialect::Messages | Dialect::Gemini => {
            event("event: error\ndata: ", &render(dialect, problem))
        }
        Dialect::Responses => {
            let message = &*message(problem);
            let code = problem
                .code
                .as_deref()
                .unwrap_or(stream_code(problem.status));
            if codex_client {
                let error = json!({"type": openai_type(problem), "code": code, "message": message});
                let failed = json!({
                    "type": "response.failed",
                    "sequence_number": sequence_number,
                    "response": {"status": "failed", "error": error},
                });
                event("\nevent: response.failed\ndata: ", &json(&failed))
            } else {
                let error = json!({
                    "type": "error",
                    "code": code,
                    "message": message,
                    "sequence_number": sequence_number,
                });
                event("\nevent: error\ndata: ", &json(&error))
            }
        }
    }
}

/// Whether a client is Codex, which knows no `error` event and waits for `response.failed`
/// (`spec/http.md` 14a).
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
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
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

/// The message as callers may see it.
fn message(problem: &Problem) -> Cow<'_, str> {
    if problem.message.is_empty() {
        let phrase = reason(problem.status.code());
        return Cow::Borrowed(if phrase.is_empty() { "Error" } else { phrase });
    }
    let clean = redact(&problem.message);
    match clean.char_indices().nth(MAX_MESSAGE_CHARS) {
        None => clean,
        Some(_) => clean
            .chars()
            .take(MAX_MESSAGE_CHARS - 1)
            .chain(std::iter::once('…'))
            .collect(),
    }
}

/// `spec/http.md` 9.2.
fn openai_type(problem: &Problem) -> &str {
    problem
        .kind
        .as_deref()
        .unwrap_or(match problem.status.code() {
            401 => "authentication_error",
            403 => "permission_error",
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        })
}

/// `spec/http.md` 9.2.
fn openai_code(status: ErrorStatus) -> Option<&'static str> {
    Some(match status.code() {
        401 => "invalid_api_key",
        403 => "insufficient_quota",
        404 => "model_not_found",
        429 => "rate_limit_exceeded",
        500.. => "internal_server_error",
        _ => return None,
    })
}

/// `spec/http.md` 9.3: unlike bodies, events always carry a code.
fn stream_code(status: ErrorStatus) -> &'static str {
    match status.code() {
        408 => "request_timeout",
        _ => openai_code(status).unwrap_or("invalid_request_error"),
    }
}

/// `spec/http.md` 14 row 14, after Anthropic's API errors page.
fn claude_type(problem: &Problem) -> &str {
    problem
        .kind
        .as_deref()
        .unwrap_or(match problem.status.code() {
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            504 => "timeout_error",
            529 => "overloaded_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        })
}

/// The name of the `google.rpc.Code` that stands for an HTTP status (google/rpc/code.proto), and for those
/// it does not know the nearest one.
fn google_status(status: ErrorStatus) -> &'static str {
    match status.code() {
        401 => "UNAUTHENTICATED",
        402 => "FAILED_PRECONDITION",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        503 | 529 => "UNAVAILABLE",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

/// Where Google's own clients look for the time to wait (google/rpc/error_details.proto).
fn retry_info(after: Duration) -> Value {
    json!({
        "@type": "type.googleapis.com/google.rpc.RetryInfo",
        "retryDelay": format!("{}s", after.as_secs() + u64::from(after.subsec_nanos() > 0)),
    })
}
