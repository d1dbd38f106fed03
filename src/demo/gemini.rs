//! Gemini `generateContent` and its siblings.

use serde_json::{Value, json};

use super::reply::Reply;

fn usage(reply: &Reply, output_tokens: u64) -> Value {
    let mut usage = json!({
        "promptTokenCount": reply.hit.total,
        "candidatesTokenCount": output_tokens,
        "totalTokenCount": reply.hit.total + output_tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": reply.hit.total}],
    });
    if reply.hit.cached > 0 {
        usage["cachedContentTokenCount"] = json!(reply.hit.cached);
    }
    usage
}

fn answer(reply: &Reply, parts: Value, is_last: bool, output_tokens: u64) -> Value {
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
    if is_last {
        candidate["finishReason"] = json!("STOP");
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": usage(reply, output_tokens),
        "modelVersion": reply.model,
        "responseId": reply.id,
    })
}

fn calls(reply: &Reply) -> Value {
    reply
        .tools
        .iter()
        .map(|tool| {
            let args: Value = serde_json::from_str(&tool.arguments).unwrap_or_default();
            json!({"functionCall": {"name": tool.name, "args": args}})
        })
        .collect()
}

pub fn body(reply: &Reply) -> Value {
    let parts = if reply.tools.is_empty() {
        json!([{"text": reply.text()}])
    } else {
        calls(reply)
    };
    answer(reply, parts, true, reply.output_tokens)
}

pub fn counted(reply: &Reply) -> Value {
    json!({"totalTokens": reply.hit.total,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": reply.hit.total}]})
}

/// The JSON of each piece of a stream.
pub fn pieces(reply: &Reply) -> Vec<Value> {
    if !reply.tools.is_empty() {
        return vec![answer(reply, calls(reply), true, reply.output_tokens)];
    }
    let count = reply.pieces.len();
    reply
        .pieces
        .iter()
        .enumerate()
        .map(|(index, piece)| {
            let is_last = index + 1 == count;
            let tokens = if is_last { reply.output_tokens } else { 1 };
            answer(reply, json!([{"text": piece}]), is_last, tokens)
        })
        .collect()
}

pub fn error(status: u16, message: &str) -> Value {
    let name = match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        _ => "INTERNAL",
    };
    json!({"error": {"code": status, "message": message, "status": name}})
}

pub fn error_event(message: &str) -> String {
    format!("data: {}\n\n", error(503, message))
}
