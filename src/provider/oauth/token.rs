//! Answers of token endpoints (RFC 6749, 5.1 and 5.2).

use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::config::Secret;
use crate::failure::{Failure, FailureKind, retry_after};
use crate::provider::fetch::Fetched;

/// The tokens that an endpoint issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenAnswer {
    pub access: Secret,
    /// `None`: the previous one stays valid.
    pub refresh: Option<Secret>,
    pub id_token: Option<Secret>,
    pub lifetime: Option<Duration>,
    /// The whole answer, for what vendors add. It has the tokens, so it is never logged.
    pub json: Secret,
}

/// Why there are no tokens.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// The refresh token or the client is no longer accepted, with the vendor's word for it.
    Lost(String),
    /// A failure that may pass.
    Failed(Failure),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(word) => write!(f, "the vendor refuses ({word})"),
            Self::Failed(failure) => f.write_str(&failure.message),
        }
    }
}

/// Codes of errors after which only a new login helps.
const LOST: &[&str] = &[
    "invalid_grant",
    "invalid_client",
    "unauthorized_client",
    "refresh_token_expired",
    "refresh_token_reused",
    "refresh_token_invalidated",
];

/// The longest word of a vendor that is repeated.
const WORD: usize = 64;

/// Reads an answer.
///
/// # Errors
/// [`Refusal`] when it has no token. It never repeats the answer, which may have secrets.
pub fn read(answer: &Fetched, now: SystemTime) -> Result<TokenAnswer, Refusal> {
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |key: &str| {
        let text = json.get(key).and_then(Value::as_str).map(str::trim);
        text.filter(|text| !text.is_empty())
    };
    if !(200..300).contains(&answer.status) {
        return Err(refusal(answer, &json, now));
    }
    let Some(access) = text("access_token") else {
        // Some endpoints say 200 with an error.
        return Err(match code(&json) {
            Some(code) if LOST.contains(&code) => Refusal::Lost(code.to_owned()),
            Some(code) => failed(format!("the token endpoint answered {}", word(code))),
            None => failed("the token endpoint's answer has no token".to_owned()),
        });
    };
    let lifetime = json.get("expires_in").and_then(|value| match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    });
    Ok(TokenAnswer {
        access: Secret::new(access),
        refresh: text("refresh_token").map(Secret::new),
        id_token: text("id_token").map(Secret::new),
        lifetime: lifetime
            .filter(|seconds| *seconds > 0.0)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        json: Secret::new(String::from_utf8_lossy(&answer.body)),
    })
}

fn refusal(answer: &Fetched, json: &Value, now: SystemTime) -> Refusal {
    let status = answer.status;
    match code(json) {
        Some(code) if matches!(status, 400 | 401 | 403) && LOST.contains(&code) => {
            Refusal::Lost(code.to_owned())
        }
        code if status == 401 => Refusal::Lost(code.map_or("401".to_owned(), word)),
        code => {
            let said = code.map_or(String::new(), |code| format!(" ({})", word(code)));
            Refusal::Failed(Failure {
                status: Some(status),
                retry_after: retry_after(&answer.headers, now),
                ..Failure::new(
                    FailureKind::Status,
                    format!("the token endpoint answered {status}{said}"),
                )
            })
        }
    }
}

fn failed(message: String) -> Refusal {
    Refusal::Failed(Failure::new(FailureKind::Broken, message))
}

/// The code of an error: `error`, `error.code` or `code`.
pub(super) fn code(json: &Value) -> Option<&str> {
    let error = json.get("error");
    let nested = error.and_then(|error| error.get("code"));
    let places = [error, nested, json.get("code")];
    places.into_iter().flatten().find_map(Value::as_str)
}

/// A vendor's code, if it is one: letters, digits and underscores. Other texts might have secrets.
pub(super) fn word(code: &str) -> String {
    let is_word = code.len() <= WORD
        && code
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match is_word {
        true => code.to_owned(),
        false => "an error".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Headers;

    fn answered(status: u16, body: &str) -> Result<TokenAnswer, Refusal> {
        let answer = Fetched {
            status,
            headers: Headers::default(),
            body: body.as_bytes().to_vec(),
        };
        read(&answer, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn tokens_are_read() {
        let answer = answered(
            200,
            r#"{"access_token":"a","refresh_token":"","expires_in":"60"}"#,
        );
        let answer = answer.unwrap();
        assert_eq!(answer.access.reveal(), "a");
        assert_eq!((answer.refresh, answer.id_token), (None, None));
        assert_eq!(answer.lifetime, Some(Duration::from_secs(60)));
        for odd in ["0", "-1", "\"soon\"", "1e300", "null", "[]"] {
            let body = format!(r#"{{"access_token":"a","expires_in":{odd}}}"#);
            assert_eq!(answered(200, &body).unwrap().lifetime, None, "{odd}");
        }
    }

    #[test]
    fn refusals_are_told_apart() {
        for (status, body, expected) in [
            (400, r#"{"error":"invalid_grant"}"#, Some("invalid_grant")),
            (
                403,
                r#"{"error":{"code":"refresh_token_reused"}}"#,
                Some("refresh_token_reused"),
            ),
            (
                401,
                r#"{"code":"refresh_token_expired"}"#,
                Some("refresh_token_expired"),
            ),
            (401, "<html>", Some("401")),
            (200, r#"{"error":"invalid_grant"}"#, Some("invalid_grant")),
            (500, r#"{"error":"invalid_grant"}"#, None),
            (400, r#"{"error":"temporarily_unavailable"}"#, None),
            (429, "", None),
            (200, "{}", None),
            (200, "not json", None),
        ] {
            let refusal = answered(status, body).unwrap_err();
            match (refusal, expected) {
                (Refusal::Lost(code), Some(expected)) => assert_eq!(code, expected, "{body}"),
                (Refusal::Failed(_), None) => {}
                (other, _) => panic!("{status} {body}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_refusal_does_not_repeat_the_answer() {
        for status in [200, 400, 401, 500] {
            for place in [
                r#"{"error":"%"}"#,
                r#"{"error":{"code":"%"}}"#,
                r#"{"code":"%"}"#,
            ] {
                let body = place.replace('%', "token rt.1-secret leaked");
                let refusal = format!("{:?}", answered(status, &body).unwrap_err());
                assert!(!refusal.contains("secret"), "{refusal}");
            }
        }
    }
}
