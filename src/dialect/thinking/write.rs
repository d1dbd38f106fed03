//! How an upstream is told (spec/dialects.md 3.4, 3.5).

use serde_json::{Map, Value, json};

use super::{Amount, Level, Record, Wish};
use crate::dialect::Dialect;

/// Puts what was settled into an upstream's body, in the place of what it says.
pub fn write(dialect: Dialect, wish: Wish, record: Option<&Record>, body: &mut Map<String, Value>) {
    match dialect {
        Dialect::Chat => chat(wish, body),
        Dialect::Responses => responses(wish, body),
        Dialect::Messages => messages(wish, record, body),
        Dialect::Gemini => gemini(wish, body),
    }
}

/// The word for an amount where there are only words.
fn word(amount: Amount) -> &'static str {
    match amount {
        Amount::None => "none",
        Amount::Auto => "auto",
        Amount::Level(level) => level.name(),
        Amount::Budget(tokens) => Level::of_budget(tokens).name(),
    }
}

fn chat(wish: Wish, body: &mut Map<String, Value>) {
    body.shift_remove("reasoning_effort");
    body.shift_remove("reasoning");
    if let Some(amount) = wish.amount {
        body.insert("reasoning_effort".to_owned(), word(amount).into());
    }
}

fn responses(wish: Wish, body: &mut Map<String, Value>) {
    let mut reasoning = match body.shift_remove("reasoning") {
        Some(Value::Object(reasoning)) => reasoning,
        _ => Map::new(),
    };
    reasoning.shift_remove("effort");
    if let Some(amount) = wish.amount {
        reasoning.insert("effort".to_owned(), word(amount).into());
    }
    match wish.is_shown {
        Some(true) => {
            let summary = reasoning.entry("summary").or_insert(Value::Null);
            if !summary.is_string() {
                *summary = "auto".into();
            }
        }
        Some(false) => {
            reasoning.shift_remove("summary");
        }
        // Without being asked, the vendor shows nothing of the thoughts.
        None if wish.amount.is_some_and(|amount| amount != Amount::None) => {
            reasoning.entry("summary").or_insert("auto".into());
        }
        None => {}
    }
    if !reasoning.is_empty() {
        body.insert("reasoning".to_owned(), reasoning.into());
    }
}

/// The room a budget needs: it is part of the answer's tokens.
fn budget_within(tokens: u64, least: u64, body: &mut Map<String, Value>) -> Option<u64> {
    let most = body.get("max_tokens").and_then(Value::as_u64);
    match most {
        Some(most) if tokens >= most => Some(most.saturating_sub(1)).filter(|rest| *rest >= least),
        _ => Some(tokens),
    }
}

fn messages(wish: Wish, record: Option<&Record>, body: &mut Map<String, Value>) {
    body.shift_remove("thinking");
    let mut config = match body.shift_remove("output_config") {
        Some(Value::Object(config)) => config,
        _ => Map::new(),
    };
    if wish.amount.is_some() {
        config.shift_remove("effort");
    }
    let levels = record.and_then(|record| record.thinking.as_ref());
    let has_levels = levels.is_some_and(|thinking| !thinking.levels.is_empty());
    let takes_budget = record.is_none_or(|record| record.manual_budget);
    let least = levels.map_or(1024, |thinking| thinking.min);
    // The vendor does not let a model think that must call a tool.
    let must_call = body
        .get("tool_choice")
        .and_then(|choice| choice.get("type"))
        .is_some_and(|kind| kind == "any" || kind == "tool");
    let amount = match wish.amount {
        Some(Amount::None) | None => wish.amount,
        Some(_) if must_call => None,
        Some(Amount::Budget(tokens)) if !takes_budget => {
            Some(Amount::Level(Level::of_budget(tokens).max(Level::Low)))
        }
        other => other,
    };
    let thinking = match amount {
        None => None,
        Some(Amount::None) => Some(json!({"type": "disabled"})),
        Some(Amount::Level(level)) if has_levels => {
            if !wish.is_soft {
                config.insert("effort".to_owned(), level.max(Level::Low).name().into());
            }
            Some(json!({"type": "adaptive"}))
        }
        Some(Amount::Auto) if has_levels => Some(json!({"type": "adaptive"})),
        Some(Amount::Auto) => budget_within(Level::Medium.budget(), least, body)
            .map(|tokens| json!({"type": "enabled", "budget_tokens": tokens})),
        Some(Amount::Level(level)) => budget_within(level.budget(), least, body)
            .map(|tokens| json!({"type": "enabled", "budget_tokens": tokens})),
        Some(Amount::Budget(tokens)) => budget_within(tokens, least, body)
            .map(|tokens| json!({"type": "enabled", "budget_tokens": tokens})),
    };
    if let Some(mut thinking) = thinking {
        if thinking["type"] != "disabled" {
            // While it thinks, only the vendor's own sampling is allowed.
            for key in ["temperature", "top_p", "top_k"] {
                body.shift_remove(key);
            }
            if wish.is_shown == Some(true) && !takes_budget {
                thinking["display"] = "summarized".into();
            }
        }
        body.insert("thinking".to_owned(), thinking);
    }
    if record.is_some_and(|record| !record.sampling) {
        for key in ["temperature", "top_p", "top_k"] {
            body.shift_remove(key);
        }
    }
    if !config.is_empty() {
        body.insert("output_config".to_owned(), config.into());
    }
}

fn gemini(wish: Wish, body: &mut Map<String, Value>) {
    let snake = body.shift_remove("generation_config");
    let mut config = match body.shift_remove("generationConfig").or(snake) {
        Some(Value::Object(config)) => config,
        _ => Map::new(),
    };
    config.shift_remove("thinkingConfig");
    config.shift_remove("thinking_config");
    if let Some(amount) = wish.amount {
        let mut thinking = match amount {
            Amount::None => json!({"thinkingBudget": 0}),
            Amount::Auto => json!({"thinkingBudget": -1}),
            Amount::Level(level) => json!({"thinkingLevel": level.name()}),
            Amount::Budget(tokens) => json!({"thinkingBudget": tokens}),
        };
        let is_shown = wish.is_shown.unwrap_or(amount != Amount::None);
        thinking["includeThoughts"] = (is_shown && amount != Amount::None).into();
        config.insert("thinkingConfig".to_owned(), thinking);
    }
    if !config.is_empty() {
        body.insert("generationConfig".to_owned(), config.into());
    }
}
