//! Rules for all upstreams, in the order in which they are tested.

use serde_json::Value;

use super::refusal::Refusal;
use crate::failure::fault::{Class, Fault};
use crate::wire::problem::{self, ErrorStatus};

/// Texts of a 400 or 422 that mean that the credential does not have the model.
const NO_SUCH_MODEL: &[&str] = &[
    "model_not_supported",
    "requested model is not supported",
    "requested model is unsupported",
    "requested model is unavailable",
    "model is not supported",
    "model not supported",
    "unsupported model",
    "model unavailable",
    "not available for your plan",
    "not available for your account",
];
const MODEL_CODES: &[&str] = &[
    "model_not_found",
    "unknown_model",
    "model_does_not_exist",
    "model_not_supported",
];
const REQUEST_CODES: &[&str] = &[
    "cyber_policy",
    "context_length_exceeded",
    "message_too_big",
    "string_above_max_length",
    "invalid_prompt",
    "invalid_value",
    "unsupported_value",
    "invalid_request_error",
    "previous_response_not_found",
];
const REQUEST_TYPES: &[&str] = &[
    "invalid_request",
    "invalid_request_error",
    "bad_request_error",
    "invalid_prompt",
];
const CHALLENGES: &[&str] = &["challenge-platform", "cf-mitigated", "cloudflare challenge"];
/// Texts of a 403 that mean an invalid token instead of a missing permission.
const BAD_TOKEN: &[&str] = &[
    "oauth token",
    "token has been revoked",
    "token is expired",
    "invalid authentication credentials",
];

impl Refusal<'_> {
    pub(super) fn general(&self) -> Fault {
        let class = self.class();
        let fault = class.usual();
        match class {
            Class::Quota | Class::Transient | Class::Capacity => fault.hinted(self.hint),
            Class::Credential if self.has_invalid_grant() => fault.until_changed(),
            _ => fault,
        }
    }

    fn class(&self) -> Class {
        match self.status {
            402 => Class::Payment,
            429 => Class::Quota,
            400 | 401 if self.has_invalid_grant() => Class::Credential,
            401 if self.word("type") == "authentication_error" => Class::Credential,
            401 if !REQUEST_CODES.contains(&self.code()) => Class::Credential,
            403 if self.is_challenge() => Class::Challenge,
            403 if self.says(BAD_TOKEN) => Class::Credential,
            _ if self.has_no_model() => Class::Model,
            400 | 409 | 413 | 422 => Class::Request,
            404 if self.is_unstored_item() => Class::Request,
            // Some upstreams call a timeout an invalid request.
            408 => Class::Transient,
            _ if self.is_at_fault() || self.is_too_long_or_refused() => Class::Request,
            403 => Class::Permission,
            500 | 502..=504 | 520..=526 | 529 => Class::Transient,
            _ => Class::Neutral,
        }
    }

    fn has_invalid_grant(&self) -> bool {
        let word = self.json.get("error").and_then(Value::as_str);
        [word.unwrap_or_default(), self.code(), self.word("type")].contains(&"invalid_grant")
    }

    fn is_challenge(&self) -> bool {
        let is_page = self.text.contains("<html") || self.text.contains("<!doctype html");
        self.says(CHALLENGES)
            || self.header("cf-mitigated").is_some()
            || (is_page && self.text.contains("cloudflare"))
    }

    fn has_no_model(&self) -> bool {
        if matches!(self.status, 400 | 422) && self.says(NO_SUCH_MODEL) {
            return true;
        }
        if MODEL_CODES.contains(&self.code()) || MODEL_CODES.contains(&self.word("type")) {
            return true;
        }
        self.status == 404
            && !self.model.is_empty()
            && self.text.contains(&self.model.to_lowercase())
    }

    fn is_unstored_item(&self) -> bool {
        self.says(&["item with id"]) && self.says(&["not found"])
    }

    fn is_at_fault(&self) -> bool {
        REQUEST_CODES.contains(&self.code()) || REQUEST_TYPES.contains(&self.word("type"))
    }

    /// Whether every credential would get the same error, whatever its status.
    fn is_too_long_or_refused(&self) -> bool {
        let status = ErrorStatus::from_upstream(self.status);
        let message = match self.word("message") {
            "" => self.text.as_str(),
            message => message,
        };
        let class = problem::Class::of(status, self.error(), message);
        matches!(
            class,
            Some(problem::Class::ContextTooLong | problem::Class::ContentPolicy)
        )
    }

    /// The code of the error, from any of the usual places.
    pub(super) fn code(&self) -> &str {
        let places = [
            "/error/code",
            "/code",
            "/response/error/code",
            "/body/error/code",
        ];
        let found = places.iter().filter_map(|place| self.json.pointer(place));
        found.filter_map(Value::as_str).next().unwrap_or_default()
    }
}
