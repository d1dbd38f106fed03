//! What a stream of each dialect must look like, written from the vendors' documentation,
//! not from the code that writes it. Knows nothing of that code.

mod chat;
mod gemini;
mod messages;
pub mod requests;
mod responses;

use holdfast::unversioned::wire::Dialect;
use serde_json::Value;

/// What is wrong with a stream.
pub type Complaint = String;

/// How a stream that is as it should be has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Good,
    Error,
}

/// One event of a stream: its name, if it has one, and its data.
pub struct Frame {
    pub name: Option<String>,
    pub data: String,
}

impl Frame {
    pub fn json(&self) -> Result<Value, Complaint> {
        serde_json::from_str(&self.data).map_err(|error| format!("{error}: {}", self.data))
    }
}

/// Cuts a stream into its events.
pub fn frames(stream: &[u8]) -> Result<Vec<Frame>, Complaint> {
    let text = std::str::from_utf8(stream).map_err(|error| error.to_string())?;
    let mut frames = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let (mut name, mut data) = (None, Vec::new());
        for line in block.lines() {
            if let Some(value) = line.strip_prefix("event: ") {
                name = Some(value.to_owned());
            } else if let Some(value) = line.strip_prefix("data: ") {
                data.push(value);
            } else if !line.starts_with(':') && !line.is_empty() {
                return Err(format!("no line of an event: {line}"));
            }
        }
        if !data.is_empty() {
            frames.push(Frame {
                name,
                data: data.join("\n"),
            });
        }
    }
    if !text.is_empty() && !text.ends_with("\n\n") && !text.ends_with("\r\n\r\n") {
        return Err("the last event is not closed".to_owned());
    }
    Ok(frames)
}

/// Reads a whole stream.
pub fn check(dialect: Dialect, stream: &[u8]) -> Result<End, Complaint> {
    let frames = frames(stream)?;
    if dialect == Dialect::Gemini {
        only_data(stream)?;
    }
    match dialect {
        Dialect::Chat => chat::check(&frames),
        Dialect::Responses => responses::check(&frames),
        Dialect::Messages => messages::check(&frames),
        Dialect::Gemini => gemini::check(&frames),
    }
}

/// Google's SDKs read lines of data and single blank ones between them, and nothing else.
fn only_data(stream: &[u8]) -> Result<(), Complaint> {
    let text = String::from_utf8_lossy(stream).replace("\r\n\r\n", "\n\n");
    let events = text.strip_suffix("\n\n").unwrap_or(&text);
    let mut odd = events
        .split("\n\n")
        .filter(|event| !event.starts_with("data: ") || event.contains('\n'));
    match odd.next() {
        Some(odd) if !text.is_empty() => Err(format!("no line of data: {odd:?}")),
        _ => Ok(()),
    }
}

/// `value` at a key, which must be a string.
fn text<'v>(value: &'v Value, key: &str) -> Result<&'v str, Complaint> {
    value[key]
        .as_str()
        .ok_or_else(|| format!("{key} is no string in {value}"))
}

fn number(value: &Value, key: &str) -> Result<u64, Complaint> {
    value[key]
        .as_u64()
        .ok_or_else(|| format!("{key} is no number in {value}"))
}

fn ensure(holds: bool, complaint: impl FnOnce() -> Complaint) -> Result<(), Complaint> {
    if holds { Ok(()) } else { Err(complaint()) }
}

/// JSON arguments of a call must be an object.
fn arguments(text: &str) -> Result<(), Complaint> {
    let parsed: Value =
        serde_json::from_str(text).map_err(|error| format!("arguments {text:?}: {error}"))?;
    ensure(parsed.is_object(), || format!("arguments are {parsed}"))
}

#[cfg(test)]
mod tests;
