//! Reading an upstream's stream.

use std::io::{self, Read};
use std::time::SystemTime;

use serde::de::IgnoredAny;

use crate::dialect::event;
use crate::provider::{Failure, FailureKind, Headers};
use crate::sse::{Event, Splitter};

/// Reads once into `splitter`; 0 is the end.
pub fn fill(splitter: &mut Splitter, body: &mut dyn Read) -> io::Result<usize> {
    let count = body.read(splitter.space().map_err(io::Error::other)?)?;
    splitter.filled(count);
    Ok(count)
}

/// The last event of a stream, if it lacks only its blank line, with it.
pub fn closed(last: &Event) -> Option<Vec<u8>> {
    let data = last.data()?;
    let is_done = data.trim_ascii() == b"[DONE]";
    if !is_done && serde_json::from_slice::<IgnoredAny>(&data).is_err() {
        return None;
    }
    let end: &[u8] = if last.raw.ends_with(b"\n") {
        b"\n"
    } else {
        b"\n\n"
    };
    Some([last.raw, end].concat())
}

/// An error event as the failure it would have been as an answer.
pub fn error_of(data: &[u8], headers: &Headers) -> Failure {
    let status = event::error_status(data);
    Failure::of_status(status, headers.clone(), data.to_vec(), SystemTime::now())
}

/// The failure of an answer that is none.
pub fn silent() -> Failure {
    Failure::new(FailureKind::Broken, "the upstream's answer says nothing")
}
