//! A list of an upstream's request, written to text element by element: as a tree it would take ten times as much
//! memory.

use serde::Serialize;
use serde_json::Value;

use super::hosted::Hosted;
use super::json_text::Json;
use super::untranslatable::Untranslatable;
use crate::wire::Dialect;

type Result<T> = std::result::Result<T, Untranslatable>;

/// The least room, in bytes, that is reserved for the next element.
pub const LEAST_ROOM: usize = 8 * 1024;

/// A list that is being written.
#[derive(Debug, Default)]
pub struct JsonList {
    /// The elements so far, with commas between them.
    pub(super) text: Vec<u8>,
    /// Whether the innermost open list has elements.
    has_elements: bool,
    /// The expected total size of the input and the size written so far, in any unit.
    work: (usize, usize),
}

/// The value of a member.
#[derive(Debug)]
pub enum Item {
    Value(Value),
    Json(Json),
}

impl JsonList {
    /// A list that is written from an input of this size.
    pub fn expecting(work: usize) -> Self {
        Self {
            work: (work, 0),
            ..Self::default()
        }
    }

    /// Adds to the size of the input that has been written.
    pub fn advance(&mut self, work: usize) {
        self.work.1 += work;
    }

    pub fn is_empty(&self) -> bool {
        !self.has_elements
    }

    /// The position to which [`Self::reset`] returns.
    pub fn mark(&self) -> (usize, bool) {
        (self.text.len(), self.has_elements)
    }

    /// Removes what was written since `mark`.
    pub fn reset(&mut self, (length, has_elements): (usize, bool)) {
        self.text.truncate(length);
        self.has_elements = has_elements;
    }

    /// # Errors
    /// When the value cannot be written as JSON.
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

    /// Adds an object whose last member is a list at `key`; `elements` pushes the elements of that list. Without
    /// elements, the object is not added. Returns whether it is.
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

    /// Begins an object with a list at `key`. Until it is closed, elements are pushed to that list.
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

    /// Ends the list that was opened last; `behind` are the members of its object after the list.
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

    /// Adds a value in which `json` replaces the member at `path`.
    ///
    /// # Errors
    /// As with [`Self::push`].
    pub fn push_with(&mut self, value: &Value, path: &[&str], json: &Json) -> Result<()> {
        self.begin();
        self.room(json.as_str().len() + LEAST_ROOM);
        write_with(&mut self.text, value, path, json.as_str())
    }

    /// Adds the hosted tools that the upstream has.
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

    /// Reserves room. Doubling the buffer would take too much memory, so the size of a long list is extrapolated from
    /// the part of the input that has been written.
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

impl<T: Into<Value>> From<T> for Item {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

/// Bytes of the strings in a value as JSON; approximate for short ones.
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

pub fn write(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<()> {
    serde_json::to_writer(out, value).map_err(|error| Untranslatable::new("", error.to_string()))
}

/// Writes `value`, in which `json` replaces the member at `path`.
pub fn write_with(out: &mut Vec<u8>, value: &Value, path: &[&str], json: &str) -> Result<()> {
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
