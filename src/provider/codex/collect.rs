//! Collects a stream of Responses events into one answer.

use std::io::Read;
use std::time::SystemTime;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::budget::Budget;
use crate::failure::{Failure, FailureKind, Headers};
use crate::sse::Splitter;
use crate::wire::event;
use crate::wire::output_items::OutputItems;

/// Reads a stream up to `response.completed` or `response.incomplete` and returns the response in that event. If its
/// output is empty, as the backend of ChatGPT sends it, the output comes from the events before.
///
/// # Errors
/// An error event becomes a failure with the status of its code. The end of the stream without a final event is 408, and
/// so is a failed read.
pub fn collect(mut body: impl Read, event_bytes: usize) -> Result<Vec<u8>, Failure> {
    let mut splitter = Splitter::new(event_bytes);
    // The caller counts the bytes.
    let mut items = OutputItems::new(&Budget::unlimited());
    loop {
        let space = splitter.space();
        let space = space.map_err(|error| Failure::new(FailureKind::Broken, error.to_string()))?;
        let count = body.read(space).map_err(|error| Failure::of_read(&error))?;
        splitter.filled(count);
        while let Some(event) = splitter.next_event() {
            if let Some(data) = event.data()
                && let Some(response) = take(&data, &mut items)?
            {
                return Ok(response);
            }
        }
        if count == 0 {
            break;
        }
    }
    let last = splitter.last_event().data();
    if let Some(response) = last.and_then(|data| take(&data, &mut items).transpose()) {
        return response;
    }
    let message = "stream error: stream disconnected before completion: \
                   stream closed before response.completed";
    Err(Failure {
        status: Some(408),
        ..Failure::new(FailureKind::Broken, message)
    })
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// Processes one event; returns the answer if the event contains it.
fn take(data: &[u8], items: &mut OutputItems) -> Result<Option<Vec<u8>>, Failure> {
    let Ok(event) = serde_json::from_slice::<Event>(data) else {
        // Ignored; the end of the stream shows whether it is broken.
        return Ok(None);
    };
    match (event.kind.as_str(), event.response) {
        ("response.completed" | "response.incomplete" | "response.done", Some(response)) => {
            let response = response.get().as_bytes();
            let completed = items.complete(response);
            Ok(Some(completed.unwrap_or_else(|| response.to_vec())))
        }
        ("response.failed" | "error", _) => Err(failed(data)),
        ("", _) if event.error.is_some() => Err(failed(data)),
        _ => {
            items.note(data);
            Ok(None)
        }
    }
}

/// An error event as a failure. Its body has the form of errors outside a stream.
fn failed(data: &[u8]) -> Failure {
    let json: serde_json::Value = serde_json::from_slice(data).unwrap_or_default();
    let body = serde_json::json!({ "error": event::error_object(&json) });
    let status = event::error_status(data);
    let body = body.to_string().into_bytes();
    Failure::of_status(status, Headers::default(), body, SystemTime::now())
}
