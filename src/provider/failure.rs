//! How an upstream call fails. What follows from it, another credential or an error for the client, is not
//! decided here.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::time::{Duration, SystemTime};

use ureq::Timeout;

use super::fault::time;
use super::headers::Headers;
use super::progress::Progress;
use super::watch::{self, Interruption};

/// Bytes of an error's body that are read, the rest is left (spec/providers.md 2.3).
pub const ERROR_BODY: u64 = 1024 * 1024;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// No connection: name, socket, proxy, TLS.
    Connect,
    /// Connected, but no answer in time.
    Timeout,
    /// The connection broke, or what came is not HTTP or not an answer.
    Broken,
    /// The upstream answered with an error.
    Status,
    /// The client hung up meanwhile.
    ClientGone,
    /// The upstream has no such operation.
    Unsupported,
    /// The client's request cannot be put into a call.
    Request,
}

/// A call without an answer.
#[derive(Clone, Debug)]
pub struct Failure {
    pub kind: FailureKind,
    /// Of the upstream, or the one that fits what it said.
    pub status: Option<u16>,
    /// Of the upstream, unfiltered.
    pub headers: Headers,
    /// Of the upstream, at most [`ERROR_BODY`].
    pub body: Vec<u8>,
    /// How long the upstream asks to be left alone.
    pub retry_after: Option<Duration>,
    /// For logs, and for the client when there is no body. Holds no key and no URL.
    pub message: String,
}

impl Failure {
    /// A failure without an answer of the upstream.
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

    /// An answer of the upstream that is an error.
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

    /// The upstream has no such operation; 501.
    pub(super) fn unsupported(what: &str) -> Self {
        let message = format!("{what} is not supported by this provider");
        Self {
            status: Some(501),
            ..Self::new(FailureKind::Unsupported, message)
        }
    }

    /// The client's request cannot be put into a call; 400.
    pub(super) fn request(message: impl Into<String>) -> Self {
        Self {
            status: Some(400),
            ..Self::new(FailureKind::Request, message)
        }
    }

    /// A call of `host` that ended before the head of an answer.
    pub(super) fn of_call(error: &ureq::Error, progress: Progress, host: &str) -> Self {
        let kind = match (error, progress) {
            (ureq::Error::Other(_), _) => match interruption(error) {
                Some(interruption) => kind_of(interruption),
                None => FailureKind::Broken,
            },
            (ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve), _) => FailureKind::Connect,
            (ureq::Error::Timeout(_), _) => FailureKind::Timeout,
            (
                ureq::Error::HostNotFound
                | ureq::Error::ConnectionFailed
                | ureq::Error::ConnectProxyFailed(_)
                | ureq::Error::InvalidProxyUrl
                | ureq::Error::Tls(_)
                | ureq::Error::TlsRequired
                | ureq::Error::BadUri(_),
                _,
            ) => FailureKind::Connect,
            (_, Progress::Connecting) => FailureKind::Connect,
            (_, Progress::Reused | Progress::Connected) => FailureKind::Broken,
        };
        let kind = match (kind, progress) {
            (FailureKind::Broken | FailureKind::Timeout, Progress::Connecting) => {
                FailureKind::Connect
            }
            (kind, _) => kind,
        };
        let doing = match kind {
            FailureKind::Connect => "connecting to",
            _ => "waiting for",
        };
        Self::new(kind, format!("{doing} {host}: {}", describe(error)))
    }

    /// A read of an answer's body that failed.
    pub fn of_read(error: &io::Error) -> Self {
        let kind = match watch::interruption(error) {
            Some(interruption) => kind_of(interruption),
            None => FailureKind::Broken,
        };
        let message = match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(inner) => describe(inner),
            None => error.to_string(),
        };
        Self::new(kind, format!("reading the answer: {message}"))
    }
}

/// What the upstream's headers say about when to come back: `retry-after-ms`, else `Retry-After` in seconds,
/// fractions allowed, or as a date of HTTP or RFC 3339.
pub fn retry_after(headers: &Headers, now: SystemTime) -> Option<Duration> {
    let number = |name| headers.get(name)?.trim().parse::<f64>().ok();
    let hint = if let Some(milliseconds) = number("retry-after-ms") {
        Duration::try_from_secs_f64(milliseconds / 1000.0).ok()?
    } else if let Some(seconds) = number("retry-after") {
        Duration::try_from_secs_f64(seconds).ok()?
    } else {
        let text = headers.get("retry-after")?.trim();
        let date = httpdate::parse_http_date(text).ok();
        let date = date.or_else(|| time::rfc3339(text))?;
        date.duration_since(now).ok()?
    };
    time::ahead(hint)
}

fn interruption(error: &ureq::Error) -> Option<Interruption> {
    match error {
        ureq::Error::Other(other) => other.downcast_ref().copied(),
        _ => None,
    }
}

fn kind_of(interruption: Interruption) -> FailureKind {
    match interruption {
        Interruption::ClientGone => FailureKind::ClientGone,
        Interruption::Awake | Interruption::Idle | Interruption::Late => FailureKind::Timeout,
        Interruption::Reset => FailureKind::Broken,
    }
}

/// An error in words, without what ureq quotes of a URL.
fn describe(error: &ureq::Error) -> String {
    match error {
        ureq::Error::BadUri(_) => "the base URL cannot be used".to_owned(),
        ureq::Error::HostNotFound => "the name is not known".to_owned(),
        ureq::Error::Timeout(Timeout::RecvResponse) => "no answer in time".to_owned(),
        ureq::Error::Timeout(_) => "not in time".to_owned(),
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Other(error) => error.to_string(),
        error => match error.source() {
            Some(source) => source.to_string(),
            None => error.to_string(),
        },
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
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
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

    #[test]
    fn texts_hold_no_url() {
        let error = ureq::Error::BadUri("https://user:secret@host/?key=secret".to_owned());
        let failure = Failure::of_call(&error, Progress::Reused, "host");
        assert!(!failure.to_string().contains("secret"));
    }
}
