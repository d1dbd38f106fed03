//! OpenAI Responses.

use serde_json::{Value, json};

use super::reply::Reply;

/// Reasoning that only the vendor can read.
const ENCRYPTED: &str = "gAAAAABoZGVtbyB0aG91Z2h0cyBhcmUgcmVhZCBieSB0aGUgZGVtbyBhbG9uZQ==";

fn usage(reply: &Reply) -> Value {
    json!({
        "input_tokens": reply.hit.total,
        "input_tokens_details": {"cached_tokens": reply.hit.cached},
        "output_tokens": reply.output_tokens,
        "output_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
        "total_tokens": reply.hit.total + reply.output_tokens,
    })
}

fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text})
}

fn message(reply: &Reply, status: &str, content: Value) -> Value {
    json!({"id": format!("msg_{}", reply.id), "type": "message", "status": status,
        "content": content, "role": "assistant"})
}

fn call(tool: &super::reply::Tool, status: &str, arguments: &str) -> Value {
    json!({"id": format!("fc_{}", tool.id), "type": "function_call", "status": status,
        "arguments": arguments, "call_id": format!("call_{}", tool.id), "name": tool.name})
}

fn reasoning_id(reply: &Reply) -> String {
    format!("rs_{}", reply.id)
}

fn reasoning(reply: &Reply, summary: &[Value]) -> Value {
    json!({"id": reasoning_id(reply), "type": "reasoning", "summary": summary,
        "encrypted_content": ENCRYPTED})
}

fn summary_part(text: &str) -> Value {
    json!({"type": "summary_text", "text": text})
}

fn output(reply: &Reply) -> Vec<Value> {
    let mut output: Vec<Value> = reply
        .reasoning
        .map(|text| reasoning(reply, &[summary_part(text)]))
        .into_iter()
        .collect();
    if reply.tools.is_empty() {
        let content = json!([text_part(&reply.text())]);
        output.push(message(reply, "completed", content));
    }
    let calls = reply.tools.iter();
    output.extend(calls.map(|tool| call(tool, "completed", &tool.arguments)));
    output
}

fn response(reply: &Reply, status: &str, output: Vec<Value>, usage: Value) -> Value {
    json!({
        "id": format!("resp_{}", reply.id),
        "object": "response",
        "created_at": reply.created,
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": null,
        "max_output_tokens": null,
        "model": reply.model,
        "output": output,
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null},
        "service_tier": "default",
        "store": reply.is_stored,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage,
        "user": null,
        "metadata": {},
    })
}

pub fn body(reply: &Reply) -> Value {
    response(reply, "completed", output(reply), usage(reply))
}

pub fn counted(reply: &Reply) -> Value {
    json!({"object": "response.input_tokens", "input_tokens": reply.hit.total})
}

pub fn compacted(reply: &Reply) -> Value {
    json!({
        "id": format!("resp_{}", reply.id),
        "object": "response.compaction",
        "created_at": reply.created,
        "output": [{"id": format!("cmp_{}", reply.id), "type": "compaction",
            "encrypted_content": "demo"}],
        "usage": usage(reply),
    })
}

pub fn events(reply: &Reply) -> Vec<String> {
    let mut events = Vec::new();
    let mut put = |mut event: Value| {
        event["sequence_number"] = json!(events.len());
        let name = event["type"].as_str().unwrap_or_default().to_owned();
        events.push(format!("event: {name}\ndata: {event}\n\n"));
    };
    let begun = response(reply, "in_progress", Vec::new(), Value::Null);
    put(json!({"type": "response.created", "response": begun}));
    put(json!({"type": "response.in_progress", "response": begun}));
    if let Some(text) = reply.reasoning {
        let id = reasoning_id(reply);
        put(
            json!({"type": "response.output_item.added", "output_index": 0,
            "item": reasoning(reply, &[])}),
        );
        for (kind, member, value) in [
            ("part.added", "part", summary_part("")),
            ("text.delta", "delta", json!(text)),
            ("text.done", "text", json!(text)),
            ("part.done", "part", summary_part(text)),
        ] {
            put(
                json!({"type": format!("response.reasoning_summary_{kind}"), "item_id": id,
                "output_index": 0, "summary_index": 0, member: value}),
            );
        }
        put(
            json!({"type": "response.output_item.done", "output_index": 0,
            "item": reasoning(reply, &[summary_part(text)])}),
        );
    }
    let first = usize::from(reply.reasoning.is_some());
    if reply.tools.is_empty() {
        let id = format!("msg_{}", reply.id);
        let text = reply.text();
        put(
            json!({"type": "response.output_item.added", "output_index": first,
            "item": message(reply, "in_progress", json!([]))}),
        );
        put(
            json!({"type": "response.content_part.added", "item_id": id, "output_index": first,
            "content_index": 0, "part": text_part("")}),
        );
        for piece in &reply.pieces {
            put(
                json!({"type": "response.output_text.delta", "item_id": id, "output_index": first,
                "content_index": 0, "delta": piece, "logprobs": []}),
            );
        }
        put(
            json!({"type": "response.output_text.done", "item_id": id, "output_index": first,
            "content_index": 0, "text": text, "logprobs": []}),
        );
        put(
            json!({"type": "response.content_part.done", "item_id": id, "output_index": first,
            "content_index": 0, "part": text_part(&text)}),
        );
        put(
            json!({"type": "response.output_item.done", "output_index": first,
            "item": message(reply, "completed", json!([text_part(&text)]))}),
        );
    }
    for (index, tool) in (first..).zip(&reply.tools) {
        let id = format!("fc_{}", tool.id);
        put(
            json!({"type": "response.output_item.added", "output_index": index,
            "item": call(tool, "in_progress", "")}),
        );
        put(
            json!({"type": "response.function_call_arguments.delta", "item_id": id,
            "output_index": index, "delta": tool.arguments}),
        );
        put(
            json!({"type": "response.function_call_arguments.done", "item_id": id,
            "output_index": index, "arguments": tool.arguments}),
        );
        put(
            json!({"type": "response.output_item.done", "output_index": index,
            "item": call(tool, "completed", &tool.arguments)}),
        );
    }
    put(json!({"type": "response.completed", "response": body(reply)}));
    events
}

pub fn error_event(message: &str) -> String {
    let event = json!({"type": "error", "code": "server_error", "message": message,
        "param": null, "sequence_number": 1});
    format!("event: error\ndata: {event}\n\n")
}
