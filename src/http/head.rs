//! The head of an HTTP/1.1 answer.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use super::cors;
use super::fixed::{EVENT_STREAM, Fixed};
use crate::logs::request_id::RequestId;
use crate::time;
use crate::wire::problem::reason;

/// The longest `Retry-After` that is sent, in seconds: a day.
const MAX_RETRY_AFTER: u64 = 86_400;

/// Headers that are always set here; passed-on headers do not override them.
const OWN_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "date",
    "transfer-encoding",
];

/// The framing of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No body and no header about one: 204, 304.
    None,
    /// `Content-Length`. The answer to HEAD has no body.
    Length(u64),
    Chunked,
}

/// A response head. [`Head::new`] sets the defaults.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    pub status: u16,
    pub framing: Framing,
    pub content_type: Option<&'a str>,
    pub request_id: Option<RequestId>,
    /// Sent in whole seconds, rounded up, 1 to 86,400.
    pub retry_after: Option<Duration>,
    /// Target of a redirect.
    pub location: Option<&'a str>,
    /// Whether the answer has [`cors::HEADERS`].
    pub has_cors: bool,
}

impl<'a> Head<'a> {
    pub fn new(status: u16, content_type: &'a str, framing: Framing) -> Self {
        Self {
            status,
            framing,
            content_type: Some(content_type),
            request_id: None,
            retry_after: None,
            location: None,
            has_cors: true,
        }
    }

    /// The head of an answer with a constant body.
    pub fn fixed(answer: &Fixed) -> Self {
        let length = Framing::Length(answer.body.len() as u64);
        Self::new(answer.status, answer.content_type, length)
    }

    /// The answer to a CORS preflight.
    pub fn preflight() -> Self {
        Self {
            content_type: None,
            ..Self::new(204, "", Framing::None)
        }
    }

    /// The head of an event stream.
    pub fn event_stream() -> Self {
        Self::new(200, EVENT_STREAM, Framing::Chunked)
    }

    pub fn redirect(status: u16, location: &'a str) -> Self {
        Self {
            location: Some(location),
            content_type: None,
            ..Self::new(status, "", Framing::Length(0))
        }
    }

    /// Appends the head to `out`. `passed_on` are upstream headers (see [`super::passthrough`]). The gateway's own headers
    /// take precedence, except that an upstream's request id replaces the gateway's.
    pub fn write<'h>(
        &self,
        out: &mut Vec<u8>,
        now: SystemTime,
        passed_on: impl IntoIterator<Item = (&'h str, &'h str)>,
    ) {
        out.extend_from_slice(b"HTTP/1.1 ");
        number(out, self.status.into());
        out.push(b' ');
        out.extend_from_slice(reason(self.status).as_bytes());
        out.extend_from_slice(b"\r\nDate: ");
        // Writing to memory cannot fail.
        let _ = write!(out, "{}", time::http_date(now));
        out.extend_from_slice(b"\r\n");
        if let Some(content_type) = self.content_type {
            header(out, "Content-Type", content_type);
            if content_type == EVENT_STREAM {
                line(out, "Cache-Control", b"no-cache");
            }
        }
        match self.framing {
            Framing::None => {}
            Framing::Length(length) => numbered(out, "Content-Length", length),
            Framing::Chunked => line(out, "Transfer-Encoding", b"chunked"),
        }
        if self.has_cors {
            for (name, value) in cors::HEADERS {
                line(out, name, value.as_bytes());
            }
        }
        if let Some(location) = self.location {
            header(out, "Location", location);
        }
        if let Some(after) = self.retry_after {
            numbered(out, "Retry-After", retry_after_seconds(after));
        }
        let mut upstream_id = false;
        for (name, value) in passed_on {
            if self.sets(name) {
                continue;
            }
            upstream_id |= name.eq_ignore_ascii_case("x-request-id");
            header(out, name, value);
        }
        if let Some(id) = self.request_id
            && !upstream_id
        {
            header(out, "X-Request-Id", id.as_str());
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Whether the head sets a header itself.
    fn sets(&self, name: &str) -> bool {
        let is = |ours: &str| name.eq_ignore_ascii_case(ours);
        OWN_HEADERS.iter().any(|ours| is(ours))
            || cors::HEADERS.iter().any(|(ours, _)| is(ours))
            || (is("cache-control") && self.content_type == Some(EVENT_STREAM))
            || (is("retry-after") && self.retry_after.is_some())
            || (is("location") && self.location.is_some())
    }
}

/// The value of a `Retry-After` header.
pub fn retry_after_seconds(after: Duration) -> u64 {
    (after
        .as_secs()
        .saturating_add(u64::from(after.subsec_nanos() > 0)))
    .clamp(1, MAX_RETRY_AFTER)
}

/// Writes a header unless its name or value is invalid (RFC 9110 5.1, 5.5).
fn header(out: &mut Vec<u8>, name: &str, value: &str) {
    let token = !name.is_empty() && name.bytes().all(is_token_byte);
    let text = value
        .bytes()
        .all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
    if token && text {
        line(out, name, value.as_bytes());
    }
}

/// Writes a header that is known to be valid.
fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

fn numbered(out: &mut Vec<u8>, name: &str, value: u64) {
    for part in [name.as_bytes(), b": "] {
        out.extend_from_slice(part);
    }
    number(out, value);
    out.extend_from_slice(b"\r\n");
}

fn number(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Writes a head together with the first bytes of the body, in one write instead of two.
pub struct HeadWriter<'a> {
    head: Vec<u8>,
    out: &'a mut dyn Write,
}

impl<'a> HeadWriter<'a> {
    pub fn new(head: Vec<u8>, out: &'a mut dyn Write) -> Self {
        Self { head, out }
    }
}

impl Write for HeadWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.head.is_empty() {
            return self.out.write(bytes);
        }
        let mut joined = std::mem::take(&mut self.head);
        joined.extend_from_slice(bytes);
        self.out.write_all(&joined)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.head.is_empty() {
            let head = std::mem::take(&mut self.head);
            self.out.write_all(&head)?;
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Headers = Vec<(String, String)>;

    fn parse(head: &Head<'_>, passed_on: &[(&str, &str)]) -> (u16, Headers) {
        let mut out = Vec::new();
        head.write(&mut out, SystemTime::UNIX_EPOCH, passed_on.iter().copied());
        let mut space = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut space);
        let read = response.parse(&out).expect("a valid head");
        assert_eq!(read, httparse::Status::Complete(out.len()));
        let headers = response
            .headers
            .iter()
            .map(|header| {
                let value = String::from_utf8_lossy(header.value).into_owned();
                (header.name.to_ascii_lowercase(), value)
            })
            .collect();
        (response.code.expect("a status"), headers)
    }

    fn values<'h>(headers: &'h Headers, name: &str) -> Vec<&'h str> {
        headers
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    #[test]
    fn a_plain_answer() {
        let head = Head {
            request_id: Some(RequestId::fresh()),
            ..Head::new(200, "application/json", Framing::Length(17))
        };
        let (status, headers) = parse(&head, &[]);
        assert_eq!(status, 200);
        assert_eq!(values(&headers, "date"), ["Thu, 01 Jan 1970 00:00:00 GMT"]);
        assert_eq!(values(&headers, "content-type"), ["application/json"]);
        assert_eq!(values(&headers, "content-length"), ["17"]);
        assert_eq!(values(&headers, "access-control-allow-origin"), ["*"]);
        assert_eq!(
            values(&headers, "access-control-allow-headers"),
            ["*, Authorization"]
        );
        assert_eq!(values(&headers, "x-request-id").len(), 1);
        assert_eq!(values(&headers, "transfer-encoding"), [""; 0]);
    }

    #[test]
    fn an_event_stream_a_preflight_and_a_redirect() {
        let (_, headers) = parse(&Head::event_stream(), &[("Cache-Control", "max-age=1")]);
        assert_eq!(values(&headers, "content-type"), ["text/event-stream"]);
        assert_eq!(values(&headers, "cache-control"), ["no-cache"]);
        assert_eq!(values(&headers, "connection"), [""; 0]);
        assert_eq!(values(&headers, "transfer-encoding"), ["chunked"]);

        let (status, headers) = parse(&Head::preflight(), &[]);
        assert_eq!(status, 204);
        assert_eq!(values(&headers, "content-length"), [""; 0]);
        assert_eq!(values(&headers, "access-control-allow-methods").len(), 1);

        let not_found = crate::http::fixed::NOT_FOUND;
        let (status, headers) = parse(&Head::fixed(&not_found), &[]);
        assert_eq!(status, 404);
        assert_eq!(values(&headers, "content-type"), ["text/plain"]);
        let length = not_found.body.len().to_string();
        assert_eq!(values(&headers, "content-length"), [length]);

        let (status, headers) = parse(&Head::redirect(307, "/v1/messages?a=b"), &[]);
        assert_eq!(
            (status, values(&headers, "location")),
            (307, vec!["/v1/messages?a=b"])
        );
    }

    #[test]
    fn own_headers_take_precedence_except_for_the_request_id() {
        let head = Head {
            request_id: Some(RequestId::fresh()),
            retry_after: Some(Duration::from_millis(1500)),
            ..Head::new(429, "application/json", Framing::Length(0))
        };
        let upstream = [
            ("Content-Type", "text/html"),
            ("content-length", "999"),
            ("Date", "now"),
            ("retry-after", "99"),
            ("Access-Control-Allow-Origin", "https://x.test"),
            ("X-Request-ID", "req_1"),
            ("x-extra", "1"),
        ];
        let (_, headers) = parse(&head, &upstream);
        assert_eq!(values(&headers, "content-type"), ["application/json"]);
        assert_eq!(values(&headers, "content-length"), ["0"]);
        assert_eq!(values(&headers, "retry-after"), ["2"]);
        assert_eq!(values(&headers, "access-control-allow-origin"), ["*"]);
        assert_eq!(values(&headers, "x-request-id"), ["req_1"]);
        assert_eq!(values(&headers, "x-extra"), ["1"]);
        let without = Head {
            retry_after: None,
            ..head
        };
        assert_eq!(values(&parse(&without, &upstream).1, "retry-after"), ["99"]);
    }

    #[test]
    fn retry_after_is_rounded_up_and_bounded() {
        for (after, seconds) in [
            (Duration::ZERO, 1),
            (Duration::from_millis(1), 1),
            (Duration::from_secs(65), 65),
            (Duration::from_millis(65_001), 66),
            (Duration::MAX, 86_400),
        ] {
            assert_eq!(retry_after_seconds(after), seconds);
        }
    }

    proptest! {
        #[test]
        fn header_values_cannot_inject_lines(name in "[a-z\r\n: ]{0,8}", value in "(?s).{0,20}") {
            let head = Head::new(200, "application/json", Framing::Length(0));
            let plain = parse(&head, &[]).1.len();
            let with = parse(&head, &[(&name, &value)]).1.len();
            prop_assert!(with == plain || with == plain + 1);
        }
    }
}
