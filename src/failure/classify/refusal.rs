//! A parsed error answer.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::own_words;
use crate::failure::failed_call::Failure;
use crate::failure::headers::Headers;
use crate::wire::problem::{self, ErrorStatus};

/// A parsed error answer.
pub struct Refusal<'a> {
    pub status: u16,
    pub headers: &'a Headers,
    /// The beginning of the body, in lower case; of an answer about an invalid request, only the vendor's own words.
    pub text: String,
    pub json: Value,
    pub model: &'a str,
    /// The retry time of the standard headers.
    pub hint: Option<Duration>,
    pub now: SystemTime,
}

/// Whether answers with this status repeat what is invalid in the request.
fn repeats_the_request(status: u16) -> bool {
    matches!(status, 400 | 409 | 413 | 415 | 422)
}

/// The most bytes of an error's body that are searched for texts.
const TEXT: usize = 16 * 1024;

impl<'a> Refusal<'a> {
    pub fn new(failure: &'a Failure, model: &'a str, now: SystemTime) -> Self {
        let status = failure.status.unwrap_or(502);
        let start = failure.body.get(..TEXT).unwrap_or(&failure.body);
        let mut text = String::from_utf8_lossy(start).to_lowercase();
        if failure.body.is_empty() {
            text = failure.message.to_lowercase();
        }
        let json = serde_json::from_slice(&failure.body).unwrap_or_default();
        if repeats_the_request(status) {
            text = own_words::of(&json, &text);
        }
        Self {
            status,
            headers: &failure.headers,
            text,
            json,
            model,
            hint: failure
                .retry_after
                .filter(|_| matches!(status, 429 | 503 | 529)),
            now,
        }
    }

    pub fn says(&self, words: &[&str]) -> bool {
        words.iter().any(|words| self.text.contains(words))
    }

    /// The object that describes the error.
    pub fn error(&self) -> &Value {
        crate::wire::event::error_object(match &self.json {
            Value::Array(items) => items.first().unwrap_or(&self.json),
            json => json,
        })
    }

    pub fn word(&self, key: &str) -> &str {
        self.error()
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Whether the account has no credits or has reached a limit of its spending, in the words of any vendor.
    pub fn is_unpaid(&self) -> bool {
        let message = match self.error().get("message").and_then(Value::as_str) {
            Some(message) if repeats_the_request(self.status) => own_words::of_text(message),
            Some(message) => message.to_owned(),
            None => self.text.clone(),
        };
        let status = ErrorStatus::from_upstream(self.status);
        problem::Class::of(status, self.error(), &message) == Some(problem::Class::Unpaid)
    }

    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name).map(str::trim)
    }
}
