//! Model names as clients write them: `[prefix "/"] name ["(" thinking ")"]`.
//!
//! The end of the prefix depends on the catalog, because names may contain `/` themselves.

use std::fmt;

/// The longest model name that is looked up, in bytes. The longest real ones, Vertex resource names, stay below 200.
pub const MAX_BYTES: usize = 512;

/// A model name in its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelName<'a> {
    /// As the client wrote it.
    pub full: &'a str,
    /// Without the thinking suffix, as used for routing.
    pub base: &'a str,
    /// The text in the parentheses, if there are any.
    pub suffix: Option<&'a str>,
}

/// Why a string is not a model name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidName {
    Empty,
    TooLong,
    /// A control character or a backslash.
    Character,
    /// An empty path segment, `.` or `..`.
    Segment,
    /// A percent-encoding that is left after decoding once.
    Encoded,
}

impl<'a> ModelName<'a> {
    /// Splits off the thinking suffix at the last `(`, if the name ends with `)`.
    pub fn split(full: &'a str) -> Self {
        let parts = full
            .strip_suffix(')')
            .and_then(|open| open.rsplit_once('('));
        let (base, suffix) = match parts {
            Some((base, suffix)) => (base, Some(suffix)),
            None => (full, None),
        };
        Self { full, base, suffix }
    }

    /// [`split`](Self::split) for names that become part of an upstream's URL path.
    ///
    /// # Errors
    /// For characters that have a meaning in a URL path.
    pub fn parse(full: &'a str) -> Result<Self, InvalidName> {
        if full.len() > MAX_BYTES {
            return Err(InvalidName::TooLong);
        }
        if full.chars().any(|c| c.is_control() || c == '\\') {
            return Err(InvalidName::Character);
        }
        if full
            .as_bytes()
            .windows(3)
            .any(|window| matches!(window, [b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()))
        {
            return Err(InvalidName::Encoded);
        }
        let name = Self::split(full);
        if name.base.trim().is_empty() {
            return Err(InvalidName::Empty);
        }
        if name
            .full
            .split('/')
            .any(|segment| matches!(segment, "" | "." | ".."))
            || name
                .base
                .split('/')
                .any(|segment| matches!(segment, "" | "." | ".."))
        {
            return Err(InvalidName::Segment);
        }
        Ok(name)
    }
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the model name is empty",
            Self::TooLong => "the model name is longer than 512 bytes",
            Self::Character => "the model name holds a control character or a backslash",
            Self::Segment => "the model name has an empty segment or a dot segment",
            Self::Encoded => "the model name is percent-encoded twice",
        })
    }
}

impl std::error::Error for InvalidName {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn suffix_is_cut_at_the_last_parenthesis() {
        for (full, base, suffix) in [
            ("gpt-5", "gpt-5", None),
            ("gpt-5(high)", "gpt-5", Some("high")),
            (
                "team/gemini-2.5-pro(8192)",
                "team/gemini-2.5-pro",
                Some("8192"),
            ),
            ("m(x)(-1)", "m(x)", Some("-1")),
            ("m()", "m", Some("")),
            ("m(high", "m(high", None),
            ("m)", "m)", None),
            ("m(high) ", "m(high) ", None),
            ("(high)", "", Some("high")),
        ] {
            let name = ModelName::split(full);
            assert_eq!((name.full, name.base, name.suffix), (full, base, suffix));
        }
    }

    #[test]
    fn names_that_are_more_than_names_are_refused() {
        let long = "m".repeat(MAX_BYTES + 1);
        for (full, reason) in [
            ("", InvalidName::Empty),
            ("  ", InvalidName::Empty),
            ("(high)", InvalidName::Empty),
            (long.as_str(), InvalidName::TooLong),
            ("m\r\nX-Evil: 1", InvalidName::Character),
            ("m\u{0}", InvalidName::Character),
            ("..\\..\\secret", InvalidName::Character),
            ("../v1/files", InvalidName::Segment),
            ("a/./b", InvalidName::Segment),
            ("a//b", InvalidName::Segment),
            ("/a", InvalidName::Segment),
            ("a/", InvalidName::Segment),
            ("a/..(high)", InvalidName::Segment),
            ("%2e%2e/b", InvalidName::Encoded),
        ] {
            assert_eq!(ModelName::parse(full), Err(reason), "{full:?}");
        }
        for full in [
            "kimi-k2:free",
            "a/b/c",
            "m(high)",
            "100%",
            "gpt-4..5",
            "模型",
        ] {
            assert!(ModelName::parse(full).is_ok(), "{full:?}");
        }
    }

    proptest! {
        #[test]
        fn split_loses_nothing(full in ".{0,40}") {
            let name = ModelName::split(&full);
            let joined = match name.suffix {
                Some(suffix) => format!("{}({suffix})", name.base),
                None => name.base.to_owned(),
            };
            prop_assert_eq!(joined, full);
        }
    }
}
