//! Request headers, kept beyond the life of the tiny_http request they came with.

use std::ops::Range;

use tiny_http::Header;

/// All headers of a request in the order in which they came, in one allocation.
#[derive(Debug, Default)]
pub struct Headers {
    text: String,
    fields: Vec<(Range<usize>, Range<usize>)>,
}

impl Headers {
    pub fn of(headers: &[Header]) -> Self {
        let length = headers
            .iter()
            .map(|header| header.field.as_str().as_str().len() + header.value.as_str().len())
            .sum();
        let mut copy = Self {
            text: String::with_capacity(length),
            fields: Vec::with_capacity(headers.len()),
        };
        for header in headers {
            let name = copy.push(header.field.as_str().as_str());
            let value = copy.push(header.value.as_str());
            copy.fields.push((name, value));
        }
        copy
    }

    fn push(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }

    /// The first value of the header `name`, whatever the case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().filter_map(|(name, value)| {
            Some((self.text.get(name.clone())?, self.text.get(value.clone())?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_is_found_in_any_case() {
        let headers: Vec<Header> = ["X-A: 1", "x-b:", "x-a: 2"]
            .iter()
            .map(|line| line.parse().unwrap())
            .collect();
        let headers = Headers::of(&headers);
        assert_eq!(headers.get("x-a"), Some("1"));
        assert_eq!(headers.get("X-B"), Some(""));
        assert_eq!(headers.get("x-c"), None);
        assert_eq!(headers.iter().count(), 3);
    }
}
