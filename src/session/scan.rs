//! The one pass over a request body: model, stream flag, and what identifies the session.
//!
//! The walk is straight code, as deep as what it looks for; everything else is validated and skipped. Members can
//! come in any order, so what is found is kept and weighed at the end. Of equal keys the first counts.

use std::borrow::Cow;

use super::texts::{Beginning, Heard, Speaker, Speakers};
use crate::json::{Invalid, Scanner, Span, Text, Value};

/// What a request body says, as far as the gateway needs to know.
#[derive(Clone, Debug, Default)]
pub struct Scan<'a> {
    /// Whether the body is an object; an empty body is none.
    pub is_object: bool,
    pub model: Option<Field<'a>>,
    stream: Option<bool>,
    /// `model` or `stream`, where it is given more than once: upstreams may read another one than we do.
    pub duplicate: Option<&'static str>,
    /// The text of `metadata.user_id`.
    pub user_id: Option<Cow<'a, str>>,
    /// The text of `conversation_id`.
    pub conversation_id: Option<Cow<'a, str>>,
    pub heard: Heard,
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
    let mut scan = Scan::default();
    if body.is_empty() {
        return Ok(scan);
    }
    let mut scanner = Scanner::new(body)?;
    if scanner.peek() == Some(b'{') {
        scan.is_object = true;
        root(&mut scanner, &mut scan)?;
    } else {
        scanner.skip()?;
    }
    scanner.end()?;
    Ok(scan)
}

/// Which members of one object have been seen.
#[derive(Default)]
struct Seen(u16);

impl Seen {
    /// Whether this is the first time for `bit`.
    fn first(&mut self, bit: u16) -> bool {
        let mask = 1 << bit;
        let is_first = self.0 & mask == 0;
        self.0 |= mask;
        is_first
    }
}

fn root<'a>(scanner: &mut Scanner<'a>, scan: &mut Scan<'a>) -> Result<()> {
    const KEYS: [&str; 10] = [
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
    ];
    let mut seen = Seen::default();
    scanner.object(|scanner, key| {
        let Some((bit, name)) = (0..).zip(KEYS).find(|(_, name)| key.is(name)) else {
            return scanner.skip();
        };
        if !seen.first(bit) {
            if name == "model" || name == "stream" {
                scan.duplicate = Some(name);
            }
            return scanner.skip();
        }
        let heard = &mut scan.heard;
        match name {
            "model" => {
                let (value, span) = scanner.value()?;
                let text = match value {
                    Value::String(text) => Some(text.decode()),
                    _ => None,
                };
                scan.model = Some(Field { span, text });
            }
            "stream" => {
                scan.stream = match scanner.value()?.0 {
                    Value::True => Some(true),
                    Value::False => Some(false),
                    _ => None,
                }
            }
            "messages" => each(scanner, |scanner, index| {
                message(scanner, index, &mut heard.messages)
            })?,
            "metadata" => scan.user_id = metadata(scanner)?,
            "system" => {
                heard.system = if scanner.peek() == Some(b'"') {
                    Beginning::of(&scanner.value()?.0)
                } else {
                    first_text(scanner)?
                }
            }
            "conversation_id" => {
                let (value, _) = scanner.value()?;
                scan.conversation_id = (!value.is_blank()).then(|| value.text());
            }
            "systemInstruction" => heard.gemini_system = parts(scanner)?,
            "contents" => each(scanner, |scanner, index| {
                content(scanner, index, &mut heard.contents)
            })?,
            "instructions" => heard.instructions = Beginning::of(&scanner.value()?.0),
            "input" => each(scanner, |scanner, index| {
                item(scanner, index, &mut heard.input)
            })?,
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

/// The `text` of the first element of an array that has one; the `type` of elements does not count.
fn first_text(scanner: &mut Scanner<'_>) -> Result<Beginning> {
    let mut first = Beginning::default();
    each(scanner, |scanner, _| {
        if !first.is_empty() {
            return scanner.skip();
        }
        let mut seen = Seen::default();
        fields(scanner, |scanner, key| {
            if key.is("text") && seen.first(0) {
                first = Beginning::of(&scanner.value()?.0);
                Ok(())
            } else {
                scanner.skip()
            }
        })
    })?;
    Ok(first)
}

/// A Gemini content's `parts`.
fn parts(scanner: &mut Scanner<'_>) -> Result<Beginning> {
    let mut seen = Seen::default();
    let mut text = Beginning::default();
    fields(scanner, |scanner, key| {
        if key.is("parts") && seen.first(0) {
            text = first_text(scanner)?;
            Ok(())
        } else {
            scanner.skip()
        }
    })?;
    Ok(text)
}

/// The text of a `content`: a string, or the texts of the elements of an array whose type is among `types`.
fn joined_text(scanner: &mut Scanner<'_>, types: &[&str]) -> Result<Beginning> {
    let mut joined = Beginning::default();
    if scanner.peek() == Some(b'"') {
        return Ok(Beginning::of(&scanner.value()?.0));
    }
    each(scanner, |scanner, _| {
        let mut seen = Seen::default();
        let mut counts = false;
        let mut text = None;
        fields(scanner, |scanner, key| {
            if key.is("type") && seen.first(0) {
                let kind = scanner.value()?.0;
                counts = types.iter().any(|known| says(&kind, known));
                Ok(())
            } else if key.is("text") && seen.first(1) {
                text = Some(scanner.value()?.0);
                Ok(())
            } else {
                scanner.skip()
            }
        })?;
        if let (true, Some(text)) = (counts, &text) {
            joined.join(text);
        }
        Ok(())
    })?;
    Ok(joined)
}

/// Whether the text of a value is `word`.
fn says(value: &Value<'_>, word: &str) -> bool {
    match value {
        Value::String(text) => text.is(word),
        other => other.text() == word,
    }
}

/// One of `messages`.
fn message(scanner: &mut Scanner<'_>, index: usize, speakers: &mut Speakers) -> Result<()> {
    if speakers.is_complete() {
        return scanner.skip();
    }
    let mut seen = Seen::default();
    let mut role = Value::Null;
    let mut text = Beginning::default();
    fields(scanner, |scanner, key| {
        if key.is("role") && seen.first(0) {
            role = scanner.value()?.0;
            Ok(())
        } else if key.is("content") && seen.first(1) {
            text = joined_text(scanner, &["text"])?;
            Ok(())
        } else {
            scanner.skip()
        }
    })?;
    for (word, speaker) in [
        ("system", Speaker::System),
        ("user", Speaker::User),
        ("assistant", Speaker::Assistant),
    ] {
        if says(&role, word) {
            speakers.hear(speaker, index, text);
        }
    }
    Ok(())
}

/// One of Gemini's `contents`.
fn content(scanner: &mut Scanner<'_>, index: usize, speakers: &mut Speakers) -> Result<()> {
    if speakers.user.is_some() && speakers.assistant.is_some() {
        return scanner.skip();
    }
    let mut seen = Seen::default();
    let mut role = Value::Null;
    let mut text = Beginning::default();
    fields(scanner, |scanner, key| {
        if key.is("role") && seen.first(0) {
            role = scanner.value()?.0;
            Ok(())
        } else if key.is("parts") && seen.first(1) {
            text = first_text(scanner)?;
            Ok(())
        } else {
            scanner.skip()
        }
    })?;
    if says(&role, "user") {
        speakers.hear(Speaker::User, index, text);
    } else if says(&role, "model") {
        speakers.hear(Speaker::Assistant, index, text);
    }
    Ok(())
}

/// One item of a Responses `input`.
fn item(scanner: &mut Scanner<'_>, index: usize, speakers: &mut Speakers) -> Result<()> {
    if speakers.is_complete() {
        return scanner.skip();
    }
    let mut seen = Seen::default();
    let mut kind = Value::Null;
    let mut role = Value::Null;
    let mut text = Beginning::default();
    fields(scanner, |scanner, key| {
        if key.is("type") && seen.first(0) {
            kind = scanner.value()?.0;
            Ok(())
        } else if key.is("role") && seen.first(1) {
            role = scanner.value()?.0;
            Ok(())
        } else if key.is("content") && seen.first(2) {
            text = joined_text(scanner, &["input_text", "output_text", "text"])?;
            Ok(())
        } else {
            scanner.skip()
        }
    })?;
    if !kind.is_blank() && !says(&kind, "message") {
        return Ok(());
    }
    for (word, speaker) in [
        ("developer", Speaker::System),
        ("system", Speaker::System),
        ("user", Speaker::User),
        ("assistant", Speaker::Assistant),
    ] {
        if says(&role, word) {
            speakers.hear(speaker, index, text);
        }
    }
    Ok(())
}
