//! The access log: one line per request.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use log::kv::{self, Key, Source, Value, VisitSource};
use log::{Level, Record};

use super::hooks::Report;
use super::inbound::Inbound;
use crate::logs::line::ACCESS;
use crate::logs::mask;
use crate::logs::request_id::RequestId;
use crate::logs::request_log::ResponseCapture;

/// The logged status if the client disconnects before the answer, as in nginx.
pub const CLIENT_GONE: u16 = 499;
/// The longest request id of a client that is logged, bytes.
const CLIENT_ID: usize = 64;

/// The state of a request's log line, which is written once.
pub struct Access {
    pub id: RequestId,
    /// What has gone to the client, by whatever way.
    pub seen: ResponseCapture,
    is_admitted: Cell<bool>,
    failure: RefCell<Option<String>>,
    status: Cell<Option<u16>>,
}

impl Access {
    pub fn new(id: RequestId, seen: ResponseCapture) -> Self {
        Self {
            id,
            seen,
            is_admitted: Cell::default(),
            failure: RefCell::default(),
            status: Cell::default(),
        }
    }

    /// Marks the request as authenticated and for an upstream.
    pub fn admit(&self) {
        self.is_admitted.set(true);
    }

    pub fn is_admitted(&self) -> bool {
        self.is_admitted.get()
    }

    /// Sets the error message. The last one is logged.
    pub fn set_failure(&self, why: &str) {
        self.failure.replace(Some(why.to_owned()));
    }

    pub fn failure(&self) -> Option<String> {
        self.failure.borrow().clone()
    }

    /// The logged status.
    pub fn status(&self) -> u16 {
        self.status.get().unwrap_or(CLIENT_GONE)
    }

    /// Writes the line unless it has been written. `sent` is the status that was sent; `is_whole` is whether the whole
    /// answer was sent.
    pub fn close(&self, inbound: &Inbound, sent: Option<u16>, is_whole: bool) {
        if self.status.get().is_some() {
            return;
        }
        let status = match (sent, inbound.is_client_gone()) {
            (Some(status), _) if is_whole => status,
            (_, true) => CLIENT_GONE,
            (Some(status), false) => status.max(500),
            (None, false) => 500,
        };
        self.write_line(inbound, status, None);
    }

    /// Writes the line.
    #[inline(never)]
    pub fn write_line(&self, inbound: &Inbound, status: u16, report: Option<&Report<'_>>) {
        self.status.set(Some(status));
        let level = match status {
            500.. => Level::Error,
            400..500 => Level::Warn,
            _ => Level::Info,
        };
        if !log::log_enabled!(target: ACCESS, level) {
            return;
        }
        let id = inbound.headers.get("x-request-id");
        let failure = self.failure.borrow();
        let line = Line {
            status,
            latency: inbound.arrived.elapsed(),
            client: inbound.peer.ip().to_canonical(),
            method: &inbound.method,
            path: &mask::url(&inbound.target),
            failure: failure.as_deref(),
            client_id: id.filter(|id| is_safe_id(id)),
            session: report.and_then(|report| report.session).map(short_session),
            report,
        };
        log::logger().log(
            &Record::builder()
                .args(format_args!("{line}"))
                .level(level)
                .target(ACCESS)
                .module_path_static(Some(module_path!()))
                .file_static(Some(file!()))
                .line(Some(line!()))
                .key_values(&line)
                .build(),
        );
    }
}

/// Whether a client's request id is safe to log.
fn is_safe_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (1..=CLIENT_ID).contains(&id.len()) && id.bytes().all(is_plain)
}

/// A session id as logs show it: the first 8 characters if it is longer than 20 bytes. Hashes of messages have 20 bytes
/// and are shown whole.
pub fn short_session(session: &str) -> Cow<'_, str> {
    if session.len() <= 20 {
        return Cow::Borrowed(session);
    }
    let head: String = session
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(8)
        .collect();
    Cow::Owned(head + "...")
}

struct Line<'a> {
    status: u16,
    latency: Duration,
    client: IpAddr,
    method: &'a str,
    path: &'a str,
    failure: Option<&'a str>,
    client_id: Option<&'a str>,
    session: Option<Cow<'a, str>>,
    report: Option<&'a Report<'a>>,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            status,
            client,
            method,
            path,
            ..
        } = self;
        let (latency, unit) = latency(self.latency);
        let mut number = itoa::Buffer::new();
        f.write_str(number.format(*status))?;
        f.write_str(" | ")?;
        let latency = number.format(latency);
        pad(f, 13, latency.len() + unit.len())?;
        f.write_str(latency)?;
        f.write_str(unit)?;
        f.write_str(" | ")?;
        let client = client.to_string();
        pad(f, 15, client.len())?;
        f.write_str(&client)?;
        f.write_str(" | ")?;
        f.write_str(method)?;
        pad(f, 7, method.len())?;
        f.write_str(" \"")?;
        f.write_str(path)?;
        f.write_str("\"")?;
        match self.failure {
            Some(failure) => {
                f.write_str(" | ")?;
                f.write_str(failure)
            }
            None => Ok(()),
        }
    }
}

/// Pads a text of `length` bytes to `width`.
fn pad(f: &mut fmt::Formatter<'_>, width: usize, length: usize) -> fmt::Result {
    const BLANKS: &str = "               ";
    f.write_str(BLANKS.get(..width.saturating_sub(length)).unwrap_or(BLANKS))
}

/// Milliseconds, or seconds from one minute on.
fn latency(latency: Duration) -> (u64, &'static str) {
    match latency.as_secs() {
        0..60 => (u64::try_from(latency.as_millis()).unwrap_or(u64::MAX), "ms"),
        seconds => (seconds, "s"),
    }
}

impl Source for Line<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        let mut put =
            |key: &'static str, value: Value<'kvs>| visitor.visit_pair(Key::from_str(key), value);
        let millis = u64::try_from(self.latency.as_millis()).unwrap_or(u64::MAX);
        put("status", self.status.into())?;
        put("latency_ms", millis.into())?;
        put("client", Value::from_display(&self.client))?;
        put("method", self.method.into())?;
        put("path", self.path.into())?;
        if let Some(report) = self.report {
            put("dialect", report.dialect.name().into())?;
            put("model", report.model.into())?;
            if let Some(credential) = report.credential {
                put("credential", credential.into())?;
            }
            let count = u64::try_from(report.attempts).unwrap_or(u64::MAX);
            put("attempts", count.into())?;
            if let Some(session) = &self.session {
                put("session", (&**session).into())?;
            }
            put("decision", report.decision.name().into())?;
            if let Some(usage) = &report.usage {
                put("input_tokens", usage.input.into())?;
                put("output_tokens", usage.output.into())?;
                put("cached_tokens", usage.cached_read.into())?;
            }
        }
        if let Some(id) = self.client_id {
            put("client_request_id", id.into())?;
        }
        match self.failure {
            Some(failure) => put("error", failure.into()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(latency: Duration, failure: Option<&str>) -> String {
        let line = Line {
            status: 200,
            latency,
            client: IpAddr::from([127, 0, 0, 1]),
            method: "POST",
            path: "/v1/messages?key=AIza...6789",
            failure,
            client_id: None,
            session: None,
            report: None,
        };
        line.to_string()
    }

    #[test]
    fn columns_are_aligned() {
        assert_eq!(
            line(Duration::from_millis(59_999), None),
            "200 |       59999ms |       127.0.0.1 | POST    \"/v1/messages?key=AIza...6789\""
        );
        assert_eq!(
            line(Duration::from_millis(61_700), Some("it broke")),
            "200 |           61s |       127.0.0.1 | POST    \"/v1/messages?key=AIza...6789\" | it broke"
        );
    }

    #[test]
    fn long_session_ids_are_cut() {
        assert_eq!(
            short_session("msg:6f3af82650710693"),
            "msg:6f3af82650710693"
        );
        assert_eq!(
            short_session("claude:ac980658-63bd-4fb3-97ba-8da64cb1e344"),
            "claude:a..."
        );
    }

    #[test]
    fn unsafe_request_ids_are_not_logged() {
        for (id, expected) in [
            ("0199a3b2-77aa-7abc-8def-0123456789ab", true),
            ("req_01.x:y", true),
            ("", false),
            ("two words", false),
            ("a\"b", false),
            ("é", false),
        ] {
            assert_eq!(is_safe_id(id), expected, "{id}");
        }
        assert!(!is_safe_id(&"x".repeat(65)));
    }
}
