//! Errors that the edge answers itself, and their counts.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fmt, io};

use crate::logs::PerSecond;

/// Why a request does not reach the server. The connection is closed afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The message is ambiguous or is not HTTP (RFC 9112).
    Malformed(&'static str),
    /// An HTTP version other than 1.0 and 1.1.
    Version,
    /// A transfer coding other than `chunked`.
    TransferCoding,
    /// An expectation other than `100-continue`.
    Expectation,
    /// More header lines or bytes than allowed.
    HeadTooLarge,
    /// A longer body than allowed.
    BodyTooLarge,
    /// The head or the body did not arrive in time.
    Slow,
    /// There are too many connections.
    Crowded,
    /// No worker became free in time.
    Busy,
    /// Not enough memory became free in time.
    NoMemory,
    /// The server failed before it answered.
    Broken,
}

/// One of each kind, in the order of [`Refusal::kind`].
const ALL: [Refusal; Refusal::KINDS] = [
    Refusal::Malformed(""),
    Refusal::Version,
    Refusal::TransferCoding,
    Refusal::Expectation,
    Refusal::HeadTooLarge,
    Refusal::BodyTooLarge,
    Refusal::Slow,
    Refusal::Crowded,
    Refusal::Busy,
    Refusal::NoMemory,
    Refusal::Broken,
];

impl Refusal {
    /// The number of kinds.
    pub const KINDS: usize = 11;

    /// A number below [`Refusal::KINDS`], the same for all malformed messages.
    pub fn kind(self) -> usize {
        let kind = std::mem::discriminant(&self);
        let same = |other: &Self| std::mem::discriminant(other) == kind;
        ALL.iter().position(same).unwrap_or_default()
    }

    /// The status of a kind.
    pub fn status_of(kind: usize) -> Option<u16> {
        ALL.get(kind).map(|refusal| refusal.status())
    }

    pub fn status(self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::Slow => 408,
            Self::BodyTooLarge => 413,
            Self::Expectation => 417,
            Self::HeadTooLarge => 431,
            Self::TransferCoding => 501,
            Self::Broken => 500,
            Self::Crowded | Self::Busy | Self::NoMemory => 503,
            Self::Version => 505,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Malformed(_) => "Bad Request",
            Self::Slow => "Request Timeout",
            Self::BodyTooLarge => "Content Too Large",
            Self::Expectation => "Expectation Failed",
            Self::HeadTooLarge => "Request Header Fields Too Large",
            Self::TransferCoding => "Not Implemented",
            Self::Broken => "Internal Server Error",
            Self::Crowded | Self::Busy | Self::NoMemory => "Service Unavailable",
            Self::Version => "HTTP Version Not Supported",
        }
    }

    /// The whole answer.
    pub fn answer(self) -> Vec<u8> {
        let kind = if self.status() < 500 {
            "invalid_request_error"
        } else {
            "server_error"
        };
        let body = format!(r#"{{"error":{{"message":"{self}","type":"{kind}"}}}}"#);
        let retry_after = match self.status() {
            503 => "Retry-After: 1\r\n",
            _ => "",
        };
        format!(
            "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nAccess-Control-Allow-Origin: *\r\n{retry_after}Connection: close\r\n\r\n{body}",
            self.status(),
            self.reason(),
            body.len(),
        )
        .into_bytes()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed(what) => what,
            Self::Version => "only HTTP/1.0 and HTTP/1.1 are spoken here",
            Self::TransferCoding => "the only transfer coding is chunked",
            Self::Expectation => "the only expectation is 100-continue",
            Self::HeadTooLarge => "the request head is too large",
            Self::BodyTooLarge => "the request body is too large",
            Self::Slow => "the request did not arrive in time",
            Self::Crowded => "the gateway has too many connections, try again",
            Self::Busy => "the gateway is at capacity, try again",
            Self::NoMemory => "the gateway has no memory left for this request, try again",
            Self::Broken => "the gateway failed to answer",
        })
    }
}

impl std::error::Error for Refusal {}

/// Counts refusals by kind, and logs each kind at most once a second.
#[derive(Debug, Default)]
pub struct Refusals {
    kinds: [PerSecond; Refusal::KINDS],
    /// The system had no file descriptor for a connection, and a listener waits.
    no_room: AtomicBool,
}

impl Refusals {
    /// Counts a refusal, and logs it if the last line is more than a second ago.
    pub fn note(&self, peer: SocketAddr, refusal: Refusal) {
        let Some(kind) = self.kinds.get(refusal.kind()) else {
            return;
        };
        let Some(count) = kind.note() else {
            return;
        };
        let peer = peer.ip().to_canonical();
        let status = refusal.status();
        match count {
            1 => log::info!("{status} to {peer}: {refusal}"),
            more => log::info!("{status} to {peer}: {refusal} ({more} since the last such line)"),
        }
    }

    /// Records that the system has no file descriptor for another connection.
    pub fn no_room(&self, error: &io::Error) {
        if !self.no_room.swap(true, Ordering::SeqCst) {
            log::warn!("cannot accept connections: {error}");
        }
    }

    /// Whether that has happened since the last call.
    pub fn take_no_room(&self) -> bool {
        self.no_room.swap(false, Ordering::SeqCst)
    }

    /// The number of refusals with this status.
    pub fn count(&self, status: u16) -> u64 {
        let all = self.kinds.iter().enumerate();
        all.filter(|(kind, _)| Refusal::status_of(*kind) == Some(status))
            .map(|(_, kind)| kind.count())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_whole_messages() {
        for refusal in ALL {
            let answer = String::from_utf8(refusal.answer()).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {} ", refusal.status())));
            assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
            assert!(head.ends_with("Connection: close"));
            assert_eq!(head.contains("Retry-After"), refusal.status() == 503);
            assert_eq!(Refusal::status_of(refusal.kind()), Some(refusal.status()));
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(body["error"]["message"], refusal.to_string());
        }
    }
}
