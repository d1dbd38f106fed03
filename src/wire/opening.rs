//! Whether an answer has content yet: streams begin before there is any, and some answers are empty.

#![allow(
    clippy::indexing_slicing,
    reason = "Reading a member of a `Value` cannot panic"
)]

use memchr::memmem;
use serde_json::Value;

use super::{Dialect, event};
use crate::sse::Event;

/// The keys of a chat's delta that are not content.
const SILENT: [&str; 2] = ["role", "id"];

/// Whether an event has no content: it opens a stream or a part of it, its text is empty, or it is not an event of the
/// dialect. Such events are held back until one has content.
pub fn is_opening(dialect: Dialect, event: &Event, data: &[u8]) -> bool {
    match dialect {
        Dialect::Messages | Dialect::Responses => {
            let kind = kind(event, data);
            match (dialect, kind.as_str()) {
                (Dialect::Messages, kind) => is_opening_of_messages(kind, data),
                (_, kind) => is_opening_of_responses(kind, data),
            }
        }
        Dialect::Chat => parsed(data).is_none_or(|chunk| {
            let choices = chunk["choices"].as_array();
            choices.is_none_or(|choices| choices.iter().all(has_no_content))
        }),
        Dialect::Gemini => parsed(data).is_none_or(|chunk| {
            chunk["error"].is_null()
                && chunk["promptFeedback"]["blockReason"].is_null()
                && candidates(&chunk)
                    .iter()
                    .all(|candidate| candidate["finishReason"].is_null() && has_no_parts(candidate))
        }),
    }
}

fn is_opening_of_messages(kind: &str, data: &[u8]) -> bool {
    match kind {
        "content_block_start" => {
            has_blank(data) && parsed(data).is_some_and(|event| is_no_text(&event["content_block"]))
        }
        "content_block_delta" => {
            has_blank(data)
                && parsed(data).is_some_and(|event| {
                    let delta = &event["delta"];
                    delta["type"] == "text_delta" && is_blank(&delta["text"])
                })
        }
        // The end of an answer is checked separately.
        "message_delta" => false,
        _ => true,
    }
}

fn is_opening_of_responses(kind: &str, data: &[u8]) -> bool {
    match kind {
        "response.output_item.added" | "response.output_item.done" => {
            parsed(data).is_some_and(|event| is_no_message(&event["item"]))
        }
        "response.content_part.added" | "response.content_part.done" => {
            parsed(data).is_some_and(|event| is_no_text(&event["part"]))
        }
        "response.output_text.delta" => {
            has_blank(data) && parsed(data).is_some_and(|event| is_blank(&event["delta"]))
        }
        "response.output_text.done" => {
            has_blank(data) && parsed(data).is_some_and(|event| is_blank(&event["text"]))
        }
        "response.created" | "response.queued" | "response.in_progress" => true,
        kind => !kind.starts_with("response."),
    }
}

fn parsed(data: &[u8]) -> Option<Value> {
    serde_json::from_slice(data).ok().filter(Value::is_object)
}

/// Whether there may be an empty text. Most events need not be parsed to see that they have content.
fn has_blank(data: &[u8]) -> bool {
    memmem::find(data, b"\"\"").is_some()
}

/// Whether an event ends an answer normally and has no content itself.
pub fn ends_silently(dialect: Dialect, event: &Event, data: &[u8]) -> bool {
    let may_end = match dialect {
        Dialect::Messages => kind(event, data) == "message_delta",
        Dialect::Responses => kind(event, data) == "response.completed",
        Dialect::Chat | Dialect::Gemini => event::may_be_finished(dialect, data),
    };
    let Some(json) = may_end
        .then(|| serde_json::from_slice::<Value>(data).ok())
        .flatten()
    else {
        return false;
    };
    match dialect {
        Dialect::Messages => json["delta"]["stop_reason"] == "end_turn",
        Dialect::Responses => {
            let response = &json["response"];
            is_empty_body(dialect, response) || is_void_body(dialect, response)
        }
        Dialect::Chat => json["choices"].as_array().is_some_and(|choices| {
            !choices.is_empty()
                && choices
                    .iter()
                    .all(|choice| choice["finish_reason"] == "stop" && has_no_words(choice))
        }),
        Dialect::Gemini => is_empty_body(dialect, &json),
    }
}

/// Whether a whole answer ends normally and has no content. It may be legitimate, if the model wrote something that is
/// not shown: thoughts, or the end of its turn after a result (Messages).
pub fn is_empty_body(dialect: Dialect, json: &Value) -> bool {
    match dialect {
        Dialect::Messages => json["stop_reason"] == "end_turn" && all(&json["content"], is_no_text),
        Dialect::Responses => is_completed(json) && all(&json["output"], is_no_message),
        Dialect::Chat => json["choices"].as_array().is_some_and(|choices| {
            !choices.is_empty()
                && choices
                    .iter()
                    .all(|choice| choice["finish_reason"] == "stop" && has_no_words(choice))
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

/// Whether a whole answer lacks the content of its dialect without a reason: it is no answer, whatever usage it reports.
/// Answers that may lack content do not count: an end by a limit or a refusal, a blocked prompt, a response in progress.
pub fn is_void_body(dialect: Dialect, json: &Value) -> bool {
    match dialect {
        Dialect::Messages => match json["content"].as_array() {
            Some(content) => content.is_empty() && json["stop_reason"].is_null(),
            None => true,
        },
        Dialect::Responses => is_completed(json) && !json["output"].is_array(),
        Dialect::Chat => json["choices"]
            .as_array()
            .is_none_or(|choices| choices.iter().all(has_no_content)),
        Dialect::Gemini => {
            let is_blocked = [&json["promptFeedback"], &json["response"]["promptFeedback"]]
                .iter()
                .any(|feedback| !is_blank(&feedback["blockReason"]));
            !is_blocked
                && candidates(json).iter().all(|candidate| {
                    is_blank(&candidate["finishReason"]) && has_no_parts(candidate)
                })
        }
    }
}

/// Whether a response is complete.
fn is_completed(response: &Value) -> bool {
    response["status"].is_null() || response["status"] == "completed"
}

/// Whether a value is an array whose elements all match.
fn all(array: &Value, is_so: fn(&Value) -> bool) -> bool {
    array
        .as_array()
        .is_some_and(|items| items.iter().all(is_so))
}

fn is_no_text(block: &Value) -> bool {
    matches!(block["type"].as_str(), Some("text" | "output_text")) && is_blank(&block["text"])
}

fn is_no_message(item: &Value) -> bool {
    item["type"] == "message" && all(&item["content"], is_no_text)
}

fn kind(event: &Event, data: &[u8]) -> String {
    if let Some(name) = event.name() {
        return String::from_utf8_lossy(name).into_owned();
    }
    let json: Value = serde_json::from_slice(data).unwrap_or_default();
    json["type"].as_str().unwrap_or_default().to_owned()
}

fn has_no_content(choice: &Value) -> bool {
    is_blank(&choice["finish_reason"]) && has_no_words(choice)
}

/// Whether a choice says nothing, in whichever member an upstream says it.
fn has_no_words(choice: &Value) -> bool {
    is_silent(&choice["delta"]) && is_silent(&choice["message"]) && is_blank(&choice["text"])
}

/// Whether a message or delta has only a role.
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
mod tests;
