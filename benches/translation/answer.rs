//! An answer in each dialect, as it is streamed.

use holdfast::unversioned::wire::Dialect;
use serde_json::{Value, json};

/// The data of the events of an answer of `count` pieces.
pub fn stream(dialect: Dialect, count: usize) -> Vec<String> {
    let (mut events, piece): (Vec<Value>, Value) = match dialect {
        Dialect::Chat => (
            Vec::new(),
            json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                "choices": [{"index": 0, "delta": {"content": "some words "}, "finish_reason": null}]}),
        ),
        Dialect::Responses => (
            vec![
                json!({"type": "response.created", "response": {"id": "r", "created_at": 1, "output": []}}),
                json!({"type": "response.output_item.added", "output_index": 0,
                    "item": {"id": "i", "type": "message", "role": "assistant", "content": []}}),
                json!({"type": "response.content_part.added", "item_id": "i", "output_index": 0, "content_index": 0,
                    "part": {"type": "output_text", "text": ""}}),
            ],
            json!({"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0,
                "delta": "some words "}),
        ),
        Dialect::Messages => (
            vec![
                json!({"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1}}}),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            ],
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "some words "}}),
        ),
        Dialect::Gemini => (
            Vec::new(),
            json!({"responseId": "r", "modelVersion": "m",
                "candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": "some words "}]}}]}),
        ),
    };
    events.extend(std::iter::repeat_n(piece, count));
    events.iter().map(Value::to_string).collect()
}
