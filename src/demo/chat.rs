//! OpenAI Chat Completions.

use serde_json::{Value, json};

use super::reply::Reply;

fn usage(reply: &Reply) -> Value {
    json!({
        "prompt_tokens": reply.hit.total,
        "completion_tokens": reply.output_tokens,
        "total_tokens": reply.hit.total + reply.output_tokens,
        "prompt_tokens_details": {"cached_tokens": reply.hit.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reply.reasoning_tokens, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
    })
}

fn finish_reason(reply: &Reply) -> &'static str {
    if reply.tools.is_empty() {
        "stop"
    } else {
        "tool_calls"
    }
}

pub fn body(reply: &Reply) -> Value {
    let mut message = json!({"role": "assistant", "content": reply.text(), "refusal": null,
        "annotations": []});
    if let Some(reasoning) = reply.reasoning {
        message["reasoning_content"] = json!(reasoning);
    }
    if !reply.tools.is_empty() {
        message["content"] = Value::Null;
        message["tool_calls"] = reply
            .tools
            .iter()
            .map(|tool| {
                json!({"id": format!("call_{}", tool.id), "type": "function",
                "function": {"name": tool.name, "arguments": tool.arguments}})
            })
            .collect();
    }
    json!({
        "id": format!("chatcmpl-{}", reply.id),
        "object": "chat.completion",
        "created": reply.created,
        "model": reply.model,
        "choices": [{"index": 0, "message": message, "logprobs": null,
            "finish_reason": finish_reason(reply)}],
        "usage": usage(reply),
        "service_tier": "default",
        "system_fingerprint": "fp_demo",
    })
}

pub fn events(reply: &Reply, include_usage: bool) -> Vec<String> {
    let chunk = |choices: Value, usage: Option<Value>| {
        let mut chunk = json!({
            "id": format!("chatcmpl-{}", reply.id),
            "object": "chat.completion.chunk",
            "created": reply.created,
            "model": reply.model,
            "service_tier": "default",
            "system_fingerprint": "fp_demo",
            "choices": choices,
        });
        if include_usage {
            chunk["usage"] = usage.unwrap_or_default();
        }
        format!("data: {chunk}\n\n")
    };
    let delta = |delta: Value, finish: Value| {
        chunk(
            json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]),
            None,
        )
    };
    let mut events = vec![delta(
        json!({"role": "assistant", "content": "", "refusal": null}),
        Value::Null,
    )];
    events.extend(
        reply
            .reasoning
            .map(|text| delta(json!({"reasoning_content": text}), Value::Null)),
    );
    events.extend(
        reply
            .pieces
            .iter()
            .map(|piece| delta(json!({"content": piece}), Value::Null)),
    );
    for (index, tool) in reply.tools.iter().enumerate() {
        events.push(delta(
            json!({"tool_calls": [{"index": index, "id": format!("call_{}", tool.id),
                "type": "function", "function": {"name": tool.name, "arguments": ""}}]}),
            Value::Null,
        ));
        events.push(delta(
            json!({"tool_calls": [{"index": index, "function": {"arguments": tool.arguments}}]}),
            Value::Null,
        ));
    }
    events.push(delta(json!({}), json!(finish_reason(reply))));
    if include_usage {
        events.push(chunk(json!([]), Some(usage(reply))));
    }
    events.push("data: [DONE]\n\n".to_owned());
    events
}

/// OpenAI's error, in both of its APIs.
pub fn error(status: u16, message: &str) -> Value {
    let (kind, code) = match status {
        401 => ("invalid_request_error", json!("invalid_api_key")),
        402 => ("insufficient_quota", json!("insufficient_quota")),
        403 => ("permission_error", json!("forbidden")),
        404 => ("invalid_request_error", json!("model_not_found")),
        429 => ("requests", json!("rate_limit_exceeded")),
        500.. => ("server_error", Value::Null),
        _ => ("invalid_request_error", Value::Null),
    };
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

pub fn error_event(message: &str) -> String {
    format!("data: {}\n\n", error(500, message))
}
