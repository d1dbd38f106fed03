//! Request headers.

use std::ops::Range;

/// All headers of a request in the order in which they came.
#[derive(Debug, Default)]
pub struct Headers {
    text: String,
    fields: Vec<(Range<usize>, Range<usize>)>,
}

impl Headers {
    /// Reads header lines, each `name: value` with its CR LF, as the edge writes them.
    pub fn of(lines: &str) -> Self {
        let mut headers = Self {
            text: lines.to_owned(),
            fields: Vec::with_capacity(16),
        };
        let mut start = 0;
        for line in lines.split_inclusive("\r\n") {
            let end = start + line.len();
            if let Some((name, value)) = line.split_once(": ") {
                let value_start = start + name.len() + 2;
                let value_end = value_start + value.trim_end().len();
                headers
                    .fields
                    .push((start..start + name.len(), value_start..value_end));
            }
            start = end;
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
    }
}
