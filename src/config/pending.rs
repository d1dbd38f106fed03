//! Keys that existing files hold and this version does not act on: recognised, so that a file loads, and
//! named in a warning when they ask for something.

use super::reader::{Field, Mapping};
use super::yaml::{Scalar, Value};

/// A key and the values (as text) that ask for nothing; an empty collection never does.
type Silent = (&'static str, &'static [&'static str]);

const OFF: &[&str] = &["false"];
const NONE: &[&str] = &[""];
const ZERO: &[&str] = &["0"];

/// At the top of the file: keys of later versions of the format (`spec/config.md` 9).
pub const TOP: &[Silent] = &[
    ("auth", NONE),
    ("request-scoped-errors", NONE),
    ("oauth-request-scoped-errors", NONE),
    ("save-cooldown-status", OFF),
    ("video-result-auth-cache-ttl", &["", "0"]),
    ("redis-usage-queue-retention-seconds", ZERO),
    ("disable-image-generation", OFF),
    ("interactions-api-key", NONE),
    ("xai-api-key", NONE),
    ("xai", NONE),
    ("plugins", NONE),
    ("credential-concurrency", NONE),
    ("credential-in-flight", NONE),
];

/// In a block of API keys.
pub const ENTRY: &[Silent] = &[("request-scoped-errors", NONE)];

/// Warns about each of `keys` that asks for something.
pub fn check(block: &mut Mapping<'_>, keys: &[Silent]) {
    for (key, silent) in keys {
        let field = block.field(key);
        if asks(&field, silent) {
            field.warn("is not implemented and has no effect");
        }
    }
}

/// Whether a value differs from all of `silent`.
pub fn asks(field: &Field<'_>, silent: &[&str]) -> bool {
    match field.node().map(|node| &node.value) {
        None => false,
        Some(Value::Sequence(items)) => !items.is_empty(),
        Some(Value::Mapping(entries)) => !entries.is_empty(),
        Some(Value::Scalar(scalar)) => !silent.iter().any(|value| equal(scalar, value)),
    }
}

fn equal(scalar: &Scalar, value: &str) -> bool {
    let other = Scalar {
        text: value.to_owned(),
        style: scalar.style,
    };
    scalar.text.trim() == value
        || matches!((scalar.boolean(), other.boolean()), (Some(a), Some(b)) if a == b)
        || matches!((scalar.integer(), other.integer()), (Ok(a), Ok(b)) if a == b)
}
