//! Values as the session identity reads them.

use std::borrow::Cow;

use super::{Span, Text};

/// Any value, containers unopened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    String(Text<'a>),
    /// As written.
    Number(&'a str),
    True,
    False,
    Null,
    /// An object or array from bracket to bracket.
    Container(&'a str),
}

impl<'a> Value<'a> {
    /// The text that the value counts as.
    pub fn text(&self) -> Cow<'a, str> {
        match self {
            Self::String(text) => text.decode(),
            Self::Number(number) => number_text(number),
            Self::True => Cow::Borrowed("true"),
            Self::False => Cow::Borrowed("false"),
            Self::Null => Cow::Borrowed(""),
            Self::Container(source) => Cow::Borrowed(source),
        }
    }

    /// As it is written; a string without its quotes.
    pub fn raw(&self) -> &'a str {
        match self {
            Self::String(text) => text.raw(),
            Self::Number(source) | Self::Container(source) => source,
            Self::True => "true",
            Self::False => "false",
            Self::Null => "null",
        }
    }

    /// Whether the text is empty.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::String(text) => text.is_empty(),
            Self::Null => true,
            _ => false,
        }
    }
}

/// A value with the place where it stands.
pub type Placed<'a> = (Value<'a>, Span);

/// Integers as they are written, however long; other numbers as the shortest decimal that reads back the same,
/// without an exponent.
fn number_text(number: &str) -> Cow<'_, str> {
    let digits = number.strip_prefix('-').unwrap_or(number);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Cow::Borrowed(number);
    }
    match number.parse::<f64>() {
        Ok(value) => Cow::Owned(value.to_string()),
        Err(_) => Cow::Borrowed(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_text() {
        for (number, text) in [
            ("7", "7"),
            ("-0", "-0"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
            ("1.50", "1.5"),
            ("7.0", "7"),
            ("1e3", "1000"),
            ("1E-7", "0.0000001"),
            ("-2.5e1", "-25"),
        ] {
            assert_eq!(Value::Number(number).text(), text, "{number}");
        }
    }
}
