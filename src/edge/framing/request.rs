//! Parses request heads strictly.

use std::borrow::Cow;
use std::fmt::Write;
use std::mem::MaybeUninit;

use httparse::{Error, Header, Request, Status};
use memchr::memmem;

use super::{Body, is_hop_by_hop, length, options};
use crate::edge::refusal::Refusal;
use crate::exchange::{Head, Headers};

/// The most empty lines that are ignored before a request line (RFC 9112 2.2 requires at least one).
const EMPTY_LINES: usize = 8;
/// Header lines that fit on the stack; the configured limit applies.
const MOST_HEADERS: usize = 256;

/// A complete request head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// Its length, including the empty line.
    pub bytes: usize,
    pub body: Body,
    /// Whether the connection persists after the request.
    pub keep_alive: bool,
    /// HTTP/1.0, which has no chunked coding.
    pub is_http10: bool,
    pub expects_continue: bool,
    /// The head for the server, without hop-by-hop headers.
    pub head: Head,
}

/// Limits beyond RFC 9112.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    pub bytes: usize,
    pub headers: usize,
}

/// Parses the head at the beginning of `bytes`; `None` if more bytes are needed. `scanned` is the number of bytes that
/// earlier calls have scanned, and is updated, so that only new bytes are scanned.
///
/// # Errors
/// The [`Refusal`] to answer with; the connection cannot be used any more.
pub fn parse(
    bytes: &[u8],
    scanned: &mut usize,
    limits: HeadLimits,
) -> Result<Option<RequestHead>, Refusal> {
    let skipped = empty_lines(bytes)?;
    let head = bytes.get(skipped..).unwrap_or_default();
    let Some(end) = find_end(head, scanned.saturating_sub(skipped))? else {
        if head.len() > limits.bytes {
            return Err(Refusal::HeadTooLarge);
        }
        *scanned = bytes.len();
        return Ok(None);
    };
    if end > limits.bytes {
        return Err(Refusal::HeadTooLarge);
    }
    let head = head.get(..end).unwrap_or_default();
    let mut headers = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let room = headers
        .get_mut(..limits.headers.min(MOST_HEADERS))
        .unwrap_or_default();
    let mut request = Request::new(&mut []);
    match request.parse_with_uninit_headers(head, room) {
        Ok(Status::Complete(_)) => {}
        Ok(Status::Partial) => return Err(Refusal::Malformed("the request head is not HTTP")),
        Err(Error::TooManyHeaders) => return Err(Refusal::HeadTooLarge),
        Err(Error::Version) => return Err(Refusal::Version),
        Err(Error::HeaderName) => return Err(Refusal::Malformed("a header name is malformed")),
        Err(Error::HeaderValue) => return Err(Refusal::Malformed("a header value is malformed")),
        Err(_) => return Err(Refusal::Malformed("the request line is malformed")),
    }
    let (Some(method), Some(target), Some(version)) =
        (request.method, request.path, request.version)
    else {
        return Err(Refusal::Malformed("the request line is malformed"));
    };
    let (authority, target) = split_target(method, target)?;
    let fields = Fields::read(request.headers, version == 0)?;
    Ok(Some(RequestHead {
        bytes: skipped + end,
        body: fields.body,
        keep_alive: version == 1 && !fields.close,
        is_http10: version == 0,
        expects_continue: fields.expects_continue,
        head: Head {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: passed_on(authority, request.headers, &fields),
        },
    }))
}

/// The length of leading empty lines.
fn empty_lines(bytes: &[u8]) -> Result<usize, Refusal> {
    let lines = bytes
        .chunks_exact(2)
        .take_while(|pair| *pair == b"\r\n")
        .count();
    if lines > EMPTY_LINES {
        return Err(Refusal::Malformed("the request line is missing"));
    }
    Ok(2 * lines)
}

/// The length of the head, including the empty line. Every line must end with CR LF; a single CR or LF is refused.
fn find_end(head: &[u8], scanned: usize) -> Result<Option<usize>, Refusal> {
    // Scan the last bytes again: they may be the beginning of the end.
    let from = scanned.saturating_sub(3).min(head.len());
    let end =
        memmem::find(head.get(from..).unwrap_or_default(), b"\r\n\r\n").map(|at| from + at + 4);
    let lines = head.get(..end.unwrap_or(head.len())).unwrap_or_default();
    for at in memchr::memchr2_iter(b'\r', b'\n', lines.get(from..).unwrap_or_default()) {
        let at = from + at;
        let is_right = match lines.get(at) {
            Some(b'\n') => at > 0 && lines.get(at - 1) == Some(&b'\r'),
            // The LF of a CR at the end may still arrive.
            _ => lines.get(at + 1).is_none_or(|next| *next == b'\n'),
        };
        if !is_right {
            return Err(Refusal::Malformed("a line does not end with CR LF"));
        }
    }
    Ok(end)
}

/// The authority of a target in absolute form, and path and query of any (RFC 9112 3.2).
fn split_target<'t>(method: &str, target: &'t str) -> Result<(Option<&'t str>, &'t str), Refusal> {
    const WRONG: Refusal = Refusal::Malformed("the request target is malformed");
    if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(WRONG);
    }
    if method == "CONNECT" {
        return Err(Refusal::Malformed("this is no proxy"));
    }
    if target.starts_with('/') || (target == "*" && method == "OPTIONS") {
        return Ok((None, target));
    }
    let rest = ["http://", "https://"]
        .into_iter()
        .find_map(|scheme| {
            let (start, rest) = target.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        })
        .ok_or(WRONG)?;
    let at = rest.find(['/', '?']).ok_or(WRONG)?;
    let (authority, path) = rest.split_at_checked(at).ok_or(WRONG)?;
    if authority.is_empty() || !path.starts_with('/') || !is_host(authority.as_bytes()) {
        return Err(WRONG);
    }
    Ok((Some(authority), path))
}

/// Whether this is `uri-host [ ":" port ]` (RFC 9110 7.2): a name, an address, an address in brackets, or nothing,
/// and never user information.
fn is_host(value: &[u8]) -> bool {
    let (host, rest) = match value.strip_prefix(b"[") {
        Some(rest) => {
            let Some(end) = memchr::memchr(b']', rest) else {
                return false;
            };
            let (address, rest) = rest.split_at(end);
            let is_address =
                |byte: &u8| byte.is_ascii_alphanumeric() || b":.-_~%!$&'()*+,;=".contains(byte);
            if address.is_empty() || !address.iter().all(is_address) {
                return false;
            }
            (&b""[..], rest.get(1..).unwrap_or_default())
        }
        None => match memchr::memchr(b':', value) {
            Some(colon) => value.split_at(colon),
            None => (value, &b""[..]),
        },
    };
    // Percent-encoded bytes are for names that DNS does not know; nobody needs them.
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(byte);
    let is_port = match rest.split_first() {
        None => true,
        Some((b':', port)) => port.len() <= 5 && port.iter().all(u8::is_ascii_digit),
        Some(_) => false,
    };
    host.iter().all(is_name) && is_port
}

/// The header fields about the message and the connection.
struct Fields<'h> {
    body: Body,
    close: bool,
    expects_continue: bool,
    /// The names that `Connection` lists.
    connection: Vec<&'h [u8]>,
}

impl<'h> Fields<'h> {
    fn read(headers: &[Header<'h>], is_http10: bool) -> Result<Self, Refusal> {
        let mut fields = Self {
            body: Body::None,
            close: false,
            expects_continue: false,
            connection: Vec::new(),
        };
        let mut hosts = 0;
        let mut lengths = 0;
        let mut codings = 0;
        for header in headers {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            if is("host") {
                hosts += 1;
                if !is_host(header.value) {
                    return Err(Refusal::Malformed("Host is malformed"));
                }
            } else if is("content-length") {
                lengths += 1;
                fields.body = length(header.value)
                    .map(Body::Length)
                    .ok_or(Refusal::Malformed("Content-Length is malformed"))?;
            } else if is("transfer-encoding") {
                codings += 1;
                if !header.value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                    return Err(Refusal::TransferCoding);
                }
            } else if is("connection") {
                fields.connection.extend(options(header.value));
            } else if is("expect") {
                if !header.value.eq_ignore_ascii_case(b"100-continue") {
                    return Err(Refusal::Expectation);
                }
                fields.expects_continue = !is_http10;
            }
        }
        match (codings, lengths) {
            (0, 0 | 1) => {}
            (0, _) => return Err(Refusal::Malformed("Content-Length is given twice")),
            (1, 0) if !is_http10 => fields.body = Body::Chunked,
            (1, 0) => return Err(Refusal::Malformed("HTTP/1.0 has no transfer codings")),
            (_, 0) => return Err(Refusal::Malformed("Transfer-Encoding is given twice")),
            _ => {
                return Err(Refusal::Malformed(
                    "Content-Length and Transfer-Encoding exclude each other",
                ));
            }
        }
        if hosts > 1 || (hosts == 0 && !is_http10) {
            return Err(Refusal::Malformed("there must be one Host header"));
        }
        fields.close = fields
            .connection
            .iter()
            .any(|option| option.eq_ignore_ascii_case(b"close"));
        Ok(fields)
    }

    fn passes(&self, name: &str) -> bool {
        !is_hop_by_hop(name)
            // `Connection` must not remove end-to-end headers that every request needs (RFC 9110 7.6.1).
            && (name.eq_ignore_ascii_case("host")
                || !self
                    .connection
                    .iter()
                    .any(|option| option.eq_ignore_ascii_case(name.as_bytes())))
    }
}

/// The headers that are passed on. An authority in the target takes precedence over `Host` (RFC 9112 3.2.2).
fn passed_on(authority: Option<&str>, headers: &[Header<'_>], fields: &Fields<'_>) -> Headers {
    let length = headers
        .iter()
        .map(|header| header.name.len() + header.value.len());
    let mut out = Headers::with_capacity(headers.len(), length.sum());
    for header in headers.iter().filter(|header| fields.passes(header.name)) {
        match authority {
            Some(authority) if header.name.eq_ignore_ascii_case("host") => {
                out.push(header.name, authority);
            }
            _ => out.push(header.name, &text(header.value)),
        }
    }
    out
}

/// Beyond the edge, values are text. In other values (obs-text, RFC 9110 5.5) the bytes above ASCII are percent-encoded, so
/// that different values stay different.
fn text(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            let mut out = String::with_capacity(value.len() + 16);
            for byte in value {
                if byte.is_ascii() {
                    out.push(char::from(*byte));
                } else {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "%{byte:02X}");
                }
            }
            Cow::Owned(out)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: HeadLimits = HeadLimits {
        bytes: 4096,
        headers: 16,
    };

    fn read(bytes: &[u8]) -> Result<Option<RequestHead>, Refusal> {
        parse(bytes, &mut 0, LIMITS)
    }

    fn complete(text: &str) -> RequestHead {
        read(text.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn what_goes_on() {
        let read = complete(
            "POST http://h:1/v1/x?a=b HTTP/1.1\r\nHost: other\r\nConnection: X-Gone, keep-alive, host\r\nX-Gone: 1\r\nX-Kept:  a b \r\nContent-Length: 3\r\nTE: trailers\r\nUpgrade: websocket\r\n\r\nabc",
        );
        let head = &read.head;
        assert_eq!((&*head.method, &*head.target), ("POST", "/v1/x?a=b"));
        let headers: Vec<_> = head.headers.iter().collect();
        assert_eq!(headers, [("Host", "h:1"), ("X-Kept", "a b")]);
        assert_eq!(read.body, Body::Length(3));
        assert!(read.keep_alive && !read.is_http10);
    }

    #[test]
    fn heads_that_are_fine() {
        let simple = complete("\r\n\r\nGET /simple HTTP/1.1\r\nHost:\r\n\r\n");
        assert!(simple.keep_alive && simple.body == Body::None);
        assert_eq!(simple.bytes, 35);
        let close = complete("GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n");
        assert!(!close.keep_alive);
        let old = complete("GET / HTTP/1.0\r\n\r\n");
        assert!(old.is_http10 && !old.keep_alive);
        let chunked = complete("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n");
        assert_eq!(chunked.body, Body::Chunked);
        let waits = complete("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n\r\n");
        assert!(waits.expects_continue);
        let text = complete("GET / HTTP/1.1\r\nHost: h\r\nX-Name: é\r\n\r\n");
        assert_eq!(text.head.header("x-name"), Some("é"));
        let latin = read(b"GET / HTTP/1.1\r\nHost: h\r\nX-Name: \xe9a\r\n\r\n");
        let latin = latin.unwrap().unwrap();
        assert_eq!(latin.head.header("x-name"), Some("%E9a"));
    }

    #[test]
    fn hosts() {
        for (host, is_fine) in [
            ("", true),
            ("h", true),
            ("h.example:8317", true),
            ("h:", true),
            ("127.0.0.1:1", true),
            ("[::1]:8317", true),
            ("[fe80::1%25eth0]", true),
            ("a_b.c", true),
            ("h:80:80", false),
            ("h:port", false),
            ("h:123456", false),
            ("u@h", false),
            ("u:p@h", false),
            ("h/x", false),
            ("h h", false),
            ("h?x", false),
            ("h\\x", false),
            ("h%00", false),
            ("[::1", false),
            ("::1]", false),
            ("[]", false),
            ("[::1]x", false),
            ("é", false),
        ] {
            let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert_eq!(read(head.as_bytes()).is_ok(), is_fine, "{host:?}");
            let absolute = format!("GET http://{host}/ HTTP/1.1\r\nHost: h\r\n\r\n");
            // In a target, what follows a slash or a question mark is none of the host.
            if host.contains(['/', '?']) {
                continue;
            }
            let is_fine = is_fine && !host.is_empty();
            assert_eq!(read(absolute.as_bytes()).is_ok(), is_fine, "{host:?}");
        }
    }

    #[test]
    fn heads_that_are_refused() {
        let host = "Host: h\r\n";
        let line = "POST / HTTP/1.1\r\n";
        for (head, status) in [
            ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
            (format!("{line}{host}{host}\r\n"), 400),
            (
                format!("{line}{host}Content-Length: 1\r\nContent-Length: 1\r\n\r\n"),
                400,
            ),
            (format!("{line}{host}Content-Length: 1, 1\r\n\r\n"), 400),
            (format!("{line}{host}Content-Length: +1\r\n\r\n"), 400),
            (format!("{line}{host}Content-Length: 1 2\r\n\r\n"), 400),
            (format!("{line}{host}Content-Length:\r\n\r\n"), 400),
            (format!("{line}{host}Content-Length: 0x1\r\n\r\n"), 400),
            (
                format!("{line}{host}Content-Length: 18446744073709551616\r\n\r\n"),
                400,
            ),
            (
                format!("{line}{host}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
                400,
            ),
            (
                format!(
                    "{line}{host}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
                ),
                400,
            ),
            (
                format!("{line}{host}Transfer-Encoding: gzip, chunked\r\n\r\n"),
                501,
            ),
            (
                format!("{line}{host}Transfer-Encoding: identity\r\n\r\n"),
                501,
            ),
            (
                format!("{line}{host}Transfer-Encoding: \"chunked\"\r\n\r\n"),
                501,
            ),
            (
                "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
                400,
            ),
            (format!("{line}{host}X: a\r\n b\r\n\r\n"), 400),
            (format!("{line}{host}X : a\r\n\r\n"), 400),
            (format!("{line}{host}X: a\rb\r\n\r\n"), 400),
            (format!("{line}{host}X: a\nY: b\r\n\r\n"), 400),
            (format!("{line}{host}X: a\0b\r\n\r\n"), 400),
            (format!("{line}{host}: a\r\n\r\n"), 400),
            (format!("{line}{host}Expect: 200-ok\r\n\r\n"), 417),
            (format!("GET /\u{e9} HTTP/1.1\r\n{host}\r\n"), 400),
            (format!("GET / x HTTP/1.1\r\n{host}\r\n"), 505),
            (format!("GET  / HTTP/1.1\r\n{host}\r\n"), 400),
            (format!("GET * HTTP/1.1\r\n{host}\r\n"), 400),
            (format!("GET h:80 HTTP/1.1\r\n{host}\r\n"), 400),
            (format!("GET http:///x HTTP/1.1\r\n{host}\r\n"), 400),
            (format!("CONNECT h:80 HTTP/1.1\r\n{host}\r\n"), 400),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 505),
            (format!("GET / HTTP/1.2\r\n{host}\r\n"), 505),
            ("\u{16}\u{3}\u{1}\r\n\r\n".to_owned(), 400),
            ("\r\n".repeat(9), 400),
            ("GET / HTTP/1.1\nHost: h\n\n".to_owned(), 400),
            (format!("{line}{host}{}\r\n", "A: b\r\n".repeat(17)), 431),
            (format!("{line}{host}A: {}\r\n\r\n", "b".repeat(5000)), 431),
            (format!("{line}{host}A: {}", "b".repeat(5000)), 431),
        ] {
            match read(head.as_bytes()) {
                Err(refusal) => assert_eq!(refusal.status(), status, "{head:?}: {refusal}"),
                other => panic!("{head:?} gave {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_incomplete_waits() {
        let head = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
        for length in 0..head.len() {
            assert_eq!(read(&head[..length]), Ok(None), "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(
            text in "(GET|POST) /[a-z]{0,9} HTTP/1\\.[01]\r\n(Host: h\r\n){0,2}([A-Z][a-z]{1,9}: ?[ -~]{0,9}\r?\n){0,4}\r\n",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        ) {
            let bytes = text.as_bytes();
            let whole = read(bytes);
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            ends.push(bytes.len());
            ends.sort_unstable();
            let mut scanned = 0;
            let mut last = Ok(None);
            for end in ends {
                last = parse(&bytes[..end], &mut scanned, LIMITS);
                if last != Ok(None) {
                    break;
                }
            }
            prop_assert_eq!(whole, last);
        }

        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }
    }
}
