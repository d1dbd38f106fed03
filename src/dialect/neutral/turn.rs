//! A turn of a conversation, and what it consists of.

use super::{Given, Part, Role, Text, Untranslatable};

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
    List(Vec<Part>),
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
            Parts::List(parts) => parts.iter().map(Part::weight).sum(),
        }
    }
}

impl Parts<'_> {
    /// Makes a piece of a plain text.
    pub fn open(&mut self) {
        let parts = std::mem::take(self);
        *self = parts.into_iter().collect();
    }

    /// Adds pieces behind those that are here.
    pub fn extend(&mut self, more: impl IntoIterator<Item = Part>) {
        self.open();
        if let Self::List(parts) = self {
            parts.extend(more);
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::List(parts) if parts.is_empty())
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
            Self::Plain(_) => &[],
            Self::List(parts) => parts,
        }
    }
}

impl std::ops::DerefMut for Parts<'_> {
    fn deref_mut(&mut self) -> &mut [Part] {
        match self {
            Self::Plain(_) => &mut [],
            Self::List(parts) => parts,
        }
    }
}

impl IntoIterator for Parts<'_> {
    type Item = Part;
    type IntoIter = std::vec::IntoIter<Part>;

    fn into_iter(self) -> Self::IntoIter {
        match self {
            Self::Plain(text) => vec![said(text)].into_iter(),
            Self::List(parts) => parts.into_iter(),
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
