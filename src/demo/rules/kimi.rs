//! Kimi for coding.

use super::{Asked, Rule, list, text};
use crate::demo::target::Fault;

pub const RULES: [Rule; 2] = [model, reasoning];

/// The vendor's names have no `kimi-` but in `kimi-for-coding`; the words are those of Moonshot's API.
fn model(asked: Asked<'_>) -> Option<Fault> {
    let name = asked.model.to_ascii_lowercase();
    let is_foreign = name.starts_with("kimi-") && !name.starts_with("kimi-for-coding");
    (is_foreign || name.ends_with("[1m]")).then(|| Fault {
        status: 404,
        ..Fault::from(format!(
            "Not found the model {} or Permission denied",
            asked.model
        ))
    })
}

/// Moonshot's words, as the users of several agents report them.
fn reasoning(asked: Asked<'_>) -> Option<Fault> {
    let messages = list(&asked.body["messages"]).iter().enumerate();
    let mut calling = messages.filter(|(_, message)| !list(&message["tool_calls"]).is_empty());
    let is_blank = |text: &str| text.trim().is_empty();
    let (index, _) = calling.find(|(_, message)| is_blank(text(&message["reasoning_content"])))?;
    Some(
        format!(
            "thinking is enabled but reasoning_content is missing in assistant tool call message at index {index}"
        )
        .into(),
    )
}
