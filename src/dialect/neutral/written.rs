//! The body of an upstream's request as it is written. Its conversation becomes text turn by turn, so that of a
//! long one the tree is never there as a whole: it takes three times as much memory as the text.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};

use serde_json::{Map, Value};

use super::Untranslatable;

type Result<T> = std::result::Result<T, Untranslatable>;

/// Turns that stay open: whether a loop of tools goes on is to be seen in the last two.
const OPEN: usize = 2;
/// Bytes of room made at least for the next turn.
const LEAST_ROOM: usize = 8 * 1024;

/// An object with one list that is text but for its last elements.
#[derive(Debug, Default)]
pub struct Written {
    /// The conversation has its place here, and `null` in it.
    fields: Map<String, Value>,
    key: &'static str,
    turns: Turns,
}

/// A conversation as far as it is written.
#[derive(Debug, Default)]
pub struct Turns {
    /// What is done, each turn with a comma behind it.
    text: Vec<u8>,
    open: VecDeque<Value>,
}

impl Turns {
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// # Errors
    /// When it cannot be said as JSON.
    pub fn push(&mut self, turn: Value) -> Result<()> {
        if self.open.len() == OPEN
            && let Some(done) = self.open.pop_front()
        {
            self.close(done)?;
            self.text.push(b',');
        }
        self.open.push_back(turn);
        Ok(())
    }

    /// # Errors
    /// As with [`Self::push`].
    pub fn extend(&mut self, turns: impl IntoIterator<Item = Value>) -> Result<()> {
        turns.into_iter().try_for_each(|turn| self.push(turn))
    }

    fn close(&mut self, turn: Value) -> Result<()> {
        if self.text.capacity() - self.text.len() < LEAST_ROOM {
            // Doubling would take as much again as there is.
            let room = LEAST_ROOM.max(self.text.len() / 4);
            self.text.reserve_exact(room);
        }
        write(&mut self.text, &turn)
    }

    fn into_text(mut self) -> Result<Vec<u8>> {
        while let Some(turn) = self.open.pop_front() {
            self.close(turn)?;
            if !self.open.is_empty() {
                self.text.push(b',');
            }
        }
        Ok(self.text)
    }
}

impl Written {
    /// Puts the conversation in its place.
    pub fn set_turns(&mut self, key: &'static str, turns: Turns) {
        self.fields.insert(key.to_owned(), Value::Null);
        self.key = key;
        self.turns = turns;
    }

    /// The last two turns.
    pub fn last_turns(&mut self) -> &[Value] {
        self.turns.open.make_contiguous()
    }

    /// # Errors
    /// When it cannot be said as JSON.
    pub fn into_text(self) -> Result<Vec<u8>> {
        let mut before = vec![b'{'];
        let mut behind = Vec::new();
        let mut is_behind = false;
        for (index, (key, value)) in self.fields.iter().enumerate() {
            let out = match is_behind {
                true => &mut behind,
                false => &mut before,
            };
            if index > 0 {
                out.push(b',');
            }
            write(out, key)?;
            out.push(b':');
            if key == self.key {
                out.push(b'[');
                behind.push(b']');
                is_behind = true;
            } else {
                write(out, value)?;
            }
        }
        behind.push(b'}');
        // Put around the conversation, which is by far the longest: it is not copied.
        let mut text = self.turns.into_text()?;
        text.reserve_exact(before.len() + behind.len());
        text.extend(behind);
        text.splice(..0, before);
        Ok(text)
    }
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

fn write(out: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) -> Result<()> {
    serde_json::to_writer(out, value).map_err(|error| Untranslatable::new("", error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_conversation_stands_in_its_place() {
        for count in 0..4 {
            let mut body = Written::default();
            body.insert("model".to_owned(), "m".into());
            let mut turns = Turns::default();
            turns.extend((0..count).map(|n| json!({"n": n}))).unwrap();
            assert_eq!(turns.is_empty(), count == 0);
            body.set_turns("turns", turns);
            body.insert("stream".to_owned(), true.into());
            let text = String::from_utf8(body.into_text().unwrap()).unwrap();
            let turns: Vec<String> = (0..count).map(|n| format!(r#"{{"n":{n}}}"#)).collect();
            let turns = turns.join(",");
            assert_eq!(
                text,
                format!(r#"{{"model":"m","turns":[{turns}],"stream":true}}"#)
            );
        }
    }

    #[test]
    fn the_last_two_stay_open() {
        let mut body = Written::default();
        let mut turns = Turns::default();
        turns.extend([1, 2, 3].map(Value::from)).unwrap();
        body.set_turns("turns", turns);
        assert_eq!(body.last_turns(), [Value::from(2), Value::from(3)]);
        assert_eq!(body.into_text().unwrap(), br#"{"turns":[1,2,3]}"#);
    }
}
