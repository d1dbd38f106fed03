//! How an upstream call fails. The consequences are decided elsewhere.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};
use std::{fmt, io};

use super::headers::Headers;
use super::hint;
use crate::exchange::Interruption;
use crate::redaction::Redaction;
use crate::time;

/// The most bytes of an error's body that are read.
pub const ERROR_BODY: u64 = 1024 * 1024;

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// No connection: name resolution, socket, proxy or TLS.
    Connect,
    /// No answer in time.
    Timeout,
    /// The connection broke, or the answer is not valid.
    Broken,
    /// The upstream answered with an error.
    Status,
    /// The client disconnected.
    ClientGone,
    /// The upstream has no such operation.
    Unsupported,
    /// The client's request cannot be sent to this upstream.
    Request,
    /// The credential has no valid token. If it is final, only its operator can change that.
    NoToken { is_final: bool },
    /// There is no memory for the answer. Neither the upstream nor the client is at fault.
    Memory,
}

/// A failed call.
#[derive(Clone, Debug)]
pub struct Failure {
    pub kind: FailureKind,
    /// The upstream's status, or the one that matches its error.
    pub status: Option<u16>,
    /// The upstream's headers. Headers, body and message are redacted.
    pub headers: Headers,
    /// The upstream's body, at most [`ERROR_BODY`].
    pub body: Vec<u8>,
    /// The time after which the upstream asks to retry.
    pub retry_after: Option<Duration>,
    /// The message for logs, and for the client if there is no body. Contains no key and no URL.
    pub message: String,
}

impl Failure {
    /// A failure without an answer from the upstream.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            status: None,
            headers: Headers::default(),
            body: Vec::new(),
            retry_after: None,
            message: message.into(),
        }
    }

    /// An error answer from the upstream.
    pub fn of_status(status: u16, headers: Headers, body: Vec<u8>, now: SystemTime) -> Self {
        Self {
            status: Some(status),
            retry_after: retry_after(&headers, now),
            headers,
            body,
            ..Self::new(
                FailureKind::Status,
                format!("the upstream answered {status}"),
            )
        }
    }

    /// Removes the secrets of the attempt.
    #[must_use]
    pub fn redacted(self, redaction: &Redaction) -> Self {
        let owned = |clean| match clean {
            Cow::Borrowed(_) => None,
            Cow::Owned(clean) => Some(clean),
        };
        let body = owned(redaction.bytes(&self.body));
        Self {
            headers: self.headers.redacted(redaction),
            body: body.unwrap_or(self.body),
            message: redaction.text(&self.message).into_owned(),
            ..self
        }
    }

    /// The upstream has no such operation; 501.
    pub fn unsupported(what: &str) -> Self {
        let message = format!("{what} is not supported by this provider");
        Self {
            status: Some(501),
            ..Self::new(FailureKind::Unsupported, message)
        }
    }

    /// The credential's Google Cloud project is not known; 501. Other credentials may serve the request.
    pub fn no_project() -> Self {
        Self {
            status: Some(501),
            ..Self::new(
                FailureKind::Unsupported,
                "the credential's Google Cloud project is not known",
            )
        }
    }

    /// The client's request cannot be sent to this upstream; 400.
    pub fn request(message: impl Into<String>) -> Self {
        Self {
            status: Some(400),
            ..Self::new(FailureKind::Request, message)
        }
    }

    /// There is no memory for the answer; 503.
    pub fn no_memory() -> Self {
        Self {
            status: Some(503),
            retry_after: Some(Duration::from_secs(1)),
            ..Self::new(
                FailureKind::Memory,
                "the memory for requests and answers is used up",
            )
        }
    }

    /// A failed read of an answer's body.
    pub fn of_read(error: &io::Error) -> Self {
        let kind = Interruption::of(error).map_or(FailureKind::Broken, kind_of);
        Self::new(kind, format!("reading the answer: {error}"))
    }
}

/// The retry time in the upstream's headers: `retry-after-ms`, else `Retry-After` as seconds (fractions allowed), an
/// HTTP date or RFC 3339.
pub fn retry_after(headers: &Headers, now: SystemTime) -> Option<Duration> {
    let number = |name| headers.get(name)?.trim().parse::<f64>().ok();
    let hint = if let Some(milliseconds) = number("retry-after-ms") {
        Duration::try_from_secs_f64(milliseconds / 1000.0).ok()?
    } else if let Some(seconds) = number("retry-after") {
        Duration::try_from_secs_f64(seconds).ok()?
    } else {
        let text = headers.get("retry-after")?.trim();
        let date = time::parse_http_date(text).or_else(|| time::rfc3339(text))?;
        date.duration_since(now).ok()?
    };
    hint::ahead(hint)
}

pub fn kind_of(interruption: Interruption) -> FailureKind {
    match interruption {
        Interruption::ClientGone => FailureKind::ClientGone,
        Interruption::Awake | Interruption::Idle | Interruption::Late => FailureKind::Timeout,
        Interruption::Reset => FailureKind::Broken,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(headers: &[(&'static str, &str)]) -> Option<Duration> {
        let now = time::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        retry_after(&headers.iter().copied().collect(), now)
    }

    #[test]
    fn retry_hints_are_read() {
        let seconds = |seconds| Some(Duration::from_secs_f64(seconds));
        assert_eq!(hint(&[("retry-after", "12")]), seconds(12.0));
        assert_eq!(hint(&[("Retry-After", " 0.5 ")]), seconds(0.5));
        assert_eq!(
            hint(&[("retry-after", "9"), ("retry-after-ms", "250")]),
            seconds(0.25)
        );
        let date = "Sun, 06 Nov 1994 08:50:00 GMT";
        assert_eq!(hint(&[("retry-after", date)]), seconds(23.0));
        let date = "1994-11-06T08:50:00Z";
        assert_eq!(hint(&[("retry-after", date)]), seconds(23.0));
    }

    #[test]
    fn useless_hints_are_none() {
        let past = "Sun, 06 Nov 1994 08:49:00 GMT";
        for value in [
            "", "0", "-1", "soon", "NaN", "inf", "1e300", "2678401", past,
        ] {
            assert_eq!(hint(&[("retry-after", value)]), None, "{value}");
        }
    }
}
