//! Applies a suffix on the model's name, and the limits of the model, to a body that is not translated.

use serde_json::{Map, Value};

use super::effort::Effort;
use super::read::read;
use super::settle::{Target, settle};
use super::support::{ReasoningSupport, support};
use super::write::write;
use crate::json::{self, Splice};
use crate::wire::Dialect;

/// The members that set or limit the reasoning.
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

/// A body for `model` with the reasoning of the suffix; everything else stays as it is.
///
/// # Errors
/// A message for the client, when the body is not an object or the model does not support the suffix.
pub fn suffixed(
    dialect: Dialect,
    body: &[u8],
    model: &str,
    suffix: &str,
) -> Result<Vec<u8>, String> {
    fitted(dialect, body, model, Some(suffix), support(model))
}

/// A body for `model`, whose `support` is known, with the reasoning of the suffix, or else with its own reasoning adapted
/// to the model; everything else stays as it is.
///
/// # Errors
/// As [`suffixed`].
#[inline(never)]
pub fn fitted(
    dialect: Dialect,
    body: &[u8],
    model: &str,
    suffix: Option<&str>,
    support: Option<&ReasoningSupport>,
) -> Result<Vec<u8>, String> {
    edited(dialect, body, Some(model), |before, after| {
        let effort = suffix.and_then(Effort::of_suffix);
        // An invalid suffix is removed and changes nothing else.
        if effort.is_some() || suffix.is_none() {
            let wanted = read(dialect, before)?;
            let settled = settle(wanted, effort, Target::new(dialect, dialect, support))?;
            let is_new = effort.is_some() || settled.effort != wanted.effort;
            if is_new || (settled.effort.is_some() && is_foreign(dialect, support, before)) {
                write(dialect, settled, support, after);
            }
        }
        Ok(())
    })
}

/// A Responses body for `model` without an effort, for models that always think as much as they like.
///
/// # Errors
/// When the body is not an object.
pub fn without_effort(body: &[u8], model: &str) -> Result<Vec<u8>, String> {
    edited(Dialect::Responses, body, Some(model), |_, after| {
        if let Some(Value::Object(reasoning)) = after.get_mut("reasoning") {
            reasoning.shift_remove("effort");
            if reasoning.is_empty() {
                after.shift_remove("reasoning");
            }
        }
        Ok(())
    })
}

/// Whether a body has OpenAI's setting for a model that has its own.
fn is_foreign(
    dialect: Dialect,
    support: Option<&ReasoningSupport>,
    body: &Map<String, Value>,
) -> bool {
    let has_own = support.is_some_and(|support| support.switch.is_some());
    let has_openais = ["reasoning_effort", "reasoning"].map(|key| body.contains_key(key));
    dialect == Dialect::Chat && has_own && has_openais.contains(&true)
}

/// `after` with consistent reasoning settings, if one of them differs from `before`; else `None`.
///
/// # Errors
/// As for [`suffixed`].
#[inline(never)]
pub fn refitted(
    dialect: Dialect,
    before: &[u8],
    after: &[u8],
    model: &str,
) -> Result<Option<Vec<u8>>, String> {
    if said(dialect, before)? == said(dialect, after)? {
        return Ok(None);
    }
    let fit = |before: &Map<String, Value>, after: &mut Map<String, Value>| {
        write(dialect, read(dialect, before)?, support(model), after);
        Ok(())
    };
    edited(dialect, after, None, fit).map(Some)
}

/// The members that concern reasoning, as written.
fn said(dialect: Dialect, body: &[u8]) -> Result<Vec<&[u8]>, String> {
    let members = json::members(body).map_err(|error| error.to_string())?;
    let concerned = concerned(dialect);
    let find = |key: &&str| members.iter().find(|member| member.key == *key);
    let raw = |member: &json::Member<'_>| body.get(member.value.start..member.value.end);
    let said = concerned.iter().map(|key| find(key).and_then(raw));
    Ok(said.map(Option::unwrap_or_default).collect())
}

/// A body with its reasoning settings changed, and the model's name if one is given.
fn edited(
    dialect: Dialect,
    body: &[u8],
    model: Option<&str>,
    edit: impl FnOnce(&Map<String, Value>, &mut Map<String, Value>) -> Result<(), String>,
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
    let mut after = before.clone();
    edit(&before, &mut after)?;
    let mut splice = Splice::new(body);
    for member in &members {
        if let Some(model) = model.filter(|_| member.key == "model") {
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
    use crate::reasoning::effort::Level;
    use crate::reasoning::support::Thinking;

    #[test]
    fn what_a_model_cannot_is_refused_or_left_out() {
        let support = ReasoningSupport::of(Thinking {
            levels: vec![Level::Low, Level::Medium, Level::High],
            ..Thinking::default()
        });
        let fit = |body: &str| {
            let fitted = fitted(Dialect::Chat, body.as_bytes(), "m", None, Some(&support));
            fitted.map(|body| String::from_utf8(body).unwrap())
        };
        for same in [
            r#"{"model":"m", "x":1.50}"#,
            r#"{"model":"m","reasoning_effort": "high" }"#,
            r#"{"model":"m","reasoning":{ "effort":"low" }}"#,
        ] {
            assert_eq!(fit(same).as_deref(), Ok(same));
        }
        assert_eq!(
            fit(r#"{"model":"m","reasoning_effort":"none","x":1}"#).unwrap(),
            r#"{"model":"m","reasoning_effort":"low","x":1}"#
        );
        assert_eq!(
            fit(r#"{"model":"m","reasoning_effort":"xhigh"}"#).unwrap_err(),
            "level \"xhigh\" not supported, valid levels: low, medium, high"
        );
    }

    #[test]
    fn an_effort_can_be_left_out() {
        for (body, expected) in [
            (
                r#"{"model":"a","reasoning":{"effort":"low"},"x":1.50}"#,
                r#"{"model":"grok-4","x":1.50}"#,
            ),
            (
                r#"{"reasoning":{"effort":"low","summary":"auto"},"model":"a"}"#,
                r#"{"reasoning":{"summary":"auto"},"model":"grok-4"}"#,
            ),
            (
                r#"{"model":"a","reasoning":null}"#,
                r#"{"model":"grok-4","reasoning":null}"#,
            ),
        ] {
            let body = without_effort(body.as_bytes(), "grok-4").unwrap();
            assert_eq!(String::from_utf8(body).unwrap(), expected);
        }
        assert!(without_effort(b"[]", "grok-4").is_err());
    }

    #[test]
    fn models_with_a_setting_of_their_own_get_that() {
        for (model, body, expected) in [
            (
                "kimi-k2.5",
                r#"{"model":"m","reasoning_effort":"high"}"#,
                r#"{"model":"kimi-k2.5","thinking":{"type":"enabled","effort":"high"}}"#,
            ),
            // A level that Kimi does not have.
            (
                "kimi-k2.5",
                r#"{"model":"m","reasoning_effort":"medium"}"#,
                r#"{"model":"kimi-k2.5","thinking":{"type":"enabled","effort":"low"}}"#,
            ),
            (
                "kimi-k2.5",
                r#"{"model":"m","reasoning_effort":"none"}"#,
                r#"{"model":"kimi-k2.5","thinking":{"type":"disabled"}}"#,
            ),
            (
                "k3-256k",
                r#"{"model":"m","reasoning":{"effort":"max"}}"#,
                r#"{"model":"k3-256k","thinking":{"type":"enabled","effort":"max"}}"#,
            ),
            (
                "kimi-k2.7-code-highspeed",
                r#"{"model":"m","thinking":{"type":"enabled"}}"#,
                r#"{"model":"kimi-k2.7-code-highspeed","thinking":{"type":"enabled"}}"#,
            ),
            (
                "glm-4.6",
                r#"{"model":"m","reasoning_effort":"low"}"#,
                r#"{"model":"glm-4.6","chat_template_kwargs":{"enable_thinking":true,"clear_thinking":false}}"#,
            ),
            (
                "deepseek-v3.2",
                r#"{"model":"m","reasoning_effort":"none"}"#,
                r#"{"model":"deepseek-v3.2","chat_template_kwargs":{"enable_thinking":false}}"#,
            ),
            (
                "minimax-m2.5",
                r#"{"model":"m","reasoning_effort":"auto"}"#,
                r#"{"model":"minimax-m2.5","reasoning_split":true}"#,
            ),
        ] {
            let fitted = fitted(Dialect::Chat, body.as_bytes(), model, None, support(model));
            assert_eq!(String::from_utf8(fitted.unwrap()).unwrap(), expected);
        }
    }

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
