//! What a path leads to.
//!
//! Each walk passes over the text once, as deep as the path is long; a query looks at an element twice.

use std::borrow::Cow;

use super::glob::Glob;
use super::path::{Index, Name, Operator, Path, Query, Segment};
use crate::json::{Invalid, Scanner, Span, Text};

type Walked<T> = Result<T, Invalid>;

/// The value at `path` as JSON. Of several places a list: `a.#.x` is all that there is, `a.#` how many.
pub fn get<'t>(text: &'t str, path: &Path) -> Option<Cow<'t, str>> {
    if path.is_inert() {
        return None;
    }
    let mut scanner = Scanner::over(text);
    let found = value(&mut scanner, &path.segments).ok()?;
    scanner.end().ok()?;
    found
}

/// Whether there is something at `path`; `null` is something.
pub fn exists(text: &str, path: &Path) -> bool {
    get(text, path).is_some()
}

/// Every value that `path` leads to; none for a number of elements, which is no place.
pub(super) fn places(text: &str, path: &Path) -> Vec<Span> {
    let mut found = Vec::new();
    let mut scanner = Scanner::over(text);
    let walked = collect(&mut scanner, &path.segments, &mut found);
    match walked.and_then(|()| scanner.end()) {
        Ok(()) if !path.is_inert() => found,
        _ => Vec::new(),
    }
}

impl Segment {
    /// Whether it leads to the member of that key.
    fn is_key(&self, key: &Text<'_>) -> bool {
        match self {
            Self::Name(Name { key: name, .. }) => key.is(name),
            Self::Keys(glob) => glob.matches(&key.decode()),
            Self::Every | Self::Query(_) => false,
        }
    }
}

/// Takes the next value and says what `segments` lead to in it.
fn value<'t>(scanner: &mut Scanner<'t>, segments: &[Segment]) -> Walked<Option<Cow<'t, str>>> {
    let Some((first, rest)) = segments.split_first() else {
        let (_, span) = scanner.value()?;
        return Ok(Some(Cow::Borrowed(scanner.source(span))));
    };
    let mut found = None;
    match (scanner.peek(), first) {
        (Some(b'{'), _) => {
            let mut is_done = false;
            scanner.object(|scanner, key| {
                if is_done || !first.is_key(&key) {
                    return scanner.skip();
                }
                is_done = true;
                found = value(scanner, rest)?;
                Ok(())
            })?;
        }
        (Some(b'['), Segment::Every) => {
            let mut count = 0_usize;
            let mut list = List::default();
            scanner.array(|scanner| {
                count += 1;
                if rest.is_empty() {
                    return scanner.skip();
                }
                list.add(value(scanner, rest)?);
                Ok(())
            })?;
            found = Some(Cow::Owned(match rest.is_empty() {
                true => count.to_string(),
                false => list.finish(),
            }));
        }
        (Some(b'['), Segment::Query(query)) => {
            let mut list = List::default();
            let mut has_fit = false;
            scanner.array(|scanner| {
                if (has_fit && !query.is_all) || !query.fits(scanner)? {
                    return scanner.skip();
                }
                has_fit = true;
                let one = value(scanner, rest)?;
                match query.is_all {
                    true => list.add(one),
                    false => found = one,
                }
                Ok(())
            })?;
            if query.is_all && !list.0.is_empty() {
                found = Some(Cow::Owned(list.finish()));
            }
        }
        (Some(b'['), Segment::Name(name)) => {
            let mut at = 0;
            scanner.array(|scanner| {
                let is_it = name.index == Some(Index::At(at));
                at += 1;
                if !is_it {
                    return scanner.skip();
                }
                found = value(scanner, rest)?;
                Ok(())
            })?;
        }
        _ => scanner.skip()?,
    }
    Ok(found)
}

/// The same walk, for the places alone.
fn collect(scanner: &mut Scanner<'_>, segments: &[Segment], found: &mut Vec<Span>) -> Walked<()> {
    let Some((first, rest)) = segments.split_first() else {
        found.push(scanner.value()?.1);
        return Ok(());
    };
    let mut is_done = false;
    match (scanner.peek(), first) {
        (Some(b'{'), _) => scanner.object(|scanner, key| {
            if is_done || !first.is_key(&key) {
                return scanner.skip();
            }
            is_done = true;
            collect(scanner, rest, found)
        }),
        (Some(b'['), Segment::Every) if !rest.is_empty() => {
            scanner.array(|scanner| collect(scanner, rest, found))
        }
        (Some(b'['), Segment::Query(query)) => scanner.array(|scanner| {
            if is_done || !query.fits(scanner)? {
                return scanner.skip();
            }
            is_done = !query.is_all;
            collect(scanner, rest, found)
        }),
        (Some(b'['), Segment::Name(name)) => {
            let mut at = 0;
            scanner.array(|scanner| {
                let is_it = name.index == Some(Index::At(at));
                at += 1;
                match is_it {
                    true => collect(scanner, rest, found),
                    false => scanner.skip(),
                }
            })
        }
        _ => scanner.skip(),
    }
}

#[derive(Default)]
struct List(String);

impl List {
    fn add(&mut self, value: Option<Cow<'_, str>>) {
        if let Some(value) = value {
            self.0.push(if self.0.is_empty() { '[' } else { ',' });
            self.0.push_str(&value);
        }
    }

    fn finish(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('[');
        }
        self.0.push(']');
        self.0
    }
}

impl Query {
    /// Whether the next value is what is asked for. It is looked at, not taken.
    fn fits(&self, scanner: &Scanner<'_>) -> Walked<bool> {
        let mut ahead = scanner.clone();
        let path = self.path.as_ref();
        if path.is_some_and(|path| path.is_inert()) {
            return Ok(false);
        }
        let segments = path.map_or(&[][..], |path| &path.segments);
        let Some(value) = value(&mut ahead, segments)? else {
            return Ok(false);
        };
        let Some((operator, wanted)) = &self.test else {
            return Ok(true);
        };
        Ok(operator.holds(&value, wanted))
    }
}

impl Operator {
    /// Compares a value, as JSON, with what the query says. Of different kinds they are only unequal.
    fn holds(self, value: &str, wanted: &str) -> bool {
        use std::cmp::Ordering;
        let mut scanner = Scanner::over(value);
        let order = match scanner.value() {
            Ok((crate::json::Value::String(text), _)) => {
                let text = text.decode();
                match self {
                    Self::Like => return like(wanted).matches(&text),
                    Self::NotLike => return !like(wanted).matches(&text),
                    _ => Some((*text).cmp(wanted)),
                }
            }
            Ok((crate::json::Value::Number(number), _)) => {
                let numbers = number.parse::<f64>().ok().zip(wanted.parse::<f64>().ok());
                numbers.and_then(|(number, wanted)| number.partial_cmp(&wanted))
            }
            Ok((crate::json::Value::True | crate::json::Value::False, _)) => {
                let wanted = wanted.parse::<bool>().ok();
                wanted.map(|wanted| (value == "true").cmp(&wanted))
            }
            _ => return false,
        };
        match (self, order) {
            (Self::NotEqual, order) => order != Some(Ordering::Equal),
            (Self::Equal, Some(order)) => order.is_eq(),
            (Self::Less, Some(order)) => order.is_lt(),
            (Self::LessOrEqual, Some(order)) => order.is_le(),
            (Self::Greater, Some(order)) => order.is_gt(),
            (Self::GreaterOrEqual, Some(order)) => order.is_ge(),
            _ => false,
        }
    }
}

/// The pattern of `%`: with both wildcards.
fn like(text: &str) -> Glob {
    use super::glob::Piece;
    let piece = |c| match c {
        '*' => Piece::Run,
        '?' => Piece::Any,
        other => Piece::Exact(other),
    };
    Glob::of(text.chars().map(piece).collect())
}
