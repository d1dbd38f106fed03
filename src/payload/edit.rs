//! Changing one place of a body.
//!
//! The place is found in one pass; what stands around it is kept byte for byte.

use super::path::{Index, Name, Path};
use super::read;
use crate::json::{Invalid, Scanner, Span};

/// Elements that an array is filled up with, at most, to reach an index.
const PADDING: usize = 1024;
/// Bytes by which one path may make a body longer beyond the value it writes once: a path with `#` writes it
/// once for every element, and how many there are is the client's say.
const GROWTH: usize = 16 << 20;

type Walked<T> = Result<T, Invalid>;

/// A piece of the text and what comes in its place.
struct Change {
    span: Span,
    bytes: String,
}

/// The text with `value`, which is JSON, at `path`. A complex path replaces what it leads to and makes nothing.
///
/// `None` when that cannot be: a key in an array, an index far behind its end, nothing that a complex path
/// leads to, or a text that is no JSON.
pub fn set(text: &str, path: &Path, value: &str) -> Option<String> {
    let Some(names) = path.names() else {
        return replace(text, &read::places(text, path), value);
    };
    let mut scanner = Scanner::over(text);
    let change = put(&mut scanner, &names, value).ok()??;
    scanner.end().ok()?;
    Some(spliced(text, change.span, &change.bytes))
}

/// The text without what is at `path`; what it was in stays. `None` when there is nothing, for a complex path,
/// and for a text that is no JSON.
pub fn delete(text: &str, path: &Path) -> Option<String> {
    let names = path.names()?;
    let mut scanner = Scanner::over(text);
    let span = cut(&mut scanner, &names).ok()??;
    scanner.end().ok()?;
    Some(spliced(text, span, ""))
}

fn spliced(text: &str, span: Span, bytes: &str) -> String {
    let before = text.get(..span.start).unwrap_or_default();
    let after = text.get(span.end..).unwrap_or_default();
    [before, bytes, after].concat()
}

fn replace(text: &str, places: &[Span], value: &str) -> Option<String> {
    let more = value.len().checked_mul(places.len().checked_sub(1)?)?;
    if more > GROWTH {
        return None;
    }
    let mut out = String::with_capacity(text.len() + value.len() + more);
    let mut at = 0;
    for place in places {
        out.push_str(text.get(at..place.start)?);
        out.push_str(value);
        at = place.end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

/// Takes the next value and says what to change in it.
fn put(scanner: &mut Scanner<'_>, names: &[&Name], value: &str) -> Walked<Option<Change>> {
    let Some((first, rest)) = names.split_first() else {
        let (_, span) = scanner.value()?;
        let bytes = value.to_owned();
        return Ok(Some(Change { span, bytes }));
    };
    let mut change = None;
    let mut is_found = false;
    let mut count = 0_usize;
    let is_object = match scanner.peek() {
        Some(b'{') => true,
        Some(b'[') => false,
        // Anything else gives way.
        _ => {
            let (_, span) = scanner.value()?;
            return Ok(made(names, value).map(|bytes| Change { span, bytes }));
        }
    };
    if is_object {
        scanner.object(|scanner, key| {
            count += 1;
            if is_found || !key.is(&first.key) {
                return scanner.skip();
            }
            is_found = true;
            change = put(scanner, rest, value)?;
            Ok(())
        })?;
    } else {
        scanner.array(|scanner| {
            let is_it = first.index == Some(Index::At(count));
            count += 1;
            if !is_it {
                return scanner.skip();
            }
            is_found = true;
            change = put(scanner, rest, value)?;
            Ok(())
        })?;
    }
    if is_found {
        return Ok(change);
    }
    // It comes last, in front of the bracket.
    let close = scanner.offset().saturating_sub(1);
    let span = Span {
        start: close,
        end: close,
    };
    let comma = if count > 0 { "," } else { "" };
    let Some(inner) = made(rest, value) else {
        return Ok(None);
    };
    let bytes = if is_object {
        let key = quoted(&first.key);
        format!("{comma}{key}:{inner}")
    } else {
        let padding = match first.index {
            Some(Index::At(index)) => index.saturating_sub(count),
            Some(Index::End) => 0,
            None => return Ok(None),
        };
        if padding > PADDING {
            return Ok(None);
        }
        format!("{comma}{}{inner}", "null,".repeat(padding))
    };
    Ok(Some(Change { span, bytes }))
}

/// `value` in the objects and arrays that `names` ask for.
fn made(names: &[&Name], value: &str) -> Option<String> {
    let mut out = String::new();
    let mut closing = Vec::new();
    for name in names {
        match name.index {
            Some(Index::At(index)) if !name.is_key => {
                if index > PADDING {
                    return None;
                }
                out.push('[');
                out.push_str(&"null,".repeat(index));
                closing.push(']');
            }
            Some(Index::End) => {
                out.push('[');
                closing.push(']');
            }
            _ => {
                out.push('{');
                out.push_str(&quoted(&name.key));
                out.push(':');
                closing.push('}');
            }
        }
    }
    out.push_str(value);
    out.extend(closing.into_iter().rev());
    Some(out)
}

fn quoted(key: &str) -> String {
    serde_json::Value::from(key).to_string()
}

/// Takes the next value and says which piece of it has to go.
fn cut(scanner: &mut Scanner<'_>, names: &[&Name]) -> Walked<Option<Span>> {
    let Some((first, rest)) = names.split_first() else {
        scanner.skip()?;
        return Ok(None);
    };
    let is_object = match scanner.peek() {
        Some(b'{') => true,
        Some(b'[') => false,
        _ => {
            scanner.skip()?;
            return Ok(None);
        }
    };
    let mut piece = None;
    let mut is_found = false;
    let mut count = 0_usize;
    let mut start = scanner.offset() + 1;
    let mut step = |scanner: &mut Scanner<'_>, is_it: bool| {
        if is_it && !rest.is_empty() {
            // Which one is the last shows only behind it: a later one takes the place of this.
            piece = cut(scanner, rest)?;
        } else {
            scanner.skip()?;
        }
        let follows = scanner.peek() == Some(b',');
        let end = scanner.offset();
        if is_it && rest.is_empty() {
            // With the comma in front, or the one behind where there is none in front.
            piece = Some(Span {
                start: start.saturating_sub(usize::from(count > 0)),
                end: end + usize::from(count == 0 && follows),
            });
        }
        start = end + 1;
        count += 1;
        Ok(())
    };
    if is_object {
        scanner.object(|scanner, key| {
            let is_it = !is_found && key.is(&first.key);
            is_found |= is_it;
            step(scanner, is_it)
        })?;
    } else {
        let mut at = 0;
        scanner.array(|scanner| {
            let is_it = match first.index {
                Some(Index::At(index)) => index == at,
                Some(Index::End) => true,
                None => false,
            };
            at += 1;
            step(scanner, is_it)
        })?;
    }
    Ok(piece)
}
