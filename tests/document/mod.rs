//! What OpenAI's published document says that requests, answers and events look like. `openai.json` is extracted from it
//! by `extract.py`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Map, Value};

static DOCUMENT: LazyLock<Map<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("openai.json")).unwrap());

/// Members that Open Responses' `ResponseResource` requires, and whether they may be null.
const REQUIRED: [(&str, bool); 31] = [
    ("id", false),
    ("object", false),
    ("created_at", false),
    ("completed_at", true),
    ("status", false),
    ("incomplete_details", true),
    ("model", false),
    ("previous_response_id", true),
    ("instructions", true),
    ("output", false),
    ("error", true),
    ("tools", false),
    ("tool_choice", false),
    ("truncation", false),
    ("parallel_tool_calls", false),
    ("text", false),
    ("top_p", false),
    ("presence_penalty", false),
    ("frequency_penalty", false),
    ("top_logprobs", false),
    ("temperature", false),
    ("reasoning", true),
    ("usage", true),
    ("max_output_tokens", true),
    ("max_tool_calls", true),
    ("store", false),
    ("background", false),
    ("service_tier", false),
    ("metadata", false),
    ("safety_identifier", true),
    ("prompt_cache_key", true),
];

/// What the vendor says although its document does not: no usage while an answer goes on, as in the document's own
/// examples, and codes of errors that Codex acts on.
static SAID_ALL_THE_SAME: LazyLock<[(&str, Value); 6]> = LazyLock::new(|| {
    [
        ("ResponseUsage", Value::Null),
        ("ResponseErrorCode", "context_length_exceeded".into()),
        ("ResponseErrorCode", "insufficient_quota".into()),
        ("ResponseErrorCode", "usage_not_included".into()),
        ("ResponseErrorCode", "server_is_overloaded".into()),
        ("ResponseErrorCode", "slow_down".into()),
    ]
});

/// Whether a value fits a schema of the document; else where it does not, and why.
pub fn fits(schema: &str, value: &Value) -> Result<(), String> {
    check(named(schema)?, value, schema)
}

/// Whether a response object is whole: it fits the document, and Open Responses' stricter one.
pub fn fits_response(response: &Value) -> Result<(), String> {
    fits("Response", response)?;
    for (member, may_be_null) in REQUIRED {
        match response.get(member) {
            None => return Err(format!("Response.{member}: missing")),
            Some(Value::Null) if !may_be_null => return Err(format!("Response.{member}: null")),
            Some(_) => {}
        }
    }
    for member in ["effort", "summary"] {
        let reasoning = &response["reasoning"];
        if reasoning.is_object() && reasoning.get(member).is_none() {
            return Err(format!("Response.reasoning.{member}: missing"));
        }
    }
    if !response["text"]["format"].is_object() {
        return Err("Response.text.format: missing".to_owned());
    }
    for tool in response["tools"].as_array().into_iter().flatten() {
        let is_whole = tool["type"] != "function" || tool.get("description").is_some();
        if !is_whole {
            return Err(format!("Response.tools: no description: {tool}"));
        }
    }
    let is_over = response["status"] == "completed";
    if is_over != response["completed_at"].is_number() {
        return Err(format!(
            "Response.completed_at: {}",
            response["completed_at"]
        ));
    }
    Ok(())
}

/// Whether an event of a stream fits, with the response object that it has.
pub fn fits_event(event: &Value) -> Result<(), String> {
    fits("ResponseStreamEvent", event)?;
    match event.get("response") {
        Some(response) => fits_response(response),
        None => Ok(()),
    }
}

/// The types of the objects that a schema is one of.
pub fn types_of(schema: &str) -> BTreeSet<String> {
    fn gather(schema: &Value, found: &mut BTreeSet<String>) {
        if let Some(schema) = schema["$ref"].as_str().map(named) {
            gather(schema.unwrap(), found);
        }
        list(&schema["anyOf"])
            .iter()
            .for_each(|one| gather(one, found));
        let kind = &schema["properties"]["type"];
        let kinds = list(&kind["anyOf"]).iter().chain([kind]);
        let kinds = kinds.flat_map(|kind| list(&kind["enum"]));
        found.extend(kinds.filter_map(Value::as_str).map(str::to_owned));
    }
    let mut found = BTreeSet::new();
    gather(named(schema).unwrap(), &mut found);
    found
}

fn named(name: &str) -> Result<&'static Value, String> {
    let schema = DOCUMENT.get(name);
    schema.ok_or_else(|| format!("there is no schema {name}"))
}

fn check(schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    let wrong = |why: String| Err(format!("{place}: {why}"));
    if let Some(name) = schema["$ref"].as_str() {
        let is_known = SAID_ALL_THE_SAME
            .iter()
            .any(|(schema, said)| *schema == name && *said == *value);
        return match is_known {
            true => Ok(()),
            false => check(named(name)?, value, place),
        };
    }
    for part in list(&schema["allOf"]) {
        check(part, value, place)?;
    }
    any_of(list(&schema["anyOf"]), value, place)?;
    if let Some(kind) = schema["type"].as_str()
        && !is_a(kind, value)
    {
        return wrong(format!("{value} is no {kind}"));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return wrong(format!("{value} is none of {allowed:?}"));
    }
    let sizes = [
        ("minLength", "maxLength", value.as_str().map(length)),
        (
            "minItems",
            "maxItems",
            value.as_array().map(|list| list.len() as f64),
        ),
        ("minimum", "maximum", value.as_f64()),
    ];
    for (least, most, size) in sizes {
        let Some(size) = size else { continue };
        if schema[least].as_f64().is_some_and(|least| size < least)
            || schema[most].as_f64().is_some_and(|most| size > most)
        {
            return wrong(format!("{size} is too little or too much"));
        }
    }
    if let (Some("^[a-zA-Z0-9_-]+$"), Some(text)) = (schema["pattern"].as_str(), value.as_str())
        && !text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
    {
        return wrong(format!("{text:?} has other characters"));
    }
    match value {
        Value::Object(members) => object(schema, members, place),
        Value::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                check(&schema["items"], element, &format!("{place}[{at}]"))?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn object(schema: &Value, members: &Map<String, Value>, place: &str) -> Result<(), String> {
    for required in list(&schema["required"]) {
        let required = required.as_str().unwrap_or_default();
        if !members.contains_key(required) {
            return Err(format!("{place}.{required}: missing"));
        }
    }
    for (key, value) in members {
        let place = format!("{place}.{key}");
        match (
            schema["properties"].get(key),
            &schema["additionalProperties"],
        ) {
            (Some(schema), _) => check(schema, value, &place)?,
            (None, Value::Bool(false)) => return Err(format!("{place}: there is no such member")),
            (None, others) => check(others, value, &place)?,
        }
    }
    Ok(())
}

/// One of them must fit: where some are of the value's type, one of those.
fn any_of(schemas: &[Value], value: &Value, place: &str) -> Result<(), String> {
    let meant: Vec<&Value> = schemas
        .iter()
        .filter(|schema| is_meant(schema, value))
        .collect();
    let asked = match meant.is_empty() {
        true => schemas.iter().collect(),
        false => meant,
    };
    let mut complaints = Vec::new();
    for schema in asked {
        match check(schema, value, place) {
            Ok(()) => return Ok(()),
            Err(complaint) => complaints.push(complaint),
        }
    }
    match complaints.is_empty() {
        true => Ok(()),
        false => Err(complaints.join(" | ")),
    }
}

/// Whether a schema says of itself that it is of the value's type.
fn is_meant(schema: &Value, value: &Value) -> bool {
    let Some(kind) = value.get("type") else {
        return false;
    };
    if let Some(name) = schema["$ref"].as_str() {
        return named(name).is_ok_and(|schema| is_meant(schema, value));
    }
    let parts = list(&schema["anyOf"]).iter().chain(list(&schema["allOf"]));
    let types = &schema["properties"]["type"]["enum"];
    list(types).contains(kind) || parts.into_iter().any(|part| is_meant(part, value))
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "null" => value.is_null(),
        _ => panic!("there is no type {kind}"),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn length(text: &str) -> f64 {
    text.chars().count() as f64
}
