//! Calls whose arguments come in pieces with paths (`partialArgs` and `willContinue` of `FunctionCall` and `PartialArg`,
//! Vertex AI API reference).

use serde_json::{Map, Value};

use crate::json::fields::{Fields, object};
use crate::translate::neutral::Signature;

/// How many array elements the paths of one call may skip in total.
const PADDING: usize = 1024;
/// The most steps of a path: common parsers refuse deeper JSON.
const STEPS: usize = 64;

/// An incomplete call.
#[derive(Debug, Default)]
pub struct Partial {
    pub id: Option<String>,
    pub name: String,
    pub signature: Option<Signature>,
    pub arguments: Map<String, Value>,
    /// The number of skipped elements.
    padding: usize,
}

impl Partial {
    /// Whether `call` continues this one: it has the same id, or no name.
    pub fn is_continued_by(&self, call: &Map<String, Value>) -> bool {
        let text = |key| {
            let text = call.get(key).and_then(Value::as_str);
            text.filter(|text| !text.is_empty())
        };
        match (text("id"), &self.id) {
            (Some(id), Some(own)) => id == own,
            _ => text("name").is_none(),
        }
    }

    /// Adds a piece. Returns whether more follows.
    pub fn add(&mut self, mut call: Map<String, Value>, signature: Option<Signature>) -> bool {
        self.signature = self.signature.take().or(signature);
        self.id = self.id.take().or(call.nonempty_text("id"));
        if let (true, Some(name)) = (self.name.is_empty(), call.text("name")) {
            self.name = name;
        }
        self.arguments
            .extend(call.object("args").unwrap_or_default());
        for piece in call.list("partialArgs").into_iter().filter_map(object) {
            self.put(piece);
        }
        call.flag("willContinue") == Some(true)
    }

    fn put(&mut self, mut piece: Map<String, Value>) -> Option<()> {
        let steps = steps(&piece.text("jsonPath")?)?;
        let values = ["stringValue", "numberValue", "boolValue"];
        let value = values.iter().find_map(|key| piece.take(key));
        let value = value.unwrap_or_default();
        let (Step::Key(first), rest) = steps.split_first()? else {
            return None;
        };
        let mut at = self.arguments.entry(first.as_str()).or_insert(Value::Null);
        for step in rest {
            at = match step {
                Step::Key(key) => {
                    if !at.is_object() {
                        *at = Value::Object(Map::new());
                    }
                    at.as_object_mut()?
                        .entry(key.as_str())
                        .or_insert(Value::Null)
                }
                Step::Index(index) => {
                    if !at.is_array() {
                        *at = Value::Array(Vec::new());
                    }
                    let elements = at.as_array_mut()?;
                    if *index >= elements.len() {
                        self.padding = self.padding.saturating_add(*index - elements.len());
                        if self.padding > PADDING {
                            return None;
                        }
                        elements.resize(*index + 1, Value::Null);
                    }
                    elements.get_mut(*index)?
                }
            };
        }
        match (at, value) {
            (Value::String(text), Value::String(more)) => text.push_str(&more),
            (at, value) => *at = value,
        }
        Some(())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// The steps of a JSONPath to one place (RFC 9535): `$.a.b[0]['c d']`.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let step;
        (step, rest) = match rest.strip_prefix('.') {
            Some(name) => {
                let end = name.find(['.', '[']).unwrap_or(name.len());
                let (name, after) = name
                    .split_at_checked(end)
                    .filter(|(name, _)| !name.is_empty())?;
                (Step::Key(name.to_owned()), after)
            }
            None => in_brackets(rest.strip_prefix('[')?)?,
        };
        // A wildcard refers to several places.
        if matches!(&step, Step::Key(key) if key == "*") || steps.len() == STEPS {
            return None;
        }
        steps.push(step);
    }
    (!steps.is_empty()).then_some(steps)
}

/// The step in brackets, and the text after them.
fn in_brackets(text: &str) -> Option<(Step, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let Some(quote) = quote else {
        let (index, after) = text.split_once(']')?;
        return Some((Step::Index(index.trim().parse().ok()?), after));
    };
    let mut key = String::new();
    let mut chars = text.char_indices().skip(1);
    loop {
        match chars.next()?.1 {
            '\\' => match chars.next()?.1 {
                'n' => key.push('\n'),
                't' => key.push('\t'),
                other => key.push(other),
            },
            c if c == quote => break,
            c => key.push(c),
        }
    }
    let (at, bracket) = chars.next()?;
    let after = text.get(at + 1..)?;
    (bracket == ']').then_some((Step::Key(key), after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn built(pieces: &[Value]) -> Value {
        let mut partial = Partial::default();
        for piece in pieces {
            let call = json!({"partialArgs": [piece], "willContinue": true});
            assert!(partial.add(object(call).unwrap(), None));
        }
        partial.arguments.into()
    }

    #[test]
    fn pieces_come_to_arguments() {
        for (pieces, expected) in [
            (vec![], json!({})),
            (
                vec![
                    json!({"jsonPath": "$.where", "stringValue": "New ", "willContinue": true}),
                    json!({"jsonPath": "$.where", "stringValue": "Delhi"}),
                    json!({"jsonPath": "$.days", "numberValue": 3}),
                    json!({"jsonPath": "$.warm", "boolValue": true}),
                    json!({"jsonPath": "$.unit", "nullValue": "NULL_VALUE"}),
                ],
                json!({"where": "New Delhi", "days": 3, "warm": true, "unit": null}),
            ),
            (
                vec![
                    json!({"jsonPath": "$.a.b[0].c", "numberValue": 1.5}),
                    json!({"jsonPath": "$.a.b[1]['d e']", "stringValue": "x"}),
                    json!({"jsonPath": "$[\"a\"][\"f\\\"]\"]", "stringValue": ""}),
                ],
                json!({"a": {"b": [{"c": 1.5}, {"d e": "x"}], "f\"]": ""}}),
            ),
            (
                vec![
                    json!({"jsonPath": "$", "stringValue": "x"}),
                    json!({"jsonPath": "a", "stringValue": "x"}),
                    json!({"jsonPath": "$.a[*]", "stringValue": "x"}),
                    json!({"jsonPath": "$..a", "stringValue": "x"}),
                    json!({"jsonPath": "$[0]", "stringValue": "x"}),
                    json!({"jsonPath": "$['a", "stringValue": "x"}),
                    json!({"jsonPath": "$.*", "stringValue": "x"}),
                ],
                json!({}),
            ),
        ] {
            assert_eq!(built(&pieces), expected);
        }
        let far = built(&[json!({"jsonPath": "$.a[4000000000]", "stringValue": "x"})]);
        assert_eq!(far, json!({"a": []}));
        let places = |index| {
            (0..3).map(
                move |at| json!({"jsonPath": format!("$.a[{at}][{index}]"), "boolValue": true}),
            )
        };
        let near = built(&places(300).collect::<Vec<_>>());
        assert_eq!(near["a"][2][300], true);
        let many = built(&places(600).collect::<Vec<_>>());
        assert_eq!(
            (&many["a"][0][600], &many["a"][1]),
            (&json!(true), &json!([]))
        );
        let deep = format!("${}", ".a".repeat(STEPS + 1));
        assert_eq!(
            built(&[json!({"jsonPath": deep, "boolValue": true})]),
            json!({})
        );
    }

    #[test]
    fn a_call_goes_on_until_another_begins() {
        let partial = Partial {
            id: Some("1".into()),
            name: "f".into(),
            ..Partial::default()
        };
        for (call, expected) in [
            (json!({}), true),
            (json!({"name": ""}), true),
            (json!({"id": "1", "name": "f"}), true),
            (json!({"id": "2"}), false),
            (json!({"name": "f"}), false),
        ] {
            assert_eq!(partial.is_continued_by(&object(call).unwrap()), expected);
        }
    }

    proptest! {
        #[test]
        fn no_path_is_too_much(path in r#"\$?[a-z.\[\]'"\\*0-9$]{0,12}"#, text in ".{0,4}") {
            built(&[json!({"jsonPath": path, "stringValue": text})]);
        }
    }
}
