//! The headers of a message.

use std::borrow::Cow;

use http::header::{self, HeaderName, HeaderValue};

use crate::redaction::{self, Redaction};

/// The headers of a message, with names in any case. Lookups are linear, which is fastest for so few headers.
#[derive(Clone, Debug, Default)]
pub struct Headers(Box<Fields>);

/// Boxed to keep values that contain headers small.
#[derive(Clone, Debug, Default)]
struct Fields(Vec<(HeaderName, HeaderValue)>);

impl Headers {
    /// Empty, with capacity for so many.
    pub fn with_capacity(fields: usize) -> Self {
        Self(Box::new(Fields(Vec::with_capacity(fields))))
    }

    /// The value of a header; the first one, if there are several, and only if it is ASCII.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.0.iter();
        let (_, value) = fields.find(|(own, _)| own.as_str().eq_ignore_ascii_case(name))?;
        value.to_str().ok()
    }

    /// Whether there is such a header.
    pub fn has(&self, name: &HeaderName) -> bool {
        self.0.0.iter().any(|(own, _)| own == name)
    }

    /// All headers, in their order.
    pub fn fields(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.0.iter().map(|(name, value)| (name, value))
    }

    /// Appends a header.
    pub fn push(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.0.push((name, value));
    }

    /// Replaces the headers of that name.
    pub fn replace(&mut self, name: HeaderName, value: HeaderValue) {
        match self.0.0.iter().position(|(own, _)| *own == name) {
            None => self.0.0.push((name, value)),
            Some(first) => {
                let mut index = 0;
                self.0.0.retain(|(own, _)| {
                    index += 1;
                    index <= first + 1 || *own != name
                });
                if let Some(field) = self.0.0.get_mut(first) {
                    field.1 = value;
                }
            }
        }
    }

    pub fn remove(&mut self, name: &HeaderName) {
        self.0.0.retain(|(own, _)| own != name);
    }

    /// Names in lower case and values, without values that are not ASCII.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0.0.iter();
        pairs.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
    }

    /// Sets a header to a fixed value.
    pub fn put(&mut self, name: HeaderName, value: &'static str) {
        self.replace(name, HeaderValue::from_static(value));
    }

    /// Sets a header, unless its value is invalid.
    pub fn set(&mut self, name: HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.replace(name, value);
        }
    }

    /// Sets a header of any name, unless the name or value is invalid.
    pub fn set_named(&mut self, name: &str, value: &str) {
        if let Ok(name) = name.parse() {
            self.set(name, value);
        }
    }

    /// Sets a header with a secret value.
    pub fn set_secret(&mut self, name: HeaderName, value: String) {
        if let Ok(mut value) = HeaderValue::try_from(value) {
            value.set_sensitive(true);
            self.replace(name, value);
        }
    }

    /// Removes `Content-Encoding` and the length of an encoded body.
    pub fn take_codings(&mut self) -> Option<String> {
        let coded = self.0.0.iter();
        let coded = coded.filter(|(name, _)| *name == header::CONTENT_ENCODING);
        let values: Vec<&str> = coded.filter_map(|(_, value)| value.to_str().ok()).collect();
        if values.is_empty() {
            return None;
        }
        let codings = values.join(",");
        self.remove(&header::CONTENT_ENCODING);
        self.remove(&header::CONTENT_LENGTH);
        Some(codings)
    }

    /// Redacts secrets. A header whose name contains a secret is removed.
    #[must_use]
    pub fn redacted(mut self, redaction: &Redaction) -> Self {
        self.0
            .0
            .retain(|(name, _)| matches!(redaction.text(name.as_str()), Cow::Borrowed(_)));
        for (_, value) in &mut self.0.0 {
            if let Cow::Owned(clean) = redaction.bytes(value.as_bytes()) {
                *value = HeaderValue::from_bytes(&clean)
                    .unwrap_or(HeaderValue::from_static(redaction::MASK));
            }
        }
        self
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Headers {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        let mut headers = Self::default();
        for (name, value) in pairs {
            headers.set_named(name, value);
        }
        headers
    }
}
