//! Gemini `generateContent` and its siblings.

use serde_json::{Value, json};

use super::reply::Reply;

/// What the first call of an answer is signed with that begins with thoughts.
const SIGNATURE: &str =
    "CkQBZGVtbyBjYWxscyBhcmUgc2lnbmVkIGJ5IHRoZSBkZW1vLCBhcyBuZXdlciBtb2RlbHMgZG8=";

fn usage(reply: &Reply, output_tokens: u64) -> Value {
    let mut usage = json!({
        "promptTokenCount": reply.hit.total,
        "candidatesTokenCount": output_tokens.saturating_sub(reply.reasoning_tokens),
        "totalTokenCount": reply.hit.total + output_tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": reply.hit.total}],
    });
    if reply.reasoning.is_some() {
        usage["thoughtsTokenCount"] = json!(reply.reasoning_tokens);
    }
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

fn thought(text: &str) -> Value {
    json!({"text": text, "thought": true})
}

fn calls(reply: &Reply) -> Vec<Value> {
    let mut calls: Vec<Value> = reply
        .tools
        .iter()
        .map(|tool| {
            let args: Value = serde_json::from_str(&tool.arguments).unwrap_or_default();
            json!({"functionCall": {"name": tool.name, "args": args}})
        })
        .collect();
    // Only what was thought about is signed.
    if let Some(first) = calls.first_mut().filter(|_| reply.reasoning.is_some()) {
        first["thoughtSignature"] = json!(SIGNATURE);
    }
    calls
}

pub fn body(reply: &Reply) -> Value {
    let mut parts: Vec<Value> = reply.reasoning.map(thought).into_iter().collect();
    if reply.tools.is_empty() {
        parts.push(json!({"text": reply.text()}));
    }
    parts.extend(calls(reply));
    answer(reply, json!(parts), true, reply.output_tokens)
}

pub fn counted(reply: &Reply) -> Value {
    json!({"totalTokens": reply.hit.total,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": reply.hit.total}]})
}

/// The JSON of each piece of a stream.
pub fn pieces(reply: &Reply) -> Vec<Value> {
    let mut pieces: Vec<Value> = reply
        .reasoning
        .map(|text| answer(reply, json!([thought(text)]), false, reply.reasoning_tokens))
        .into_iter()
        .collect();
    if !reply.tools.is_empty() {
        let calls = json!(calls(reply));
        pieces.push(answer(reply, calls, true, reply.output_tokens));
        return pieces;
    }
    let count = reply.pieces.len();
    pieces.extend(reply.pieces.iter().enumerate().map(|(index, piece)| {
        let is_last = index + 1 == count;
        let tokens = if is_last {
            reply.output_tokens
        } else {
            reply.reasoning_tokens + 1
        };
        answer(reply, json!([{"text": piece}]), is_last, tokens)
    }));
    pieces
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
