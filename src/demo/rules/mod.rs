//! What the vendors refuse of requests: a table of rules for each of them. A rule names the first thing that is wrong,
//! in the vendor's own words, and says where the words are from: the vendor's documentation, or a public report that
//! quotes the answer. Rules that hold for some models go by the model's name, as the vendors' do.

mod chat;
mod chatgpt;
mod gemini;
mod gemini_schema;
mod kimi;
mod messages;
mod messages_tools;
mod openai;
mod responses;
mod xai;

use serde_json::Value;

use super::target::{Action, Dialect, Fault, Flavour, Target};

/// A request as far as rules look at it.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub model: &'a str,
    pub body: &'a Value,
}

/// Says what is wrong, if anything is.
type Rule = fn(Asked<'_>) -> Option<Fault>;

/// Looks whether the vendor would take a request.
///
/// # Errors
/// What the vendor would say of it.
pub fn check(target: &Target, asked: Asked<'_>) -> Result<(), Fault> {
    let own: &[Rule] = match (target.flavour, target.action) {
        (Flavour::Plain, _) => &[],
        (Flavour::ChatGpt, Action::Compact) => &chatgpt::COMPACTING,
        (Flavour::ChatGpt, _) => &chatgpt::RULES,
        (Flavour::Kimi, _) => &kimi::RULES,
        (Flavour::Xai, _) => &xai::RULES,
        // They are checked with the envelope.
        (Flavour::CodeAssist | Flavour::Antigravity | Flavour::Vertex, _) => &[],
    };
    let tables: [&[Rule]; 2] = match (target.dialect, target.action) {
        (Dialect::Chat, _) => [&chat::RULES, &[]],
        (Dialect::Responses, Action::Compact) => [&[], &[]],
        (Dialect::Responses, _) => [&responses::RULES, &[]],
        (Dialect::Messages, Action::Count) => [&messages::RULES, &[]],
        (Dialect::Messages, _) => [&messages::GENERATING, &messages::RULES],
        (Dialect::Gemini, _) => [&gemini::RULES, &[]],
    };
    let rules = own.iter().chain(tables.into_iter().flatten());
    let fault = rules.into_iter().find_map(|rule| rule(asked));
    fault.map_or(Ok(()), Err)
}

/// The elements of a list; nothing else has any.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A text; none where there is something else.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Whether all of a word are letters and digits or among these characters.
fn is_word(word: &str, others: &str) -> bool {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    !word.is_empty() && word.chars().all(is_legal)
}

#[cfg(test)]
mod tests;
