//! The body of a client's request. Its conversation is taken apart turn by turn, so that of a long one the tree is
//! never there as a whole: it takes three times as much memory as the text.

use std::ops::{Deref, DerefMut};

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Untranslatable;
use crate::json;

/// An object with one list that is still text.
#[derive(Debug, Default)]
pub struct Body<'a> {
    fields: Map<String, Value>,
    turns: Option<(&'static str, Elements<'a>)>,
}

/// What stands where a conversation should.
#[derive(Debug)]
pub enum Turns<'a> {
    Absent,
    List(Elements<'a>),
    Other(Value),
}

/// The turns of a conversation, each parsed when it is its turn.
#[derive(Debug)]
pub struct Elements<'a>(Source<'a>);

#[derive(Debug)]
enum Source<'a> {
    Written(std::vec::IntoIter<&'a RawValue>),
    Parsed(std::vec::IntoIter<Value>),
}

impl<'a> Body<'a> {
    /// Parses a body but for the list at `turns`.
    ///
    /// # Errors
    /// When it is not a JSON object.
    pub fn parse(bytes: &'a [u8], turns: &'static str) -> Result<Self, Untranslatable> {
        let refused = |error: &dyn std::fmt::Display| Untranslatable::new("", error.to_string());
        let mut body = Self::default();
        for member in json::members(bytes).map_err(|error| refused(&error))? {
            let text = bytes
                .get(member.value.start..member.value.end)
                .unwrap_or_default();
            if member.key == turns && text.first() == Some(&b'[') {
                let list: Vec<&RawValue> =
                    serde_json::from_slice(text).map_err(|error| refused(&error))?;
                body.turns = Some((turns, Elements(Source::Written(list.into_iter()))));
                continue;
            }
            let value = serde_json::from_slice(text).map_err(|error| refused(&error))?;
            body.fields.insert(member.key.into_owned(), value);
        }
        Ok(body)
    }

    /// Takes the conversation.
    pub fn turns(&mut self, key: &str) -> Turns<'a> {
        if let Some((_, elements)) = self.turns.take_if(|(known, _)| *known == key) {
            return Turns::List(elements);
        }
        match self.fields.shift_remove(key) {
            None | Some(Value::Null) => Turns::Absent,
            Some(Value::Array(list)) => Turns::List(list.into()),
            Some(other) => Turns::Other(other),
        }
    }
}

impl From<Map<String, Value>> for Body<'_> {
    fn from(fields: Map<String, Value>) -> Self {
        Self {
            fields,
            turns: None,
        }
    }
}

impl From<Vec<Value>> for Elements<'_> {
    fn from(values: Vec<Value>) -> Self {
        Self(Source::Parsed(values.into_iter()))
    }
}

impl Deref for Body<'_> {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Self::Target {
        &self.fields
    }
}

impl DerefMut for Body<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.fields
    }
}

impl Iterator for Elements<'_> {
    type Item = Result<Value, Untranslatable>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Source::Parsed(values) => values.next().map(Ok),
            Source::Written(texts) => {
                let parsed = serde_json::from_str(texts.next()?.get());
                Some(parsed.map_err(|error| Untranslatable::new("", error.to_string())))
            }
        }
    }
}
