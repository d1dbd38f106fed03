//! HTTP/1.1 message framing (RFC 9112), strict and without I/O: where a message ends, and what of its
//! head goes on.
//!
//! Whatever two programs could read differently is refused: that is how one request is smuggled behind
//! another.

pub mod request;
pub mod response;

pub use crate::chunked;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    None,
    /// Bytes.
    Length(u64),
    Chunked,
}

/// Names that are about one connection and end at it (RFC 9110 7.6.1), and those that framing decides.
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

/// A `Content-Length`: digits and nothing else (RFC 9110 8.6).
fn length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}
