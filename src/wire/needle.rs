//! Searching JSON for a key without parsing it.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::json::{Text, Value};

/// A key to search for, with its quotes. The searcher is built once.
pub type Needle = LazyLock<Finder<'static>>;

/// Whether a key has a string as its value, at any depth. Within a string its quotes would be escaped.
pub fn has_text(json: &[u8], key: &Finder<'_>) -> bool {
    has_value(json, key, |next| next == b'"')
}

/// Whether a key has a value that begins with such a byte, at any depth.
pub fn has_value(json: &[u8], key: &Finder<'_>, is_match: impl Fn(u8) -> bool) -> bool {
    key.find_iter(json).any(|at| {
        let after = json.get(at + key.needle().len()..).unwrap_or_default();
        let mut next = after.iter().filter(|byte| !byte.is_ascii_whitespace());
        next.next() == Some(&b':') && next.next().is_some_and(|next| is_match(*next))
    })
}

/// Whether a member has this name and a string that is not empty.
pub fn is_nonempty_text(key: &Text<'_>, value: Value<'_>, name: &str) -> bool {
    matches!(value, Value::String(text) if !text.is_empty()) && key.is(name)
}
