//! Prefill: conversations that end with the beginning of the assistant's answer. Some upstreams continue it, some
//! answer anew, some refuse it.

use std::collections::BTreeMap;

use super::part::{Part, Role, Text};
use super::turn::Turn;
use crate::wire::Dialect;

/// The text of the user where a conversation has to end with the user and does not.
pub const CONTINUE: &str = "Go on.";

/// What a model does with a prefill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefillSupport {
    /// It continues the prefill.
    Continued,
    /// It reads the prefill as a complete turn and begins a new answer.
    NewAnswer,
    /// Its vendor refuses a prefill.
    Refused,
}

impl PrefillSupport {
    /// That of a model. The vendors' rules:
    ///
    /// - Claude 4.6 and later refuse one (platform.claude.com, "What's new in Claude 4.6", prefill removal, and the
    ///   migration guide), earlier ones refuse one while thinking is on ("Prefill Claude's response").
    /// - Gemini refuses one.
    /// - OpenAI's models do not continue one: in a chat it is one more message.
    pub fn of(upstream: Dialect, model: &str, is_thinking: bool) -> Self {
        match (upstream, claude_version(model)) {
            (Dialect::Gemini, _) => Self::Refused,
            (_, Some(version)) if version >= (4, 6) => Self::Refused,
            (Dialect::Messages, _) if is_thinking => Self::Refused,
            (Dialect::Messages, _) | (Dialect::Chat, Some(_)) => Self::Continued,
            (Dialect::Chat | Dialect::Responses, _) => Self::NewAnswer,
        }
    }
}

/// Major and minor version in the name of a Claude model, like `claude-opus-4-6` or `anthropic.claude-3-5-haiku-v1`. A
/// name without one counts as newer than all versions.
fn claude_version(model: &str) -> Option<(u32, u32)> {
    let (_, name) = model.split_once("claude")?;
    let mut words = name.split(['-', '.', '@', ':', '_']);
    // A longer number is a date.
    let number = |word: &str| word.parse().ok().filter(|_| word.len() <= 2);
    let Some(major) = words.find_map(number) else {
        return Some((u32::MAX, 0));
    };
    Some((major, words.next().and_then(number).unwrap_or(0)))
}

/// Removes the prefill. A conversation of nothing else gets a message of the user.
pub fn remove(turns: &mut Vec<Turn>) {
    match turns.iter().rposition(|turn| turn.role != Role::Assistant) {
        Some(last) => turns.truncate(last + 1),
        None if turns.is_empty() => {}
        None => turns.push(Turn::new(Role::User, Part::text(CONTINUE))),
    }
}

/// The text of the prefill.
pub fn text(turns: &[Turn]) -> Option<String> {
    let last = turns.last().filter(|turn| turn.role == Role::Assistant)?;
    let parts: Vec<Part> = last.parts.clone().into_iter().collect();
    let texts = parts.into_iter().filter_map(|part| match part {
        Part::Text(Text { text, .. }) => Some(text),
        _ => None,
    });
    Some(texts.collect())
}

/// Removes white space at the end of the prefill, which Anthropic refuses ("Prefill Claude's response").
pub fn trim(turns: &mut [Turn]) {
    let Some(last) = turns.last_mut().filter(|turn| turn.role == Role::Assistant) else {
        return;
    };
    last.parts.parse();
    if let Some(Part::Text(Text { text, .. })) = last.parts.iter_mut().next_back() {
        text.truncate(text.trim_end().len());
    }
}

/// Removes the prefill from the beginning of a new answer that repeats it: the client has it already.
#[derive(Clone, Debug)]
pub struct PrefillFilter {
    prefill: String,
    /// By choice, the text so far that has not been passed on because it may be the prefill; `None` once that is decided.
    pending: BTreeMap<u32, Option<String>>,
}

impl PrefillFilter {
    /// `None` for a prefill that is blank or too long.
    pub fn new(prefill: &str) -> Option<Self> {
        const LONGEST: usize = 64 * 1024;
        let prefill = prefill.trim();
        (!prefill.is_empty() && prefill.len() <= LONGEST).then(|| Self {
            prefill: prefill.to_owned(),
            pending: BTreeMap::new(),
        })
    }

    /// The part of a text delta that is passed on.
    pub fn filter(&mut self, choice: u32, text: String) -> String {
        /// The most white space before the first word, in bytes.
        const BLANK: usize = 1024;
        let entry = self.pending.entry(choice);
        let entry = entry.or_insert_with(|| Some(String::new()));
        let Some(mut pending) = entry.take() else {
            return text;
        };
        pending.push_str(&text);
        let words = pending.trim_start();
        let may_follow = self.prefill.len() > words.len() && self.prefill.starts_with(words);
        if may_follow && pending.len() < self.prefill.len() + BLANK {
            *entry = Some(pending);
            return String::new();
        }
        match words.strip_prefix(&self.prefill) {
            Some(rest) => rest.to_owned(),
            None => pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_differ() {
        use Dialect::{Chat, Gemini, Messages, Responses};
        for (upstream, model, is_thinking, expected) in [
            (
                Messages,
                "claude-opus-4-5-20251101",
                false,
                PrefillSupport::Continued,
            ),
            (
                Messages,
                "claude-sonnet-4-20250514",
                false,
                PrefillSupport::Continued,
            ),
            (
                Messages,
                "claude-3-7-sonnet-latest",
                false,
                PrefillSupport::Continued,
            ),
            (Messages, "claude-haiku-4-5", true, PrefillSupport::Refused),
            (Messages, "claude-opus-4-6", false, PrefillSupport::Refused),
            (
                Messages,
                "claude-sonnet-4.6",
                false,
                PrefillSupport::Refused,
            ),
            (
                Messages,
                "us.anthropic.claude-opus-4-6-v1",
                false,
                PrefillSupport::Refused,
            ),
            (
                Messages,
                "claude-opus-4-7@20260101",
                false,
                PrefillSupport::Refused,
            ),
            (Messages, "claude-sonnet-5", false, PrefillSupport::Refused),
            (
                Messages,
                "claude-somebody-12-1",
                false,
                PrefillSupport::Refused,
            ),
            (
                Messages,
                "claude-mythos-preview",
                false,
                PrefillSupport::Refused,
            ),
            (Messages, "kimi-k2", false, PrefillSupport::Continued),
            (
                Chat,
                "anthropic/claude-opus-4.6",
                false,
                PrefillSupport::Refused,
            ),
            (
                Chat,
                "anthropic/claude-3.5-haiku",
                false,
                PrefillSupport::Continued,
            ),
            (Chat, "gpt-5.2", false, PrefillSupport::NewAnswer),
            (Responses, "gpt-5.2", false, PrefillSupport::NewAnswer),
            (Gemini, "gemini-2.5-pro", false, PrefillSupport::Refused),
        ] {
            assert_eq!(
                PrefillSupport::of(upstream, model, is_thinking),
                expected,
                "{model}"
            );
        }
    }

    #[test]
    fn a_repeated_prefill_is_removed() {
        for (prefill, answer, expected) in [
            ("{", vec!["{\"a\"", ": 1}"], "\"a\": 1}"),
            ("{\"a\":", vec!["\n {", "\"a\"", ":1}"], "1}"),
            ("The answer is ", vec!["The answer", " is 42."], " 42."),
            ("The answer is", vec!["The", " reply"], "The reply"),
            ("{", vec!["No", " {"], "No {"),
            ("{", vec![" ", "", "no"], " no"),
            ("ä", vec!["äö"], "ö"),
        ] {
            let mut filter = PrefillFilter::new(prefill).unwrap();
            let passed_on: String = answer
                .iter()
                .map(|text| filter.filter(0, (*text).to_owned()))
                .collect();
            assert_eq!(passed_on, expected, "{prefill}");
            assert_eq!(filter.filter(1, prefill.trim().to_owned()), "");
        }
        assert!(PrefillFilter::new(" \n").is_none());
        let mut filter = PrefillFilter::new("a").unwrap();
        assert_eq!(filter.filter(0, " ".repeat(2000)).len(), 2000);
    }

    #[test]
    fn a_prefill_is_removed_or_trimmed() {
        let turn = |role, text: &str| Turn::new(role, Part::text(text));
        let mut turns = vec![turn(Role::User, "a"), turn(Role::Assistant, "b \n")];
        assert_eq!(text(&turns).as_deref(), Some("b \n"));
        trim(&mut turns);
        assert_eq!(turns[1], turn(Role::Assistant, "b"));
        remove(&mut turns);
        assert_eq!(turns, [turn(Role::User, "a")]);
        let mut alone = vec![turn(Role::Assistant, "b")];
        remove(&mut alone);
        assert_eq!(alone.len(), 2);
        assert_eq!(alone[1].role, Role::User);
    }
}
