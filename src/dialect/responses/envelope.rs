//! The object that an answer is.

use serde_json::{Value, json};

use crate::dialect::neutral::answer::Head;
use crate::dialect::neutral::{Finish, Json, Object};
use crate::dialect::usage::Usage;

/// The response object, with what it repeats of the request.
pub fn response(
    head: &Head,
    status: &str,
    finish: &Finish,
    output: Vec<Value>,
    usage: Option<&Usage>,
) -> Value {
    let reason = match finish {
        _ if status != "incomplete" => None,
        Finish::MaxTokens | Finish::ContextWindow => Some("max_output_tokens"),
        _ => Some("content_filter"),
    };
    let echo = |key: &str, otherwise: Value| {
        let known = head.echo.iter().find(|(known, _)| *known == key);
        known
            .and_then(|(_, value)| value.tree())
            .unwrap_or(otherwise)
    };
    json!({
        "id": head.id,
        "object": "response",
        "created_at": head.created,
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": reason.map(|reason| json!({"reason": reason})),
        "instructions": echo("instructions", Value::Null),
        "max_output_tokens": echo("max_output_tokens", Value::Null),
        "max_tool_calls": echo("max_tool_calls", Value::Null),
        "model": head.model,
        "output": output,
        "parallel_tool_calls": echo("parallel_tool_calls", true.into()),
        "previous_response_id": echo("previous_response_id", Value::Null),
        "prompt_cache_key": echo("prompt_cache_key", Value::Null),
        "reasoning": echo("reasoning", json!({"effort": null, "summary": null})),
        "safety_identifier": echo("safety_identifier", Value::Null),
        "service_tier": echo("service_tier", "default".into()),
        "store": echo("store", false.into()),
        "temperature": echo("temperature", 1.0.into()),
        "text": echo("text", json!({"format": {"type": "text"}})),
        "tool_choice": echo("tool_choice", "auto".into()),
        "tools": echo("tools", json!([])),
        "top_logprobs": echo("top_logprobs", 0.into()),
        "top_p": echo("top_p", 1.0.into()),
        "truncation": "disabled",
        "usage": usage.map(self::usage),
        "user": echo("user", Value::Null),
        "metadata": echo("metadata", json!({})),
    })
}

/// The members of a request that its answer repeats.
const ECHOED: [&str; 16] = [
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "metadata",
];

/// The longest member that is repeated, bytes: a stream says it three times.
const MOST_REPEATED: usize = 256 * 1024;

/// What an answer repeats of a request; of longer members it says what stands for nothing.
pub fn echo(body: &Object<'_>) -> Vec<(&'static str, Json)> {
    let said = ECHOED.iter().filter_map(|key| {
        let text = body.peek(key)?;
        let is_repeated = text != "null" && text.len() <= MOST_REPEATED;
        is_repeated.then(|| (*key, Json::of(text)))
    });
    said.collect()
}

/// Takes the tools of these types out of what an answer repeats: they are not active.
pub fn leave_out(kinds: &[String], echo: &mut [(&'static str, Json)]) {
    let tools = echo.iter_mut().find(|(key, _)| *key == "tools");
    let Some((_, json)) = tools.filter(|_| !kinds.is_empty()) else {
        return;
    };
    if let Some(Value::Array(mut tools)) = json.tree() {
        tools.retain(|tool| {
            let kind = tool["type"].as_str().unwrap_or_default();
            let is_search = kind.starts_with("web_search");
            !kinds
                .iter()
                .any(|left| left == kind || (is_search && left == "web_search"))
        });
        *json = Value::from(tools).into();
    }
}

fn usage(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached_read},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input.saturating_add(usage.output),
    })
}
