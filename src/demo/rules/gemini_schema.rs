//! Gemini: the words of its own schemas, a part of OpenAPI 3.0 (ai.google.dev, `Schema`). Schemas under the names with
//! `Json` in them may say more.

use serde_json::Value;

use super::{Asked, list};
use crate::demo::target::Fault;

/// The fields of `Schema`, in either spelling.
const WORDS: [&str; 30] = [
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "maxItems",
    "max_items",
    "minItems",
    "min_items",
    "properties",
    "required",
    "minProperties",
    "min_properties",
    "maxProperties",
    "max_properties",
    "minLength",
    "min_length",
    "maxLength",
    "max_length",
    "pattern",
    "example",
    "anyOf",
    "any_of",
    "propertyOrdering",
    "property_ordering",
    "default",
    "items",
    "minimum",
    "maximum",
];

/// Levels that are looked at.
const DEPTH: usize = 64;

/// Unknown words (Laisky/one-api, issue 60), lists in the place of a type, and objects without a member
/// (BerriAI/litellm quotes the answer).
pub fn words(asked: Asked<'_>) -> Option<Fault> {
    let functions = declarations(asked.body).into_iter();
    let mut schemas: Vec<(String, &Value)> = functions
        .map(|(place, function)| (format!("{place}.parameters"), &function["parameters"]))
        .collect();
    let config = either(asked.body, "generationConfig", "generation_config");
    let output = either(config, "responseSchema", "response_schema");
    schemas.push(("generation_config.response_schema".to_owned(), output));
    schemas
        .into_iter()
        .find_map(|(place, schema)| flaw(schema, &place, 0))
}

fn flaw(schema: &Value, place: &str, depth: usize) -> Option<Fault> {
    let members = schema.as_object().filter(|_| depth < DEPTH)?;
    if let Some(name) = members.keys().find(|name| !WORDS.contains(&name.as_str())) {
        return Some(
            format!(
                "Invalid JSON payload received. Unknown name \"{name}\" at '{place}': Cannot find field."
            )
            .into(),
        );
    }
    if schema["type"].is_array() {
        return Some(
            format!(
                "Invalid JSON payload received. Unknown name \"type\" at '{place}': Proto field is not repeating, \
                 cannot start list."
            )
            .into(),
        );
    }
    let is_object = schema["type"]
        .as_str()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("object"));
    let properties = &schema["properties"];
    if is_object
        && properties
            .as_object()
            .is_some_and(serde_json::Map::is_empty)
    {
        return Some(
            format!(
                "* GenerateContentRequest.{place}.properties: should be non-empty for OBJECT type\n"
            )
            .into(),
        );
    }
    let properties = properties.as_object().into_iter().flatten().enumerate();
    let properties = properties
        .map(|(index, (_, schema))| (format!("{place}.properties[{index}].value"), schema));
    let choices = either(schema, "anyOf", "any_of")
        .as_array()
        .into_iter()
        .flatten()
        .enumerate();
    let choices = choices.map(|(index, schema)| (format!("{place}.any_of[{index}]"), schema));
    let items = std::iter::once((format!("{place}.items"), &schema["items"]));
    let mut inner = properties.chain(choices).chain(items);
    inner.find_map(|(place, schema)| flaw(schema, &place, depth + 1))
}

/// A member in either spelling.
pub fn either<'a>(value: &'a Value, camel: &str, snake: &str) -> &'a Value {
    match &value[camel] {
        Value::Null => &value[snake],
        member => member,
    }
}

/// The declarations of functions, each with its place.
pub fn declarations(body: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (index, tool) in list(&body["tools"]).iter().enumerate() {
        let declared = either(tool, "functionDeclarations", "function_declarations");
        for (at, function) in list(declared).iter().enumerate() {
            found.push((
                format!("tools[{index}].function_declarations[{at}]"),
                function,
            ));
        }
    }
    found
}
