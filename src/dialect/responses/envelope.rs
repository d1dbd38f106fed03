//! The object that an answer is.

use serde_json::{Value, json};

use crate::dialect::neutral::Finish;
use crate::dialect::neutral::answer::Head;
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
    let echo = |key: &str, otherwise: Value| head.echo.get(key).cloned().unwrap_or(otherwise);
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
        "previous_response_id": null,
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
pub const ECHOED: [&str; 16] = [
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

fn usage(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached_read},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input.saturating_add(usage.output),
    })
}
