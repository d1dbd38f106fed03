//! Whether what an upstream has said so far is an answer yet: streams open before there is anything to tell,
//! and some answers say nothing at all (spec/routing.md 7.7).

use serde_json::Value;

use super::Dialect;
use crate::sse::Event;

/// Keys of a chat's delta that say nothing about its content.
const SILENT: [&str; 2] = ["role", "id"];

/// Whether an event only opens a stream.
pub fn is_opening(dialect: Dialect, event: &Event, data: &[u8]) -> bool {
    let parsed = || serde_json::from_slice::<Value>(data).ok();
    match dialect {
        Dialect::Messages => kind(event, data) == "message_start",
        Dialect::Responses => matches!(
            kind(event, data).as_str(),
            "response.created" | "response.queued" | "response.in_progress"
        ),
        Dialect::Chat => parsed().is_some_and(|chunk| {
            let choices = chunk["choices"].as_array();
            choices.is_some_and(|choices| choices.iter().all(says_nothing))
                && chunk["usage"].is_null()
        }),
        Dialect::Gemini => parsed().is_some_and(|chunk| {
            chunk["error"].is_null()
                && chunk["promptFeedback"]["blockReason"].is_null()
                && candidates(&chunk)
                    .iter()
                    .all(|candidate| candidate["finishReason"].is_null() && has_no_parts(candidate))
        }),
    }
}

/// Whether an event ends an answer in the ordinary way without saying anything itself.
pub fn ends_silently(dialect: Dialect, event: &Event, data: &[u8]) -> bool {
    let Ok(json) = serde_json::from_slice::<Value>(data) else {
        return false;
    };
    match dialect {
        Dialect::Messages => {
            kind(event, data) == "message_delta" && json["delta"]["stop_reason"] == "end_turn"
        }
        Dialect::Responses => {
            kind(event, data) == "response.completed" && is_empty_body(dialect, &json["response"])
        }
        Dialect::Chat => json["choices"].as_array().is_some_and(|choices| {
            !choices.is_empty()
                && choices
                    .iter()
                    .all(|choice| choice["finish_reason"] == "stop" && is_silent(&choice["delta"]))
        }),
        Dialect::Gemini => is_empty_body(dialect, &json),
    }
}

/// Whether a whole answer ends in the ordinary way and says nothing.
pub fn is_empty_body(dialect: Dialect, json: &Value) -> bool {
    let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    match dialect {
        Dialect::Messages => json["stop_reason"] == "end_turn" && is_empty(&json["content"]),
        Dialect::Responses => json["status"] == "completed" && is_empty(&json["output"]),
        Dialect::Chat => json["choices"].as_array().is_some_and(|choices| {
            !choices.is_empty()
                && choices.iter().all(|choice| {
                    choice["finish_reason"] == "stop" && is_silent(&choice["message"])
                })
        }),
        Dialect::Gemini => {
            let candidates = candidates(json);
            !candidates.is_empty()
                && candidates
                    .iter()
                    .all(|candidate| candidate["finishReason"] == "STOP" && has_no_parts(candidate))
        }
    }
}

fn kind(event: &Event, data: &[u8]) -> String {
    if let Some(name) = event.name() {
        return String::from_utf8_lossy(name).into_owned();
    }
    let json: Value = serde_json::from_slice(data).unwrap_or_default();
    json["type"].as_str().unwrap_or_default().to_owned()
}

fn says_nothing(choice: &Value) -> bool {
    choice["finish_reason"].is_null() && is_silent(&choice["delta"])
}

/// Whether a message or delta holds nothing but its role.
fn is_silent(message: &Value) -> bool {
    let Some(members) = message.as_object() else {
        return message.is_null();
    };
    members
        .iter()
        .all(|(key, value)| SILENT.contains(&key.as_str()) || is_blank(value))
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn candidates(json: &Value) -> &[Value] {
    let candidates = match &json["candidates"] {
        Value::Null => &json["response"]["candidates"],
        candidates => candidates,
    };
    candidates.as_array().map_or(&[], Vec::as_slice)
}

fn has_no_parts(candidate: &Value) -> bool {
    let parts = candidate["content"]["parts"].as_array();
    parts.is_none_or(|parts| {
        parts.iter().all(|part| {
            let members = part.as_object();
            members.is_none_or(|members| members.values().all(is_blank))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(data: &str) -> Vec<u8> {
        format!("data: {data}\n\n").into_bytes()
    }

    fn opens(dialect: Dialect, data: &str) -> bool {
        is_opening(dialect, &Event::of(&event(data)), data.as_bytes())
    }

    fn ends(dialect: Dialect, data: &str) -> bool {
        ends_silently(dialect, &Event::of(&event(data)), data.as_bytes())
    }

    #[test]
    fn openings() {
        use Dialect::*;
        for (dialect, data, expected) in [
            (Messages, r#"{"type":"message_start","message":{}}"#, true),
            (
                Messages,
                r#"{"type":"content_block_start","index":0}"#,
                false,
            ),
            (
                Responses,
                r#"{"type":"response.created","response":{}}"#,
                true,
            ),
            (Responses, r#"{"type":"response.in_progress"}"#, true),
            (Responses, r#"{"type":"response.output_item.added"}"#, false),
            (
                Chat,
                r#"{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
                true,
            ),
            (
                Chat,
                r#"{"choices":[{"delta":{"role":"assistant","content":"a"}}]}"#,
                false,
            ),
            (
                Chat,
                r#"{"choices":[{"delta":{"role":"assistant","tool_calls":[{"index":0}]}}]}"#,
                false,
            ),
            (
                Chat,
                r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#,
                false,
            ),
            (Chat, r#"{"choices":[],"prompt_filter_results":[{}]}"#, true),
            (
                Chat,
                r#"{"choices":[],"usage":{"completion_tokens":1}}"#,
                false,
            ),
            (
                Gemini,
                r#"{"candidates":[{"content":{"role":"model"}}],"usageMetadata":{}}"#,
                true,
            ),
            (
                Gemini,
                r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#,
                false,
            ),
            (
                Gemini,
                r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#,
                false,
            ),
            (Gemini, "[DONE]", false),
        ] {
            assert_eq!(opens(dialect, data), expected, "{data}");
        }
    }

    #[test]
    fn silent_endings() {
        use Dialect::*;
        for (dialect, data, expected) in [
            (
                Messages,
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
                true,
            ),
            (
                Messages,
                r#"{"type":"message_delta","delta":{"stop_reason":"refusal"}}"#,
                false,
            ),
            (
                Responses,
                r#"{"type":"response.completed","response":{"status":"completed","output":[]}}"#,
                true,
            ),
            (
                Responses,
                r#"{"type":"response.completed","response":{"status":"completed","output":[{}]}}"#,
                false,
            ),
            (
                Responses,
                r#"{"type":"response.incomplete","response":{"status":"incomplete","output":[]}}"#,
                false,
            ),
            (
                Chat,
                r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
                true,
            ),
            (
                Chat,
                r#"{"choices":[{"delta":{},"finish_reason":"content_filter"}]}"#,
                false,
            ),
            (
                Chat,
                r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
                false,
            ),
            (Gemini, r#"{"candidates":[{"finishReason":"STOP"}]}"#, true),
            (
                Gemini,
                r#"{"candidates":[{"finishReason":"SAFETY"}]}"#,
                false,
            ),
            (
                Gemini,
                r#"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}"#,
                false,
            ),
        ] {
            assert_eq!(ends(dialect, data), expected, "{data}");
        }
    }
}
