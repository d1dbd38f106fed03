//! Finds references to stored responses and items in a request, and replaces them.

use std::borrow::Cow;
use std::sync::Arc;

use memchr::memmem;

use super::item::{self, Item, elements, member, message_of, string};
use super::sealed;
use crate::json::{self, Member, Splice};

/// The longest reference, bytes. Longer items are not parsed.
const LONGEST: usize = 1024;

/// The references of a request.
#[derive(Debug)]
pub struct References<'b> {
    body: &'b str,
    members: Vec<Member<'b>>,
    /// `previous_response_id`.
    pub previous: Option<Cow<'b, str>>,
    /// The references in its input, in order.
    pub named: Vec<Named<'b>>,
}

#[derive(Debug)]
pub struct Named<'b> {
    /// Its index in the input.
    span: json::Span,
    pub what: What<'b>,
}

/// The target of a reference.
#[derive(Debug, PartialEq, Eq)]
pub enum What<'b> {
    /// An item by its id.
    Item(Cow<'b, str>),
    /// A conversation that this gateway compacted.
    Sealed(Cow<'b, str>),
}

/// The replacement of a reference.
#[derive(Clone, Debug)]
pub enum Put {
    Item(Arc<Item>),
    /// A JSON object.
    Text(String),
    /// It is kept for the upstream.
    Nothing,
}

impl Put {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Item(item) => Some(item.text()),
            Self::Text(text) => Some(text),
            Self::Nothing => None,
        }
    }
}

impl<'b> References<'b> {
    /// The references of a body; `None` if it has none or is not a JSON object.
    pub fn of(body: &'b [u8]) -> Option<Self> {
        const MARKS: [&str; 3] = [
            "\"item_reference\"",
            "\"previous_response_id\"",
            sealed::PREFIX,
        ];
        let may_refer = |mark: &&str| memmem::find(body, mark.as_bytes()).is_some();
        MARKS.iter().any(may_refer).then_some(())?;
        let text = std::str::from_utf8(body).ok()?;
        let members = json::members(body).ok()?;
        let value = |name: &str| {
            let member = members.iter().rfind(|member| member.key == name)?;
            text.get(member.value.start..member.value.end)
        };
        let input = value("input").unwrap_or_default();
        let named = elements(input).into_iter().filter_map(|(span, element)| {
            let what = what(element)?;
            Some(Named { span, what })
        });
        let references = Self {
            body: text,
            previous: value("previous_response_id")
                .and_then(string)
                .filter(|id| !id.is_empty()),
            named: named.collect(),
            members,
        };
        let has_any = references.previous.is_some() || !references.named.is_empty();
        has_any.then_some(references)
    }

    /// The largest size of the body after the replacement.
    pub fn size(&self, before: &[&[Arc<Item>]], puts: &[Put]) -> usize {
        let before = before.iter().flat_map(|items| items.iter());
        let before: usize = before.map(|item| item.text().len() + 1).sum();
        let puts: usize = puts.iter().filter_map(Put::text).map(str::len).sum();
        // A string as input becomes a message.
        self.body.len() + before + puts + 128
    }

    /// The body with `before` instead of the previous response, if given, and `puts` instead of the references.
    pub fn put_in(&self, before: Option<&[&[Arc<Item>]]>, puts: &[Put]) -> Vec<u8> {
        let mut splice = Splice::new(self.body.as_bytes());
        let input = self
            .members
            .iter()
            .rposition(|member| member.key == "input");
        let mut list = String::from("[");
        let mut push = |item: &str| {
            if list.len() > 1 {
                list.push(',');
            }
            list.push_str(item);
        };
        for item in before.into_iter().flatten().copied().flatten() {
            push(item.text());
        }
        let value = input.and_then(|at| {
            let value = self.members.get(at)?.value;
            self.body.get(value.start..value.end)
        });
        match value {
            Some(text) if text.starts_with('"') => push(&message_of(text)),
            Some(input) if input.starts_with('[') => {
                let own = self.own_items(input, puts);
                if !own.trim_ascii().is_empty() {
                    push(&own);
                }
            }
            _ => {}
        }
        list.push(']');
        for (index, member) in self.members.iter().enumerate() {
            match &*member.key {
                "previous_response_id" if before.is_some() => splice.remove(member),
                "input" if Some(index) == input => {
                    splice.replace(member.value, list.clone().into_bytes());
                }
                "input" => splice.remove(member),
                _ => {}
            }
        }
        if input.is_none() {
            splice.append_member("input", &list);
        }
        splice.pieces().collect::<Vec<_>>().concat()
    }

    /// The elements of `input`, with `puts`.
    fn own_items(&self, input: &str, puts: &[Put]) -> String {
        let mut own = String::new();
        let mut at = 1;
        for (named, put) in self.named.iter().zip(puts) {
            if let Some(text) = put.text() {
                own.push_str(input.get(at..named.span.start).unwrap_or_default());
                own.push_str(text);
                at = named.span.end;
            }
        }
        own.push_str(input.get(at..input.len() - 1).unwrap_or_default());
        own
    }
}

/// The target of an element, if it is a reference.
fn what(element: &str) -> Option<What<'_>> {
    let is_sealed = memmem::find(element.as_bytes(), sealed::PREFIX.as_bytes()).is_some();
    if !is_sealed && element.len() > LONGEST {
        return None;
    }
    let text = |name: &str| member(element, name).and_then(string);
    let kind = text("type").unwrap_or_default();
    let content = text("encrypted_content").filter(|text| text.starts_with(sealed::PREFIX));
    match (&*kind, content) {
        ("compaction" | "compaction_summary", Some(content)) => Some(What::Sealed(content)),
        ("item_reference", _) => text("id").map(What::Item),
        // The type is optional (`ItemReferenceParam`).
        ("", _) if member(element, "role").is_none() => text("id").map(What::Item),
        _ => None,
    }
}

/// The texts of the items of a request's input.
pub fn input_of(body: &[u8]) -> Vec<Cow<'_, str>> {
    let input = std::str::from_utf8(body)
        .ok()
        .and_then(|body| member(body, "input"));
    input.map(item::of_input).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn item(text: &str) -> Arc<Item> {
        Arc::new(Item::new(text, 1))
    }

    fn put_in(body: &str, before: &[Arc<Item>], put: &Put) -> Value {
        let references = References::of(body.as_bytes()).expect(body);
        let puts = vec![put.clone(); references.named.len()];
        let whole = references.put_in(Some(&[before]), &puts);
        assert!(whole.len() <= references.size(&[before], &puts), "{body}");
        serde_json::from_slice(&whole).unwrap()
    }

    #[test]
    fn what_comes_before_stands_before_the_input() {
        let before = [item(r#"{"n":1}"#), item(r#"{"n":2}"#)];
        let said = json!({"type": "message", "role": "user",
            "content": [{"type": "input_text", "text": "hi"}]});
        for (input, own) in [
            (r#","input":"hi""#, vec![said]),
            (r#","input":[ {"n":3} ]"#, vec![json!({"n": 3})]),
            (r#","input":[ ]"#, vec![]),
            (r#","input":null"#, vec![]),
            ("", vec![]),
        ] {
            for body in [
                format!(r#"{{"previous_response_id":"resp_1"{input},"model":"m"}}"#),
                format!(r#"{{"model":"m"{input}, "previous_response_id" : "resp_1" }}"#),
            ] {
                let whole = put_in(&body, &before, &Put::Nothing);
                let mut expected = vec![json!({"n": 1}), json!({"n": 2})];
                expected.extend(own.clone());
                assert_eq!(whole, json!({"model": "m", "input": expected}), "{body}");
            }
        }
    }

    #[test]
    fn references_make_way_for_their_items() {
        let body = r#"{"input":[{"type":"item_reference","id":"a"} , {"role":"user","content":"x"},
            {"id":"b"},{"type":null,"id":"c"}],"model":"m"}"#;
        let references = References::of(body.as_bytes()).unwrap();
        let ids: Vec<&What<'_>> = references.named.iter().map(|named| &named.what).collect();
        assert_eq!(
            ids,
            ["a", "b", "c"]
                .map(|id| What::Item(id.into()))
                .iter()
                .collect::<Vec<_>>()
        );
        let puts = [
            Put::Item(item(r#"{"n":1}"#)),
            Put::Nothing,
            Put::Text(r#"{"n":2}"#.to_owned()),
        ];
        let whole: Value = serde_json::from_slice(&references.put_in(None, &puts)).unwrap();
        let expected = json!([{"n": 1}, {"role": "user", "content": "x"}, {"id": "b"}, {"n": 2}]);
        assert_eq!(whole, json!({"input": expected, "model": "m"}));
    }

    #[test]
    fn most_requests_refer_to_nothing() {
        for body in [
            r#"{"input":"item_reference"}"#,
            r#"{"input":[{"role":"user","content":"\"item_reference\""}]}"#,
            r#"{"previous_response_id":null,"input":[]}"#,
            r#"{"previous_response_id":"","input":[]}"#,
            r#"{"previous_response_id":7}"#,
            r#"["item_reference"]"#,
            "",
        ] {
            assert!(References::of(body.as_bytes()).is_none(), "{body}");
        }
    }

    #[test]
    fn only_what_this_gateway_has_sealed_is_opened() {
        let sealed = format!("{}abc", sealed::PREFIX);
        let body = json!({"input": [{"type": "compaction", "encrypted_content": sealed},
            {"type": "compaction", "encrypted_content": "gAAAA"},
            {"type": "reasoning", "encrypted_content": sealed}]});
        let body = body.to_string();
        let references = References::of(body.as_bytes()).unwrap();
        let found: Vec<&What<'_>> = references.named.iter().map(|named| &named.what).collect();
        assert_eq!(found, [&What::Sealed(sealed.as_str().into())]);
    }
}
