//! Replaces the upstream's name of the model in an answer by the client's.
//!
//! Only the members that hold it are searched, and only if the name occurs at all.

use memchr::memmem;

use crate::json::{self, Span};
use crate::wire::Dialect;

/// A model with one name at the upstream and another for the client.
#[derive(Clone, Copy, Debug)]
pub struct Rename<'a> {
    pub upstream: &'a str,
    pub client: &'a str,
}

impl Rename<'_> {
    /// The JSON of an answer, or of the data of an event, under the client's name; `None` when there is
    /// nothing to change.
    pub fn json(&self, dialect: Dialect, json: &[u8]) -> Option<Vec<u8>> {
        let span = self.find(dialect, json)?;
        let name = serde_json::Value::from(self.client).to_string();
        let before = json.get(..span.start)?;
        let after = json.get(span.end..)?;
        Some([before, name.as_bytes(), after].concat())
    }

    /// Where the name is. Vendors may add a version to it.
    fn find(&self, dialect: Dialect, json: &[u8]) -> Option<Span> {
        if self.upstream == self.client || memmem::find(json, self.upstream.as_bytes()).is_none() {
            return None;
        }
        let (key, envelope) = match dialect {
            Dialect::Chat => ("model", None),
            Dialect::Responses => ("model", Some("response")),
            Dialect::Messages => ("model", Some("message")),
            Dialect::Gemini => ("modelVersion", Some("response")),
        };
        let whole = Span {
            start: 0,
            end: json.len(),
        };
        let inner = envelope.and_then(|envelope| member(json, whole, envelope));
        let span = inner
            .and_then(|inner| member(json, inner, key))
            .or_else(|| member(json, whole, key))?;
        let said: String = serde_json::from_slice(json.get(span.start..span.end)?).ok()?;
        said.contains(self.upstream).then_some(span)
    }
}

/// The value of a member of the object that stands at `of`.
fn member(json: &[u8], of: Span, key: &str) -> Option<Span> {
    let members = json::members(json.get(of.start..of.end)?).ok()?;
    let value = members.iter().find(|member| member.key == key)?.value;
    Some(Span {
        start: of.start + value.start,
        end: of.start + value.end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RENAME: Rename = Rename {
        upstream: "big-1",
        client: "al\"ias",
    };

    fn json(dialect: Dialect, json: &str) -> Option<String> {
        let renamed = RENAME.json(dialect, json.as_bytes())?;
        Some(String::from_utf8(renamed).unwrap())
    }

    #[test]
    fn the_name_is_put_back_where_it_stands() {
        for (dialect, before, after) in [
            (
                Dialect::Chat,
                r#"{"id":1, "model" : "big-1","c":[]}"#,
                r#"{"id":1, "model" : "al\"ias","c":[]}"#,
            ),
            (
                Dialect::Chat,
                r#"{"model":"big-1-2026"}"#,
                r#"{"model":"al\"ias"}"#,
            ),
            (
                Dialect::Responses,
                r#"{"response":{"model":"big-1"}}"#,
                r#"{"response":{"model":"al\"ias"}}"#,
            ),
            (
                Dialect::Responses,
                r#"{"model":"big-1"}"#,
                r#"{"model":"al\"ias"}"#,
            ),
            (
                Dialect::Messages,
                r#"{"message":{"model":"big-1"}}"#,
                r#"{"message":{"model":"al\"ias"}}"#,
            ),
            (
                Dialect::Messages,
                r#"{"model":"big-1"}"#,
                r#"{"model":"al\"ias"}"#,
            ),
            (
                Dialect::Gemini,
                r#"{"modelVersion":"big-1"}"#,
                r#"{"modelVersion":"al\"ias"}"#,
            ),
        ] {
            assert_eq!(json(dialect, before).as_deref(), Some(after));
        }
    }

    #[test]
    fn other_places_are_left_alone() {
        for text in [
            r#"{"choices":[{"delta":{"content":"I am big-1","model":"big-1"}}]}"#,
            r#"{"model":"other","x":"big-1"}"#,
            r#"{"model":7,"x":"big-1"}"#,
            r#"{"model":"big-1""#,
            "big-1",
        ] {
            assert_eq!(json(Dialect::Chat, text), None, "{text}");
        }
    }
}
