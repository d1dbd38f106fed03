//! Reading the values at a path.
//!
//! Each walk passes over the text once, as deep as the path is long; a query looks at an element twice. Where the
//! members of an object have equal keys, readers differ in which of them they take, so a walk goes into each.

use std::borrow::Cow;

use super::path::{Index, Operator, Path, Query, Segment};
use crate::glob::Glob;
use crate::json::{Invalid, Scanner, Span, Text};

type Walked<T> = Result<T, Invalid>;

/// The value at `path` as JSON. Of several places a list: `a.#.x` is all that there is, `a.#` how many. Of members
/// with equal keys what the first has, else the last, else another.
pub fn get<'t>(text: &'t str, path: &Path) -> Option<Cow<'t, str>> {
    readings(text, path)?.into_any()
}

/// Whether there is something at `path`, for whichever reader; `null` is something.
pub fn exists(text: &str, path: &Path) -> bool {
    get(text, path).is_some()
}

/// What different readers find at `path`; `None` where nobody can.
pub(super) fn readings<'t>(text: &'t str, path: &Path) -> Option<Readings<'t>> {
    if path.is_inert() {
        return None;
    }
    let mut scanner = Scanner::over(text);
    let found = value(&mut scanner, &path.segments).ok()?;
    scanner.end().ok()?;
    Some(found)
}

/// What becomes of further members whose key is equal to that of one on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeats {
    /// They stay, and are led into.
    Kept,
    /// They are to be left out.
    Dropped,
}

/// Something that a path leads to.
pub(super) struct Place {
    pub span: Span,
    /// It is to be left out, with its comma.
    pub is_surplus: bool,
}

/// Every value that `path` leads to; none for a number of elements, which is no place.
pub(super) fn places(text: &str, path: &Path, repeats: Repeats) -> Vec<Place> {
    let mut found = Vec::new();
    let mut scanner = Scanner::over(text);
    let walked = collect(&mut scanner, &path.segments, repeats, &mut found);
    match walked.and_then(|()| scanner.end()) {
        Ok(()) if !path.is_inert() => found,
        _ => Vec::new(),
    }
}

/// A member that is not the first of its object, with the comma in front of it.
pub(super) fn with_comma(start: usize, end: usize) -> Span {
    Span {
        start: start.saturating_sub(1),
        end,
    }
}

/// What readers find who take the first of equal members, the last of them, or one between.
#[derive(Default)]
pub(super) struct Readings<'t> {
    first: Option<Cow<'t, str>>,
    /// `None` where it is the same as the first.
    last: Option<Option<Cow<'t, str>>>,
    /// Something that the reader of the first does not find.
    other: Option<Cow<'t, str>>,
}

impl<'t> Readings<'t> {
    fn of(found: Cow<'t, str>) -> Self {
        Self {
            first: Some(found),
            ..Self::default()
        }
    }

    /// For who takes the first of equal members, and for who takes the last.
    pub fn both(&self) -> [Option<&str>; 2] {
        let last = self.last.as_ref().unwrap_or(&self.first);
        [self.first.as_deref(), last.as_deref()]
    }

    fn into_any(self) -> Option<Cow<'t, str>> {
        self.first.or(self.last.flatten()).or(self.other)
    }

    /// Adds what there is in another member with the same key, which comes later.
    fn join(&mut self, mut later: Self) {
        if self.first.is_none() && self.other.is_none() {
            // Until now it was the last.
            self.other = self.last.take().flatten().or(later.other.take());
            if self.other.is_none() {
                self.other.clone_from(&later.first);
            }
        }
        self.last = Some(later.last.unwrap_or(later.first));
    }
}

/// Which members of an object a segment leads to: those of its key, or of the first key that matches.
struct Chosen<'s, 't> {
    segment: &'s Segment,
    matched: Option<Cow<'t, str>>,
}

impl<'s, 't> Chosen<'s, 't> {
    fn by(segment: &'s Segment) -> Self {
        Self {
            segment,
            matched: None,
        }
    }

    fn has(&mut self, key: &Text<'t>) -> bool {
        match (self.segment, &self.matched) {
            (Segment::Name(name), _) => key.is(&name.key),
            (Segment::Keys(_), Some(matched)) => key.is(matched),
            (Segment::Keys(glob), None) => {
                let key = key.decode();
                let is_match = glob.matches(&key);
                if is_match {
                    self.matched = Some(key);
                }
                is_match
            }
            (Segment::Every | Segment::Query(_), _) => false,
        }
    }
}

/// Takes the next value and says what `segments` lead to in it.
fn value<'t>(scanner: &mut Scanner<'t>, segments: &[Segment]) -> Walked<Readings<'t>> {
    let Some((first, rest)) = segments.split_first() else {
        let (_, span) = scanner.value()?;
        return Ok(Readings::of(Cow::Borrowed(scanner.source(span))));
    };
    let mut found: Option<Readings<'t>> = None;
    let mut join = |one: Readings<'t>| match &mut found {
        Some(found) => found.join(one),
        None => found = Some(one),
    };
    match (scanner.peek(), first) {
        (Some(b'{'), _) => {
            let mut chosen = Chosen::by(first);
            scanner.object(|scanner, key| {
                if !chosen.has(&key) {
                    return scanner.skip();
                }
                join(value(scanner, rest)?);
                Ok(())
            })?;
        }
        (Some(b'['), Segment::Every) => {
            let mut count = 0_usize;
            let mut lists = Lists::default();
            scanner.array(|scanner| {
                count += 1;
                if rest.is_empty() {
                    return scanner.skip();
                }
                lists.add([true; 2], &value(scanner, rest)?);
                Ok(())
            })?;
            join(match rest.is_empty() {
                true => Readings::of(Cow::Owned(count.to_string())),
                false => lists.finish(false),
            });
        }
        (Some(b'['), Segment::Query(query)) if query.is_all => {
            let mut lists = Lists::default();
            scanner.array(|scanner| {
                let fits = query.fits(scanner)?;
                if fits == [false; 2] {
                    return scanner.skip();
                }
                lists.add(fits, &value(scanner, rest)?);
                Ok(())
            })?;
            join(lists.finish(true));
        }
        (Some(b'['), Segment::Query(query)) => {
            let mut search = Search::default();
            scanner.array(|scanner| match search.takes(query, scanner)? {
                false => scanner.skip(),
                true => {
                    join(value(scanner, rest)?);
                    Ok(())
                }
            })?;
            if search == Search::Unsure {
                join(Readings::default());
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
                join(value(scanner, rest)?);
                Ok(())
            })?;
        }
        _ => scanner.skip()?,
    }
    Ok(found.unwrap_or_default())
}

/// The same walk, for the places alone.
fn collect(
    scanner: &mut Scanner<'_>,
    segments: &[Segment],
    repeats: Repeats,
    found: &mut Vec<Place>,
) -> Walked<()> {
    let Some((first, rest)) = segments.split_first() else {
        found.push(Place {
            span: scanner.value()?.1,
            is_surplus: false,
        });
        return Ok(());
    };
    match (scanner.peek(), first) {
        (Some(b'{'), _) => {
            let mut chosen = Chosen::by(first);
            let mut has_one = false;
            let mut start = scanner.offset() + 1;
            scanner.object(|scanner, key| {
                if !chosen.has(&key) {
                    scanner.skip()?;
                } else if has_one && repeats == Repeats::Dropped {
                    scanner.skip()?;
                    found.push(Place {
                        span: with_comma(start, scanner.offset()),
                        is_surplus: true,
                    });
                } else {
                    has_one = true;
                    collect(scanner, rest, repeats, found)?;
                }
                scanner.peek();
                start = scanner.offset() + 1;
                Ok(())
            })
        }
        (Some(b'['), Segment::Every) if !rest.is_empty() => {
            scanner.array(|scanner| collect(scanner, rest, repeats, found))
        }
        (Some(b'['), Segment::Query(query)) => {
            let mut search = Search::default();
            scanner.array(|scanner| match search.takes(query, scanner)? {
                true => collect(scanner, rest, repeats, found),
                false => scanner.skip(),
            })
        }
        (Some(b'['), Segment::Name(name)) => {
            let mut at = 0;
            scanner.array(|scanner| {
                let is_it = name.index == Some(Index::At(at));
                at += 1;
                match is_it {
                    true => collect(scanner, rest, repeats, found),
                    false => scanner.skip(),
                }
            })
        }
        _ => scanner.skip(),
    }
}

/// Lists as the reader of the first of equal members has them, and the reader of the last.
#[derive(Default)]
struct Lists([List; 2]);

impl Lists {
    fn add(&mut self, fits: [bool; 2], one: &Readings<'_>) {
        for ((list, fits), found) in self.0.iter_mut().zip(fits).zip(one.both()) {
            if let (true, Some(found)) = (fits, found) {
                list.add(found);
            }
        }
    }

    /// `or_nothing`: an empty one is nothing.
    fn finish<'t>(self, or_nothing: bool) -> Readings<'t> {
        let list = |list: List| match or_nothing && list.0.is_empty() {
            true => None,
            false => Some(Cow::Owned(list.finish())),
        };
        let [first, last] = self.0;
        let last = (last.0 != first.0).then(|| list(last));
        Readings {
            first: list(first),
            last,
            other: None,
        }
    }
}

#[derive(Default)]
struct List(String);

impl List {
    fn add(&mut self, value: &str) {
        self.0.push(if self.0.is_empty() { '[' } else { ',' });
        self.0.push_str(value);
    }

    fn finish(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('[');
        }
        self.0.push(']');
        self.0
    }
}

/// The elements of an array that a query leads to.
#[derive(Default, PartialEq)]
enum Search {
    #[default]
    Open,
    /// Some readers have found what they want, others have not.
    Unsure,
    Done,
}

impl Search {
    fn takes(&mut self, query: &Query, scanner: &Scanner<'_>) -> Walked<bool> {
        if *self == Self::Done {
            return Ok(false);
        }
        let fits = query.fits(scanner)?;
        match fits {
            [false, false] => return Ok(false),
            [true, true] if !query.is_all => *self = Self::Done,
            [true, true] => {}
            _ => *self = Self::Unsure,
        }
        Ok(true)
    }
}

impl Query {
    /// Whether the next value is what is asked for, to each of both readers. It is looked at, not taken.
    fn fits(&self, scanner: &Scanner<'_>) -> Walked<[bool; 2]> {
        let mut ahead = scanner.clone();
        let path = self.path.as_ref();
        if path.is_some_and(|path| path.is_inert()) {
            return Ok([false; 2]);
        }
        let segments = path.map_or(&[][..], |path| &path.segments);
        let found = value(&mut ahead, segments)?;
        Ok(found.both().map(|found| match (found, &self.test) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(found), Some((operator, wanted))) => operator.holds(found, wanted),
        }))
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
    use crate::glob::Piece;
    let piece = |c| match c {
        '*' => Piece::Run,
        '?' => Piece::Any,
        other => Piece::Exact(other),
    };
    Glob::of(text.chars().map(piece).collect())
}
