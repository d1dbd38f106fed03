//! HTTP/1.1 message framing (RFC 9112), strict and without I/O: where a message ends, and which parts of its head are
//! passed on.
//!
//! Ambiguous messages are refused, because programs that read them differently allow request smuggling.

pub mod request;
pub mod response;

/// How the length of a body is determined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    None,
    /// Bytes.
    Length(u64),
    Chunked,
}

/// Hop-by-hop headers (RFC 9110 7.6.1) and those that framing sets.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
    "content-length",
];

fn is_hop_by_hop(name: &str) -> bool {
    HOP_BY_HOP
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// Options of a `Connection` header.
fn options(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|option| !option.is_empty())
}

/// A `Content-Length`: digits only (RFC 9110 8.6).
fn length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}
