//! Restores arguments to the client's schema.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::fields::{BLANK, REASON};
use super::node::{Kind, Node};
use super::profile::{DEPTH, Profile, text};
use super::reference;

/// How many schemas may apply to one value.
const SCHEMAS: usize = 256;

/// `arguments` with literals that cleaning turned into strings restored, and without placeholders that are not in the
/// client's `schema`.
pub fn restore(arguments: Value, schema: &Value, profile: Profile) -> Value {
    let restorer = Restorer {
        root: schema,
        has_placeholders: profile == Profile::Envelope { validated: true },
    };
    let applicable = restorer.expand(vec![schema]);
    restorer.restore(arguments, &applicable, DEPTH)
}

struct Restorer<'a> {
    root: &'a Value,
    has_placeholders: bool,
}

/// The schemas that apply to one value.
#[derive(Default)]
struct Applicable<'a> {
    nodes: Vec<Node<'a>>,
    properties: HashMap<&'a str, Vec<&'a Value>>,
}

impl<'a> Restorer<'a> {
    /// The schemas, and those that apply by reference, alternative or condition.
    fn expand(&self, mut rest: Vec<&'a Value>) -> Applicable<'a> {
        let mut seen = HashSet::new();
        let mut applicable = Applicable::default();
        while let Some(schema) = rest.pop() {
            let Value::Object(map) = schema else { continue };
            if applicable.nodes.len() == SCHEMAS {
                break;
            }
            if !seen.insert(std::ptr::from_ref(schema)) {
                continue;
            }
            let node = Node::of(map);
            for key in ["anyOf", "oneOf", "allOf"] {
                rest.extend(node.list(key).unwrap_or_default());
            }
            rest.extend(["then", "else"].into_iter().filter_map(|key| node.get(key)));
            if let Some(Value::String(reference)) = node.get("$ref") {
                rest.extend(reference::resolve(self.root, reference));
            }
            for (name, schema) in node.properties().unwrap_or_default() {
                applicable.properties.entry(name).or_default().push(schema);
            }
            applicable.nodes.push(node);
        }
        applicable
    }

    fn restore(&self, value: Value, applicable: &Applicable<'a>, depth: usize) -> Value {
        if depth == 0 || applicable.nodes.is_empty() {
            return value;
        }
        match value {
            Value::String(value) => {
                literal(&applicable.nodes, &value).unwrap_or(Value::String(value))
            }
            Value::Array(values) => self.restore_items(values, &applicable.nodes, depth - 1),
            Value::Object(map) => self.restore_fields(map, applicable, depth - 1),
            other => other,
        }
    }

    fn restore_items(&self, values: Vec<Value>, nodes: &[Node<'a>], depth: usize) -> Value {
        let tuples: Vec<&[Value]> = nodes
            .iter()
            .filter_map(|node| node.list("prefixItems").or(node.list("items")))
            .collect();
        let items = nodes.iter().filter_map(|node| node.get("items")).collect();
        let items = self.expand(items);
        let restored = values.into_iter().enumerate().map(|(at, value)| {
            let own: Vec<_> = tuples.iter().filter_map(|tuple| tuple.get(at)).collect();
            if own.is_empty() {
                self.restore(value, &items, depth)
            } else {
                self.restore(value, &self.expand(own), depth)
            }
        });
        restored.collect()
    }

    fn restore_fields(
        &self,
        map: Map<String, Value>,
        applicable: &Applicable<'a>,
        depth: usize,
    ) -> Value {
        let is_object = self.has_placeholders && applicable.nodes.iter().any(describes_object);
        let mut restored = Map::new();
        for (name, value) in map {
            let value = match applicable.properties.get(name.as_str()) {
                Some(schemas) => self.restore(value, &self.expand(schemas.clone()), depth),
                None if is_object && is_placeholder(&name, &value) => continue,
                None => value,
            };
            restored.insert(name, value);
        }
        Value::Object(restored)
    }
}

/// The literal that a string stands for, unless the string itself is allowed.
fn literal(nodes: &[Node], value: &str) -> Option<Value> {
    let is_text = nodes.iter().any(|node| match node.literals() {
        Some(literals) => literals.iter().any(|literal| literal == value),
        None => Kind::read(node.get("type")).contains(&Kind::String),
    });
    if is_text {
        return None;
    }
    nodes
        .iter()
        .filter_map(Node::literals)
        .flatten()
        .find(|literal| !literal.is_null() && text(literal) == value)
        .cloned()
}

/// Whether cleaning turns it into an object.
fn describes_object(node: &Node) -> bool {
    node.properties().is_some()
        || node.get("$ref").is_some()
        || Kind::read(node.get("type")).contains(&Kind::Object)
}

fn is_placeholder(name: &str, value: &Value) -> bool {
    matches!(
        (name, value),
        (REASON, Value::String(_)) | (BLANK, Value::Bool(_))
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn restored_by(arguments: Value, schema: &Value) -> Value {
        restore(arguments, schema, Profile::Envelope { validated: true })
    }

    #[test]
    fn values_are_those_of_the_clients_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "level": {"type": "integer", "enum": [1, 2]},
                "text": {"type": "string", "enum": ["1", "2"]},
                "mixed": {"enum": ["1", 1, 2]},
                "free": {"anyOf": [{"type": "string"}, {"enum": [1]}]},
                "flag": {"const": true},
                "choice": {"oneOf": [{"const": 1.5}, {"$ref": "#/$defs/Two"}]},
                "list": {"type": "array", "items": {"$ref": "#/$defs/Two"}},
                "tuple": {"type": "array", "prefixItems": [{"const": 1}, {"type": "string"}], "items": {"const": 2}},
                "deep": {"type": "object", "level": {"enum": [1]}},
            },
            "then": {"properties": {"late": {"enum": [7]}}},
            "$defs": {"Two": {"enum": [2, null]}},
        });
        let arguments = json!({
            "level": "2", "text": "1", "mixed": "1", "free": "1", "flag": "true", "choice": "1.5",
            "list": ["2", "3", 2], "tuple": ["1", "1", "2"], "deep": {"level": "1", "other": "1"},
            "late": "7", "unknown": "1",
        });
        let restored = json!({
            "level": 2, "text": "1", "mixed": "1", "free": "1", "flag": true, "choice": 1.5,
            "list": [2, "3", 2], "tuple": [1, "1", 2], "deep": {"level": 1, "other": "1"},
            "late": 7, "unknown": "1",
        });
        assert_eq!(restored_by(arguments, &schema), restored);
        let choice = restored_by(json!({"choice": "2"}), &schema);
        assert_eq!(choice, json!({"choice": 2}));
    }

    #[test]
    fn placeholders_go_unless_the_client_has_them() {
        let sent = json!({"reason": "r", "_": true});
        for (schema, restored) in [
            (json!({"type": "object", "properties": {}}), json!({})),
            (
                json!({"type": "object", "properties": {"a": {}}}),
                json!({}),
            ),
            (json!({"$ref": "#/nowhere"}), json!({})),
            (json!({"properties": {"reason": {}, "_": {}}}), sent.clone()),
            (
                json!({"anyOf": [{"type": "object"}, {"properties": {"reason": {}}}]}),
                json!({"reason": "r"}),
            ),
            (json!({}), sent.clone()),
            (json!(true), sent.clone()),
        ] {
            assert_eq!(restored_by(sent.clone(), &schema), restored, "{schema}");
            let nested = json!({"properties": {"p": schema}});
            let nested = restored_by(json!({"p": sent}), &nested);
            if !schema["$ref"].is_string() {
                assert_eq!(nested, json!({"p": restored}), "{schema}");
            }
        }
        let schema = json!({"type": "object"});
        let kept = restore(sent.clone(), &schema, Profile::Public);
        assert_eq!(kept, sent, "there are no placeholders");
        // Not placeholders.
        let own = json!({"reason": 1, "_": "x"});
        assert_eq!(restored_by(own.clone(), &json!({"type": "object"})), own);
    }
}
