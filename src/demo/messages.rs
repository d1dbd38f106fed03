//! Anthropic Messages.

use serde_json::{Value, json};

use super::offers::SIGNATURE;
use super::reply::Reply;

fn usage(reply: &Reply, output_tokens: u64) -> Value {
    let written = reply.hit.total - reply.hit.cached - reply.fresh;
    json!({
        "input_tokens": reply.fresh,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": reply.hit.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output_tokens,
        "service_tier": "standard",
    })
}

fn stop_reason(reply: &Reply) -> &'static str {
    if reply.tools.is_empty() {
        "end_turn"
    } else {
        "tool_use"
    }
}

fn message(reply: &Reply, content: Value, stop_reason: Value, usage: Value) -> Value {
    json!({
        "model": reply.model,
        "id": format!("msg_{}", reply.id),
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": usage,
    })
}

pub fn body(reply: &Reply) -> Value {
    let mut content: Vec<Value> = reply
        .reasoning
        .map(|text| json!({"type": "thinking", "thinking": text, "signature": SIGNATURE}))
        .into_iter()
        .collect();
    if reply.tools.is_empty() {
        content.push(json!({"type": "text", "text": reply.text()}));
    }
    content.extend(reply.tools.iter().map(|tool| {
        let input: Value = serde_json::from_str(&tool.arguments).unwrap_or_default();
        json!({"type": "tool_use", "id": format!("toolu_{}", tool.id),
            "name": tool.name, "input": input})
    }));
    message(
        reply,
        json!(content),
        json!(stop_reason(reply)),
        usage(reply, reply.output_tokens),
    )
}

pub fn counted(reply: &Reply) -> Value {
    json!({"input_tokens": reply.hit.total})
}

fn event(event: &Value) -> String {
    let name = event["type"].as_str().unwrap_or_default();
    format!("event: {name}\ndata: {event}\n\n")
}

pub fn events(reply: &Reply) -> Vec<String> {
    let begun = message(reply, json!([]), Value::Null, usage(reply, 1));
    let mut events = vec![json!({"type": "message_start", "message": begun})];
    if let Some(text) = reply.reasoning {
        events.push(json!({"type": "content_block_start", "index": 0,
            "content_block": {"type": "thinking", "thinking": "", "signature": ""}}));
        for delta in [
            json!({"type": "thinking_delta", "thinking": text}),
            json!({"type": "signature_delta", "signature": SIGNATURE}),
        ] {
            events.push(json!({"type": "content_block_delta", "index": 0, "delta": delta}));
        }
        events.push(json!({"type": "content_block_stop", "index": 0}));
    }
    let first = usize::from(reply.reasoning.is_some());
    if reply.tools.is_empty() {
        events.push(json!({"type": "content_block_start", "index": first,
            "content_block": {"type": "text", "text": ""}}));
        events.push(json!({"type": "ping"}));
        events.extend(reply.pieces.iter().map(|piece| {
            json!({"type": "content_block_delta", "index": first,
                "delta": {"type": "text_delta", "text": piece}})
        }));
        events.push(json!({"type": "content_block_stop", "index": first}));
    }
    for (index, tool) in (first..).zip(&reply.tools) {
        events.push(json!({"type": "content_block_start", "index": index,
            "content_block": {"type": "tool_use", "id": format!("toolu_{}", tool.id),
                "name": tool.name, "input": {}}}));
        for piece in ["", &tool.arguments] {
            events.push(json!({"type": "content_block_delta", "index": index,
                "delta": {"type": "input_json_delta", "partial_json": piece}}));
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(json!({"type": "message_delta",
        "delta": {"stop_reason": stop_reason(reply), "stop_sequence": null},
        "usage": {"output_tokens": reply.output_tokens}}));
    events.push(json!({"type": "message_stop"}));
    events.iter().map(event).collect()
}

pub fn error(status: u16, message: &str) -> Value {
    let kind = match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": message}})
}

pub fn error_event(message: &str) -> String {
    event(&error(529, message))
}
