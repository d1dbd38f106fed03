//! A failure, independent of the dialect.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::class::Class;
use super::status::ErrorStatus;
use crate::wire::Dialect;

/// The longest message that a client gets, in characters.
pub const MAX_MESSAGE_CHARS: usize = 2048;

/// A failure as the client may see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub status: ErrorStatus,
    /// The message for the client. Redacted and cut to [`MAX_MESSAGE_CHARS`] when it is rendered; an empty one is replaced
    /// by the standard phrase of the status.
    pub message: String,
    /// The error type in the client's dialect, where it is more specific than the status.
    pub kind: Option<Cow<'static, str>>,
    /// The code, where it is more specific than the status; empty for none.
    pub code: Option<Cow<'static, str>>,
    /// The member of the request that is wrong.
    pub param: Option<&'static str>,
    /// When a retry makes sense; the `Retry-After` header.
    pub retry_after: Option<Duration>,
    /// Further members of the error object.
    pub details: BTreeMap<&'static str, Value>,
    /// The class of a failure that agents act on; each dialect has its own status, type and code for it.
    pub class: Option<Class>,
}

/// Why no credential is available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// All are removed or disabled, or their provider is not running.
    NotFound,
    /// All are blocked, not all of them by quota.
    Blocked,
}

impl Problem {
    pub fn new(status: ErrorStatus, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            kind: None,
            code: None,
            param: None,
            retry_after: None,
            details: BTreeMap::new(),
            class: None,
        }
    }

    /// The status for clients of `dialect`.
    pub fn status_in(&self, dialect: Dialect) -> ErrorStatus {
        self.class
            .map_or(self.status, |class| class.status(dialect))
    }

    #[must_use]
    pub fn with_retry_after(self, retry_after: Option<Duration>) -> Self {
        Self {
            retry_after,
            ..self
        }
    }

    /// 400: the request is invalid, as `message` says.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(ErrorStatus::BAD_REQUEST, message)
    }

    /// 400: the body could not be read completely, or not be decoded.
    pub fn unreadable_body(cause: impl std::fmt::Display) -> Self {
        Self::invalid_request(format!("Invalid request: {cause}"))
    }

    /// 400: the body is not JSON, as `cause` says.
    pub fn malformed_json(cause: impl std::fmt::Display) -> Self {
        Self::invalid_request(format!(
            "Invalid request: the body is not valid JSON: {cause}"
        ))
    }

    /// 400: the body names no model.
    pub fn missing_model() -> Self {
        Self {
            param: Some("model"),
            ..Self::invalid_request("Invalid request: the body has no \"model\"")
        }
    }

    /// 413: the body is larger than `limit` bytes.
    pub fn body_too_large(limit: u64) -> Self {
        Self::new(
            ErrorStatus::TOO_LARGE,
            format!("The request body is larger than the {limit} bytes this gateway accepts"),
        )
    }

    /// 413: with the content that it refers to, the body is larger than `limit` bytes.
    pub fn too_large_with_references(limit: u64) -> Self {
        Self::new(
            ErrorStatus::TOO_LARGE,
            format!(
                "With what it refers to, the request is larger than the {limit} bytes this gateway accepts"
            ),
        )
    }

    /// 413: the memory limit (`limits.memory`) does not suffice to translate the body.
    pub fn too_large_to_translate() -> Self {
        Self::new(
            ErrorStatus::TOO_LARGE,
            "The request body is too large to be translated within the memory this gateway has (limits.memory)",
        )
    }

    /// 404: no provider serves the model. `near` are similar names that are served.
    pub fn unknown_model(model: &str, near: &[&str]) -> Self {
        let mut message = format!("The model `{model}` does not exist here");
        message.push_str(&match near.is_empty() {
            true => "; GET /v1/models lists those that do".to_owned(),
            false => format!(
                "; did you mean `{}`? GET /v1/models lists all",
                near.join("`, `")
            ),
        });
        Self {
            code: Some("model_not_found".into()),
            param: Some("model"),
            ..Self::new(ErrorStatus::NOT_FOUND, message)
        }
    }

    /// 401: the client's key is missing or wrong.
    pub fn unauthorized(message: &str) -> Self {
        Self::new(ErrorStatus::UNAUTHORIZED, message)
    }

    /// 403: the request is refused; `code` is the reason.
    pub fn forbidden(code: &'static str, message: &str) -> Self {
        Self {
            code: Some(code.into()),
            ..Self::new(ErrorStatus::FORBIDDEN, message)
        }
    }

    /// 405: the path exists, but not for this method. `allow` are its methods.
    pub fn method_not_allowed(allow: &str) -> Self {
        Self {
            code: Some("method_not_allowed".into()),
            ..Self::new(
                ErrorStatus::METHOD_NOT_ALLOWED,
                format!("The method is not allowed for this path; allowed are {allow}"),
            )
        }
    }

    /// 404: a Gemini path with an unknown method.
    pub fn unknown_method(path: &str) -> Self {
        Self::new(
            ErrorStatus::NOT_FOUND,
            format!(
                "{path} not found. The methods of a model are generateContent, streamGenerateContent and countTokens."
            ),
        )
    }

    /// 400: compaction cannot stream.
    pub fn compact_cannot_stream() -> Self {
        Self {
            param: Some("stream"),
            ..Self::invalid_request("Streaming not supported for compact responses")
        }
    }

    /// 400: the previous response of a request is unknown. The wording is OpenAI's (its guide on conversation state over
    /// WebSocket, and its API).
    pub fn previous_response_not_found(id: &str) -> Self {
        Self {
            code: Some("previous_response_not_found".into()),
            param: Some("previous_response_id"),
            ..Self::invalid_request(format!("Previous response with id '{id}' not found."))
        }
    }

    /// 404: an item that a request refers to is unknown. The wording is OpenAI's API's.
    pub fn item_not_found(id: &str, is_unstored: bool) -> Self {
        let mut message = format!("Item with id '{id}' not found.");
        if is_unstored {
            message.push_str(
                " Items are not persisted when `store` is set to false. Try again with `store` set to true, or \
                 remove this item from your input.",
            );
        }
        Self {
            code: Some("".into()),
            param: Some("input"),
            ..Self::new(ErrorStatus::NOT_FOUND, message)
        }
    }

    /// 404: the response does not exist.
    pub fn response_not_found(id: &str) -> Self {
        Self {
            code: Some("".into()),
            ..Self::new(
                ErrorStatus::NOT_FOUND,
                format!("Response with id '{id}' not found."),
            )
        }
    }

    /// 400: only a background response can be cancelled. The wording is OpenAI's.
    pub fn synchronous_response() -> Self {
        Self::invalid_request("Cannot cancel a synchronous response.")
    }

    /// 400: background responses need an upstream that supports them.
    pub fn no_background() -> Self {
        Self {
            param: Some("background"),
            ..Self::invalid_request(
                "`background` is not supported for this model: its upstream does not keep responses",
            )
        }
    }

    /// 503: no credential is available. `providers` are the kinds that offer `model`.
    pub fn no_credential(why: Unavailable, providers: &[&str], model: &str) -> Self {
        let word = match why {
            Unavailable::NotFound => "auth_not_found",
            Unavailable::Blocked => "auth_unavailable",
        };
        let message = format!(
            "{word}: no auth available (providers={}, model={model})",
            providers.join(",")
        );
        Self::new(ErrorStatus::UNAVAILABLE, message)
    }

    /// 429: every credential for `model` has exceeded its quota; the first is available again after `reset`. `provider` is
    /// named if it is the only one.
    pub fn cooling_down(model: &str, provider: Option<&str>, reset: Duration) -> Self {
        let seconds = whole_seconds(reset).max(1);
        let via = provider.map_or_else(String::new, |name| format!(" via provider {name}"));
        let mut problem = Self::new(
            ErrorStatus::TOO_MANY_REQUESTS,
            format!("All credentials for model {model} are cooling down{via}"),
        );
        problem.code = Some("model_cooldown".into());
        problem.retry_after = Some(Duration::from_secs(seconds));
        problem.details.insert("model", model.into());
        problem.details.insert("reset_seconds", seconds.into());
        problem
            .details
            .insert("reset_time", clock_text(seconds).into());
        if let Some(provider) = provider {
            problem.details.insert("provider", provider.into());
        }
        problem
    }

    /// 503: the gateway has no capacity for the request.
    pub fn overloaded(retry_after: Duration) -> Self {
        Self::new(
            ErrorStatus::UNAVAILABLE,
            "The gateway is at capacity; try again later",
        )
        .with_retry_after(Some(retry_after))
    }

    /// 502: the upstream could not be reached, or closed the connection.
    pub fn upstream_broken(cause: impl std::fmt::Display) -> Self {
        Self::new(ErrorStatus::BAD_GATEWAY, cause.to_string())
    }

    /// 504: the upstream did not answer in time.
    pub fn upstream_timeout(cause: impl std::fmt::Display) -> Self {
        Self::new(ErrorStatus::GATEWAY_TIMEOUT, cause.to_string())
    }

    /// 500: a stream that ended without content.
    pub fn empty_stream() -> Self {
        Self::new(
            ErrorStatus::INTERNAL,
            "empty_stream: upstream stream closed before first payload",
        )
    }

    /// 502: a stream that ended before its closing event.
    pub fn broken_stream() -> Self {
        Self::new(
            ErrorStatus::BAD_GATEWAY,
            "upstream closed the stream before completion",
        )
    }

    /// 500: an internal error.
    pub fn internal() -> Self {
        Self::new(ErrorStatus::INTERNAL, "")
    }
}

/// `duration` in whole seconds, rounded up.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// `30s`, `1m5s`, `1h0m0s`.
fn clock_text(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cooldown_tells_when_to_come_back() {
        for (reset, seconds, text) in [
            (Duration::ZERO, 1, "1s"),
            (Duration::from_millis(29_001), 30, "30s"),
            (Duration::from_secs(65), 65, "1m5s"),
            (Duration::from_secs(3600), 3600, "1h0m0s"),
        ] {
            let problem = Problem::cooling_down("m", Some("claude"), reset);
            assert_eq!(problem.status.code(), 429);
            assert_eq!(problem.retry_after, Some(Duration::from_secs(seconds)));
            assert_eq!(problem.details["reset_seconds"], seconds);
            assert_eq!(problem.details["reset_time"], text);
            assert_eq!(
                problem.message,
                "All credentials for model m are cooling down via provider claude"
            );
        }
        let several = Problem::cooling_down("m", None, Duration::from_secs(1));
        assert!(!several.details.contains_key("provider"));
        assert!(several.message.ends_with("cooling down"));
    }

    #[test]
    fn missing_credentials_say_whose() {
        for (why, word) in [
            (Unavailable::NotFound, "auth_not_found"),
            (Unavailable::Blocked, "auth_unavailable"),
        ] {
            let problem = Problem::no_credential(why, &["claude", "vertex"], "m");
            assert_eq!(
                problem.message,
                format!("{word}: no auth available (providers=claude,vertex, model=m)")
            );
            assert_eq!(problem.status.code(), 503);
        }
    }
}
