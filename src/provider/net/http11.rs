//! HTTP/1.1 over a [`Connection`]: the heads of requests and answers, and the framing of bodies.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{Uri, uri};
use httparse::{ParserConfig, Response, Status};

use super::connection::{Connection, is_pause};
use super::input::Input;
use crate::chunked::Decoder;
use crate::exchange::Waiter;
use crate::failure::Headers;

/// The longest head of an answer, bytes.
const HEAD: usize = 64 * 1024;
/// The most header lines of an answer.
const LINES: usize = 128;
/// Bytes of a request's head besides its method, target, host and headers.
const AROUND: usize = 32;

/// The time limits of an exchange.
#[derive(Clone, Copy)]
pub struct Limits {
    /// The longest time without progress in sending.
    pub silence: Option<Duration>,
    pub deadline: Option<Instant>,
    /// The error message when the deadline has passed.
    pub late: &'static str,
}

/// The head of an answer.
#[derive(Debug)]
pub struct Head {
    pub status: u16,
    pub headers: Headers,
    pub end: End,
    /// Whether the connection can be reused after the body.
    pub is_kept: bool,
}

/// How the length of a body is determined (RFC 9112, 6.3).
#[derive(Debug)]
pub enum End {
    /// The number of remaining bytes.
    Length(u64),
    Chunked(Decoder),
    /// The body ends with the connection.
    Close,
}

/// The head of a request for `uri`, as bytes.
pub fn request(method: &str, uri: &Uri, headers: &Headers) -> Vec<u8> {
    let target = uri.path_and_query().map_or("/", uri::PathAndQuery::as_str);
    let authority = uri.authority().map_or("", uri::Authority::as_str);
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let usual = match uri.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    let host = match uri.port_u16() {
        Some(port) if port != usual => authority,
        _ => uri.host().unwrap_or_default(),
    };
    head(method, target, host, headers)
}

/// The head of a request, as bytes. Target and host are parts of a URI.
pub fn head(method: &str, target: &str, host: &str, headers: &Headers) -> Vec<u8> {
    let lengths = headers.fields();
    let lengths: usize = lengths
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    let around = AROUND + method.len() + target.len() + host.len();
    let mut head = Vec::with_capacity(around + lengths);
    let mut put = |parts: [&[u8]; 4]| parts.map(|part| head.extend_from_slice(part));
    put([method.as_bytes(), b" ", target.as_bytes(), b" HTTP/1.1\r\n"]);
    put([b"host", b": ", host.as_bytes(), b"\r\n"]);
    for (name, value) in headers.fields() {
        put([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Sends a request: its head and the pieces of its body.
///
/// # Errors
/// Those of [`Connection::send`].
pub fn send(
    connection: &mut Connection,
    head: &[u8],
    body: &[&[u8]],
    waiter: &Waiter,
    limits: Limits,
) -> io::Result<()> {
    let mut pieces = Vec::with_capacity(1 + body.len());
    pieces.push(IoSlice::new(head));
    pieces.extend(body.iter().map(|piece| IoSlice::new(piece)));
    connection.send(&mut pieces, waiter, limits.silence, limits.deadline)
}

/// Waits for the head of the final answer. `has_begun` is set with the first byte.
///
/// # Errors
/// When the connection breaks, the head is invalid or too long, or the wait is interrupted.
pub fn read_head(
    connection: &mut Connection,
    is_connect: bool,
    waiter: &Waiter,
    limits: Limits,
    has_begun: &mut bool,
) -> io::Result<(Head, Input)> {
    let mut input = Input::default();
    loop {
        if !connection.wait(waiter, limits.deadline)? {
            return Err(io::Error::new(io::ErrorKind::TimedOut, limits.late));
        }
        match input.fill(connection, HEAD) {
            Ok(0) => {
                let message = "the connection was closed before the answer";
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
            }
            Ok(_) => *has_begun = true,
            Err(error) if is_pause(&error) => continue,
            Err(error) => return Err(error),
        }
        while let Some((used, head)) = parsed(input.unread(), is_connect)? {
            input.consume(used);
            if let Some(head) = head {
                return Ok((head, input));
            }
        }
    }
}

/// The head at the beginning of `input` and its length, once it is complete; no head for an informational answer. Not
/// inlined, because its array of headers uses much stack.
#[inline(never)]
fn parsed(input: &[u8], is_connect: bool) -> io::Result<Option<(usize, Option<Head>)>> {
    let mut places = [const { MaybeUninit::uninit() }; LINES];
    let mut response = Response::new(&mut []);
    let parsed = ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        input,
        &mut places,
    );
    let Status::Complete(used) = parsed.map_err(not_http)? else {
        return Ok(None);
    };
    let status = response.code.unwrap_or_default();
    let is_http10 = response.version == Some(0);
    match status {
        ..100 => return Err(not_http("the status code is invalid")),
        100 | 102..200 => return Ok(Some((used, None))),
        _ => {}
    }
    let mut headers = Headers::with_capacity(response.headers.len());
    for line in &*response.headers {
        let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(not_http)?;
        let value = HeaderValue::from_bytes(line.value).map_err(not_http)?;
        headers.push(name, value);
    }
    let end = end(status, is_http10, is_connect, &headers)?;
    let is_to_close = has(&headers, &CONNECTION, "close")
        || (is_http10 && !has(&headers, &CONNECTION, "keep-alive"));
    let is_kept = !is_to_close && status != 101 && !matches!(end, End::Close);
    let head = Head {
        status,
        headers,
        end,
        is_kept,
    };
    Ok(Some((used, Some(head))))
}

/// The framing of the body after a head.
fn end(status: u16, is_http10: bool, is_connect: bool, headers: &Headers) -> io::Result<End> {
    let length = length(headers)?;
    if matches!(status, 101 | 204 | 304) || (is_connect && (200..300).contains(&status)) {
        return Ok(End::Length(0));
    }
    if !is_http10 && has(headers, &TRANSFER_ENCODING, "chunked") {
        return Ok(End::Chunked(Decoder::default()));
    }
    Ok(length.map_or(End::Close, End::Length))
}

/// The value of `Content-Length`. Repeated values must be equal (RFC 9110, 8.6).
fn length(headers: &Headers) -> io::Result<Option<u64>> {
    let lines = headers.fields().filter(|(name, _)| *name == CONTENT_LENGTH);
    let mut length = None;
    for said in lines.flat_map(|(_, value)| value.as_bytes().split(|byte| *byte == b',')) {
        let said = str::from_utf8(said.trim_ascii()).unwrap_or_default();
        let is_number = said.bytes().all(|byte| byte.is_ascii_digit());
        let said = said.parse::<u64>().ok().filter(|_| is_number);
        if said.is_none() || (length.is_some() && length != said) {
            return Err(not_http("Content-Length is malformed"));
        }
        length = said;
    }
    Ok(length)
}

/// Whether the list in a header contains this option.
fn has(headers: &Headers, name: &HeaderName, option: &str) -> bool {
    let lines = headers.fields().filter(|(own, _)| *own == name);
    let mut options = lines.flat_map(|(_, value)| value.as_bytes().split(|byte| *byte == b','));
    options.any(|own| own.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
}

/// The error of an invalid answer.
pub fn not_http(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
