//! The body of an upstream's request as it is written. What can be long becomes text piece by piece, so that it is
//! never there as a tree: that takes ten times as much memory as the text.

use std::ops::{Deref, DerefMut};

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Hosted, Json, Untranslatable};
use crate::wire::Dialect;

type Result<T> = std::result::Result<T, Untranslatable>;

/// Bytes of room made at least for what comes next.
const LEAST_ROOM: usize = 8 * 1024;

/// An object whose long members are text.
#[derive(Debug, Default)]
pub struct Written {
    /// The lists have their places here, and `null` in them.
    fields: Map<String, Value>,
    lists: Vec<(&'static str, Wrap, List)>,
    /// A value deep in a field, by the names that lead there.
    deep: Option<(&'static [&'static str], Json)>,
    /// The conversation goes on with results of calls that were made without a thought.
    pub is_thoughtless_loop: bool,
}

/// What stands around a list in the place of a member.
#[derive(Clone, Copy, Debug)]
pub enum Wrap {
    None,
    /// An object with the list at this name.
    Object(&'static str),
    /// A list of one such object.
    List(&'static str),
}

/// A list as far as it is written.
#[derive(Debug, Default)]
pub struct List {
    /// What is done, element by element with commas between them.
    text: Vec<u8>,
    /// The innermost list that is open has elements.
    has_elements: bool,
    /// How much there is to be written and how much of it is done, in any unit.
    work: (usize, usize),
}

/// A value of a member.
#[derive(Debug)]
pub enum Item {
    Value(Value),
    Json(Json),
}

impl List {
    /// One that is to be written from so much.
    pub fn expecting(work: usize) -> Self {
        Self {
            work: (work, 0),
            ..Self::default()
        }
    }

    /// So much of what it is written from is done.
    pub fn advance(&mut self, work: usize) {
        self.work.1 += work;
    }

    pub fn is_empty(&self) -> bool {
        !self.has_elements
    }

    /// How far it is, for [`Self::reset`].
    pub fn mark(&self) -> (usize, bool) {
        (self.text.len(), self.has_elements)
    }

    /// Takes back what was written since.
    pub fn reset(&mut self, (length, has_elements): (usize, bool)) {
        self.text.truncate(length);
        self.has_elements = has_elements;
    }

    /// # Errors
    /// When it cannot be said as JSON.
    pub fn push(&mut self, value: Value) -> Result<()> {
        self.begin();
        self.value(&value)
    }

    /// Adds an object.
    ///
    /// # Errors
    /// As with [`Self::push`].
    pub fn push_object(
        &mut self,
        members: impl IntoIterator<Item = (&'static str, Item)>,
    ) -> Result<()> {
        self.begin();
        self.text.push(b'{');
        self.members(members, false)?;
        self.text.push(b'}');
        Ok(())
    }

    /// Adds an object whose last member is a list at `key`. `elements` pushes what is in
    /// the list. Where that is nothing, there is no object. Returns whether there is one.
    ///
    /// # Errors
    /// As with [`Self::push`], and what `elements` returns.
    pub fn push_list(
        &mut self,
        members: impl IntoIterator<Item = (&'static str, Item)>,
        key: &'static str,
        elements: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<bool> {
        let mark = self.mark();
        self.open(members, key)?;
        elements(self)?;
        if !self.has_elements {
            self.reset(mark);
            return Ok(false);
        }
        self.close([])?;
        Ok(true)
    }

    /// Begins an object with a list at `key`; what is pushed is in that list until it is closed.
    ///
    /// # Errors
    /// As with [`Self::push`].
    pub fn open(
        &mut self,
        members: impl IntoIterator<Item = (&'static str, Item)>,
        key: &'static str,
    ) -> Result<()> {
        self.begin();
        self.text.push(b'{');
        if self.members(members, false)? {
            self.text.push(b',');
        }
        write(&mut self.text, key)?;
        self.text.extend_from_slice(b":[");
        self.has_elements = false;
        Ok(())
    }

    /// Ends the list that was opened last, and its object with these members.
    ///
    /// # Errors
    /// As with [`Self::push`].
    pub fn close(&mut self, behind: impl IntoIterator<Item = (&'static str, Item)>) -> Result<()> {
        self.text.push(b']');
        self.members(behind, true)?;
        self.text.push(b'}');
        self.has_elements = true;
        Ok(())
    }

    fn members(
        &mut self,
        members: impl IntoIterator<Item = (&'static str, Item)>,
        mut has_some: bool,
    ) -> Result<bool> {
        for (key, item) in members {
            if std::mem::replace(&mut has_some, true) {
                self.text.push(b',');
            }
            write(&mut self.text, key)?;
            self.text.push(b':');
            match item {
                Item::Value(value) => self.value(&value)?,
                Item::Json(json) => {
                    let json = json.as_str().as_bytes();
                    self.room(json.len() + LEAST_ROOM);
                    self.text.extend_from_slice(json);
                }
            }
        }
        Ok(has_some)
    }

    /// Adds a value with `json` in the place of what the names in `path` lead to.
    ///
    /// # Errors
    /// As with [`Self::push`].
    pub fn push_with(&mut self, value: &Value, path: &[&str], json: &Json) -> Result<()> {
        self.begin();
        self.room(json.as_str().len() + LEAST_ROOM);
        write_with(&mut self.text, value, path, json.as_str())
    }

    /// Adds those tools of vendors that the upstream has.
    ///
    /// # Errors
    /// As with [`Self::push`].
    pub fn push_hosted(&mut self, tools: Vec<Hosted>, upstream: Dialect) -> Result<()> {
        let written = tools.iter().filter_map(|tool| tool.written(upstream));
        written
            .into_iter()
            .try_for_each(|tool| self.push_with(&Value::Null, &[], &tool))
    }

    fn begin(&mut self) {
        self.room(LEAST_ROOM);
        if std::mem::replace(&mut self.has_elements, true) {
            self.text.push(b',');
        }
    }

    fn value(&mut self, value: &Value) -> Result<()> {
        self.room(LEAST_ROOM + size(value));
        write(&mut self.text, value)
    }

    /// Makes room. Doubling would take as much again as there is; a long list is expected to go on as it began.
    fn room(&mut self, least: usize) {
        let length = self.text.len();
        if length + least <= 4 * LEAST_ROOM || self.text.capacity() - length >= least {
            return;
        }
        let (all, done) = self.work;
        let expected = match done > all / 64 {
            true => {
                let ratio = length as f64 / done as f64;
                (ratio * all.saturating_sub(done) as f64 * 1.02) as usize + LEAST_ROOM
            }
            false => length / 4,
        };
        self.text.reserve_exact(expected.max(least));
    }
}

impl Written {
    /// Puts a list in its place.
    pub fn set_list(&mut self, key: &'static str, list: List) {
        self.set_wrapped(key, Wrap::None, list);
    }

    /// Puts a list in its place, with something around it.
    pub fn set_wrapped(&mut self, key: &'static str, wrap: Wrap, list: List) {
        self.fields.insert(key.to_owned(), Value::Null);
        self.lists.push((key, wrap, list));
    }

    /// Puts a value in the place of what the names lead to.
    pub fn set_deep(&mut self, path: &'static [&'static str], json: Json) {
        self.deep = Some((path, json));
    }

    /// # Errors
    /// When it cannot be said as JSON.
    pub fn into_text(mut self) -> Result<Vec<u8>> {
        let mut pieces: Vec<Vec<u8>> = Vec::new();
        let mut text = vec![b'{'];
        for (index, (key, value)) in self.fields.iter().enumerate() {
            if index > 0 {
                text.push(b',');
            }
            write(&mut text, key)?;
            text.push(b':');
            if let Some(at) = self.lists.iter().position(|(known, ..)| known == key) {
                let (_, wrap, list) = self.lists.swap_remove(at);
                let (before, behind) = match wrap {
                    Wrap::None => ("[".to_owned(), "]"),
                    Wrap::Object(inner) => (format!(r#"{{"{inner}":["#), "]}"),
                    Wrap::List(inner) => (format!(r#"[{{"{inner}":["#), "]}]"),
                };
                text.extend_from_slice(before.as_bytes());
                pieces.push(std::mem::replace(&mut text, behind.as_bytes().to_vec()));
                pieces.push(list.text);
                continue;
            }
            match &self.deep {
                Some((path, json)) if path.first().is_some_and(|first| first == key) => {
                    text.reserve_exact(json.as_str().len() + LEAST_ROOM);
                    let path = path.get(1..).unwrap_or_default();
                    write_with(&mut text, value, path, json.as_str())?;
                    self.deep = None;
                }
                _ => write(&mut text, value)?,
            }
        }
        text.push(b'}');
        pieces.push(text);
        Ok(joined(pieces))
    }
}

/// One text of several. The longest is not copied where it has room for the others.
fn joined(mut pieces: Vec<Vec<u8>>) -> Vec<u8> {
    let longest = pieces
        .iter()
        .enumerate()
        .max_by_key(|(_, piece)| piece.len());
    let longest = longest.map_or(0, |(at, _)| at);
    let behind = pieces.split_off((longest + 1).min(pieces.len()));
    let mut text = pieces.pop().unwrap_or_default();
    let all = |pieces: &[Vec<u8>]| pieces.iter().map(Vec::len).sum::<usize>();
    text.reserve_exact(all(&behind) + all(&pieces));
    for piece in behind {
        text.extend_from_slice(&piece);
    }
    let (length, front) = (text.len(), all(&pieces));
    text.resize(length + front, 0);
    text.copy_within(..length, front);
    let mut rest = text.as_mut_slice();
    for piece in pieces {
        let (place, behind) = rest.split_at_mut(piece.len().min(rest.len()));
        place.copy_from_slice(piece.get(..place.len()).unwrap_or_default());
        rest = behind;
    }
    text
}

impl Deref for Written {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Self::Target {
        &self.fields
    }
}

impl DerefMut for Written {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.fields
    }
}

impl<T: Into<Value>> From<T> for Item {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

/// Bytes of the texts in a value as JSON; of short ones about.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) if text.len() < LEAST_ROOM => text.len(),
        Value::String(text) => text.bytes().map(escaped).sum(),
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(members) => members.values().map(size).sum(),
        _ => 0,
    }
}

fn escaped(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\t' | b'\r' => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

fn write(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<()> {
    serde_json::to_writer(out, value).map_err(|error| Untranslatable::new("", error.to_string()))
}

/// Writes `value` with `json` in the place of what the names lead to.
fn write_with(out: &mut Vec<u8>, value: &Value, path: &[&str], json: &str) -> Result<()> {
    let Some((first, rest)) = path.split_first() else {
        out.extend_from_slice(json.as_bytes());
        return Ok(());
    };
    let Value::Object(members) = value else {
        return write(out, value);
    };
    out.push(b'{');
    for (index, (key, value)) in members.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, key)?;
        out.push(b':');
        match key == first {
            true => write_with(out, value, rest, json)?,
            false => write(out, value)?,
        }
    }
    out.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_stand_in_their_places() {
        for count in 0..4 {
            let mut body = Written::default();
            body.insert("model".to_owned(), "m".into());
            let mut turns = List::default();
            for n in 0..count {
                turns.push(json!({"n": n})).unwrap();
            }
            assert_eq!(turns.is_empty(), count == 0);
            body.set_list("turns", turns);
            body.insert("stream".to_owned(), true.into());
            let mut tools = List::default();
            tools.push_object([("name", Item::from("t"))]).unwrap();
            body.set_list("tools", tools);
            let text = String::from_utf8(body.into_text().unwrap()).unwrap();
            let turns: Vec<String> = (0..count).map(|n| format!(r#"{{"n":{n}}}"#)).collect();
            let turns = turns.join(",");
            let expected = format!(
                r#"{{"model":"m","turns":[{turns}],"stream":true,"tools":[{{"name":"t"}}]}}"#
            );
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn what_is_text_already_stands_where_the_names_lead() {
        let mut body = Written::default();
        body.insert("a".to_owned(), json!({"b": 1, "c": {"d": null}, "e": 2}));
        body.set_deep(&["a", "c", "d"], Json::from(json!([1, 2])));
        let mut list = List::default();
        let value = json!({"x": null, "y": 1});
        list.push_with(&value, &["x"], &Json::from(json!({})))
            .unwrap();
        list.push_object([("z", Item::Json(Json::default()))])
            .unwrap();
        body.set_list("list", list);
        assert_eq!(
            String::from_utf8(body.into_text().unwrap()).unwrap(),
            r#"{"a":{"b":1,"c":{"d":[1,2]},"e":2},"list":[{"x":{},"y":1},{"z":null}]}"#
        );
    }
}
