//! Rules about the errors of upstreams (`request-scoped-errors`).

use regex_lite::{Regex, RegexBuilder};

use super::problem::Place;
use super::word::words;

/// What to do about an error of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorRule {
    /// Where the rule stands in the file.
    pub place: Place,
    /// `status`: that of the error.
    pub status: u16,
    /// `match`: texts of the error, one of which is enough.
    pub texts: Vec<String>,
    /// `match-regexr`: regular expressions, one of which is enough, too.
    pub patterns: Vec<Pattern>,
    /// `action`.
    pub action: ErrorAction,
}

impl ErrorRule {
    /// Whether an error with this status and body is meant.
    pub fn matches(&self, status: u16, body: &str) -> bool {
        let has_text = || self.texts.iter().any(|text| body.contains(text.as_str()));
        let has_pattern = || self.patterns.iter().any(|pattern| pattern.0.is_match(body));
        self.status == status && (has_text() || has_pattern())
    }
}

words! {
    /// What happens to a request and to its credential.
    pub enum ErrorAction {
        /// The request ends with this error.
        #[default]
        Stop = "stop",
        /// The same, and the credential pauses.
        StopAndCooldown = "stop-and-cooldown",
        /// The next credential is tried.
        Continue = "continue",
        /// The same, and the credential pauses.
        ContinueAndCooldown = "continue-and-cooldown",
    }
}

/// The most memory of a pattern, bytes.
const SIZE: usize = 64 * 1024;

/// A regular expression, found anywhere in a text.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// `None` if it is not a regular expression, or one that takes long to find.
    pub fn parse(text: &str) -> Option<Self> {
        let pattern = RegexBuilder::new(text).size_limit(SIZE).build();
        pattern.ok().map(Self)
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_one_of_the_texts_decide() {
        let rule = ErrorRule {
            place: Place::default(),
            status: 400,
            texts: vec!["too long".to_owned(), "quota".to_owned()],
            patterns: vec![Pattern::parse("^\\{.*code\":\\s*7\\D").unwrap()],
            action: ErrorAction::Stop,
        };
        for (status, body, expected) in [
            (400, "it is too long", true),
            (400, "the quota", true),
            (400, "It is Too Long", false),
            (400, r#"{"code": 7}"#, true),
            (400, r#"{"code": 71}"#, false),
            (400, "", false),
            (401, "it is too long", false),
        ] {
            assert_eq!(rule.matches(status, body), expected, "{status} {body}");
        }
        for text in ["(", "((a{100}){100}){100}"] {
            assert_eq!(Pattern::parse(text), None, "{text}");
        }
        assert!(Pattern::parse("(?i)(context|token).{0,80}(limit|exceeded)").is_some());
    }
}
