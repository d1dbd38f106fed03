//! The one pass over a request body: model, stream flag, and what identifies the session.
//!
//! The walk is straight code, as deep as what it looks for; everything else is validated and skipped. Members can
//! come in any order, so what is found is kept and weighed at the end. Of equal keys the first counts.

use std::borrow::Cow;

use super::prefix::{Digest, Turns};
use super::texts::{Beginning, Heard, Speaker, Speakers};
use crate::json::{Invalid, Scanner, Span, Text, Value};

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

/// Strings at the top of a body that name a conversation (spec/routing.md 7.5).
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

type Result<T> = std::result::Result<T, Invalid>;

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

/// Which members of one object have been seen.
#[derive(Default)]
struct Seen(u32);

impl Seen {
    /// Whether this is the first time for `bit`.
    fn first(&mut self, bit: u16) -> bool {
        let mask = 1 << bit;
        let is_first = self.0 & mask == 0;
        self.0 |= mask;
        is_first
    }
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

/// Walks an array with the index of each element; anything else is passed over.
fn each<'a>(
    scanner: &mut Scanner<'a>,
    mut element: impl FnMut(&mut Scanner<'a>, usize) -> Result<()>,
) -> Result<()> {
    if scanner.peek() != Some(b'[') {
        return scanner.skip();
    }
    let mut index = 0;
    scanner.array(|scanner| {
        element(scanner, index)?;
        index += 1;
        Ok(())
    })
}

/// Walks an object; anything else is passed over.
fn fields<'a>(
    scanner: &mut Scanner<'a>,
    member: impl FnMut(&mut Scanner<'a>, Text<'a>) -> Result<()>,
) -> Result<()> {
    if scanner.peek() == Some(b'{') {
        scanner.object(member)
    } else {
        scanner.skip()
    }
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

/// Where the messages of the conversation go, if they are wanted.
type Wanted<'t> = Option<&'t mut Turns>;

/// Messages' `system`: a string, or the first text of an array; the `type` of elements does not count.
fn system(scanner: &mut Scanner<'_>, turns: &mut Wanted<'_>) -> Result<Beginning> {
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
fn parts(scanner: &mut Scanner<'_>, turns: &mut Wanted<'_>) -> Result<Beginning> {
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
struct Shape {
    content: &'static str,
    /// Which parts of a content are texts; empty for any that has one, of which the first counts.
    texts: &'static [&'static str],
    /// Elements have a type, and only messages speak.
    has_types: bool,
    speakers: &'static [(&'static str, Speaker)],
    /// The branch ends with these two (`spec/routing.md` 3.3).
    ends_without_system: bool,
}

const CHAT: Shape = Shape {
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
const GEMINI: Shape = Shape {
    content: "parts",
    texts: &[],
    has_types: false,
    speakers: &[("user", Speaker::User), ("model", Speaker::Assistant)],
    ends_without_system: true,
};
const RESPONSES: Shape = Shape {
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
fn element(
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

#[cfg(test)]
mod tests;
