//! Conversations that end with what the assistant has begun to say ("prefill"): who goes on from it, and what becomes
//! of it elsewhere.

use std::collections::BTreeMap;

use super::{Part, Role, Text, Turn};
use crate::wire::Dialect;

/// What the user says where the conversation has to end with the user, who has said nothing.
pub const GO_ON: &str = "Go on.";

/// What a model does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It goes on from there.
    GoesOn,
    /// It reads it as a turn that is over, and answers anew.
    Anew,
    /// Its vendor refuses it.
    Refused,
}

impl Use {
    /// That of a model in its upstream's dialect. The vendors' rules:
    ///
    /// - Claude from 4.6 on takes none (platform.claude.com, "What's new in Claude 4.6", prefill removal, and the
    ///   migration guide), an earlier one none while it thinks ("Prefill Claude's response").
    /// - Gemini takes none.
    /// - OpenAI's models go on from none: in a chat it is one more message.
    pub fn of(upstream: Dialect, model: &str, is_thinking: bool) -> Self {
        match (upstream, claude_version(model)) {
            (Dialect::Gemini, _) => Self::Refused,
            (_, Some(version)) if version >= (4, 6) => Self::Refused,
            (Dialect::Messages, _) if is_thinking => Self::Refused,
            (Dialect::Messages, _) | (Dialect::Chat, Some(_)) => Self::GoesOn,
            (Dialect::Chat | Dialect::Responses, _) => Self::Anew,
        }
    }
}

/// Major and minor version in the name of a Claude model, like `claude-opus-4-6` or `anthropic.claude-3-5-haiku-v1`; of
/// a name without one, a version above all.
fn claude_version(model: &str) -> Option<(u32, u32)> {
    let (_, name) = model.split_once("claude")?;
    let mut words = name.split(['-', '.', '@', ':', '_']);
    // A date is no version.
    let number = |word: &str| word.parse().ok().filter(|_| word.len() <= 2);
    let Some(major) = words.find_map(number) else {
        return Some((u32::MAX, 0));
    };
    Some((major, words.next().and_then(number).unwrap_or(0)))
}

/// Takes away what the assistant has begun to say. Where there is nothing else, the user asks for the rest.
pub fn leave_out(turns: &mut Vec<Turn>) {
    match turns.iter().rposition(|turn| turn.role != Role::Assistant) {
        Some(last) => turns.truncate(last + 1),
        None if turns.is_empty() => {}
        None => turns.push(Turn::new(Role::User, Part::text(GO_ON))),
    }
}

/// What the assistant has begun to say.
pub fn text(turns: &[Turn]) -> Option<String> {
    let last = turns.last().filter(|turn| turn.role == Role::Assistant)?;
    let parts: Vec<Part> = last.parts.clone().into_iter().collect();
    let texts = parts.into_iter().filter_map(|part| match part {
        Part::Text(Text { text, .. }) => Some(text),
        _ => None,
    });
    Some(texts.collect())
}

/// Takes away white space at its end, which the vendor of Claude refuses ("Prefill Claude's response").
pub fn trim(turns: &mut [Turn]) {
    let Some(last) = turns.last_mut().filter(|turn| turn.role == Role::Assistant) else {
        return;
    };
    last.parts.open();
    if let Some(Part::Text(Text { text, .. })) = last.parts.iter_mut().next_back() {
        text.truncate(text.trim_end().len());
    }
}

/// Joins an answer that was given anew to what the client has already: where it begins with the same words, they are
/// not told again.
#[derive(Clone, Debug)]
pub struct Join {
    begun: String,
    /// What has come of each of the answers side by side, as long as it may still be the same words.
    heard: BTreeMap<u32, Option<String>>,
}

impl Join {
    /// For an answer to what begins so; `None` for white space, and for more than anybody begins with.
    pub fn new(begun: &str) -> Option<Self> {
        const LONGEST: usize = 64 * 1024;
        let begun = begun.trim();
        (!begun.is_empty() && begun.len() <= LONGEST).then(|| Self {
            begun: begun.to_owned(),
            heard: BTreeMap::new(),
        })
    }

    /// What the client is told of more text.
    pub fn told(&mut self, choice: u32, text: String) -> String {
        /// White space before the first word, bytes.
        const BLANK: usize = 1024;
        let entry = self.heard.entry(choice);
        let entry = entry.or_insert_with(|| Some(String::new()));
        let Some(mut heard) = entry.take() else {
            return text;
        };
        heard.push_str(&text);
        let words = heard.trim_start();
        let may_follow = self.begun.len() > words.len() && self.begun.starts_with(words);
        if may_follow && heard.len() < self.begun.len() + BLANK {
            *entry = Some(heard);
            return String::new();
        }
        match words.strip_prefix(&self.begun) {
            Some(rest) => rest.to_owned(),
            None => heard,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_told_apart() {
        use Dialect::{Chat, Gemini, Messages, Responses};
        for (upstream, model, is_thinking, expected) in [
            (Messages, "claude-opus-4-5-20251101", false, Use::GoesOn),
            (Messages, "claude-sonnet-4-20250514", false, Use::GoesOn),
            (Messages, "claude-3-7-sonnet-latest", false, Use::GoesOn),
            (Messages, "claude-haiku-4-5", true, Use::Refused),
            (Messages, "claude-opus-4-6", false, Use::Refused),
            (Messages, "claude-sonnet-4.6", false, Use::Refused),
            (
                Messages,
                "us.anthropic.claude-opus-4-6-v1",
                false,
                Use::Refused,
            ),
            (Messages, "claude-opus-4-7@20260101", false, Use::Refused),
            (Messages, "claude-sonnet-5", false, Use::Refused),
            (Messages, "claude-somebody-12-1", false, Use::Refused),
            (Messages, "claude-mythos-preview", false, Use::Refused),
            (Messages, "kimi-k2", false, Use::GoesOn),
            (Chat, "anthropic/claude-opus-4.6", false, Use::Refused),
            (Chat, "anthropic/claude-3.5-haiku", false, Use::GoesOn),
            (Chat, "gpt-5.2", false, Use::Anew),
            (Responses, "gpt-5.2", false, Use::Anew),
            (Gemini, "gemini-2.5-pro", false, Use::Refused),
        ] {
            assert_eq!(Use::of(upstream, model, is_thinking), expected, "{model}");
        }
    }

    #[test]
    fn the_same_words_are_told_once() {
        for (begun, answer, expected) in [
            ("{", vec!["{\"a\"", ": 1}"], "\"a\": 1}"),
            ("{\"a\":", vec!["\n {", "\"a\"", ":1}"], "1}"),
            ("The answer is ", vec!["The answer", " is 42."], " 42."),
            ("The answer is", vec!["The", " reply"], "The reply"),
            ("{", vec!["No", " {"], "No {"),
            ("{", vec![" ", "", "no"], " no"),
            ("ä", vec!["äö"], "ö"),
        ] {
            let mut join = Join::new(begun).unwrap();
            let told: String = answer
                .iter()
                .map(|text| join.told(0, (*text).to_owned()))
                .collect();
            assert_eq!(told, expected, "{begun}");
            assert_eq!(join.told(1, begun.trim().to_owned()), "");
        }
        assert!(Join::new(" \n").is_none());
        let mut join = Join::new("a").unwrap();
        assert_eq!(join.told(0, " ".repeat(2000)).len(), 2000);
    }

    #[test]
    fn what_has_begun_is_left_out_or_trimmed() {
        let turn = |role, text: &str| Turn::new(role, Part::text(text));
        let mut turns = vec![turn(Role::User, "a"), turn(Role::Assistant, "b \n")];
        assert_eq!(text(&turns).as_deref(), Some("b \n"));
        trim(&mut turns);
        assert_eq!(turns[1], turn(Role::Assistant, "b"));
        leave_out(&mut turns);
        assert_eq!(turns, [turn(Role::User, "a")]);
        let mut alone = vec![turn(Role::Assistant, "b")];
        leave_out(&mut alone);
        assert_eq!(alone.len(), 2);
        assert_eq!(alone[1].role, Role::User);
    }
}
