//! The one pass over a request body: model, stream flag, and what identifies the session.
//!
//! The walk is straight code, as deep as what it looks for; everything else is validated and skipped. Members can
//! come in any order, so what is found is kept and weighed at the end. Of equal keys the first counts.

mod conversation;
mod walk;

use std::borrow::Cow;

use conversation::{CHAT, GEMINI, RESPONSES, element, parts, system};
use walk::{Result, Seen, each, fields};

use super::prefix::{Digest, Turns};
use super::texts::{Beginning, Heard};
use crate::json::{Scanner, Span, Text, Value};

/// What a request body says, as far as the gateway needs to know.
#[derive(Clone, Debug, Default)]
pub struct Scan<'a> {
    /// Whether the body is an object; an empty body is none.
    pub is_object: bool,
    pub model: Option<Field<'a>>,
    stream: Option<bool>,
    /// `store` and `background` of Responses.
    pub store: Option<bool>,
    pub background: Option<bool>,
    /// `model` or `stream`, where it is given more than once, in any spelling that some upstream takes for it:
    /// upstreams may read another one than we do.
    pub duplicate: Option<&'static str>,
    /// `model` or `stream`, where it is there in another spelling alone. To us it says nothing, but an upstream
    /// that ignores case reads it, and it would stand beside the one that we or a payload rule may write.
    pub misspelt: Option<&'static str>,
    /// The text of `metadata.user_id`.
    pub user_id: Option<Cow<'a, str>>,
    /// The text of `conversation_id`.
    pub conversation_id: Option<Cow<'a, str>>,
    /// The strings by which newer clients name a conversation.
    pub ids: Ids<'a>,
    pub heard: Heard,
    /// What the conversation says so far; nothing unless asked for.
    pub turns: Turns,
}

/// Strings at the top of a body that name a conversation.
#[derive(Clone, Debug, Default)]
pub struct Ids<'a> {
    pub session_id: Option<Cow<'a, str>>,
    pub session_id_camel: Option<Cow<'a, str>>,
    pub prompt_cache_key: Option<Cow<'a, str>>,
    /// `conversation`, or the `id` in it.
    pub conversation: Option<Cow<'a, str>>,
    pub previous_response_id: Option<Cow<'a, str>>,
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Quotes included.
    pub span: Span,
    /// What it says; `None` if it is no string.
    pub text: Option<Cow<'a, str>>,
}

impl Scan<'_> {
    /// Whether the client asks for a stream: JSON `true` and nothing else.
    pub fn streams(&self) -> bool {
        self.stream == Some(true)
    }
}

/// Reads a body.
///
/// # Errors
/// Where it is not JSON. An empty one is no error.
pub fn scan(body: &[u8]) -> Result<Scan<'_>> {
    walk(body, false)
}

/// Reads a body and what its conversation says so far, [`Scan::turns`].
///
/// # Errors
/// Like [`scan`].
pub fn scan_with_turns(body: &[u8]) -> Result<Scan<'_>> {
    walk(body, true)
}

fn walk(body: &[u8], wants_turns: bool) -> Result<Scan<'_>> {
    let mut scan = Scan::default();
    if body.is_empty() {
        return Ok(scan);
    }
    let mut scanner = Scanner::new(body)?;
    if scanner.peek() == Some(b'{') {
        scan.is_object = true;
        root(&mut scanner, &mut scan, wants_turns)?;
    } else {
        scanner.skip()?;
    }
    scanner.end()?;
    Ok(scan)
}

/// The members by which we decide; they come first among those that are read.
const OURS: [&str; 2] = ["model", "stream"];

/// Whether `key` is `name`, which is in small letters, for a reader that ignores case: as RFC 8259 leaves open and
/// Go's `encoding/json` does, which also takes U+017F for an `s` and U+212A for a `k`.
fn folds_to(key: &Text<'_>, name: &str) -> bool {
    // What nearly every key is told apart by.
    let may_fold = match key.raw().as_bytes().first() {
        Some(first) if first.is_ascii() => {
            *first == b'\\' || name.as_bytes().first() == Some(&first.to_ascii_lowercase())
        }
        other => other.is_some(),
    };
    let fold = |c| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    may_fold && key.chars().map(fold).eq(name.chars())
}

fn root<'a>(scanner: &mut Scanner<'a>, scan: &mut Scan<'a>, wants_turns: bool) -> Result<()> {
    const KEYS: [&str; 17] = [
        "model",
        "stream",
        "messages",
        "metadata",
        "system",
        "conversation_id",
        "systemInstruction",
        "contents",
        "instructions",
        "input",
        "session_id",
        "sessionId",
        "prompt_cache_key",
        "conversation",
        "previous_response_id",
        "store",
        "background",
    ];
    let mut seen = Seen::default();
    scanner.object(|scanner, key| {
        let Some((bit, name)) = (0..).zip(KEYS).find(|(_, name)| key.is(name)) else {
            if let Some((bit, name)) = (0..).zip(OURS).find(|(_, name)| folds_to(&key, name)) {
                scan.misspelt = Some(name);
                if !seen.first(bit) {
                    scan.duplicate = Some(name);
                }
            }
            return scanner.skip();
        };
        if !seen.first(bit) {
            if OURS.contains(&name) {
                scan.duplicate = Some(name);
            }
            return scanner.skip();
        }
        let heard = &mut scan.heard;
        let turns = &mut wants_turns.then_some(&mut scan.turns);
        match name {
            "model" => {
                let (value, span) = scanner.value()?;
                let text = match value {
                    Value::String(text) => Some(text.decode()),
                    _ => None,
                };
                scan.model = Some(Field { span, text });
            }
            "stream" => scan.stream = flag(scanner)?,
            "store" => scan.store = flag(scanner)?,
            "background" => scan.background = flag(scanner)?,
            "messages" => each(scanner, |scanner, index| {
                element(scanner, index, &CHAT, &mut heard.messages, turns)
            })?,
            "metadata" => scan.user_id = metadata(scanner)?,
            "system" => heard.system = system(scanner, turns)?,
            "conversation_id" => {
                let (value, _) = scanner.value()?;
                scan.conversation_id = (!value.is_blank()).then(|| value.text());
            }
            "systemInstruction" => heard.gemini_system = parts(scanner, turns)?,
            "contents" => each(scanner, |scanner, index| {
                element(scanner, index, &GEMINI, &mut heard.contents, turns)
            })?,
            "instructions" => {
                let (value, _) = scanner.value()?;
                if let (Some(turns), Value::String(text)) = (turns, value) {
                    turns.system.add_text(text.raw());
                }
                heard.instructions = Beginning::of(&value);
            }
            "input" if scanner.peek() == Some(b'"') => {
                if let (Value::String(text), Some(turns)) = (scanner.value()?.0, turns) {
                    let mut message = Digest::default();
                    message.add_text(text.raw());
                    turns.push(false, message);
                }
            }
            "input" => each(scanner, |scanner, index| {
                element(scanner, index, &RESPONSES, &mut heard.input, turns)
            })?,
            "session_id" => scan.ids.session_id = string(scanner)?,
            "sessionId" => scan.ids.session_id_camel = string(scanner)?,
            "prompt_cache_key" => scan.ids.prompt_cache_key = string(scanner)?,
            "conversation" => scan.ids.conversation = conversation(scanner)?,
            "previous_response_id" => scan.ids.previous_response_id = string(scanner)?,
            _ => scanner.skip()?,
        }
        Ok(())
    })
}

/// `metadata`: the text of its `user_id`.
fn metadata<'a>(scanner: &mut Scanner<'a>) -> Result<Option<Cow<'a, str>>> {
    let mut seen = Seen::default();
    let mut user_id = None;
    fields(scanner, |scanner, key| {
        if key.is("user_id") && seen.first(0) {
            let (value, _) = scanner.value()?;
            user_id = (!value.is_blank()).then(|| value.text());
            Ok(())
        } else {
            scanner.skip()
        }
    })?;
    Ok(user_id)
}

/// A flag; anything else is none.
fn flag(scanner: &mut Scanner<'_>) -> Result<Option<bool>> {
    Ok(match scanner.value()?.0 {
        Value::True => Some(true),
        Value::False => Some(false),
        _ => None,
    })
}

/// A string; anything else is none.
fn string<'a>(scanner: &mut Scanner<'a>) -> Result<Option<Cow<'a, str>>> {
    Ok(match scanner.value()?.0 {
        Value::String(text) => Some(text.decode()),
        _ => None,
    })
}

/// `conversation`: a string, or the `id` of an object.
fn conversation<'a>(scanner: &mut Scanner<'a>) -> Result<Option<Cow<'a, str>>> {
    if scanner.peek() == Some(b'"') {
        return string(scanner);
    }
    let mut seen = Seen::default();
    let mut id = None;
    fields(scanner, |scanner, key| {
        if key.is("id") && seen.first(0) {
            id = string(scanner)?;
            Ok(())
        } else {
            scanner.skip()
        }
    })?;
    Ok(id)
}

#[cfg(test)]
mod tests;
