//! The conversation in a body: the first text of each speaker, and a digest of each message.

use super::walk::{Result, Seen, each, fields};
use crate::json::{Scanner, Value};
use crate::session::prefix::{Digest, Turns};
use crate::session::texts::{Beginning, Speaker, Speakers};

/// Where the messages of the conversation go, if they are wanted.
pub type Wanted<'t> = Option<&'t mut Turns>;

/// Messages' `system`: a string, or the first text of an array; the `type` of elements does not count.
pub fn system(scanner: &mut Scanner<'_>, turns: &mut Wanted<'_>) -> Result<Beginning> {
    let mut digest = turns.is_some().then(Digest::default);
    let first = if scanner.peek() == Some(b'"') {
        let (value, _) = scanner.value()?;
        add_text(&mut digest, &value);
        Beginning::of(&value)
    } else {
        first_text(scanner, &mut digest)?
    };
    if let (Some(turns), Some(digest)) = (turns, digest) {
        turns.system.join(digest);
    }
    Ok(first)
}

/// Gemini's `systemInstruction`.
pub fn parts(scanner: &mut Scanner<'_>, turns: &mut Wanted<'_>) -> Result<Beginning> {
    let mut digest = turns.is_some().then(Digest::default);
    let mut seen = Seen::default();
    let mut text = Beginning::default();
    fields(scanner, |scanner, key| {
        if key.is("parts") && seen.first(0) {
            text = first_text(scanner, &mut digest)?;
            Ok(())
        } else {
            scanner.skip()
        }
    })?;
    if let (Some(turns), Some(digest)) = (turns, digest) {
        turns.system.join(digest);
    }
    Ok(text)
}

/// The `text` of the first element of an array that has one.
fn first_text(scanner: &mut Scanner<'_>, digest: &mut Option<Digest>) -> Result<Beginning> {
    let mut first = Beginning::default();
    each(scanner, |scanner, _| {
        if !first.is_empty() && digest.is_none() {
            return scanner.skip();
        }
        let part = part(scanner, digest)?;
        if let (true, Some(text)) = (first.is_empty(), &part.text) {
            first = Beginning::of(text);
        }
        Ok(())
    })?;
    Ok(first)
}

/// A part of a message, as far as it is a text.
struct Part<'a> {
    kind: Value<'a>,
    text: Option<Value<'a>>,
}

/// Reads a part and adds it to `digest`. A part that is nothing but a text counts like a string, and where the
/// cache is marked does not count.
fn part<'a>(scanner: &mut Scanner<'a>, digest: &mut Option<Digest>) -> Result<Part<'a>> {
    const TEXTS: [&str; 3] = ["text", "input_text", "output_text"];
    let mut seen = Seen::default();
    let mut part = Part {
        kind: Value::Null,
        text: None,
    };
    let mut rest = Digest::default();
    if scanner.peek() != Some(b'{') {
        let (value, _) = scanner.value()?;
        if let Some(digest) = digest {
            digest.add(value.raw().as_bytes());
        }
        return Ok(part);
    }
    scanner.object(|scanner, key| {
        let (value, _) = scanner.value()?;
        if key.is("type") && seen.first(0) {
            part.kind = value;
        } else if key.is("text") && seen.first(1) {
            part.text = Some(value);
        } else if digest.is_some() && !key.is("cache_control") {
            rest.add(key.raw().as_bytes());
            rest.add(value.raw().as_bytes());
        }
        Ok(())
    })?;
    if let Some(digest) = digest {
        let is_text = part.kind.is_blank() || TEXTS.iter().any(|kind| says(&part.kind, kind));
        if !is_text || !rest.is_empty() {
            digest.add(part.kind.raw().as_bytes());
            digest.join(rest);
        }
        match &part.text {
            Some(Value::String(text)) => digest.add_text(text.raw()),
            Some(other) => digest.add(other.raw().as_bytes()),
            None => {}
        }
    }
    Ok(part)
}

fn add_text(digest: &mut Option<Digest>, value: &Value<'_>) {
    match (digest, value) {
        (Some(digest), Value::String(text)) => digest.add_text(text.raw()),
        (Some(digest), other) => digest.add(other.raw().as_bytes()),
        (None, _) => {}
    }
}

/// Whether the text of a value is `word`.
fn says(value: &Value<'_>, word: &str) -> bool {
    match value {
        Value::String(text) => text.is(word),
        other => other.text() == word,
    }
}

/// How a dialect writes the elements of its conversation.
pub struct Shape {
    content: &'static str,
    /// Which parts of a content are texts; empty for any that has one, of which the first counts.
    texts: &'static [&'static str],
    /// Elements have a type, and only messages speak.
    has_types: bool,
    speakers: &'static [(&'static str, Speaker)],
    /// User and assistant are enough: what the system says later does not count.
    ends_without_system: bool,
}

pub const CHAT: Shape = Shape {
    content: "content",
    texts: &["text"],
    has_types: false,
    speakers: &[
        ("system", Speaker::System),
        ("user", Speaker::User),
        ("assistant", Speaker::Assistant),
    ],
    ends_without_system: false,
};
pub const GEMINI: Shape = Shape {
    content: "parts",
    texts: &[],
    has_types: false,
    speakers: &[("user", Speaker::User), ("model", Speaker::Assistant)],
    ends_without_system: true,
};
pub const RESPONSES: Shape = Shape {
    content: "content",
    texts: &["input_text", "output_text", "text"],
    has_types: true,
    speakers: &[
        ("developer", Speaker::System),
        ("system", Speaker::System),
        ("user", Speaker::User),
        ("assistant", Speaker::Assistant),
    ],
    ends_without_system: false,
};

impl Shape {
    fn has_heard(&self, speakers: &Speakers) -> bool {
        match self.ends_without_system {
            true => speakers.user.is_some() && speakers.assistant.is_some(),
            false => speakers.is_complete(),
        }
    }
}

/// One element of a conversation.
pub fn element(
    scanner: &mut Scanner<'_>,
    index: usize,
    shape: &Shape,
    speakers: &mut Speakers,
    turns: &mut Wanted<'_>,
) -> Result<()> {
    let has_heard = shape.has_heard(speakers);
    if has_heard && turns.is_none() {
        return scanner.skip();
    }
    let mut digest = turns.is_some().then(Digest::default);
    let mut seen = Seen::default();
    let mut kind = Value::Null;
    let mut role = Value::Null;
    let mut text = Beginning::default();
    fields(scanner, |scanner, key| {
        if key.is("role") && seen.first(0) {
            role = scanner.value()?.0;
        } else if shape.has_types && key.is("type") && seen.first(1) {
            kind = scanner.value()?.0;
        } else if key.is(shape.content) && seen.first(2) {
            text = content(scanner, shape, &mut digest)?;
        } else {
            let (value, _) = scanner.value()?;
            if let Some(digest) = &mut digest
                && !key.is("cache_control")
            {
                digest.add(key.raw().as_bytes());
                digest.add(value.raw().as_bytes());
            }
        }
        Ok(())
    })?;
    if let (Some(turns), Some(mut digest)) = (turns, digest) {
        let is_message = kind.is_blank() || says(&kind, "message");
        if !is_message {
            digest.add(kind.raw().as_bytes());
        }
        digest.add(role.raw().as_bytes());
        let is_system = is_message && (says(&role, "system") || says(&role, "developer"));
        turns.push(is_system, digest);
    }
    if has_heard || (shape.has_types && !kind.is_blank() && !says(&kind, "message")) {
        return Ok(());
    }
    for (word, speaker) in shape.speakers {
        if says(&role, word) {
            speakers.hear(*speaker, index, text);
        }
    }
    Ok(())
}

/// The text of a content: a string, or the texts among its parts.
fn content(
    scanner: &mut Scanner<'_>,
    shape: &Shape,
    digest: &mut Option<Digest>,
) -> Result<Beginning> {
    if shape.texts.is_empty() {
        return first_text(scanner, digest);
    }
    if scanner.peek() == Some(b'"') {
        let (value, _) = scanner.value()?;
        add_text(digest, &value);
        return Ok(Beginning::of(&value));
    }
    let mut joined = Beginning::default();
    each(scanner, |scanner, _| {
        let part = part(scanner, digest)?;
        if let Some(text) = &part.text
            && shape.texts.iter().any(|known| says(&part.kind, known))
        {
            joined.join(text);
        }
        Ok(())
    })?;
    Ok(joined)
}
