//! Items of conversations, as text.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

use crate::json::{Scanner, Span, Value};

/// The longest id of an item that is used, bytes.
const LONGEST_ID: usize = 256;
/// The memory of an item besides its text and id, bytes.
const OVERHEAD: usize = 192;

/// An unchanged item.
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    id: Box<str>,
    has_own_id: bool,
    text: Box<str>,
    hash: u64,
}

impl Item {
    /// `text` is a JSON object. An item without an id gets one derived from its text and `seed`.
    pub fn new(text: &str, seed: u64) -> Self {
        let own = own_id(text);
        let has_own_id = own.is_some();
        let id = own.unwrap_or_else(|| {
            let prefix = prefix(member(text, "type").and_then(string).as_deref());
            format!(
                "{prefix}_{:032x}",
                xxh3_128_with_seed(text.as_bytes(), seed)
            )
        });
        Self {
            id: id.into(),
            has_own_id,
            hash: hash(text, seed),
            text: text.into(),
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The [`hash`] of the text.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Its memory.
    pub fn bytes(&self) -> usize {
        bytes_of(&self.text) + 2 * self.id.len()
    }

    /// The item as the vendor returns it: with an id, a type, a status, and a list as content.
    pub fn listed(&self) -> String {
        let Ok(Json::Object(mut item)) = serde_json::from_str(&self.text) else {
            // Nested too deeply to parse: unchanged.
            return self.text.to_string();
        };
        if !self.has_own_id {
            item.insert("id".to_owned(), (*self.id).into());
        }
        if item.get("type").is_none_or(Json::is_null) {
            item.insert("type".to_owned(), "message".into());
        }
        let kind = item.get("type").and_then(Json::as_str).unwrap_or_default();
        if STATED.contains(&kind) && item.get("status").is_none_or(Json::is_null) {
            item.insert("status".to_owned(), "completed".into());
        }
        if let Some(Json::String(text)) = item.get("content") {
            let part = match item.get("role").and_then(Json::as_str) {
                Some("assistant") => json!({"type": "output_text", "text": text,
                    "annotations": [], "logprobs": []}),
                _ => json!({"type": "input_text", "text": text}),
            };
            item.insert("content".to_owned(), json!([part]));
        }
        Json::Object(item).to_string()
    }

    /// The text of a user message that has only text.
    pub fn users_words(&self) -> Option<String> {
        let Ok(Json::Object(item)) = serde_json::from_str(&self.text) else {
            return None;
        };
        let kind = item.get("type").and_then(Json::as_str);
        if kind.is_some_and(|kind| kind != "message") || item.get("role")?.as_str() != Some("user")
        {
            return None;
        }
        let parts = match item.get("content")? {
            Json::String(text) => return Some(text.clone()),
            Json::Array(parts) => parts,
            _ => return None,
        };
        let texts = parts.iter().map(|part| part.get("text")?.as_str());
        Some(texts.collect::<Option<Vec<&str>>>()?.join("\n"))
    }
}

/// The types of items that have a status in the vendor's lists.
const STATED: [&str; 5] = [
    "message",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
];

/// The prefixes of the vendor's ids.
fn prefix(kind: Option<&str>) -> &'static str {
    match kind {
        None | Some("message" | "") => "msg",
        Some("reasoning") => "rs",
        Some("function_call") => "fc",
        Some("function_call_output") => "fco",
        Some("custom_tool_call") => "ctc",
        Some("custom_tool_call_output") => "ctco",
        Some("compaction") => "cmp",
        Some(_) => "item",
    }
}

/// The hash by which equal texts are found.
pub fn hash(text: &str, seed: u64) -> u64 {
    xxh3_64_with_seed(text.as_bytes(), seed)
}

/// The memory of an item with that text, without its id.
pub fn bytes_of(text: &str) -> usize {
    OVERHEAD + text.len()
}

/// The id in an item.
fn own_id(text: &str) -> Option<String> {
    let id = string(member(text, "id")?)?;
    (1..=LONGEST_ID)
        .contains(&id.len())
        .then(|| id.into_owned())
}

/// The items of a request's `input`: those of the list, or a message for a string.
pub fn of_input(input: &str) -> Vec<Cow<'_, str>> {
    match input.trim_ascii_start().starts_with('"') {
        true => vec![Cow::Owned(message_of(input))],
        false => elements(input)
            .into_iter()
            .map(|(_, item)| Cow::Borrowed(item))
            .collect(),
    }
}

/// The user message for a JSON string.
pub fn message_of(text: &str) -> String {
    format!(
        r#"{{"type":"message","role":"user","content":[{{"type":"input_text","text":{}}}]}}"#,
        text.trim_ascii()
    )
}

/// The objects in a list with their positions; none if it is not a list.
pub fn elements(list: &str) -> Vec<(Span, &str)> {
    let mut found = Vec::new();
    let mut scanner = Scanner::over(list);
    if scanner.peek() != Some(b'[') {
        return found;
    }
    let walked = scanner.array(|scanner| {
        let (value, span) = scanner.value()?;
        if let Value::Container(text) = value
            && text.starts_with('{')
        {
            found.push((span, text));
        }
        Ok(())
    });
    match walked {
        Ok(()) => found,
        Err(_) => Vec::new(),
    }
}

/// A member of an object; the last one if it is repeated.
pub fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let mut found = None;
    let mut scanner = Scanner::over(object);
    if scanner.peek() != Some(b'{') {
        return None;
    }
    let walked = scanner.object(|scanner, key| {
        let (_, span) = scanner.value()?;
        if key.is(name) {
            found = Some(scanner.source(span));
        }
        Ok(())
    });
    walked.ok().and(found)
}

/// The value of a JSON string.
pub fn string(value: &str) -> Option<Cow<'_, str>> {
    match Scanner::over(value).value().ok()?.0 {
        Value::String(text) => Some(text.decode()),
        _ => None,
    }
}

/// The items as a JSON list.
pub fn list<'i>(items: impl IntoIterator<Item = &'i Arc<Item>>) -> String {
    let mut list = String::from("[");
    for item in items {
        if list.len() > 1 {
            list.push(',');
        }
        list.push_str(item.text());
    }
    list.push(']');
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_known_by_their_own_ids_or_by_others() {
        let own = Item::new(r#"{"id":"msg_1","type":"message"}"#, 7);
        assert_eq!(own.id(), "msg_1");
        for (text, prefix) in [
            (r#"{"role":"user","content":"a"}"#, "msg_"),
            (r#"{"type":"function_call_output","id":null}"#, "fco_"),
            (r#"{"type":"reasoning","id":""}"#, "rs_"),
            (r#"{"type":"what_is_new"}"#, "item_"),
        ] {
            let item = Item::new(text, 7);
            assert!(item.id().starts_with(prefix), "{}", item.id());
            assert_eq!(item.id(), Item::new(text, 7).id());
            assert_ne!(item.id(), Item::new(text, 8).id());
        }
        let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(LONGEST_ID + 1));
        assert!(Item::new(&long, 7).id().starts_with("msg_"));
    }

    #[test]
    fn what_is_listed_is_whole() {
        let listed =
            |text: &str| -> Json { serde_json::from_str(&Item::new(text, 7).listed()).unwrap() };
        let said = listed(r#"{"role":"user","content":"a\"b"}"#);
        assert_eq!(said["type"], "message");
        assert_eq!(said["status"], "completed");
        assert_eq!(
            said["content"],
            json!([{"type": "input_text", "text": "a\"b"}])
        );
        assert!(said["id"].as_str().unwrap().starts_with("msg_"));
        let answered =
            listed(r#"{"id":"m","role":"assistant","content":"a","status":"incomplete"}"#);
        assert_eq!(answered["content"][0]["type"], "output_text");
        assert_eq!(
            (&answered["id"], &answered["status"]),
            (&json!("m"), &json!("incomplete"))
        );
        let thought = listed(r#"{"type":"reasoning","id":"rs_1","summary":[]}"#);
        assert_eq!(
            thought,
            json!({"type": "reasoning", "id": "rs_1", "summary": []})
        );
    }

    #[test]
    fn an_input_is_a_text_or_a_list() {
        assert_eq!(of_input(r#" "hi \"you\"" "#).len(), 1);
        let said: Json = serde_json::from_str(&of_input(r#""hi \"you\"""#)[0]).unwrap();
        assert_eq!(said["content"][0]["text"], "hi \"you\"");
        assert_eq!(
            of_input(r#" [ {"a":1} , 2, [], {"b":[{}]} ]"#),
            [r#"{"a":1}"#, r#"{"b":[{}]}"#]
        );
        for none in ["", "null", "{}", "[{}", "7"] {
            assert!(of_input(none).is_empty(), "{none}");
        }
    }
}
