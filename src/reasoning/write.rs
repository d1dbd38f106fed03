//! Writes the reasoning settings of an upstream's body.

use serde_json::{Map, Value, json};

use super::effort::{Effort, Level, ReasoningRequest};
use super::support::{ReasoningSupport, Switch};
use crate::json::fields::Put;
use crate::wire::Dialect;

/// Replaces the reasoning settings of an upstream's body.
pub fn write(
    dialect: Dialect,
    wanted: ReasoningRequest,
    support: Option<&ReasoningSupport>,
    body: &mut Map<String, Value>,
) {
    match dialect {
        Dialect::Chat => chat(wanted, support, body),
        Dialect::Responses => responses(wanted, body),
        Dialect::Messages => messages(wanted, support, body),
        Dialect::Gemini => gemini(wanted, support, body),
    }
}

/// The name of an effort in dialects without budgets. The model's own choice has no name: it is the vendor's default
/// (OpenAI's OpenAPI document, `ReasoningEffort`).
fn word(effort: Effort) -> &'static str {
    match effort {
        Effort::None => "none",
        Effort::Auto => Level::Medium.name(),
        Effort::Level(level) => level.name(),
        Effort::Budget(tokens) => Level::of_budget(tokens).name(),
    }
}

fn chat(
    wanted: ReasoningRequest,
    support: Option<&ReasoningSupport>,
    body: &mut Map<String, Value>,
) {
    body.shift_remove("reasoning_effort");
    body.shift_remove("thinking");
    if let Some(Value::Object(reasoning)) = body.get_mut("reasoning") {
        // Whether thoughts are shown stays the client's choice.
        for key in ["effort", "max_tokens", "enabled"] {
            reasoning.shift_remove(key);
        }
        if reasoning.is_empty() {
            body.shift_remove("reasoning");
        }
    }
    let Some(effort) = wanted.effort else {
        return;
    };
    let is_on = effort != Effort::None;
    match support.and_then(|support| support.switch) {
        None => {
            body.insert("reasoning_effort".to_owned(), word(effort).into());
        }
        Some(Switch::Thinking) => {
            let thinking = match effort {
                Effort::None => json!({"type": "disabled"}),
                effort => json!({"type": "enabled", "effort": word(effort)}),
            };
            body.insert("thinking".to_owned(), thinking);
        }
        Some(switch @ (Switch::Template | Switch::KeepingTemplate)) => {
            let given = body.entry("chat_template_kwargs").or_insert(json!({}));
            if !given.is_object() {
                *given = json!({});
            }
            given["enable_thinking"] = is_on.into();
            if switch == Switch::KeepingTemplate && is_on {
                given["clear_thinking"] = false.into();
            }
        }
        Some(Switch::Split) => {
            body.insert("reasoning_split".to_owned(), is_on.into());
        }
    }
}

fn responses(wanted: ReasoningRequest, body: &mut Map<String, Value>) {
    let mut reasoning = match body.shift_remove("reasoning") {
        Some(Value::Object(reasoning)) => reasoning,
        _ => Map::new(),
    };
    reasoning.shift_remove("effort");
    if let Some(effort) = wanted.effort {
        reasoning.insert("effort".to_owned(), word(effort).into());
    }
    match wanted.is_shown {
        Some(true) => {
            let summary = reasoning.entry("summary").or_insert(Value::Null);
            if !summary.is_string() {
                *summary = "auto".into();
            }
        }
        Some(false) => {
            reasoning.shift_remove("summary");
        }
        // By default the vendor shows no thoughts.
        None if wanted.effort.is_some_and(|effort| effort != Effort::None) => {
            reasoning.entry("summary").or_insert("auto".into());
        }
        None => {}
    }
    if !reasoning.is_empty() {
        body.insert("reasoning".to_owned(), reasoning.into());
    }
}

/// The tokens of an answer beyond its budget, where the client sets no limit.
const ROOM: u64 = 32_000;

/// Fits a budget into the limit of the answer's tokens, of which it is a part.
fn budget_within(tokens: u64, least: u64, body: &mut Map<String, Value>) -> Option<u64> {
    let most = body.get("max_tokens").and_then(Value::as_u64);
    match most {
        Some(most) if tokens >= most => Some(most.saturating_sub(1)).filter(|rest| *rest >= least),
        _ => Some(tokens),
    }
}

fn messages(
    wanted: ReasoningRequest,
    support: Option<&ReasoningSupport>,
    body: &mut Map<String, Value>,
) {
    body.shift_remove("thinking");
    let mut config = match body.shift_remove("output_config") {
        Some(Value::Object(config)) => config,
        _ => Map::new(),
    };
    let cannot_think = support.is_some_and(|support| support.thinking.is_none());
    if wanted.effort.is_some() || cannot_think {
        config.shift_remove("effort");
    }
    let levels = support.and_then(|support| support.thinking.as_ref());
    let has_levels = levels.is_some_and(|thinking| !thinking.levels.is_empty());
    let takes_budget = support.is_none_or(|support| support.manual_budget);
    let least = levels.map_or(1024, |thinking| thinking.min);
    // Anthropic refuses thinking together with a forced tool (platform.claude.com, "Extended thinking").
    let must_call = body
        .get("tool_choice")
        .and_then(|choice| choice.get("type"))
        .is_some_and(|kind| kind == "any" || kind == "tool");
    let effort = match wanted.effort {
        // Asking to see thoughts implies asking for them.
        None if wanted.is_shown == Some(true) && levels.is_some() && !must_call => {
            Some(Effort::Auto)
        }
        Some(Effort::None) | None => wanted.effort,
        Some(_) if must_call => None,
        Some(Effort::Budget(tokens)) if !takes_budget => {
            Some(Effort::Level(Level::of_budget(tokens).max(Level::Low)))
        }
        other => other,
    };
    if !body.contains_key("max_tokens") {
        let budget = match effort {
            Some(Effort::Budget(tokens)) => tokens,
            Some(Effort::Level(level)) if !has_levels => level.budget(),
            _ => 0,
        };
        let most = support.and_then(|support| support.max_output);
        let room = match budget {
            0 => ROOM.min(most.unwrap_or(ROOM)),
            budget => most.unwrap_or(budget.saturating_add(ROOM)),
        };
        body.insert("max_tokens".to_owned(), room.into());
    }
    let thinking = match effort {
        None => None,
        Some(Effort::None) => Some(json!({"type": "disabled"})),
        Some(Effort::Level(level)) if has_levels => {
            if !wanted.is_soft {
                config.insert("effort".to_owned(), level.max(Level::Low).name().into());
            }
            Some(json!({"type": "adaptive"}))
        }
        Some(Effort::Auto) if has_levels => Some(json!({"type": "adaptive"})),
        Some(Effort::Auto) => budget_within(Level::Medium.budget(), least, body)
            .map(|tokens| json!({"type": "enabled", "budget_tokens": tokens})),
        Some(Effort::Level(level)) => budget_within(level.budget(), least, body)
            .map(|tokens| json!({"type": "enabled", "budget_tokens": tokens})),
        Some(Effort::Budget(tokens)) => budget_within(tokens, least, body)
            .map(|tokens| json!({"type": "enabled", "budget_tokens": tokens})),
    };
    if let Some(mut thinking) = thinking {
        if thinking.get("type").is_none_or(|kind| kind != "disabled") {
            // Thinking requires the default sampling.
            for key in ["temperature", "top_p", "top_k"] {
                body.shift_remove(key);
            }
            // Where they are not hidden by default.
            if let (Some(is_shown), false) = (wanted.is_shown, takes_budget) {
                let display = if is_shown { "summarized" } else { "omitted" };
                thinking.put("display", display.into());
            }
        }
        body.insert("thinking".to_owned(), thinking);
    }
    if support.is_some_and(|support| !support.sampling) {
        for key in ["temperature", "top_p", "top_k"] {
            body.shift_remove(key);
        }
    }
    if !config.is_empty() {
        body.insert("output_config".to_owned(), config.into());
    }
}

fn gemini(
    wanted: ReasoningRequest,
    support: Option<&ReasoningSupport>,
    body: &mut Map<String, Value>,
) {
    // Of the two spellings, `camelCase` counts and stays.
    let mut config = Map::new();
    for key in ["generation_config", "generationConfig"] {
        if let Some(Value::Object(members)) = body.shift_remove(key) {
            config.extend(members);
        }
    }
    config.shift_remove("thinkingConfig");
    config.shift_remove("thinking_config");
    let levels = support.and_then(|support| support.thinking.as_ref());
    let has_levels = levels.is_some_and(|thinking| !thinking.levels.is_empty());
    // A model with levels whose thinking can be off is off by default.
    let effort = wanted
        .effort
        .filter(|effort| !(has_levels && *effort == Effort::None));
    if let Some(effort) = effort {
        let mut thinking = match effort {
            Effort::None => json!({"thinkingBudget": 0}),
            Effort::Auto => json!({"thinkingBudget": -1}),
            Effort::Level(level) => json!({"thinkingLevel": level.name()}),
            Effort::Budget(tokens) => json!({"thinkingBudget": tokens}),
        };
        let is_shown = wanted.is_shown.unwrap_or(effort != Effort::None);
        thinking.put(
            "includeThoughts",
            (is_shown && effort != Effort::None).into(),
        );
        config.insert("thinkingConfig".to_owned(), thinking);
    }
    if !config.is_empty() {
        body.insert("generationConfig".to_owned(), config.into());
    }
}
