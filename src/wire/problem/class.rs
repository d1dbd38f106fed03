//! The failures that agents act on, and how each dialect reports them.
//!
//! What clients look for, in their packages on npm: Claude Code 2.1.332 looks into the message and at `type`, Codex
//! 0.171 at `code` (`codex-api`, `sse/responses.rs` and `api_bridge.rs`), OpenCode 1.18.34 at `code` and into the
//! message, pi-ai 0.73 into the message (`utils/overflow.js`), Gemini CLI 0.61 at the status
//! (`utils/googleQuotaErrors.js`).

#![allow(
    clippy::indexing_slicing,
    reason = "Reading a member of a `Value` cannot panic"
)]

use serde_json::Value;

use super::status::ErrorStatus;
use crate::wire::Dialect;

/// The characters of a message that are searched for wordings.
const LOOKED_AT: usize = 4 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The conversation does not fit into the model: agents compact it.
    ContextTooLong,
    /// The account has no credit left, or its plan does not include the model: a retry is useless.
    Unpaid,
    /// The account may retry later.
    Quota,
    /// The vendor has no capacity at the moment.
    Overloaded,
    /// The vendor's policy refuses the request or the answer.
    ContentPolicy,
}

impl Class {
    /// The status with which `dialect` reports it.
    pub fn status(self, dialect: Dialect) -> ErrorStatus {
        match (self, dialect) {
            (Self::ContextTooLong | Self::ContentPolicy, _) => ErrorStatus::BAD_REQUEST,
            (Self::Quota, _) => ErrorStatus::TOO_MANY_REQUESTS,
            (Self::Unpaid, Dialect::Chat | Dialect::Responses) => ErrorStatus::TOO_MANY_REQUESTS,
            (Self::Unpaid, Dialect::Messages) => ErrorStatus::PAYMENT_REQUIRED,
            (Self::Unpaid, Dialect::Gemini) => ErrorStatus::BAD_REQUEST,
            (Self::Overloaded, Dialect::Messages) => ErrorStatus::OVERLOADED,
            (Self::Overloaded, _) => ErrorStatus::UNAVAILABLE,
        }
    }

    /// OpenAI's and Anthropic's `type`, Google's `status`: OpenAI's "Error codes" page and `server_is_overloaded` as its
    /// servers send it, Anthropic's "Errors" page, Gemini's "Troubleshooting" page.
    pub fn kind(self, dialect: Dialect) -> &'static str {
        match (dialect, self) {
            (Dialect::Chat | Dialect::Responses, Self::Unpaid) => "insufficient_quota",
            (Dialect::Chat | Dialect::Responses, Self::Quota) => "rate_limit_error",
            (Dialect::Chat | Dialect::Responses, Self::Overloaded) => "service_unavailable_error",
            (Dialect::Messages, Self::Unpaid) => "billing_error",
            (Dialect::Messages, Self::Quota) => "rate_limit_error",
            (Dialect::Messages, Self::Overloaded) => "overloaded_error",
            (Dialect::Gemini, Self::Unpaid) => "FAILED_PRECONDITION",
            (Dialect::Gemini, Self::Quota) => "RESOURCE_EXHAUSTED",
            (Dialect::Gemini, Self::Overloaded) => "UNAVAILABLE",
            (Dialect::Gemini, Self::ContextTooLong | Self::ContentPolicy) => "INVALID_ARGUMENT",
            (_, Self::ContextTooLong | Self::ContentPolicy) => "invalid_request_error",
        }
    }

    /// OpenAI's `code`. `said` is the upstream's code, which is kept where it is more specific. Codex does not retry
    /// `invalid_prompt`, and retries most codes that it does not know.
    pub fn code(self, dialect: Dialect, said: Option<&str>) -> &str {
        match (self, dialect, said) {
            (Self::ContentPolicy, Dialect::Responses, Some("content_policy_violation")) => {
                "invalid_prompt"
            }
            (Self::ContentPolicy, _, Some(said)) if said.contains("policy") => said,
            (Self::ContentPolicy, Dialect::Responses, _) => "invalid_prompt",
            (Self::ContentPolicy, _, Some(said @ "content_filter"))
            | (Self::Unpaid, _, Some(said @ "usage_not_included"))
            | (Self::Overloaded, _, Some(said @ "slow_down")) => said,
            (Self::ContentPolicy, _, _) => "content_policy_violation",
            (Self::ContextTooLong, _, _) => "context_length_exceeded",
            (Self::Unpaid, _, _) => "insufficient_quota",
            (Self::Quota, _, _) => "rate_limit_exceeded",
            (Self::Overloaded, _, _) => "server_is_overloaded",
        }
    }

    /// The vendor's wording by which clients recognise it where the code is not enough.
    fn words(self, dialect: Dialect) -> Option<&'static str> {
        Some(match (self, dialect) {
            (Self::ContextTooLong, Dialect::Messages) => "prompt is too long",
            (Self::ContextTooLong, Dialect::Gemini) => {
                "The input token count exceeds the maximum number of tokens allowed"
            }
            (Self::ContextTooLong, _) => "Your input exceeds the context window of this model",
            (Self::Unpaid, Dialect::Messages) => "Your credit balance is too low",
            (Self::ContentPolicy, Dialect::Messages) => {
                "Output blocked by content filtering policy"
            }
            _ => return None,
        })
    }

    /// The upstream's message, preceded by the wording that clients of `dialect` look for if it is missing.
    pub fn message(self, dialect: Dialect, said: &str) -> String {
        let Some(words) = self.words(dialect) else {
            return said.to_owned();
        };
        if self.has_words(dialect, said) {
            return said.to_owned();
        }
        match (self, dialect, lengths(said)) {
            // Claude Code computes from the numbers how much to remove.
            (Self::ContextTooLong, Dialect::Messages, Some((asked, most))) => {
                format!("{words}: {asked} tokens > {most} maximum: {said}")
            }
            _ if said.is_empty() => words.to_owned(),
            _ => format!("{words}: {said}"),
        }
    }

    fn has_words(self, dialect: Dialect, said: &str) -> bool {
        let said = lower(said);
        match (self, dialect) {
            // For this wording Claude Code reduces `max_tokens` itself.
            (Self::ContextTooLong, Dialect::Messages) => {
                said.contains("prompt is too long") || said.contains("exceed context limit")
            }
            (Self::ContextTooLong, Dialect::Gemini) => {
                says(&said, &["input token count", "exceeds the maximum"])
            }
            (Self::Unpaid, Dialect::Messages) => said.contains("credit balance is too low"),
            _ => self
                .words(dialect)
                .is_none_or(|words| said.contains(&words.to_ascii_lowercase())),
        }
    }

    /// Whether clients of `dialect` recognise an upstream's error of this class as it is.
    pub fn is_told_by(self, dialect: Dialect, status: ErrorStatus, error: &Value) -> bool {
        let is = |key: &str, word: &str| error[key] == word;
        let has_own_status = status == self.status(dialect);
        match dialect {
            Dialect::Chat | Dialect::Responses => match self {
                // Its codes vary.
                Self::Quota => has_own_status,
                _ => {
                    let said = error["code"].as_str();
                    said == Some(self.code(dialect, said))
                }
            },
            Dialect::Messages => {
                let message = error["message"].as_str().unwrap_or_default();
                let is_kind = is("type", self.kind(dialect))
                    || self == Self::Unpaid && is("type", "invalid_request_error");
                is_kind && self.has_words(dialect, message)
            }
            Dialect::Gemini => {
                let message = error["message"].as_str().unwrap_or_default();
                let is_own = match self {
                    // Google has several statuses for it.
                    Self::Unpaid => true,
                    _ => is("status", self.kind(dialect)) && has_own_status,
                };
                is_own && self.has_words(dialect, message)
            }
        }
    }
}

/// The beginning of a message in lower case.
pub(super) fn lower(message: &str) -> String {
    let beginning = message.chars().take(LOOKED_AT);
    beginning.map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether a text contains all pieces in order.
pub(super) fn says(text: &str, pieces: &[&str]) -> bool {
    let mut rest = text;
    pieces.iter().all(|piece| match rest.split_once(piece) {
        Some((_, behind)) => {
            rest = behind;
            true
        }
        None => false,
    })
}

/// The requested and the maximum tokens, if a message has exactly these two numbers.
fn lengths(message: &str) -> Option<(u64, u64)> {
    let plain = message.replace(',', "");
    let numbers = plain.split(|c: char| !c.is_ascii_digit());
    let mut numbers = numbers.filter(|digits| digits.len() > 3).map(str::parse);
    let (Some(Ok(one)), Some(Ok(other)), None) = (numbers.next(), numbers.next(), numbers.next())
    else {
        return None;
    };
    (one != other).then(|| (std::cmp::max(one, other), std::cmp::min(one, other)))
}

#[cfg(test)]
mod tests;
