//! Every object and event of Responses that a test gets is as the vendor has published it.

use serde_json::Value;

use super::client::Answer;
use super::document::{fits_event, fits_response};

pub fn check(path: &str, answer: &Answer) {
    if path != "/v1/responses" || answer.status() != 200 {
        return;
    }
    if answer.header("content-type") != Some("text/event-stream") {
        let object = answer.json();
        // Or a failure behind signs of life.
        if !object["error"].is_object() {
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
