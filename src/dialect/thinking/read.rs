//! What a body asks for (spec/dialects.md 3.2, 3.4).

use serde_json::{Map, Value};

use super::{Amount, Level, Wish};
use crate::dialect::Dialect;

/// Reads the wish of a client's body.
pub fn read(dialect: Dialect, body: &Map<String, Value>) -> Wish {
    match dialect {
        Dialect::Chat => chat(body),
        Dialect::Responses => responses(body),
        Dialect::Messages => messages(body),
        Dialect::Gemini => gemini(body),
    }
}

fn named(value: Option<&Value>) -> Option<Amount> {
    Amount::of_name(value?.as_str()?)
}

fn budget(value: Option<&Value>) -> Option<Amount> {
    Amount::of_budget(value?.as_i64()?)
}

fn chat(body: &Map<String, Value>) -> Wish {
    let reasoning = body.get("reasoning");
    let of = |key: &str| reasoning.and_then(|reasoning| reasoning.get(key));
    let amount = named(body.get("reasoning_effort"))
        .or_else(|| named(of("effort")))
        .or_else(|| budget(of("max_tokens")))
        .or_else(|| {
            let thinking = body.get("thinking")?;
            match thinking.get("type")?.as_str()? {
                "disabled" => Some(Amount::None),
                "enabled" => {
                    named(thinking.get("effort")).or_else(|| budget(thinking.get("budget_tokens")))
                }
                _ => None,
            }
        });
    let said = body
        .get("include_reasoning")
        .and_then(Value::as_bool)
        .or_else(|| Some(!of("exclude")?.as_bool()?))
        .or_else(|| of("enabled")?.as_bool());
    Wish {
        amount,
        is_soft: false,
        is_shown: said.or_else(|| amount.map(|amount| amount != Amount::None)),
    }
}

fn responses(body: &Map<String, Value>) -> Wish {
    let reasoning = body.get("reasoning").and_then(Value::as_object);
    let Some(reasoning) = reasoning else {
        return Wish::default();
    };
    let summary = reasoning
        .get("summary")
        .or_else(|| reasoning.get("generate_summary"));
    Wish {
        amount: named(reasoning.get("effort")),
        is_soft: false,
        is_shown: summary.map(|summary| summary.as_str().is_some_and(|word| word != "none")),
    }
}

fn messages(body: &Map<String, Value>) -> Wish {
    let Some(thinking) = body.get("thinking").and_then(Value::as_object) else {
        return Wish::default();
    };
    let is_shown = match thinking.get("display").and_then(Value::as_str) {
        Some("summarized") => Some(true),
        Some("omitted") => Some(false),
        _ => None,
    };
    let effort = body
        .get("output_config")
        .and_then(|config| named(config.get("effort")));
    let (amount, is_soft) = match thinking.get("type").and_then(Value::as_str) {
        Some("disabled") => (Some(Amount::None), false),
        Some("adaptive" | "auto" | "between_tools") => match effort {
            Some(effort) => (Some(effort), false),
            None => (Some(Amount::Level(Level::High)), true),
        },
        Some("enabled") => {
            let budget = budget(thinking.get("budget_tokens"));
            (budget.or(Some(Amount::Auto)), false)
        }
        _ => (None, false),
    };
    Wish {
        amount,
        is_soft,
        is_shown,
    }
}

fn gemini(body: &Map<String, Value>) -> Wish {
    let either = |map: &Map<String, Value>, camel: &str, snake: &str| {
        map.get(camel).or_else(|| map.get(snake)).cloned()
    };
    let config = either(body, "generationConfig", "generation_config");
    let config = config.as_ref().and_then(Value::as_object);
    let thinking = config.and_then(|config| either(config, "thinkingConfig", "thinking_config"));
    let Some(thinking) = thinking.as_ref().and_then(Value::as_object) else {
        return Wish::default();
    };
    let level = either(thinking, "thinkingLevel", "thinking_level");
    let tokens = either(thinking, "thinkingBudget", "thinking_budget");
    Wish {
        amount: named(level.as_ref()).or_else(|| budget(tokens.as_ref())),
        is_soft: false,
        is_shown: either(thinking, "includeThoughts", "include_thoughts")
            .and_then(|shown| shown.as_bool()),
    }
}
