//! A request: its headers, its head, its body, and what is decided about it.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use crate::budget::Reservation;

/// All headers of a request in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    text: String,
    fields: Vec<(Range<usize>, Range<usize>)>,
}

impl Headers {
    /// None, with room for as many lines and bytes.
    pub fn with_capacity(fields: usize, bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            fields: Vec::with_capacity(fields),
        }
    }

    /// Puts a header behind the others.
    pub fn push(&mut self, name: &str, value: &str) {
        let start = self.text.len();
        self.text.push_str(name);
        let middle = self.text.len();
        self.text.push_str(value);
        self.fields.push((start..middle, middle..self.text.len()));
    }

    /// Reads header lines, each `name: value` with its CR LF.
    pub fn of(lines: &str) -> Self {
        let mut headers = Self::with_capacity(16, lines.len());
        for line in lines.split("\r\n") {
            if let Some((name, value)) = line.split_once(": ") {
                headers.push(name, value.trim_end());
            }
        }
        headers
    }

    /// The first value of the header `name`, whatever the case.
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

/// Method, target and headers, checked, and without what is about the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub method: String,
    /// Path and query as they came (origin form), or `*`.
    pub target: String,
    pub headers: Headers,
}

impl Head {
    /// The first value of the header `name`, whatever the case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }
}

/// A request of which everything has arrived.
#[derive(Debug)]
pub struct Request {
    pub head: Head,
    pub body: Vec<u8>,
    /// What the body takes of the budget.
    pub reservation: Reservation,
    pub peer: SocketAddr,
    /// When the last byte of it arrived.
    pub arrived: Instant,
}

/// What becomes of a request. `T` is what the server found out, and wants to know again when it serves it.
#[derive(Debug)]
pub enum Admission<T> {
    /// This whole answer is given at once. A body that has not come yet is not read; then the connection ends with
    /// it.
    Answer(Vec<u8>),
    /// It is served once its body is there.
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
