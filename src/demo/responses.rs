//! OpenAI Responses.

use serde_json::{Map, Value, json};

use super::reply::Reply;

/// Reasoning that only the vendor can read.
const ENCRYPTED: &str = "gAAAAABoZGVtbyB0aG91Z2h0cyBhcmUgcmVhZCBieSB0aGUgZGVtbyBhbG9uZQ==";

fn usage(reply: &Reply) -> Value {
    json!({
        "input_tokens": reply.hit.total,
        "input_tokens_details": {"cached_tokens": reply.hit.cached, "cache_write_tokens": 0},
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

fn compaction(reply: &Reply) -> Value {
    json!({"id": format!("cmp_{}", reply.id), "type": "compaction", "encrypted_content": ENCRYPTED})
}

/// Whether the conversation is to be compacted.
fn is_compacted(reply: &Reply) -> bool {
    let input = reply.asked["input"].as_array();
    let last = input.and_then(|items| items.last());
    last.is_some_and(|item| item["type"] == "compaction_trigger")
}

fn output(reply: &Reply) -> Vec<Value> {
    if is_compacted(reply) {
        return vec![compaction(reply)];
    }
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

/// What an answer says where its request says nothing, in the vendor's order.
fn defaults() -> Value {
    json!({
        "instructions": null,
        "max_output_tokens": null,
        "max_tool_calls": null,
        "parallel_tool_calls": true,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "previous_response_id": null,
        "prompt_cache_key": null,
        "reasoning": {"effort": null, "summary": null},
        "safety_identifier": null,
        "service_tier": "default",
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "metadata": {},
    })
}

/// What was asked for, and for the rest what it means.
fn over(defaults: Value, asked: &Value) -> Value {
    match (defaults, asked) {
        (defaults, Value::Null) => defaults,
        (Value::Object(defaults), Value::Object(asked)) => {
            let mut all = defaults;
            for (key, said) in asked {
                let default = all.get(key).cloned().unwrap_or_default();
                all.insert(key.clone(), over(default, said));
            }
            all.into()
        }
        (_, asked) => asked.clone(),
    }
}

fn repeated(asked: &Value) -> Map<String, Value> {
    let defaults = defaults();
    let members = defaults.as_object().into_iter().flatten();
    let mut repeated: Map<String, Value> = members
        .map(|(key, default)| (key.clone(), over(default.clone(), &asked[key])))
        .collect();
    if repeated["service_tier"] == "auto" {
        repeated.insert("service_tier".to_owned(), "default".into());
    }
    if !asked["user"].is_null() {
        repeated.insert("user".to_owned(), asked["user"].clone());
    }
    // What is not said of a function.
    let unsaid = json!({"description": null, "parameters": null, "strict": true});
    if let Some(tools) = repeated["tools"].as_array_mut() {
        let functions = tools.iter_mut().filter(|tool| tool["type"] == "function");
        functions.for_each(|tool| *tool = over(unsaid.clone(), tool));
    }
    repeated
}

fn response(reply: &Reply, status: &str, output: Vec<Value>, usage: Value) -> Value {
    let mut response = json!({
        "id": format!("resp_{}", reply.id),
        "object": "response",
        "created_at": reply.created,
        "completed_at": (status == "completed").then_some(reply.created),
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": null,
        "model": reply.model,
        "output": output,
        "store": reply.is_stored,
        "usage": usage,
    });
    if let Some(response) = response.as_object_mut() {
        response.extend(repeated(&reply.asked));
    }
    response
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
    if is_compacted(reply) {
        for step in ["added", "done"] {
            put(
                json!({"type": format!("response.output_item.{step}"), "output_index": 0,
                "item": compaction(reply)}),
            );
        }
        put(json!({"type": "response.completed", "response": body(reply)}));
        return events;
    }
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
            "output_index": index, "name": tool.name, "arguments": tool.arguments}),
        );
        put(
            json!({"type": "response.output_item.done", "output_index": index,
            "item": call(tool, "completed", &tool.arguments)}),
        );
    }
    put(json!({"type": "response.completed", "response": body(reply)}));
    events
}

pub fn error_event(message: &str, number: usize) -> String {
    let event = json!({"type": "error", "code": "server_error", "message": message,
        "param": null, "sequence_number": number});
    format!("event: error\ndata: {event}\n\n")
}
