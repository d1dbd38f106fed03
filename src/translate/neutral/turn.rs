//! A turn of a conversation.

use super::lazy::{LazyList, LazyValue};
use super::part::{Cache, Part, Role, Text};
use super::untranslatable::MOST_PARTS;

#[derive(Clone, Debug, PartialEq)]
pub struct Turn<'a> {
    pub role: Role,
    pub parts: Parts<'a>,
}

/// The parts of a turn.
///
/// Most turns of long conversations are one short text. It stays in the client's body until it is written: as a
/// [`Part`] it would take several times its size. As a slice such a turn is empty: code that looks for calls, results
/// and cache marks finds none in it.
#[derive(Clone, Debug, PartialEq)]
pub enum Parts<'a> {
    /// A JSON string that is not empty, as written in the body.
    Raw(&'a str),
    /// Several of them.
    RawTexts(Box<RawTexts<'a>>),
    List(Vec<Part>),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawTexts<'a> {
    /// Each a JSON string, or a list of parts that consist of text only.
    pub texts: Vec<&'a str>,
    /// The cache mark on the last one.
    pub cache: Option<Cache>,
}

impl<'a> Turn<'a> {
    pub fn new(role: Role, parts: impl Into<Parts<'a>>) -> Self {
        let parts = parts.into();
        Self { role, parts }
    }

    /// About how many bytes the turn takes as JSON.
    pub fn weight(&self) -> usize {
        /// For the members of a message with one part.
        const EACH: usize = 96;
        match &self.parts {
            Parts::Raw(text) => EACH + text.len(),
            Parts::RawTexts(raw) => {
                let texts = raw.texts.iter();
                texts.map(|text| EACH / 2 + text.len()).sum()
            }
            Parts::List(parts) => parts.iter().map(Part::weight).sum(),
        }
    }
}

impl<'a> Parts<'a> {
    /// The parts of a message's content where they are all text. They stay as written.
    pub fn raw_from(content: &LazyList<'a>) -> Option<Self> {
        let is_text = |text: &&str| text.starts_with('"') && text.len() > 2;
        let (text, mut elements) = match content {
            LazyList::One(text) => return text.filter(is_text).map(Self::Raw),
            LazyList::Elements { text, .. } => (*text, content.clone()),
        };
        let (mut only, mut count) = (None, 0);
        for element in &mut elements {
            let text = element.object()?.plain_text()?;
            // An empty text is no part.
            if text != "\"\"" {
                only = Some(text);
                count += 1;
            }
        }
        match count {
            0 | 1 => only.map(Self::Raw),
            2..=MOST_PARTS => Some(Self::raw(vec![text])),
            _ => None,
        }
    }

    /// Texts as written in the body; see [`RawTexts::texts`].
    pub fn raw(texts: Vec<&'a str>) -> Self {
        Self::RawTexts(Box::new(RawTexts { texts, cache: None }))
    }

    /// Turns raw texts into parts.
    pub fn parse(&mut self) {
        if !matches!(self, Self::List(_)) {
            let parts = std::mem::take(self);
            *self = parts.into_iter().collect();
        }
    }

    /// Adds parts at the end.
    pub fn extend(&mut self, more: impl IntoIterator<Item = Part>) {
        self.parse();
        if let Self::List(parts) = self {
            parts.extend(more);
        }
    }

    /// Adds the parts of another turn at the end.
    pub fn append(&mut self, more: Self) {
        match (&mut *self, more) {
            (Self::Raw(first), Self::Raw(second)) => *self = Self::raw(vec![first, second]),
            (Self::Raw(first), Self::RawTexts(mut more)) if more.cache.is_none() => {
                more.texts.insert(0, first);
                *self = Self::RawTexts(more);
            }
            (Self::RawTexts(raw), Self::Raw(text)) if raw.cache.is_none() => {
                raw.texts.push(text);
            }
            (Self::RawTexts(raw), Self::RawTexts(more))
                if raw.cache.is_none() && more.cache.is_none() =>
            {
                raw.texts.extend(more.texts);
            }
            (_, more) => self.extend(more),
        }
    }

    pub fn is_empty(&self) -> bool {
        matches!(self, Self::List(parts) if parts.is_empty())
    }

    /// Marks the last text, where these are raw texts and it is not blank. Returns whether that is so.
    pub fn mark_raw(&mut self, cache: Cache) -> bool {
        if let Self::Raw(text) = *self {
            *self = Self::raw(vec![text]);
        }
        let Self::RawTexts(raw) = self else {
            return false;
        };
        let last = raw.texts.last().and_then(|text| texts_in(text).last());
        let has_words = last.is_some_and(|text| !is_blank(text));
        if has_words {
            raw.cache = Some(cache);
        }
        has_words
    }

    /// Whether raw texts are all white space; `None` for parsed parts.
    pub fn is_blank_text(&self) -> Option<bool> {
        match self {
            Self::Raw(text) => Some(is_blank(text)),
            Self::RawTexts(raw) => {
                let mut texts = raw.texts.iter().flat_map(|text| texts_in(text));
                Some(texts.all(is_blank))
            }
            Self::List(_) => None,
        }
    }

    /// The same parts, independent of the body.
    pub fn into_owned(self) -> Parts<'static> {
        Parts::List(self.into_iter().collect())
    }
}

/// The JSON strings in an entry of [`RawTexts::texts`].
fn texts_in<'a>(entry: &'a str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
    match entry.starts_with('[') {
        true => {
            let texts = LazyList::of(entry).filter_map(|part| part.object()?.plain_text());
            Box::new(texts.filter(|text| *text != "\"\""))
        }
        false => Box::new(std::iter::once(entry)),
    }
}

/// The string that a JSON text stands for; only strings are kept as raw texts.
fn decoded(text: &str) -> String {
    LazyValue::of(text).into_text()
}

fn is_blank(text: &str) -> bool {
    decoded(text).trim().is_empty()
}

impl Default for Parts<'_> {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl From<Vec<Part>> for Parts<'_> {
    fn from(parts: Vec<Part>) -> Self {
        Self::List(parts)
    }
}

impl From<Part> for Parts<'_> {
    fn from(part: Part) -> Self {
        Self::List(vec![part])
    }
}

impl FromIterator<Part> for Parts<'_> {
    fn from_iter<I: IntoIterator<Item = Part>>(parts: I) -> Self {
        Self::List(parts.into_iter().collect())
    }
}

impl std::ops::Deref for Parts<'_> {
    type Target = [Part];

    fn deref(&self) -> &[Part] {
        match self {
            Self::Raw(_) | Self::RawTexts(_) => &[],
            Self::List(parts) => parts,
        }
    }
}

impl std::ops::DerefMut for Parts<'_> {
    fn deref_mut(&mut self) -> &mut [Part] {
        match self {
            Self::Raw(_) | Self::RawTexts(_) => &mut [],
            Self::List(parts) => parts,
        }
    }
}

/// The parts; a raw text is parsed when it is reached.
pub enum IntoIter<'a> {
    Raw(Option<&'a str>),
    RawTexts {
        texts: std::iter::Peekable<Box<dyn Iterator<Item = &'a str> + 'a>>,
        /// Of the last one.
        cache: Option<Cache>,
    },
    List(std::vec::IntoIter<Part>),
}

impl Iterator for IntoIter<'_> {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        match self {
            Self::Raw(text) => text.take().map(|text| Part::text(decoded(text))),
            Self::List(parts) => parts.next(),
            Self::RawTexts { texts, cache } => {
                let text = decoded(texts.next()?);
                let cache = cache.filter(|_| texts.peek().is_none());
                Some(Part::Text(Text { text, cache }))
            }
        }
    }
}

impl<'a> IntoIterator for Parts<'a> {
    type Item = Part;
    type IntoIter = IntoIter<'a>;

    fn into_iter(self) -> IntoIter<'a> {
        match self {
            Self::Raw(text) => IntoIter::Raw(Some(text)),
            Self::RawTexts(raw) => {
                let texts: Box<dyn Iterator<Item = &'a str> + 'a> =
                    Box::new(raw.texts.into_iter().flat_map(texts_in));
                IntoIter::RawTexts {
                    texts: texts.peekable(),
                    cache: raw.cache,
                }
            }
            Self::List(parts) => IntoIter::List(parts.into_iter()),
        }
    }
}

impl<'p> IntoIterator for &'p Parts<'_> {
    type Item = &'p Part;
    type IntoIter = std::slice::Iter<'p, Part>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'p> IntoIterator for &'p mut Parts<'_> {
    type Item = &'p mut Part;
    type IntoIter = std::slice::IterMut<'p, Part>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}
