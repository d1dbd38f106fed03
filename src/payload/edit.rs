//! Changing one place of a body.
//!
//! The place is found in one pass; what stands around it is kept byte for byte. Members of an object can have equal
//! keys, of which some readers take the first and some the last: each of them is changed.

use std::borrow::Cow;

use super::path::{Index, Name, Path};
use super::read::{self, Place, Repeats};
use crate::json::{Invalid, Scanner, Span};

/// Elements that an array is filled up with, at most, to reach an index.
const PADDING: usize = 1024;
/// Bytes by which one path may make a body longer beyond the value it writes once: a path with `#` writes it
/// once for every element, and how many there are is the client's say.
const GROWTH: usize = 16 << 20;
/// Members with equal keys that are changed each for itself; of more, only the first stays.
const EQUAL: usize = 1024;

type Walked<T> = Result<T, Invalid>;

/// A piece of the text and what comes in its place.
struct Change<'v> {
    span: Span,
    bytes: Cow<'v, str>,
}

/// The text with `value`, which is JSON, at `path`. A complex path replaces what it leads to and makes nothing.
///
/// `None` when that cannot be: a key in an array, an index far behind its end, nothing that a complex path
/// leads to, or a text that is no JSON.
pub fn set(text: &str, path: &Path, value: &str) -> Option<String> {
    // A client can repeat a member as often as it likes. That must not come to more than a body may be, and not to
    // the value being left out either.
    changed(text, path, value, Repeats::Kept)
        .or_else(|TooMuch| changed(text, path, value, Repeats::Dropped))
        .ok()?
}

/// More than is written into a body.
struct TooMuch;

fn changed(
    text: &str,
    path: &Path,
    value: &str,
    repeats: Repeats,
) -> Result<Option<String>, TooMuch> {
    let Some(names) = path.names() else {
        return replace(text, &read::places(text, path, repeats), value);
    };
    let mut scanner = Scanner::over(text);
    let mut put = Put {
        value,
        repeats,
        changes: Vec::new(),
        bytes: 0,
    };
    let walked = put.value(&mut scanner, &names);
    if walked.and_then(|()| scanner.end()).is_err() || put.changes.is_empty() {
        return Ok(None);
    }
    if put.is_too_much() {
        return Err(TooMuch);
    }
    let changes = put.changes.iter();
    Ok(spliced(
        text,
        changes.map(|change| (change.span, &*change.bytes)),
    ))
}

/// The text without what is at `path`; what it was in stays. `None` when there is nothing, for a complex path,
/// and for a text that is no JSON.
pub fn delete(text: &str, path: &Path) -> Option<String> {
    let names = path.names()?;
    let mut scanner = Scanner::over(text);
    let mut pieces = Vec::new();
    cut(&mut scanner, &names, &mut pieces).ok()?;
    scanner.end().ok()?;
    if pieces.is_empty() {
        return None;
    }
    spliced(text, pieces.into_iter().map(|span| (span, "")))
}

/// The text with other bytes in the place of some pieces, which come in their order. `None` if they are of another text.
fn spliced<'c>(text: &str, changes: impl Iterator<Item = (Span, &'c str)>) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (span, bytes) in changes {
        out.push_str(text.get(at..span.start)?);
        out.push_str(bytes);
        at = span.end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

fn replace(text: &str, places: &[Place], value: &str) -> Result<Option<String>, TooMuch> {
    if places.is_empty() {
        return Ok(None);
    }
    let count = places.iter().filter(|place| !place.is_surplus).count();
    let more = value.len().saturating_mul(count.saturating_sub(1));
    if more > GROWTH {
        return Err(TooMuch);
    }
    let change = |place: &Place| match place.is_surplus {
        true => (place.span, ""),
        false => (place.span, value),
    };
    Ok(spliced(text, places.iter().map(change)))
}

/// What has to change for a value to be at a place.
struct Put<'v> {
    value: &'v str,
    repeats: Repeats,
    /// In their order.
    changes: Vec<Change<'v>>,
    /// Of the changes together.
    bytes: usize,
}

impl<'v> Put<'v> {
    fn is_too_much(&self) -> bool {
        self.repeats == Repeats::Kept
            && (self.changes.len() > EQUAL || self.bytes > self.value.len().saturating_add(GROWTH))
    }

    fn write(&mut self, span: Span, bytes: Cow<'v, str>) {
        self.bytes += bytes.len();
        self.changes.push(Change { span, bytes });
    }

    /// Takes the next value and notes what to change in it.
    fn value(&mut self, scanner: &mut Scanner<'_>, names: &[&Name]) -> Walked<()> {
        let Some((first, rest)) = names.split_first() else {
            let (_, span) = scanner.value()?;
            self.write(span, Cow::Borrowed(self.value));
            return Ok(());
        };
        let mut is_found = false;
        let mut count = 0_usize;
        let is_object = match scanner.peek() {
            Some(b'{') => true,
            Some(b'[') => false,
            // Anything else gives way.
            _ => {
                let (_, span) = scanner.value()?;
                if let Some(bytes) = made(names, self.value) {
                    self.write(span, Cow::Owned(bytes));
                }
                return Ok(());
            }
        };
        if is_object {
            let mut start = scanner.offset() + 1;
            scanner.object(|scanner, key| {
                count += 1;
                if !key.is(&first.key) || self.is_too_much() {
                    scanner.skip()?;
                } else if is_found && self.repeats == Repeats::Dropped {
                    scanner.skip()?;
                    self.changes.push(Change {
                        span: read::with_comma(start, scanner.offset()),
                        bytes: Cow::Borrowed(""),
                    });
                } else {
                    is_found = true;
                    self.value(scanner, rest)?;
                }
                scanner.peek();
                start = scanner.offset() + 1;
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
                self.value(scanner, rest)
            })?;
        }
        if is_found {
            return Ok(());
        }
        // It comes last, in front of the bracket.
        let close = scanner.offset().saturating_sub(1);
        let span = Span {
            start: close,
            end: close,
        };
        let comma = if count > 0 { "," } else { "" };
        let Some(inner) = made(rest, self.value) else {
            return Ok(());
        };
        let bytes = if is_object {
            let key = quoted(&first.key);
            format!("{comma}{key}:{inner}")
        } else {
            let padding = match first.index {
                Some(Index::At(index)) => index.saturating_sub(count),
                Some(Index::End) => 0,
                None => return Ok(()),
            };
            if padding > PADDING {
                return Ok(());
            }
            format!("{comma}{}{inner}", "null,".repeat(padding))
        };
        self.write(span, Cow::Owned(bytes));
        Ok(())
    }
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

/// Takes the next value and notes which pieces of it have to go.
fn cut(scanner: &mut Scanner<'_>, names: &[&Name], pieces: &mut Vec<Span>) -> Walked<()> {
    let Some((first, rest)) = names.split_first() else {
        return scanner.skip();
    };
    let is_object = match scanner.peek() {
        Some(b'{') => true,
        Some(b'[') => false,
        _ => return scanner.skip(),
    };
    let before = pieces.len();
    let is_end = !is_object && first.index == Some(Index::End);
    let mut has_kept = false;
    let mut start = scanner.offset() + 1;
    let mut step = |scanner: &mut Scanner<'_>, count: usize, is_it: bool| {
        if is_end && count > 0 {
            // Which one is the last shows only behind it: a later one takes the place of this.
            pieces.truncate(before);
            has_kept = true;
        }
        if is_it && !rest.is_empty() {
            cut(scanner, rest, pieces)?;
        } else {
            scanner.skip()?;
        }
        let follows = scanner.peek() == Some(b',');
        let end = scanner.offset();
        if is_it && rest.is_empty() {
            // With the comma in front, or the one behind where nothing is left in front.
            pieces.push(match has_kept {
                true => read::with_comma(start, end),
                false => Span {
                    start,
                    end: end + usize::from(follows),
                },
            });
        } else {
            has_kept = true;
        }
        start = end + 1;
        Ok(())
    };
    let mut count = 0;
    let mut next = || {
        count += 1;
        count - 1
    };
    if is_object {
        return scanner.object(|scanner, key| step(scanner, next(), key.is(&first.key)));
    }
    scanner.array(|scanner| {
        let at = next();
        let is_it = is_end || first.index == Some(Index::At(at));
        step(scanner, at, is_it)
    })
}
