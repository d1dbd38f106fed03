//! Counting the tokens of a request.

use serde_json::{Map, Value, json};

use super::input::{TranslationInput, read_request};
use super::neutral::{Untranslatable, estimate, lazy};
use crate::wire::Dialect;

/// A translated request in the form of the upstream's endpoint for counting tokens; `None` if it has none.
pub fn to_count(upstream: Dialect, model: &str, body: &[u8]) -> Option<Vec<u8>> {
    const NOT_COUNTED: [&str; 8] = [
        "max_tokens",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "metadata",
        "service_tier",
    ];
    let mut body: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let counted = match upstream {
        Dialect::Messages => {
            body.retain(|key, _| !NOT_COUNTED.contains(&key.as_str()));
            Value::Object(body)
        }
        Dialect::Gemini => {
            let bare = model.strip_prefix("models/").unwrap_or(model);
            body.insert("model".to_owned(), format!("models/{bare}").into());
            json!({"generateContentRequest": body})
        }
        Dialect::Chat | Dialect::Responses => return None,
    };
    Some(counted.to_string().into_bytes())
}

/// The number in the upstream's answer.
pub fn counted(upstream: Dialect, answer: &[u8]) -> Option<u64> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let field = match upstream {
        Dialect::Gemini => "totalTokens",
        _ => "input_tokens",
    };
    answer.get(field)?.as_u64()
}

/// The answer with a number of tokens for a client.
pub fn count_answer(client: Dialect, tokens: u64) -> Vec<u8> {
    let answer = match client {
        Dialect::Gemini => json!({"totalTokens": tokens,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]}),
        Dialect::Responses => json!({"object": "response.input_tokens", "input_tokens": tokens}),
        _ => json!({"input_tokens": tokens}),
    };
    answer.to_string().into_bytes()
}

/// The estimated tokens of a request (see [`estimate`]).
///
/// # Errors
/// When the client's body cannot be read.
pub fn estimated_tokens(ask: &TranslationInput<'_>) -> Result<u64, Untranslatable> {
    read_request(ask, lazy::open(ask.body)?).map(|request| estimate::tokens(&request))
}
