//! Pieces that dialects of different vendors read or write alike.

use serde_json::{Map, Value, json};

use super::fields::{Fields, list_of};
use super::{Cache, Output, Part, Text, Tool, ToolCall};

/// One sequence or several; empty ones mean nothing.
pub fn stops(value: Option<Value>) -> Vec<String> {
    value
        .map(list_of)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|stop| match stop {
            Value::String(stop) if !stop.is_empty() => Some(stop),
            _ => None,
        })
        .collect()
}

/// A mark for the prompt cache, in either spelling.
pub fn cache(object: &mut Map<String, Value>) -> Option<Cache> {
    let mut mark = object
        .object("cache_control")
        .or_else(|| object.object("prompt_cache_breakpoint"))?;
    Some(Cache {
        is_long: mark.text("ttl").as_deref() == Some("1h"),
    })
}

/// A function as OpenAI describes one, in any of the spellings in use.
pub fn function(mut definition: Map<String, Value>) -> Option<Tool> {
    let schema = definition.take_any(&[
        "parameters",
        "parametersJsonSchema",
        "parameters_json_schema",
        "input_schema",
    ]);
    Some(Tool {
        name: definition.full_text("name")?,
        description: definition.full_text("description"),
        schema: schema.unwrap_or_default(),
        strict: definition.flag("strict"),
        cache: cache(&mut definition),
        ..Tool::default()
    })
}

/// All text of some parts, and the other parts.
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

/// A form of output that has no field of its own, asked for in words.
pub fn asked_for(output: &Output) -> Option<Text> {
    Some(Text::new(match output {
        Output::Text => return None,
        Output::JsonObject => "Answer with one JSON object and nothing else.".to_owned(),
        Output::JsonSchema { schema, .. } => {
            format!("Answer with JSON of this schema and nothing else: {schema}")
        }
    }))
}

/// The arguments of a call as an object, as the dialects that take nothing else want them.
pub fn object_of(call: &ToolCall) -> Value {
    if call.is_custom {
        return json!({"input": call.arguments});
    }
    if call.arguments.trim().is_empty() {
        return json!({});
    }
    match serde_json::from_str(&call.arguments) {
        Ok(object @ Value::Object(_)) => object,
        Ok(value) => json!({"input": value}),
        Err(_) => json!({"input": call.arguments}),
    }
}
