//! Errors within a choice of a chat. OpenRouter has them next to the message, with `error` as the finish reason (its
//! documentation, "Errors" and "Responses": `NonStreamingChoice`, `StreamingChoice`). Clients look for errors
//! at the top level.

#![allow(
    clippy::indexing_slicing,
    reason = "Reading a member of a `Value` cannot panic"
)]

use std::borrow::Cow;

use memchr::memmem;
use serde_json::{Map, Value, json};

use super::Dialect;

/// The error of the first choice that has one, in an event or in a body.
pub fn find(json: &[u8]) -> Option<Value> {
    // As a key, or as the finish reason.
    memmem::find(json, b"\"error\"")?;
    let json: Value = serde_json::from_slice(json).ok()?;
    let choices = json["choices"].as_array()?.iter();
    choices.filter_map(Value::as_object).find_map(of)
}

/// The error of a choice.
pub fn of(choice: &Map<String, Value>) -> Option<Value> {
    match choice.get("error") {
        Some(Value::Object(members)) if !members.is_empty() => Some(members.clone().into()),
        Some(Value::String(text)) if !text.is_empty() => Some(json!({ "message": text })),
        _ => {
            let is_error = choice.get("finish_reason")? == "error";
            let message = "the upstream has ended its answer with an error";
            is_error.then(|| json!({ "code": 502, "message": message }))
        }
    }
}

/// An event or a body with the error of its choice also at the top level.
pub fn at_top_level(dialect: Dialect, json: &[u8]) -> Cow<'_, [u8]> {
    let error = (dialect == Dialect::Chat).then(|| find(json)).flatten();
    match (error, serde_json::from_slice(json)) {
        (Some(error), Ok(Value::Object(mut members)))
            if members.get("error").is_none_or(Value::is_null) =>
        {
            members.insert("error".to_owned(), error);
            Cow::Owned(Value::Object(members).to_string().into_bytes())
        }
        _ => Cow::Borrowed(json),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_found_and_brought_up() {
        for (choices, error) in [
            (
                json!([{"error": {"code": 429, "message": "slow"}}]),
                json!({"code": 429, "message": "slow"}),
            ),
            (
                json!([{"delta": {"content": "a"}}, {"error": "slow", "finish_reason": "error"}]),
                json!({"message": "slow"}),
            ),
            (
                json!([{"error": null, "finish_reason": "stop"}]),
                Value::Null,
            ),
            (
                json!([{"error": {}, "finish_reason": "length"}]),
                Value::Null,
            ),
            (json!([{"delta": {"content": "\"error\""}}]), Value::Null),
            (json!([{"message": {"error": {"code": 1}}}]), Value::Null),
            (json!([null, 7]), Value::Null),
        ] {
            let body = json!({"id": "x", "choices": choices}).to_string();
            let found = find(body.as_bytes()).unwrap_or_default();
            assert_eq!(found, error, "{body}");
            let told = at_top_level(Dialect::Chat, body.as_bytes());
            let told: Value = serde_json::from_slice(&told).unwrap();
            assert_eq!(
                (&told["error"], &told["id"]),
                (&error, &json!("x")),
                "{body}"
            );
            let other = at_top_level(Dialect::Gemini, body.as_bytes());
            assert_eq!(&*other, body.as_bytes());
        }
        let alone = find(br#"{"choices":[{"finish_reason":"error"}]}"#).unwrap();
        assert_eq!(alone["code"], 502);
        let both = br#"{"choices":[{"finish_reason":"error"}],"error":{"message":"m"}}"#;
        assert_eq!(&*at_top_level(Dialect::Chat, both), both);
    }
}
