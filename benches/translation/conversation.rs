//! A conversation of an agent in each dialect.

use holdfast::unversioned::wire::Dialect;
use serde_json::{Value, json};

const TEXT: &str =
    "The quick brown fox, as they say, \"jumps\" over the lazy dog.\nAnd then it goes on. ";

/// What a tool gives: a few lines, or a small file.
#[derive(Clone, Copy, Debug)]
pub enum Results {
    Short,
    Files,
}

/// A request of about so many bytes: texts, calls of a tool and what they came to.
pub fn request(dialect: Dialect, bytes: usize, results: Results) -> Vec<u8> {
    let mut messages = vec![text(dialect, "user", "Begin.")];
    let mut size = 0;
    let mut turn = 0;
    while size < bytes {
        let step = [
            text(dialect, "assistant", &TEXT.repeat(3)),
            text(dialect, "user", &TEXT.repeat(5)),
        ];
        let calls = call(dialect, turn, results);
        for message in step.into_iter().chain(calls) {
            size += message.to_string().len();
            messages.push(message);
        }
        turn += 1;
    }
    messages.push(text(dialect, "user", "Go on."));
    let schema = json!({"type": "object", "properties": {"path": {"type": "string"}}});
    let body = match dialect {
        Dialect::Chat => json!({"model": "m", "stream": true, "messages": messages,
            "tools": [{"type": "function", "function": {"name": "read", "parameters": schema}}]}),
        Dialect::Responses => json!({"model": "m", "stream": true, "input": messages,
            "tools": [{"type": "function", "name": "read", "parameters": schema}]}),
        Dialect::Messages => {
            json!({"model": "m", "stream": true, "max_tokens": 1000, "messages": messages,
            "tools": [{"name": "read", "input_schema": schema}]})
        }
        Dialect::Gemini => json!({"contents": messages,
            "tools": [{"functionDeclarations": [{"name": "read", "parametersJsonSchema": schema}]}]}),
    };
    body.to_string().into_bytes()
}

fn text(dialect: Dialect, role: &str, text: &str) -> Value {
    match dialect {
        Dialect::Chat | Dialect::Messages => json!({"role": role, "content": text}),
        Dialect::Responses => {
            let kind = if role == "user" {
                "input_text"
            } else {
                "output_text"
            };
            json!({"type": "message", "role": role, "content": [{"type": kind, "text": text}]})
        }
        Dialect::Gemini => {
            let role = if role == "user" { "user" } else { "model" };
            json!({"role": role, "parts": [{"text": text}]})
        }
    }
}

fn call(dialect: Dialect, turn: usize, results: Results) -> [Value; 2] {
    let id = format!("call_{turn}");
    let arguments = json!({"path": format!("src/file_{turn}.rs")});
    let result = TEXT.repeat(match results {
        Results::Short => 8,
        Results::Files => 40,
    });
    match dialect {
        Dialect::Chat => [
            json!({"role": "assistant", "content": null, "tool_calls": [{"id": id, "type": "function",
                "function": {"name": "read", "arguments": arguments.to_string()}}]}),
            json!({"role": "tool", "tool_call_id": id, "content": result}),
        ],
        Dialect::Responses => [
            json!({"type": "function_call", "call_id": id, "name": "read", "arguments": arguments.to_string()}),
            json!({"type": "function_call_output", "call_id": id, "output": result}),
        ],
        Dialect::Messages => [
            json!({"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": "read", "input": arguments}]}),
            json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": result}]}),
        ],
        Dialect::Gemini => [
            json!({"role": "model", "parts": [{"functionCall": {"id": id, "name": "read", "args": arguments}}]}),
            json!({"role": "user", "parts": [{"functionResponse": {"id": id, "name": "read", "response": {"result": result}}}]}),
        ],
    }
}
