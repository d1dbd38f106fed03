//! The body of an upstream's request. Long lists in it are text; see [`JsonList`].

use std::ops::{Deref, DerefMut};

use serde_json::{Map, Value};

use super::json_list::{JsonList, LEAST_ROOM, write, write_with};
use super::json_text::Json;
use super::untranslatable::Untranslatable;

/// An object whose long members are text already.
#[derive(Debug, Default)]
pub struct JsonBody {
    /// The members in order; a list is `null` here.
    fields: Map<String, Value>,
    lists: Vec<(&'static str, Wrap, JsonList)>,
    /// The path and text of a nested member, which is `null` in `fields`.
    nested: Option<(&'static [&'static str], Json)>,
    /// The conversation ends with results of calls that have no thinking before them.
    pub is_tool_loop_without_thinking: bool,
}

/// What encloses a list that is a member.
#[derive(Clone, Copy, Debug)]
pub enum Wrap {
    None,
    /// An object with the list at this name.
    Object(&'static str),
    /// A list of one such object.
    ListOfObject(&'static str),
}

impl JsonBody {
    /// Sets a member to a list.
    pub fn set_list(&mut self, key: &'static str, list: JsonList) {
        self.set_wrapped(key, Wrap::None, list);
    }

    /// Sets a member to an enclosed list.
    pub fn set_wrapped(&mut self, key: &'static str, wrap: Wrap, list: JsonList) {
        self.fields.insert(key.to_owned(), Value::Null);
        self.lists.push((key, wrap, list));
    }

    /// Replaces the nested member at `path` by JSON text.
    pub fn set_nested(&mut self, path: &'static [&'static str], json: Json) {
        self.nested = Some((path, json));
    }

    /// # Errors
    /// When a value cannot be written as JSON.
    pub fn into_text(mut self) -> Result<Vec<u8>, Untranslatable> {
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
                    Wrap::ListOfObject(inner) => (format!(r#"[{{"{inner}":["#), "]}]"),
                };
                text.extend_from_slice(before.as_bytes());
                pieces.push(std::mem::replace(&mut text, behind.as_bytes().to_vec()));
                pieces.push(list.text);
                continue;
            }
            match &self.nested {
                Some((path, json)) if path.first().is_some_and(|first| first == key) => {
                    text.reserve_exact(json.as_str().len() + LEAST_ROOM);
                    let path = path.get(1..).unwrap_or_default();
                    write_with(&mut text, value, path, json.as_str())?;
                    self.nested = None;
                }
                _ => write(&mut text, value)?,
            }
        }
        text.push(b'}');
        pieces.push(text);
        Ok(joined(pieces))
    }
}

/// Concatenates the pieces into the longest one, which is not copied if it has room for the others.
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

impl Deref for JsonBody {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Self::Target {
        &self.fields
    }
}

impl DerefMut for JsonBody {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.fields
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::json_list::Item;
    use super::*;

    #[test]
    fn lists_stand_in_their_places() {
        for count in 0..4 {
            let mut body = JsonBody::default();
            body.insert("model".to_owned(), "m".into());
            let mut turns = JsonList::default();
            for n in 0..count {
                turns.push(json!({"n": n})).unwrap();
            }
            assert_eq!(turns.is_empty(), count == 0);
            body.set_list("turns", turns);
            body.insert("stream".to_owned(), true.into());
            let mut tools = JsonList::default();
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
        let mut body = JsonBody::default();
        body.insert("a".to_owned(), json!({"b": 1, "c": {"d": null}, "e": 2}));
        body.set_nested(&["a", "c", "d"], Json::from(json!([1, 2])));
        let mut list = JsonList::default();
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
