//! The head of a request.

use super::headers::Headers;

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
