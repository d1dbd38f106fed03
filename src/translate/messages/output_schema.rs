//! Schemas of structured output.

use serde_json::{Map, Value};

/// Keywords that Anthropic refuses in schemas of output; the description states them instead.
const BOUNDS: [&str; 10] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
];

fn describe_bounds(schema: &mut Map<String, Value>) {
    let bounds = BOUNDS.iter().filter_map(|key| {
        let bound = schema.shift_remove(*key)?;
        Some(format!("{key}: {bound}"))
    });
    let bounds: Vec<String> = bounds.collect();
    if bounds.is_empty() {
        return;
    }
    let bounds = bounds.join(", ");
    let description = match schema.get("description").and_then(Value::as_str) {
        Some(before) => format!("{before} ({bounds})"),
        None => bounds,
    };
    schema.insert("description".to_owned(), description.into());
}

/// The schema with `additionalProperties: false` in every object, as Anthropic requires.
pub fn closed(mut schema: Value, depth: usize) -> Value {
    const DEPTH: usize = 64;
    if depth < DEPTH
        && let Some(object) = schema.as_object_mut()
    {
        let is_object = object.get("type").is_some_and(|kind| kind == "object");
        describe_bounds(object);
        for (key, value) in object.iter_mut() {
            match (key.as_str(), value) {
                ("properties" | "$defs" | "definitions", Value::Object(schemas)) => {
                    for schema in schemas.values_mut() {
                        *schema = closed(schema.take(), depth + 1);
                    }
                }
                ("items", schema @ Value::Object(_)) => *schema = closed(schema.take(), depth + 1),
                ("anyOf" | "allOf", Value::Array(schemas)) => {
                    for schema in schemas {
                        *schema = closed(schema.take(), depth + 1);
                    }
                }
                _ => {}
            }
        }
        if is_object {
            object.insert("additionalProperties".to_owned(), false.into());
        }
    }
    schema
}
