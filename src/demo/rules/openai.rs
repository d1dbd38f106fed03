//! What both of OpenAI's APIs refuse.

use serde_json::Value;

use super::{Asked, is_word, list, text};
use crate::demo::target::Fault;

/// A refusal with what programs read of it.
pub fn fault(message: String, param: &str, code: Option<&'static str>) -> Fault {
    Fault {
        param: Some(param.to_owned()),
        code,
        ..Fault::from(message)
    }
}

/// `string_above_max_length`, and `empty_string` where there must be one.
pub fn length(value: &Value, param: &str, least: usize, most: usize) -> Option<Fault> {
    let length = value.as_str()?.chars().count();
    if length > most {
        let message = format!(
            "Invalid '{param}': string too long. Expected a string with maximum length {most}, but got a string with \
             length {length} instead."
        );
        return Some(fault(message, param, Some("string_above_max_length")));
    }
    (length < least).then(|| {
        let message = format!(
            "Invalid '{param}': empty string. Expected a string with minimum length {least}, but got an empty string \
             instead."
        );
        fault(message, param, Some("empty_string"))
    })
}

pub fn empty_array(value: &Value, param: &str) -> Option<Fault> {
    let is_empty = value.as_array()?.is_empty();
    is_empty.then(|| {
        let message = format!(
            "Invalid '{param}': empty array. Expected an array with minimum length 1, but got an empty array instead."
        );
        fault(message, param, Some("empty_array"))
    })
}

/// Names of users and caches: OpenAI's OpenAPI document for `safety_identifier` and `prompt_cache_key`; for `user` the
/// words as in maximhq/bifrost, pull request 1000.
pub fn names(body: &Value) -> Option<Fault> {
    let mut names = ["user", "safety_identifier", "prompt_cache_key"].into_iter();
    names.find_map(|name| length(&body[name], name, 0, 64))
}

/// Whether a model thinks before it answers: those of the o series and of GPT-5.
pub fn thinks(model: &str) -> bool {
    const MODELS: [&str; 4] = ["o1", "o3", "o4", "gpt-5"];
    MODELS.iter().any(|known| model.starts_with(known))
}

/// OpenAI's guide to reasoning, "Limitations": models that think take no other sampling than the usual one, but those
/// from GPT-5.1 on with `none` as their effort. `stop`: its OpenAPI document, `StopConfiguration`.
pub fn sampling(asked: Asked<'_>) -> Option<Fault> {
    if !thinks(asked.model) || asked.model.starts_with("gpt-5-chat") {
        return None;
    }
    let body = asked.body;
    let is_at_rest = asked.model.starts_with("gpt-5.")
        && (body["reasoning_effort"] == "none" || body["reasoning"]["effort"] == "none");
    let usual = [
        ("temperature", 1.0, !is_at_rest),
        ("top_p", 1.0, !is_at_rest),
        ("frequency_penalty", 0.0, true),
        ("presence_penalty", 0.0, true),
    ];
    for (name, usual, is_fixed) in usual {
        let value = body[name].as_f64().unwrap_or(usual);
        if is_fixed && value != usual {
            let message = format!(
                "Unsupported value: '{name}' does not support {value} with this model. Only the default ({usual}) \
                 value is supported."
            );
            return Some(fault(message, name, Some("unsupported_value")));
        }
    }
    let has_stop = body["stop"].is_string() || !list(&body["stop"]).is_empty();
    has_stop.then(|| {
        let message = "Unsupported parameter: 'stop' is not supported with this model.";
        fault(message.to_owned(), "stop", Some("unsupported_parameter"))
    })
}

/// A function's name and schema: OpenAI's OpenAPI document (`FunctionObject`), and for the root of the schema
/// SqueezeAILab/LLMCompiler's users, who quote the answer. `place` is where the function stands.
pub fn function(function: &Value, place: &str, schema_place: &str) -> Option<Fault> {
    let name = text(&function["name"]);
    if let Some(fault) = length(&function["name"], &format!("{place}.name"), 1, 64) {
        return Some(fault);
    }
    if !is_word(name, "_-") {
        let param = format!("{place}.name");
        let message = format!(
            "Invalid '{param}': string does not match pattern. Expected a string that matches the pattern \
             '^[a-zA-Z0-9_-]+$'."
        );
        return Some(fault(message, &param, Some("invalid_value")));
    }
    let schema = function["parameters"].as_object()?;
    let flaw = match schema.get("type") {
        Some(kind) if kind == "object" => {
            const REFUSED: [&str; 5] = ["oneOf", "anyOf", "allOf", "enum", "not"];
            let has_refused = REFUSED.iter().any(|word| schema.contains_key(*word));
            has_refused.then(|| {
                "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level."
                    .to_owned()
            })
        }
        other => {
            let kind = other.and_then(Value::as_str).unwrap_or("None");
            Some(format!(
                "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."
            ))
        }
    }?;
    let message = format!("Invalid schema for function '{name}': {flaw}");
    Some(fault(
        message,
        schema_place,
        Some("invalid_function_parameters"),
    ))
}
