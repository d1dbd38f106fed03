//! Schemas of tools whose root is not a plain object, for vendors that accept nothing else.
//!
//! What such a root expresses in `oneOf`, `anyOf`, `allOf` and `$ref` is merged into one object. It allows every object
//! that the schema allows; it may allow more, and its description states what it could not express.

use serde_json::{Map, Value};

use super::normalize::{normalized, without_dialect};
use super::references::with_root_definition;
use super::shape::{Shape, ShapeReader};
use crate::json::{self, Scanner};
use crate::translate::neutral::json_text::Json;
use crate::translate::neutral::untranslatable::MOST_TREE;
use crate::wire::Dialect;

/// Keywords that only Google accepts at the root. Anthropic: "input_schema does not support oneOf, allOf, or anyOf at
/// the top level" (issue 5973 of anthropics/claude-code); without a type there, as beside a `$ref`,
/// "input_schema.type: Field required".
const COMBINED: [&str; 4] = ["$ref", "allOf", "anyOf", "oneOf"];

/// Keywords that OpenAI does not accept there either: "schema must have type 'object' and not have
/// 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level" (issue 9804 of langchain-ai/langchainjs).
const OPENAIS: [&str; 2] = ["enum", "not"];

/// The longest schema, in bytes, that is merged for Chat and Responses: such an upstream need not be OpenAI. A longer
/// one stays as it is.
const MOST_OPENAI: usize = 64 * 1024;

/// The longest text, in bytes, that is added to a description.
const WORDS: usize = 512;

/// The schema of a tool as `upstream` accepts it; `None` where that would take too large a tree.
pub fn object(schema: &Json, upstream: Dialect) -> Option<Json> {
    let schema = match upstream {
        Dialect::Responses => without_dialect(schema),
        _ => normalized(schema),
    };
    let is_openai = matches!(upstream, Dialect::Chat | Dialect::Responses);
    let refused = |key: &str| COMBINED.contains(&key) || (is_openai && OPENAIS.contains(&key));
    if is_object(schema.as_str(), &refused) {
        return Some(schema);
    }
    if is_openai && schema.as_str().len() > MOST_OPENAI {
        return Some(schema);
    }
    let tree = schema.tree()?;
    drop(schema);
    Some(merged(&tree, &refused).into())
}

/// The largest schema that [`object`] parses into a tree for an upstream, in bytes.
pub fn most_tree(upstream: Dialect) -> usize {
    match upstream {
        Dialect::Chat | Dialect::Responses => MOST_OPENAI,
        Dialect::Messages | Dialect::Gemini => MOST_TREE,
    }
}

/// Whether the root is an object without a keyword that is refused.
fn is_object(schema: &str, refused: &impl Fn(&str) -> bool) -> bool {
    let mut is_object = false;
    let mut is_refused = false;
    let read = Scanner::over(schema).object(|scanner, key| {
        let (value, _) = scanner.value()?;
        let key = key.decode();
        is_refused |= refused(&key);
        if let (json::Value::String(kind), "type") = (value, &*key) {
            is_object = kind.decode() == "object";
        }
        Ok(())
    });
    read.is_ok() && is_object && !is_refused
}

fn merged(root: &Value, refused: &impl Fn(&str) -> bool) -> Value {
    let shape = ShapeReader::new(root).shape(root, 0);
    let shape = shape.unwrap_or_else(Shape::any_object);
    let mut object = root.as_object().cloned().unwrap_or_default();
    let mut removed = Map::new();
    object.retain(|key, value| {
        let stays = !refused(key);
        if !stays && key != "$ref" {
            removed.insert(key.to_owned(), value.take());
        }
        stays
    });
    object.insert("type".to_owned(), "object".into());
    object.insert("properties".to_owned(), shape.properties.into());
    match shape.required.is_empty() {
        true => object.shift_remove("required"),
        false => object.insert("required".to_owned(), shape.required.into()),
    };
    if !object
        .get("additionalProperties")
        .is_some_and(Value::is_object)
    {
        object.shift_remove("additionalProperties");
    }
    if !shape.is_open {
        object.insert("additionalProperties".to_owned(), false.into());
    }
    // It depends on what the keywords that are gone evaluated.
    object.shift_remove("unevaluatedProperties");
    describe(removed, &mut object);
    with_root_definition(object, root)
}

/// Adds the removed keywords to the description, where they are short.
fn describe(removed: Map<String, Value>, object: &mut Map<String, Value>) {
    let words = Value::Object(removed).to_string();
    if words.len() > WORDS || words == "{}" {
        return;
    }
    let description = match object.get("description").and_then(Value::as_str) {
        Some(before) => format!("{before} (Must match: {words})"),
        None => format!("Must match: {words}"),
    };
    object.insert("description".to_owned(), description.into());
}

#[cfg(test)]
mod tests;
