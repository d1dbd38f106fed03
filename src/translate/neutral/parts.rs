//! Reading and writing that dialects of different vendors share.

use serde_json::Value;

use super::json_text::Json;
use super::lazy::{self, LazyObject};
use super::part::{Cache, Part, Text, ToolCall};
use super::request::{Output, Tool};

/// Reads a cache mark, in either spelling.
pub fn cache(object: &mut LazyObject<'_>) -> Option<Cache> {
    let mut mark = object
        .object("cache_control")
        .or_else(|| object.object("prompt_cache_breakpoint"))?;
    Some(Cache {
        is_long: mark.keyword("ttl").as_deref() == Some("1h"),
    })
}

/// Reads a function in the form of OpenAI, with any of the names in use for its schema.
pub fn function(mut definition: LazyObject<'_>) -> Option<Tool> {
    let schema = definition.json(&[
        "parameters",
        "parametersJsonSchema",
        "parameters_json_schema",
        "input_schema",
    ]);
    Some(Tool {
        name: definition.nonempty_text("name")?,
        description: definition.nonempty_text("description"),
        schema: schema.unwrap_or_default(),
        strict: definition.flag("strict"),
        cache: cache(&mut definition),
        ..Tool::default()
    })
}

/// The joined text of parts, and the other parts.
pub fn texts_of(parts: Vec<Part>) -> (String, Vec<Part>) {
    let mut texts = Vec::new();
    let mut others = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => texts.push(text.text),
            other => others.push(other),
        }
    }
    (texts.join("\n"), others)
}

/// An instruction for an output format that the dialect or model does not support.
pub fn output_instruction(output: &Output) -> Option<Text> {
    Some(Text::new(match output {
        Output::Text => return None,
        Output::JsonObject => "Answer with one JSON object and nothing else.".to_owned(),
        Output::JsonSchema { schema, .. } => {
            format!(
                "Answer with JSON of this schema and nothing else: {}",
                schema.as_str()
            )
        }
    }))
}

/// The arguments of a call as an object, for dialects that accept nothing else.
pub fn object_of(call: &ToolCall) -> Json {
    match call.is_custom {
        true => in_object(&Value::from(call.arguments.as_str()).to_string()),
        false => object_of_text(&call.arguments),
    }
}

/// Arguments of a function as an object: any other value becomes its `input`; no arguments are an empty object.
pub fn object_of_text(arguments: &str) -> Json {
    if arguments.trim().is_empty() {
        return Json::compact("{}".to_owned());
    }
    match lazy::is_valid(arguments) {
        true => match Json::of(arguments) {
            object if object.is_object() => object,
            value => in_object(value.as_str()),
        },
        false => in_object(&Value::from(arguments).to_string()),
    }
}

/// Arguments of a function as the text of an object. An object stays as written.
pub fn function_arguments(arguments: String) -> String {
    match is_object(&arguments) {
        true => arguments,
        false => object_of_text(&arguments).into(),
    }
}

pub fn is_object(arguments: &str) -> bool {
    arguments.trim_start().starts_with('{') && lazy::is_valid(arguments)
}

fn in_object(value: &str) -> Json {
    Json::compact(format!(r#"{{"input":{value}}}"#))
}
