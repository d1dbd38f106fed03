//! A suffix on the model's name, where nothing else is translated.

use serde_json::{Map, Value};

use super::{Amount, Target, read, record, settle, write};
use crate::dialect::Dialect;
use crate::json::{self, Splice};

/// The members that say, or limit, how much is thought.
fn concerned(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Chat => &[
            "reasoning_effort",
            "reasoning",
            "thinking",
            "chat_template_kwargs",
            "reasoning_split",
        ],
        Dialect::Responses => &["reasoning"],
        Dialect::Messages => &[
            "thinking",
            "output_config",
            "max_tokens",
            "tool_choice",
            "temperature",
            "top_p",
            "top_k",
        ],
        Dialect::Gemini => &["generationConfig", "generation_config"],
    }
}

/// A body for `model` that says what the suffix says; all else in it stays as it is.
///
/// # Errors
/// In words for the client, when the body is no object or the model cannot do it.
#[inline(never)]
pub fn suffixed(
    dialect: Dialect,
    body: &[u8],
    model: &str,
    suffix: &str,
) -> Result<Vec<u8>, String> {
    let members = json::members(body).map_err(|error| error.to_string())?;
    let value_of = |span: json::Span| {
        let raw = body.get(span.start..span.end).unwrap_or_default();
        serde_json::from_slice::<Value>(raw).unwrap_or_default()
    };
    let before: Map<String, Value> = members
        .iter()
        .filter(|member| concerned(dialect).contains(&&*member.key))
        .map(|member| (member.key.to_string(), value_of(member.value)))
        .collect();
    let record = record(model);
    let mut after = before.clone();
    // A suffix that says nothing goes, and nothing else.
    if let Some(amount) = Amount::of_suffix(suffix) {
        let target = Target::new(dialect, dialect, record);
        let settled = settle(read(dialect, &before)?, Some(amount), target)?;
        write(dialect, settled, record, &mut after);
    }
    let mut splice = Splice::new(body);
    for member in &members {
        if member.key == "model" {
            splice.replace(member.value, Value::from(model).to_string().into_bytes());
            continue;
        }
        let Some(old) = before.get(&*member.key) else {
            continue;
        };
        match after.shift_remove(&*member.key) {
            None => splice.remove(member),
            Some(new) if new != *old => splice.replace(member.value, new.to_string().into_bytes()),
            Some(_) => {}
        }
    }
    for (key, value) in after {
        if !before.contains_key(&key) {
            splice.append_member(&key, value.to_string());
        }
    }
    Ok(splice.pieces().collect::<Vec<_>>().concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_of_thinking_changes() {
        for (dialect, body, model, suffix, expected) in [
            (
                Dialect::Chat,
                r#"{"model": "m(high)", "x" : 1.50, "messages":[]}"#,
                "m",
                "high",
                r#"{"model": "m", "x" : 1.50, "messages":[],"reasoning_effort":"high"}"#,
            ),
            (
                Dialect::Chat,
                r#"{"model":"m","reasoning_effort":"low"}"#,
                "big",
                "ultra",
                r#"{"model":"big","reasoning_effort":"low"}"#,
            ),
            (
                Dialect::Chat,
                r#"{"model":"m","reasoning":{"effort":"low","exclude":true},"thinking":{"type":"disabled"}}"#,
                "m",
                "high",
                r#"{"model":"m","reasoning":{"exclude":true},"reasoning_effort":"high"}"#,
            ),
            (
                Dialect::Chat,
                r#"{"model":"m","reasoning":{"effort": "low" },"thinking":{"type":"disabled"}}"#,
                "m",
                "ultra",
                r#"{"model":"m","reasoning":{"effort": "low" },"thinking":{"type":"disabled"}}"#,
            ),
            (
                Dialect::Chat,
                r#"{"model":"m","chat_template_kwargs":{"x": 1.50,"enable_thinking":false}}"#,
                "glm-4.6",
                "high",
                r#"{"model":"glm-4.6","chat_template_kwargs":{"x":1.5,"enable_thinking":true,"clear_thinking":false}}"#,
            ),
            (
                Dialect::Messages,
                r#"{"model":"m","messages":[]}"#,
                "claude-opus-4-1",
                "high",
                r#"{"model":"claude-opus-4-1","messages":[],"max_tokens":32000,"thinking":{"type":"enabled","budget_tokens":24576}}"#,
            ),
            (
                Dialect::Messages,
                r#"{"model":"m","max_tokens":9000,"temperature":0.5,"messages":[]}"#,
                "claude-sonnet-4-5",
                "8192",
                r#"{"model":"claude-sonnet-4-5","max_tokens":9000,"messages":[],"thinking":{"type":"enabled","budget_tokens":8192}}"#,
            ),
            (
                Dialect::Gemini,
                r#"{"contents":[],"generationConfig":{"topK":3}}"#,
                "gemini-2.5-pro",
                "low",
                r#"{"contents":[],"generationConfig":{"topK":3,"thinkingConfig":{"thinkingBudget":1024,"includeThoughts":true}}}"#,
            ),
        ] {
            let got = suffixed(dialect, body.as_bytes(), model, suffix).unwrap();
            assert_eq!(String::from_utf8(got).unwrap(), expected);
        }
        assert!(suffixed(Dialect::Chat, b"[]", "m", "high").is_err());
        let negative = br#"{"thinking":{"type":"enabled","budget_tokens":-5}}"#;
        let why = suffixed(Dialect::Messages, negative, "m", "high").unwrap_err();
        assert_eq!(why, "thinking.budget_tokens: -5 is no budget");
    }
}
