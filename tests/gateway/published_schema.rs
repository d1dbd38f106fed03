//! Checks every object and event of the Responses API in the tests against the published schema.

use serde_json::Value;

use super::client::Answer;
use super::document::{fits, fits_event, fits_response};

pub fn check(path: &str, answer: &Answer) {
    let path = path.split('?').next().unwrap_or_default();
    let Some(below) = path.strip_prefix("/v1/responses") else {
        return;
    };
    if answer.status() != 200 || answer.body.is_empty() {
        return;
    }
    let schema = match below {
        "/compact" => Some("CompactResource"),
        "/input_tokens" => Some("TokenCountsResource"),
        _ if below.ends_with("/input_items") => Some("ResponseItemList"),
        _ => None,
    };
    if let Some(schema) = schema {
        assert_eq!(fits(schema, &answer.json()), Ok(()), "{}", answer.text());
        return;
    }
    if answer.header("content-type") != Some("text/event-stream") {
        let object = answer.json();
        // Errors after keep-alives and confirmations of deletions are no response objects.
        if !object["error"].is_object() && object["deleted"].is_null() {
            assert_eq!(fits_response(&object), Ok(()), "{object}");
        }
        return;
    }
    let data = answer.data().into_iter();
    let events = data.filter_map(|data| serde_json::from_str::<Value>(&data).ok());
    for (number, event) in events.enumerate() {
        assert_eq!(fits_event(&event), Ok(()), "{event}");
        assert_eq!(event["sequence_number"], number, "{event}");
    }
}
