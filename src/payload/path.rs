//! Paths into a body: `a.b.0`, `a.-1`, `a.#(x=="y").z`, `a*`.

use std::fmt;

use crate::glob::{Glob, Piece};

/// Segments of a path at most, those of a query counted on from the one it stands in: what bounds every walk.
/// Real bodies are not a quarter as deep.
const SEGMENTS: usize = 64;

/// A place in a body, or several.
#[derive(Clone, Debug)]
pub struct Path {
    source: Box<str>,
    pub(super) segments: Box<[Segment]>,
    /// Whether it has wildcards or queries: it leads only to what is there already.
    is_complex: bool,
    /// Whether it uses what has no meaning here and leads nowhere.
    is_inert: bool,
}

/// Equal are paths that lead to the same, however they are written.
impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.segments == other.segments && self.is_inert == other.is_inert
    }
}

impl Eq for Path {}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Name(Name),
    /// The first member whose key matches.
    Keys(Glob),
    /// `#`: every element.
    Every,
    Query(Query),
}

/// A key of an object, and an element of an array if it is a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub key: Box<str>,
    pub index: Option<Index>,
    /// Written `:0`: never makes an array.
    pub is_key: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Index {
    At(usize),
    /// `-1`: behind the last one to set, the last one to delete.
    End,
}

/// `#(path op value)`: the first element that fits; with a `#` behind it, all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// `None` for the element itself.
    pub path: Option<Box<Path>>,
    /// `None`: it is enough that there is something.
    pub test: Option<(Operator, Box<str>)>,
    pub is_all: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
    NotLike,
}

/// Why a text is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAPath {
    Empty,
    /// A dot at the beginning, at the end, or behind another one.
    EmptySegment,
    TooDeep,
    /// A query that does not end, or makes no sense.
    Query,
}

impl fmt::Display for NotAPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "is empty",
            Self::EmptySegment => "has an empty segment",
            Self::TooDeep => "has more than 64 segments",
            Self::Query => "has a query that cannot be read",
        })
    }
}

impl std::error::Error for NotAPath {}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// When it leads nowhere whatever the body is.
    pub fn parse(text: &str) -> Result<Self, NotAPath> {
        Self::within(text, SEGMENTS)
    }

    fn within(text: &str, depth: usize) -> Result<Self, NotAPath> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NotAPath::Empty);
        }
        let mut path = Self {
            source: text.into(),
            segments: Box::default(),
            is_complex: false,
            is_inert: false,
        };
        let mut segments = Vec::new();
        let mut rest = text;
        loop {
            let left = depth.checked_sub(segments.len() + 1);
            let left = left.ok_or(NotAPath::TooDeep)?;
            let (segment, after) = path.segment(rest, left)?;
            segments.push(segment);
            match after {
                Some(after) => rest = after,
                None => break,
            }
        }
        path.segments = segments.into();
        Ok(path)
    }

    /// The first segment of `text`, and what follows its dot.
    fn segment<'t>(
        &mut self,
        text: &'t str,
        left: usize,
    ) -> Result<(Segment, Option<&'t str>), NotAPath> {
        if let Some(body) = text.strip_prefix("#(") {
            self.is_complex = true;
            let (inside, after) = parenthesis(body).ok_or(NotAPath::Query)?;
            let (is_all, after) = match after.strip_prefix('#') {
                Some(after) => (true, after),
                None => (false, after),
            };
            let query = Query::parse(inside, is_all, left)?;
            return match after.strip_prefix('.') {
                Some(after) => Ok((Segment::Query(query), Some(after))),
                None if after.is_empty() => Ok((Segment::Query(query), None)),
                None => Err(NotAPath::Query),
            };
        }
        let (is_key, text) = match text.strip_prefix(':') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut pieces = Vec::new();
        let mut after = None;
        let mut has_wildcard = false;
        let mut is_escaped = false;
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let piece = match c {
                '.' => {
                    after = Some(chars.as_str());
                    break;
                }
                '\\' => {
                    is_escaped = true;
                    match chars.next() {
                        Some(literal) => Piece::Exact(literal),
                        None => break,
                    }
                }
                '*' | '?' => {
                    has_wildcard = true;
                    if c == '*' { Piece::Run } else { Piece::Any }
                }
                '|' | '@' | '#' => {
                    self.is_complex = true;
                    self.is_inert |= c == '|' || (c == '@' && pieces.is_empty());
                    Piece::Exact(c)
                }
                other => Piece::Exact(other),
            };
            pieces.push(piece);
        }
        if pieces.is_empty() {
            return Err(NotAPath::EmptySegment);
        }
        if has_wildcard {
            self.is_complex = true;
            return Ok((Segment::Keys(Glob::of(pieces)), after));
        }
        if pieces == [Piece::Exact('#')] && !is_escaped && !is_key {
            return Ok((Segment::Every, after));
        }
        let key = pieces.iter().filter_map(|piece| match piece {
            Piece::Exact(c) => Some(*c),
            Piece::Run | Piece::Any => None,
        });
        let name = Name::new(key.collect(), is_key);
        Ok((Segment::Name(name), after))
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it leads only to what is there already, perhaps to several places.
    pub fn is_complex(&self) -> bool {
        self.is_complex
    }

    /// Whether it leads nowhere: `|` and `@` mean nothing in a body.
    pub fn is_inert(&self) -> bool {
        self.is_inert
    }

    /// Its names, if it has nothing else.
    pub(super) fn names(&self) -> Option<Vec<&Name>> {
        if self.is_complex {
            return None;
        }
        let names = self.segments.iter().map(|segment| match segment {
            Segment::Name(name) => Some(name),
            _ => None,
        });
        names.collect()
    }

    /// With another key in one place; `None` if it is that already.
    pub(super) fn respelt(&self, at: usize, key: &str) -> Option<Self> {
        let mut segments = self.segments.clone();
        let Segment::Name(name) = segments.get_mut(at)? else {
            return None;
        };
        if *name.key == *key {
            return None;
        }
        name.key = key.into();
        Some(Self {
            segments,
            ..self.clone()
        })
    }

    /// Its first segments.
    pub(super) fn beginning(&self, length: usize) -> Self {
        Self {
            segments: self.segments.iter().take(length).cloned().collect(),
            ..self.clone()
        }
    }
}

impl Name {
    fn new(key: String, is_key: bool) -> Self {
        let index = if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit()) {
            // One that is too large for a number is too large for any array.
            Some(Index::At(key.parse().unwrap_or(usize::MAX)))
        } else if key == "-1" && !is_key {
            Some(Index::End)
        } else {
            None
        };
        Self {
            key: key.into(),
            index,
            is_key,
        }
    }
}

impl Query {
    fn parse(text: &str, is_all: bool, left: usize) -> Result<Self, NotAPath> {
        let (path, operator, value) = split(text);
        let path = match path.trim() {
            "" => None,
            path => Some(Box::new(Path::within(path, left)?)),
        };
        let test = match operator {
            None => None,
            Some(operator) => Some((operator, unquoted(value.trim()).ok_or(NotAPath::Query)?)),
        };
        if path.is_none() && test.is_none() {
            return Err(NotAPath::Query);
        }
        Ok(Self { path, test, is_all })
    }
}

/// Splits behind the parenthesis that closes. Quotes and inner parentheses are passed over.
fn parenthesis(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let mut is_quoted = false;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '"' => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted && depth == 0 => {
                return Some((text.get(..at)?, text.get(at + 1..)?));
            }
            ')' if !is_quoted => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The parts of a query, at its first operator outside of inner queries.
fn split(text: &str) -> (&str, Option<Operator>, &str) {
    const OPERATORS: [(&str, Operator); 9] = [
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("!%", Operator::NotLike),
        ("=", Operator::Equal),
        ("<", Operator::Less),
        (">", Operator::Greater),
        ("%", Operator::Like),
    ];
    let mut depth = 0_usize;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            _ => {
                let (before, rest) = text.split_at(at);
                for (sign, operator) in OPERATORS {
                    if let Some(value) = rest.strip_prefix(sign) {
                        return (before, Some(operator), value);
                    }
                }
            }
        }
    }
    (text, None, "")
}

/// A value as it is meant: a JSON string without its quotes, anything else as it stands.
fn unquoted(text: &str) -> Option<Box<str>> {
    if text.starts_with('"') {
        return serde_json::from_str::<String>(text).ok().map(Box::from);
    }
    Some(text.into())
}
