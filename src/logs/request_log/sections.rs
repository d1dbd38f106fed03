//! The sections of a request log, in the format of CLIProxyAPI. Pure, but for the readers and writers passed in.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, BufRead, Read, Write, copy};
use std::time::SystemTime;

use crate::logs::mask;
use crate::time::Timestamp;

/// Separates sections.
pub const END: &str = "\n\n";

/// The longest header line that is read, bytes.
const LINE: u64 = 64 * 1024;

pub struct Info<'a> {
    pub url: &'a str,
    pub method: &'a str,
    pub has_upstream: bool,
    pub time: SystemTime,
}

pub struct ApiRequest<'a> {
    pub number: usize,
    pub time: SystemTime,
    pub url: &'a str,
    pub method: &'a str,
    pub presented: &'a str,
    pub headers: &'a [(&'a str, Cow<'a, str>)],
}

pub fn info(info: &Info<'_>) -> String {
    let Info {
        url, method, time, ..
    } = info;
    let upstream = match info.has_upstream {
        true => "Upstream Transport: http\n",
        false => "",
    };
    let version = env!("CARGO_PKG_VERSION");
    let time = Timestamp::local(*time);
    format!(
        "=== REQUEST INFO ===\nVersion: {version}\nURL: {url}\nMethod: {method}\nDownstream Transport: http\n{upstream}Timestamp: {}\n\n",
        time.rfc3339()
    )
}

pub fn headers<'h>(headers: impl Iterator<Item = (&'h str, &'h str)>) -> String {
    let mut text = "=== HEADERS ===\n".to_owned();
    put_headers(
        &mut text,
        headers.map(|(name, value)| (name, mask::header(name, value))),
    );
    text + "\n"
}

pub fn api_request(request: &ApiRequest<'_>) -> String {
    let ApiRequest {
        number,
        url,
        method,
        presented,
        ..
    } = request;
    let time = Timestamp::local(request.time);
    let mut text = format!(
        "=== API REQUEST {number} ===\nTimestamp: {}\nUpstream URL: {url}\nHTTP Method: {method}\nAuth: {presented}\n\nHeaders:\n",
        time.rfc3339()
    );
    let headers = request.headers.iter();
    put_headers(
        &mut text,
        headers.map(|(name, value)| (*name, value.clone())),
    );
    text + "\nBody:\n"
}

pub fn api_response<'h>(
    number: usize,
    time: SystemTime,
    status: u16,
    headers: impl Iterator<Item = (&'h str, Cow<'h, str>)>,
) -> String {
    let time = Timestamp::local(time);
    let mut text = format!(
        "=== API RESPONSE {number} ===\nTimestamp: {}\nStatus: {status}\n\nHeaders:\n",
        time.rfc3339()
    );
    put_headers(&mut text, headers);
    text + "\nBody:\n"
}

pub fn api_error(status: Option<u16>, text: &str) -> String {
    let status = status.map_or(String::new(), |status| format!("HTTP Status: {status}\n"));
    format!("=== API ERROR RESPONSE ===\n{status}{text}{END}")
}

fn put_headers<'h>(text: &mut String, headers: impl Iterator<Item = (&'h str, Cow<'h, str>)>) {
    for (name, value) in headers {
        let _ = writeln!(text, "{name}: {value}");
    }
}

/// Writes an HTTP/1.1 response as it was sent to the client: status, headers, and the body without its framing.
///
/// # Errors
/// Those of reader and writer. A truncated response is no error.
pub fn response(mut from: &mut dyn BufRead, out: &mut dyn Write) -> io::Result<()> {
    let status_line = line(from)?;
    // A response that breaks off in its first line has no status.
    let status = status_line.split(' ').nth(1).unwrap_or("");
    write!(out, "=== RESPONSE ===\nStatus: {status}\n")?;
    let mut is_chunked = false;
    loop {
        let line = line(from)?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        is_chunked |= name.eq_ignore_ascii_case("transfer-encoding");
        writeln!(out, "{name}: {}", mask::header(name, value))?;
    }
    out.write_all(b"\n")?;
    if !is_chunked {
        return copy(from, out).map(drop);
    }
    loop {
        let size = line(from)?;
        match u64::from_str_radix(&size, 16) {
            Ok(0) | Err(_) => return Ok(()),
            Ok(size) => copy(&mut (&mut from).take(size), out)?,
        };
        line(from)?;
    }
}

/// A line without its end; empty at the end of the input.
fn line(from: &mut dyn BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    from.take(LINE).read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        response(&mut &*bytes, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn responses_lose_their_framing_and_their_secrets() {
        let whole =
            b"HTTP/1.1 401 Unauthorized\r\nSet-Cookie: session=1234\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(
            shown(whole),
            "=== RESPONSE ===\nStatus: 401\nSet-Cookie: sess...1234\nContent-Length: 2\n\n{}"
        );
        let stream = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ndata:\r\nb\r\n a\r\n\r\nb\r\n\r\n\r\n0\r\n\r\n";
        assert_eq!(
            shown(stream),
            "=== RESPONSE ===\nStatus: 200\nTransfer-Encoding: chunked\n\ndata: a\r\n\r\nb\r\n\r\n"
        );
    }

    #[test]
    fn errors_have_their_status_if_there_is_one() {
        assert_eq!(
            api_error(Some(500), "oh"),
            "=== API ERROR RESPONSE ===\nHTTP Status: 500\noh\n\n"
        );
        assert_eq!(api_error(None, "oh"), "=== API ERROR RESPONSE ===\noh\n\n");
    }

    proptest! {
        #[test]
        fn a_stream_that_breaks_off_shows_what_came(length in 0_usize..200) {
            let mut stream = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            let head = stream.len();
            for _ in 0..9 {
                stream.extend_from_slice(b"4\r\nabcd\r\n");
            }
            let text = shown(&stream[..(head + length).min(stream.len())]);
            let (_, body) = text.split_once("\n\n").unwrap();
            prop_assert!("abcd".repeat(9).starts_with(body));
        }
    }
}
