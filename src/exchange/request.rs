//! A request: its headers, its head, its body, and what is decided about it.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use crate::budget::Reservation;

/// The headers of a request, in their order.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    text: String,
    fields: Vec<(Range<usize>, Range<usize>)>,
}

impl Headers {
    /// Empty, with capacity for so many lines and bytes.
    pub fn with_capacity(fields: usize, bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            fields: Vec::with_capacity(fields),
        }
    }

    /// Appends a header.
    pub fn push(&mut self, name: &str, value: &str) {
        let start = self.text.len();
        self.text.push_str(name);
        let middle = self.text.len();
        self.text.push_str(value);
        self.fields.push((start..middle, middle..self.text.len()));
    }

    /// Parses header lines, each `name: value` with CR LF.
    pub fn of(lines: &str) -> Self {
        let mut headers = Self::with_capacity(16, lines.len());
        for line in lines.split("\r\n") {
            if let Some((name, value)) = line.split_once(": ") {
                headers.push(name, value.trim_end());
            }
        }
        headers
    }

    /// The first value of the header `name`, ignoring case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.fields.iter().filter_map(|(name, value)| {
            Some((self.text.get(name.clone())?, self.text.get(value.clone())?))
        })
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

/// The validated method, target and headers, without hop-by-hop headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub method: String,
    /// The unchanged path and query (origin form), or `*`.
    pub target: String,
    pub headers: Headers,
}

impl Head {
    /// The first value of the header `name`, ignoring case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }
}

/// A complete request.
#[derive(Debug)]
pub struct Request {
    pub head: Head,
    pub body: Vec<u8>,
    /// The memory of the body.
    pub reservation: Reservation,
    pub peer: SocketAddr,
    /// When its last byte arrived.
    pub arrived: Instant,
}

/// The decision about a request by its head. `T` has what the server found in the head.
#[derive(Debug)]
pub enum Admission<T> {
    /// Send this answer at once. If the body has not arrived, it is not read and the connection is closed.
    Answer(Vec<u8>),
    /// Serve it once its body is complete.
    Serve(T),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_is_found_in_any_case() {
        let headers = Headers::of("X-A: 1\r\nx-b: \r\nx-a: 2: zwei\r\n\r\n");
        assert_eq!(headers.get("x-a"), Some("1"));
        assert_eq!(headers.get("X-B"), Some(""));
        assert_eq!(headers.get("x-c"), None);
        assert_eq!(headers.iter().last(), Some(("x-a", "2: zwei")));
        assert_eq!(headers.iter().count(), 3);
        let mut pushed = Headers::with_capacity(3, 20);
        for (name, value) in headers.iter() {
            pushed.push(name, value);
        }
        assert_eq!(pushed, headers);
    }
}
