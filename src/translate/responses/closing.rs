//! What is told of an item when it is complete, before the item itself.

use serde_json::{Value, json};

use super::items::{Item, Kind, text_part};
use crate::translate::neutral::answer::arguments;

/// The events in their order: what they are called and what they say beside the item's place.
pub fn events(item: &Item) -> Vec<(String, Value)> {
    let text = &item.text;
    let event = |name: &str, told: Value| (format!("response.{name}"), told);
    let steps = |kind: &str, steps: [&str; 3]| {
        let step = |step: &str| event(&format!("{kind}.{step}"), json!({}));
        steps.map(step).to_vec()
    };
    match &item.kind {
        Kind::Message => {
            let part = text_part(text, &item.annotations);
            vec![
                event(
                    "output_text.done",
                    json!({"content_index": 0, "text": text, "logprobs": []}),
                ),
                event(
                    "content_part.done",
                    json!({"content_index": 0, "part": part}),
                ),
            ]
        }
        Kind::Refusal => {
            let part = json!({"type": "refusal", "refusal": text});
            vec![
                event("refusal.done", json!({"content_index": 0, "refusal": text})),
                event(
                    "content_part.done",
                    json!({"content_index": 0, "part": part}),
                ),
            ]
        }
        Kind::Reasoning if text.is_empty() => Vec::new(),
        Kind::Reasoning => {
            let part = json!({"type": "summary_text", "text": text});
            vec![
                event(
                    "reasoning_summary_text.done",
                    json!({"summary_index": 0, "text": text}),
                ),
                event(
                    "reasoning_summary_part.done",
                    json!({"summary_index": 0, "part": part}),
                ),
            ]
        }
        Kind::Call(named) => vec![event(
            "function_call_arguments.done",
            json!({"name": named.name, "arguments": arguments(text)}),
        )],
        Kind::TextCall(_) => vec![event("custom_tool_call_input.done", json!({"input": text}))],
        Kind::Search(_) => steps("web_search_call", ["in_progress", "searching", "completed"]),
        Kind::Image => steps(
            "image_generation_call",
            ["in_progress", "generating", "completed"],
        ),
    }
}
