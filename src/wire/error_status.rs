//! The HTTP status of an error in JSON.

use serde_json::Value;

/// The status of an error: of a body, an event, or the error object itself; 502 when it has none.
pub fn error_status(json: &[u8]) -> u16 {
    let json: Value = serde_json::from_slice(json).unwrap_or_default();
    let error = error_object(&json);
    let numbers = ["code", "status", "status_code"];
    let mut numbers = numbers.iter().filter_map(|key| match error.get(key)? {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    });
    if let Some(status) = numbers.find(|number| (400..600).contains(number)) {
        return u16::try_from(status).unwrap_or(502);
    }
    let texts = ["code", "type", "status"];
    let mut texts = texts.iter().filter_map(|key| error.get(key)?.as_str());
    texts.find_map(status_of_word).unwrap_or(502)
}

/// The error object in a body or an event; the whole object if there is none.
pub fn error_object(json: &Value) -> &Value {
    let places = ["/response/error", "/error"];
    let mut found = places.iter().filter_map(|place| json.pointer(place));
    found.find(|error| error.is_object()).unwrap_or(json)
}

/// The status of a vendor's error type or code.
fn status_of_word(word: &str) -> Option<u16> {
    Some(match word {
        "invalid_request_error"
        | "invalid_prompt"
        | "context_length_exceeded"
        | "INVALID_ARGUMENT"
        | "FAILED_PRECONDITION" => 400,
        "authentication_error" | "invalid_api_key" | "UNAUTHENTICATED" => 401,
        "billing_error" | "usage_not_included" => 402,
        "permission_error" | "PERMISSION_DENIED" => 403,
        "not_found_error" | "model_not_found" | "NOT_FOUND" => 404,
        "request_timeout" => 408,
        "request_too_large" => 413,
        "rate_limit_error"
        | "rate_limit_exceeded"
        | "usage_limit_reached"
        | "insufficient_quota"
        | "RESOURCE_EXHAUSTED" => 429,
        "api_error" | "server_error" | "internal_server_error" | "INTERNAL" => 500,
        "server_is_overloaded" | "slow_down" | "UNAVAILABLE" => 503,
        "timeout_error" | "DEADLINE_EXCEEDED" => 504,
        "overloaded_error" | "overloaded" => 529,
        _ => return None,
    })
}
