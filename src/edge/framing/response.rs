//! Rewrites heads of answers for HTTP/1.0 clients.

use std::io::Write;

use httparse::{Response, Status};

use super::{Body, is_hop_by_hop, length};

/// The most header lines of an answer: a few of the server and those of the upstream.
const MOST_HEADERS: usize = 256;

/// The head of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// Its length, including the empty line.
    pub bytes: usize,
    pub body: Body,
    /// The head for the client, without the `Connection` header and the empty line.
    pub for_client: Vec<u8>,
}

/// The server wrote an invalid answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAnswer;

/// Parses the head at the beginning of `bytes`; `None` if more bytes are needed. `is_head`: the request was a HEAD
/// request. `is_http10`: the client does not support chunked coding, so the end of the connection ends the body.
///
/// # Errors
/// [`NoAnswer`] if the answer is invalid or its end is unknown.
pub fn parse(
    bytes: &[u8],
    is_head: bool,
    is_http10: bool,
) -> Result<Option<ResponseHead>, NoAnswer> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = Response::new(&mut headers);
    let taken = match response.parse(bytes) {
        Ok(Status::Complete(taken)) => taken,
        Ok(Status::Partial) => return Ok(None),
        Err(_) => return Err(NoAnswer),
    };
    let status = response.code.ok_or(NoAnswer)?;
    let mut declared = None;
    let mut is_chunked = false;
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            declared = Some(length(header.value).ok_or(NoAnswer)?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            is_chunked = true;
        }
    }
    let has_body = !is_head && status >= 200 && status != 204 && status != 304;
    let body = match (has_body, is_chunked, declared) {
        (false, ..) => Body::None,
        (true, true, None) => Body::Chunked,
        (true, false, Some(length)) => Body::Length(length),
        (true, ..) => return Err(NoAnswer),
    };
    let mut out = Vec::with_capacity(taken + 32);
    // Writing to a string cannot fail.
    let reason = response.reason.unwrap_or_default();
    let _ = write!(out, "HTTP/1.1 {status} {reason}\r\n");
    for header in response.headers.iter() {
        if !is_hop_by_hop(header.name) {
            out.extend_from_slice(header.name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(header.value);
            out.extend_from_slice(b"\r\n");
        }
    }
    if let Some(length) = declared {
        let _ = write!(out, "Content-Length: {length}\r\n");
    }
    if body == Body::Chunked && !is_http10 {
        let _ = write!(out, "Transfer-Encoding: chunked\r\n");
    }
    Ok(Some(ResponseHead {
        bytes: taken,
        body,
        for_client: out,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(text: &str, is_head: bool, is_http10: bool) -> (Body, String) {
        let head = parse(text.as_bytes(), is_head, is_http10).unwrap().unwrap();
        assert_eq!(head.bytes, text.find("\r\n\r\n").unwrap() + 4);
        (head.body, String::from_utf8(head.for_client).unwrap())
    }

    #[test]
    fn the_body_is_told_by_the_head() {
        let (body, head) = complete(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\nA: b\r\n\r\nok",
            false,
            false,
        );
        assert_eq!(body, Body::Length(2));
        assert_eq!(head, "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\n");
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let (body, head) = complete(chunked, false, false);
        assert_eq!(body, Body::Chunked);
        assert_eq!(head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n");
        let (body, head) = complete(chunked, false, true);
        assert_eq!(body, Body::Chunked);
        assert_eq!(head, "HTTP/1.1 200 OK\r\n");
    }

    #[test]
    fn some_answers_have_none() {
        let with_length = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        let (body, head) = complete(with_length, true, false);
        assert_eq!(body, Body::None);
        assert!(head.contains("Content-Length: 2"));
        assert_eq!(
            complete("HTTP/1.1 204 No Content\r\n\r\n", false, false).0,
            Body::None
        );
        assert_eq!(
            complete("HTTP/1.1 304 Not Modified\r\n\r\n", false, false).0,
            Body::None
        );
    }

    #[test]
    fn an_answer_without_an_end_is_none() {
        for head in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "nonsense\r\n\r\n",
        ] {
            assert_eq!(
                parse(head.as_bytes(), false, false),
                Err(NoAnswer),
                "{head}"
            );
        }
        assert_eq!(parse(b"HTTP/1.1 200 O", false, false), Ok(None));
    }
}
