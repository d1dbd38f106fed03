//! Reads the reasoning that a body asks for.

use serde_json::{Map, Value};

use super::effort::{Effort, Level, ReasoningRequest};
use crate::wire::Dialect;

type Result<T> = std::result::Result<T, String>;

/// The members of a body that concern reasoning.
pub const SETTINGS: [&str; 10] = [
    "chat_template_kwargs",
    "extra_body",
    "generationConfig",
    "generation_config",
    "google",
    "include_reasoning",
    "output_config",
    "reasoning",
    "reasoning_effort",
    "thinking",
];

/// Reads a client's body.
///
/// # Errors
/// A message for the client, for an invalid budget.
pub fn read(dialect: Dialect, body: &Map<String, Value>) -> Result<ReasoningRequest> {
    match dialect {
        Dialect::Chat => chat(body),
        Dialect::Responses => Ok(responses(body)),
        Dialect::Messages => messages(body),
        Dialect::Gemini => gemini(body),
    }
}

/// A value of an enumeration, in lower case.
fn word(value: Option<&Value>) -> Option<String> {
    value?.as_str().map(str::to_ascii_lowercase)
}

fn named(value: Option<&Value>) -> Option<Effort> {
    Effort::of_name(value?.as_str()?)
}

/// A budget, as an integer or as a number like `1024.0`; `field` names the member.
fn budget(value: Option<&Value>, field: &str) -> Result<Option<Effort>> {
    let Some(value) = value else {
        return Ok(None);
    };
    let whole = value.as_f64().filter(|tokens| tokens.fract() == 0.0);
    // Above 2^53 a number loses precision, and no budget is that large.
    let tokens = value.as_i64().or_else(|| whole.map(|tokens| tokens as i64));
    match tokens {
        None => Ok(None),
        Some(tokens) => match Effort::of_budget(tokens) {
            None => Err(format!("{field}: {tokens} is no budget")),
            effort => Ok(effort),
        },
    }
}

fn chat(body: &Map<String, Value>) -> Result<ReasoningRequest> {
    let reasoning = body.get("reasoning");
    let of = |key: &str| reasoning.and_then(|reasoning| reasoning.get(key));
    let google = [
        "/extra_body/google/thinking_config",
        "/google/thinking_config",
    ];
    let google = google.iter().find_map(|path| {
        let (first, rest) = path.get(1..)?.split_once('/')?;
        body.get(first)?.pointer(&format!("/{rest}"))?.as_object()
    });
    let mut effort = named(body.get("reasoning_effort")).or_else(|| named(of("effort")));
    if effort.is_none() {
        effort = budget(of("max_tokens"), "reasoning.max_tokens")?;
    }
    let mut is_shown = None;
    if let (None, Some(google)) = (effort, google) {
        let wanted = of_google(google)?;
        (effort, is_shown) = (wanted.effort, wanted.is_shown);
    }
    if let (None, Some(thinking)) = (effort, body.get("thinking")) {
        effort = match word(thinking.get("type")).as_deref() {
            Some("disabled") => Some(Effort::None),
            Some("enabled") => match named(thinking.get("effort")) {
                None => budget(thinking.get("budget_tokens"), "thinking.budget_tokens")?,
                effort => effort,
            },
            _ => None,
        };
    }
    let template = body
        .get("chat_template_kwargs")
        .and_then(|given| given.get("enable_thinking")?.as_bool());
    effort = effort.or_else(|| {
        let amounts = |is_on| if is_on { Effort::Auto } else { Effort::None };
        template.map(amounts)
    });
    let said = body
        .get("include_reasoning")
        .and_then(Value::as_bool)
        .or_else(|| Some(!of("exclude")?.as_bool()?))
        .or_else(|| of("enabled")?.as_bool())
        .or(is_shown);
    Ok(ReasoningRequest {
        effort,
        is_soft: false,
        is_shown: said.or_else(|| effort.map(|effort| effort != Effort::None)),
    })
}

fn responses(body: &Map<String, Value>) -> ReasoningRequest {
    let reasoning = body.get("reasoning").and_then(Value::as_object);
    let Some(reasoning) = reasoning else {
        return ReasoningRequest::default();
    };
    let summary = reasoning
        .get("summary")
        .or_else(|| reasoning.get("generate_summary"));
    ReasoningRequest {
        effort: named(reasoning.get("effort")),
        is_soft: false,
        is_shown: summary.map(|summary| word(Some(summary)).is_some_and(|word| word != "none")),
    }
}

fn messages(body: &Map<String, Value>) -> Result<ReasoningRequest> {
    let Some(thinking) = body.get("thinking").and_then(Value::as_object) else {
        return Ok(ReasoningRequest::default());
    };
    let is_shown = match word(thinking.get("display")).as_deref() {
        Some("summarized") => Some(true),
        Some("omitted") => Some(false),
        _ => None,
    };
    let effort = body
        .get("output_config")
        .and_then(|config| named(config.get("effort")));
    let (effort, is_soft) = match word(thinking.get("type")).as_deref() {
        Some("disabled") => (Some(Effort::None), false),
        Some("adaptive" | "auto" | "between_tools") => match effort {
            Some(effort) => (Some(effort), false),
            None => (Some(Effort::Level(Level::High)), true),
        },
        Some("enabled") => {
            let budget = budget(thinking.get("budget_tokens"), "thinking.budget_tokens")?;
            (budget.or(Some(Effort::Auto)), false)
        }
        _ => (None, false),
    };
    Ok(ReasoningRequest {
        effort,
        is_soft,
        is_shown,
    })
}

/// A member in either of its spellings.
fn either<'m>(map: &'m Map<String, Value>, camel: &str, snake: &str) -> Option<&'m Value> {
    map.get(camel).or_else(|| map.get(snake))
}

fn gemini(body: &Map<String, Value>) -> Result<ReasoningRequest> {
    let configs = [body.get("generationConfig"), body.get("generation_config")];
    let thinking = configs.into_iter().flatten().find_map(|config| {
        either(config.as_object()?, "thinkingConfig", "thinking_config")?.as_object()
    });
    thinking.map_or_else(|| Ok(ReasoningRequest::default()), of_google)
}

/// Google's `thinkingConfig`.
fn of_google(thinking: &Map<String, Value>) -> Result<ReasoningRequest> {
    let level = either(thinking, "thinkingLevel", "thinking_level");
    let tokens = either(thinking, "thinkingBudget", "thinking_budget");
    let effort = match named(level) {
        None => budget(tokens, "thinkingConfig.thinkingBudget")?,
        level => level,
    };
    Ok(ReasoningRequest {
        effort,
        is_soft: false,
        is_shown: either(thinking, "includeThoughts", "include_thoughts").and_then(Value::as_bool),
    })
}
