//! `excluded-models`: patterns in which `*` matches any text.

use crate::config::Place;
use crate::glob;

/// A pattern of a credential and its effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// The credential's id.
    pub credential: String,
    /// The place of the entry that has the pattern.
    pub place: Place,
    pub pattern: String,
    /// The ids that it hides, without the prefix. If there are none, the pattern is useless.
    pub hides: Vec<String>,
    /// Whether the credential has a `models` list.
    pub has_list: bool,
}

/// Whether `pattern`, in lower case, matches all of `name`, ignoring case.
pub fn matches(pattern: &str, name: &str) -> bool {
    glob::matches(pattern, &name.to_lowercase())
}

/// Whether any of `patterns` matches.
pub fn any(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("gpt-5.1", "gpt-5.1", true),
            ("gpt-5.1", "GPT-5.1", true),
            ("gpt-5.1", "gpt-5.1-mini", false),
            ("gpt-5-*", "gpt-5-codex", true),
            ("gpt-5-*", "gpt-5-", true),
            ("gpt-5-*", "gpt-5", false),
            ("*-mini", "gpt-5-mini", true),
            ("*-mini", "mini", false),
            ("*flash*", "gemini-flash", true),
            ("*flash*", "flash", true),
            ("*flash*", "gemini-pro", false),
            ("*", "", true),
            ("*", "anything", true),
            ("**", "anything", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "aXXbYYc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("ab*ba", "aba", false),
            ("a*b*b", "ab", false),
            ("a?c", "abc", false),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
