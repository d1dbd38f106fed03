//! A turn of a conversation, and what it consists of.

use super::given::List;
use super::{Cache, Given, Part, Role, Text, Untranslatable};

/// Messages that a conversation may have. Each costs a model four tokens and more: no model takes half as many.
pub const MOST_TURNS: usize = 400_000;

/// Pieces that one message may have. Vendors take a few hundred.
pub const MOST_PARTS: usize = 50_000;

#[derive(Clone, Debug, PartialEq)]
pub struct Turn<'a> {
    pub role: Role,
    pub parts: Parts<'a>,
}

/// The pieces of a turn.
///
/// Most turns of long conversations are one short text. It stays where it is in the client's body until it is
/// written: as a piece of its own it would take several times its size. Seen as a slice it is no piece: whoever
/// looks for calls, results and marks finds none in it.
#[derive(Clone, Debug, PartialEq)]
pub enum Parts<'a> {
    /// A text that is not empty, as it is written.
    Plain(&'a str),
    /// Several of them.
    Plains(Box<Plains<'a>>),
    List(Vec<Part>),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plains<'a> {
    /// Each as it is written, or a list of pieces that are nothing but texts.
    pub texts: Vec<&'a str>,
    /// The mark on the last one.
    pub cache: Option<Cache>,
}

impl<'a> Turn<'a> {
    pub fn new(role: Role, parts: impl Into<Parts<'a>>) -> Self {
        let parts = parts.into();
        Self { role, parts }
    }

    /// About how many bytes it takes to say it.
    pub fn weight(&self) -> usize {
        /// A message, and a piece of it.
        const EACH: usize = 96;
        match &self.parts {
            Parts::Plain(text) => EACH + text.len(),
            Parts::Plains(plains) => {
                let texts = plains.texts.iter();
                texts.map(|text| EACH / 2 + text.len()).sum()
            }
            Parts::List(parts) => parts.iter().map(Part::weight).sum(),
        }
    }
}

impl<'a> Parts<'a> {
    /// Those of texts, or of lists of them, that are as they are written.
    pub fn plain(texts: Vec<&'a str>) -> Self {
        Self::Plains(Box::new(Plains { texts, cache: None }))
    }

    /// Makes pieces of plain texts.
    pub fn open(&mut self) {
        if !matches!(self, Self::List(_)) {
            let parts = std::mem::take(self);
            *self = parts.into_iter().collect();
        }
    }

    /// Adds pieces behind those that are here.
    pub fn extend(&mut self, more: impl IntoIterator<Item = Part>) {
        self.open();
        if let Self::List(parts) = self {
            parts.extend(more);
        }
    }

    /// Adds those of another turn.
    pub fn append(&mut self, more: Self) {
        match (&mut *self, more) {
            (Self::Plain(first), Self::Plain(second)) => *self = Self::plain(vec![first, second]),
            (Self::Plain(first), Self::Plains(mut more)) if more.cache.is_none() => {
                more.texts.insert(0, first);
                *self = Self::Plains(more);
            }
            (Self::Plains(plains), Self::Plain(text)) if plains.cache.is_none() => {
                plains.texts.push(text);
            }
            (Self::Plains(plains), Self::Plains(more))
                if plains.cache.is_none() && more.cache.is_none() =>
            {
                plains.texts.extend(more.texts);
            }
            (_, more) => self.extend(more),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::List(parts) if parts.is_empty())
    }

    /// Marks the last piece, where these are plain texts. Returns whether they are.
    pub fn mark_plain(&mut self, cache: Cache) -> bool {
        if let Self::Plain(text) = *self {
            *self = Self::Plains(Box::new(Plains {
                texts: vec![text],
                cache: None,
            }));
        }
        let Self::Plains(plains) = self else {
            return false;
        };
        let last = plains.texts.last();
        let last = last.and_then(|text| each(text).last());
        let is_said = last.is_some_and(|text| !is_blank(text));
        if is_said {
            plains.cache = Some(cache);
        }
        is_said
    }

    /// Whether all of it is white space.
    pub fn is_blank_text(&self) -> Option<bool> {
        match self {
            Self::Plain(text) => Some(is_blank(text)),
            Self::Plains(plains) => {
                let mut texts = plains.texts.iter().flat_map(|text| each(text));
                Some(texts.all(is_blank))
            }
            Self::List(_) => None,
        }
    }

    /// The same, independent of the body.
    pub fn into_owned(self) -> Parts<'static> {
        Parts::List(self.into_iter().collect())
    }
}

/// Says that there are more pieces than there may be.
pub fn too_many(what: &str, most: usize) -> Untranslatable {
    Untranslatable::new(what, format!("has more than {most} elements"))
}

/// The texts of an entry of [`Plains`].
fn each<'a>(text: &'a str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
    match text.starts_with('[') {
        true => Box::new(List::plain_texts(text)),
        false => Box::new(std::iter::once(text)),
    }
}

fn is_blank(text: &str) -> bool {
    match Given::of(text) {
        Given::String(text) => text.trim().is_empty(),
        _ => true,
    }
}

fn said(text: &str) -> Part {
    match Given::of(text) {
        Given::String(text) => Part::Text(Text { text, cache: None }),
        _ => Part::text(""),
    }
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
            Self::Plain(_) | Self::Plains(_) => &[],
            Self::List(parts) => parts,
        }
    }
}

impl std::ops::DerefMut for Parts<'_> {
    fn deref_mut(&mut self) -> &mut [Part] {
        match self {
            Self::Plain(_) | Self::Plains(_) => &mut [],
            Self::List(parts) => parts,
        }
    }
}

/// The pieces, each made when it is its turn.
pub enum IntoIter<'a> {
    Plain(Option<&'a str>),
    Plains {
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
            Self::Plain(text) => text.take().map(said),
            Self::List(parts) => parts.next(),
            Self::Plains { texts, cache: mark } => {
                let mut part = said(texts.next()?);
                if let (Part::Text(Text { cache, .. }), None) = (&mut part, texts.peek()) {
                    *cache = *mark;
                }
                Some(part)
            }
        }
    }
}

impl<'a> IntoIterator for Parts<'a> {
    type Item = Part;
    type IntoIter = IntoIter<'a>;

    fn into_iter(self) -> IntoIter<'a> {
        match self {
            Self::Plain(text) => IntoIter::Plain(Some(text)),
            Self::Plains(plains) => {
                let texts: Box<dyn Iterator<Item = &'a str> + 'a> =
                    Box::new(plains.texts.into_iter().flat_map(each));
                IntoIter::Plains {
                    texts: texts.peekable(),
                    cache: plains.cache,
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
