//! JSON Schemas of tools (spec/dialects.md 1.7).

use serde_json::{Map, Value, json};

use super::Grammar;

/// A schema as everybody takes it: an object with properties, types in lower case, no boolean in the place of a
/// property's schema.
pub fn plain(schema: Value) -> Value {
    let Value::Object(mut schema) = schema else {
        return json!({"type": "object", "properties": {}});
    };
    schema.entry("type").or_insert_with(|| "object".into());
    lower_types(&mut schema, 0);
    if schema.get("type").is_some_and(|kind| kind == "object") {
        match schema.get_mut("properties") {
            Some(Value::Object(properties)) => {
                for property in properties.values_mut() {
                    if property.is_boolean() || property.is_null() {
                        *property = json!({});
                    }
                }
            }
            _ => {
                schema.insert("properties".to_owned(), json!({}));
            }
        }
    }
    Value::Object(schema)
}

/// Levels that are looked at; no schema for a model is deeper.
const DEPTH: usize = 64;

/// Gemini's clients write types in capitals.
fn lower_types(schema: &mut Map<String, Value>, depth: usize) {
    if depth == DEPTH {
        return;
    }
    if let Some(Value::String(kind)) = schema.get_mut("type")
        && kind.bytes().any(|byte| byte.is_ascii_uppercase())
    {
        kind.make_ascii_lowercase();
    }
    for (key, value) in schema.iter_mut() {
        match (key.as_str(), value) {
            ("properties" | "$defs" | "definitions", Value::Object(schemas)) => {
                for schema in schemas.values_mut().filter_map(Value::as_object_mut) {
                    lower_types(schema, depth + 1);
                }
            }
            ("items" | "additionalProperties" | "not", Value::Object(schema)) => {
                lower_types(schema, depth + 1);
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(schemas)) => {
                for schema in schemas.iter_mut().filter_map(Value::as_object_mut) {
                    lower_types(schema, depth + 1);
                }
            }
            _ => {}
        }
    }
}

/// The schema of a tool that takes text, for upstreams whose tools take JSON.
pub fn of_text() -> Value {
    json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]})
}

/// What a tool that takes text says of itself there.
pub fn text_description(description: Option<String>, grammar: Option<Grammar>) -> Option<String> {
    match (description, grammar.map(|grammar| grammar.definition)) {
        (Some(description), Some(grammar)) => Some(format!("{description}\n\n{grammar}")),
        (description, grammar) => description.or(grammar),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_become_plain() {
        for (schema, expected) in [
            (json!(null), json!({"type": "object", "properties": {}})),
            (json!({}), json!({"type": "object", "properties": {}})),
            (
                json!({"type": "OBJECT", "properties": {"a": {"type": "STRING"}, "type": true}}),
                json!({"type": "object", "properties": {"a": {"type": "string"}, "type": {}}}),
            ),
            (
                json!({"properties": {"a": {"items": {"type": "NUMBER"}}}}),
                json!({"properties": {"a": {"items": {"type": "number"}}}, "type": "object"}),
            ),
        ] {
            assert_eq!(plain(schema), expected);
        }
    }
}
