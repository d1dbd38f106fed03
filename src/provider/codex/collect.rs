//! A stream of Responses events made into the one answer it tells.

use std::io::Read;
use std::time::SystemTime;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::event;
use crate::json::{self, Splice};
use crate::provider::failure::{Failure, FailureKind};
use crate::provider::headers::Headers;
use crate::sse::Splitter;

/// Bytes of output items kept for an answer that does not repeat them.
const ITEMS: usize = 64 * 1024 * 1024;

/// Reads a stream to `response.completed` or `response.incomplete` and returns the response in it, as it
/// came. If its `output` is missing or empty, it is made of the items that were done before, in the order of
/// their `output_index`, those without one last (spec/providers.md 10.1).
///
/// # Errors
/// An error event is a failure with the status that fits its code; the end of the stream without a closing
/// event is 408; so is, with its own kind, a read that fails.
pub fn collect(mut body: impl Read, event_bytes: usize) -> Result<Vec<u8>, Failure> {
    let mut splitter = Splitter::new(event_bytes);
    let mut items = Items::default();
    loop {
        let space = splitter
            .space()
            .map_err(|error| broken(&error.to_string()))?;
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
    Err(Failure {
        status: Some(408),
        ..broken(
            "stream error: stream disconnected before completion: stream closed before response.completed",
        )
    })
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    output_index: Option<u64>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// The output items done so far.
#[derive(Default)]
struct Items {
    done: Vec<(u64, String)>,
    bytes: usize,
}

/// Takes in one event; returns the answer if the event holds it.
fn take(data: &[u8], items: &mut Items) -> Result<Option<Vec<u8>>, Failure> {
    let Ok(event) = serde_json::from_slice::<Event>(data) else {
        // A line that is no event is passed over; if the stream is broken, its end tells.
        return Ok(None);
    };
    match (event.kind.as_str(), event.response) {
        ("response.completed" | "response.incomplete" | "response.done", Some(response)) => {
            Ok(Some(filled(response.get().as_bytes(), items)))
        }
        ("response.output_item.done", _) => {
            if let Some(item) = event.item {
                items.add(event.output_index.unwrap_or(u64::MAX), item.get())?;
            }
            Ok(None)
        }
        ("response.failed" | "error", _) => Err(failed(data)),
        ("", _) if event.error.is_some() => Err(failed(data)),
        _ => Ok(None),
    }
}

impl Items {
    fn add(&mut self, index: u64, item: &str) -> Result<(), Failure> {
        self.bytes += item.len();
        if self.bytes > ITEMS {
            return Err(broken("the answer is too long to collect"));
        }
        self.done.push((index, item.to_owned()));
        Ok(())
    }

    /// All of them as a JSON array.
    fn array(&mut self) -> String {
        self.done.sort_by_key(|(index, _)| *index);
        let items: Vec<&str> = self.done.iter().map(|(_, item)| item.as_str()).collect();
        format!("[{}]", items.join(","))
    }
}

/// `response` with an output.
fn filled(response: &[u8], items: &mut Items) -> Vec<u8> {
    let Ok(members) = json::members(response) else {
        return response.to_vec();
    };
    let mut splice = Splice::new(response);
    match members.iter().find(|member| member.key == "output") {
        _ if items.done.is_empty() => {}
        None => splice.append_member("output", items.array().into_bytes()),
        Some(output) => {
            let raw = response
                .get(output.value.start..output.value.end)
                .unwrap_or_default();
            let bare: Vec<u8> = raw
                .iter()
                .copied()
                .filter(|byte| !byte.is_ascii_whitespace())
                .take(5)
                .collect();
            if bare == b"[]" || bare == b"null" {
                splice.replace(output.value, items.array().into_bytes());
            }
        }
    }
    let mut whole = Vec::with_capacity(splice.len());
    // Reading from memory does not fail.
    let _ = splice.reader().read_to_end(&mut whole);
    whole
}

/// An error event as a failure. Its body is the error in the form the API gives errors outside a stream.
fn failed(data: &[u8]) -> Failure {
    let json: serde_json::Value = serde_json::from_slice(data).unwrap_or_default();
    let body = serde_json::json!({ "error": event::error_object(&json) });
    let status = event::error_status(data);
    let body = body.to_string().into_bytes();
    Failure::of_status(status, Headers::default(), body, SystemTime::now())
}

fn broken(message: &str) -> Failure {
    Failure::new(FailureKind::Broken, message)
}
