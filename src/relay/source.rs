//! Reading an upstream's bytes.

use std::io::{self, Cursor, Read};
use std::time::{Duration, SystemTime};

use serde::de::IgnoredAny;

use crate::content_encoding::ContentEncoding;
use crate::exchange::Waiter;
use crate::failure::{Failure, FailureKind, Headers};
use crate::provider;
use crate::sse::{Event, Splitter};
use crate::wire::{Dialect, choice_error, event};

/// The longest wait for the end of a body whose stream has ended, so that its connection can be used again.
const DRAIN: Duration = Duration::from_millis(500);
/// Bytes read while waiting for that end.
const DRAINED: usize = 64 * 1024;
/// The most bytes of white space at the start of a body.
const BLANK: usize = 16 * 1024;

/// A body whose beginning is known.
pub struct Begun {
    /// What has been read: more than white space, unless the body has ended or says nothing for long.
    pub start: Vec<u8>,
    /// What comes behind it.
    pub body: Box<dyn Read>,
    /// It was compressed without a header; the announced length is wrong.
    pub was_coded: bool,
}

/// Reads the start of a body, and decompresses a body that is compressed without a header.
///
/// # Errors
/// When it breaks before.
#[inline(never)]
pub fn begin(mut body: Box<dyn Read>, waiter: &Waiter) -> Result<Begun, Failure> {
    let mut start = Vec::new();
    let mut was_coded = false;
    let mut scratch = [0; 1024];
    loop {
        let count = body.read(&mut scratch);
        let count = count.map_err(|error| Failure::of_read(&error))?;
        start.extend_from_slice(scratch.get(..count).unwrap_or_default());
        if let (Some(encoding), false) = (ContentEncoding::detect(&start), was_coded) {
            let coded = Cursor::new(std::mem::take(&mut start)).chain(body);
            body = provider::undone(encoding.name(), Box::new(coded), waiter)?;
            was_coded = true;
            continue;
        }
        // The first bytes of what may be compressed.
        let may_be_coded = start.len() < 4 && matches!(start.first(), Some(0x1f | 0x28 | 0x78));
        let says_something = !start.trim_ascii_start().is_empty() && !may_be_coded;
        if count == 0 || says_something || start.len() >= BLANK {
            return Ok(Begun {
                start,
                body,
                was_coded,
            });
        }
    }
}

/// Whether a body is events instead of JSON.
pub fn is_events(start: &[u8]) -> bool {
    const FIELDS: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let start = start.trim_ascii_start();
    FIELDS.iter().any(|field| start.starts_with(field))
}

/// Whether a body is JSON instead of events.
pub fn is_json(start: &[u8]) -> bool {
    matches!(start.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// Reads once into `splitter`; 0 is the end. A stream that is silent holds no buffer: reading nothing from the body of
/// an answer waits until something is there.
pub fn fill(splitter: &mut Splitter, body: &mut dyn Read) -> io::Result<usize> {
    if splitter.release() {
        let _nothing = body.read(&mut [])?;
    }
    let count = body.read(splitter.space().map_err(io::Error::other)?)?;
    splitter.filled(count);
    Ok(count)
}

/// Reads the end of a body behind a stream that is over. Out of line, so that streams do not pay for its frame.
#[inline(never)]
pub fn drain(body: &mut dyn Read, waiter: &Waiter) {
    let mut scratch = [0; 1024];
    let mut left = DRAINED;
    waiter.answered();
    waiter.hurry(Some(DRAIN));
    while let Ok(count @ 1..) = body.read(&mut scratch) {
        left = left.saturating_sub(count);
        if left == 0 {
            break;
        }
    }
    waiter.hurry(None);
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

/// An error event of a dialect as the failure it would have been as an answer.
pub fn error_of(dialect: Dialect, data: &[u8], headers: &Headers) -> Failure {
    let data = choice_error::at_top_level(dialect, data);
    let status = event::error_status(&data);
    Failure::of_status(
        status,
        headers.clone(),
        data.into_owned(),
        SystemTime::now(),
    )
}

/// The failure of an answer without content.
pub fn silent() -> Failure {
    Failure::new(FailureKind::Broken, "the upstream's answer says nothing")
}

/// The failure of an answer that is not JSON, or breaks off within it.
pub fn no_json() -> Failure {
    Failure::new(
        FailureKind::Broken,
        "the upstream's answer is not whole JSON",
    )
}

/// The failure of a stream that ends without its end.
pub fn unfinished() -> Failure {
    Failure::new(
        FailureKind::Broken,
        "upstream closed the stream before completion",
    )
}
