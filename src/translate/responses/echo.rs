//! The members of a request that its answer repeats, with defaults filled in.

use serde_json::{Value, json};

use crate::translate::neutral::{Json, LazyObject};

/// The members of a request that its answer repeats.
const ECHOED: [&str; 20] = [
    "frequency_penalty",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// The longest member that is repeated, in bytes: a stream repeats it three times.
const MOST_REPEATED: usize = 256 * 1024;

/// The members of a request that its answer repeats. Longer members get their default.
pub fn echo(body: &LazyObject<'_>) -> Vec<(&'static str, Json)> {
    let said = ECHOED.iter().filter_map(|key| {
        let text = body.peek(key)?;
        let is_repeated = text != "null" && text.len() <= MOST_REPEATED;
        if !is_repeated {
            return None;
        }
        let said = match *key {
            "reasoning" | "service_tier" | "text" | "tools" => {
                filled_in(key, Json::of(text).tree()?)?.into()
            }
            _ => Json::of(text),
        };
        Some((*key, said))
    });
    said.collect()
}

/// A member as the answer has it; `None` for one that is not repeated.
fn filled_in(key: &str, mut said: Value) -> Option<Value> {
    match key {
        "reasoning" => fill(
            &mut said,
            &[("effort", Value::Null), ("summary", Value::Null)],
        ),
        // The answer reports the tier that was used.
        "service_tier" if said == "auto" => return None,
        "text" => {
            let format = json!({"type": "text"});
            fill(
                &mut said,
                &[("format", format), ("verbosity", "medium".into())],
            );
            if said["format"]["type"] == "json_schema" {
                let format = &mut said["format"];
                fill(
                    format,
                    &[("description", Value::Null), ("strict", false.into())],
                );
            }
        }
        "tools" => said.as_array_mut()?.iter_mut().for_each(tool),
        _ => {}
    }
    Some(said)
}

/// Fills in the members of a function. The upstream gets `strict: false` by default too.
fn tool(tool: &mut Value) {
    match tool["type"].as_str() {
        Some("function") => {
            if let Some(inner) = tool
                .as_object_mut()
                .and_then(|tool| tool.shift_remove("function"))
            {
                *tool = inner;
                fill(tool, &[("type", "function".into())]);
            }
            let absent = [
                ("description", Value::Null),
                ("parameters", Value::Null),
                ("strict", false.into()),
            ];
            fill(tool, &absent);
        }
        Some("namespace") => {
            if let Some(inner) = tool["tools"].as_array_mut() {
                inner.iter_mut().for_each(self::tool);
            }
        }
        _ => {}
    }
}

/// Sets members that are absent or null.
fn fill(object: &mut Value, absent: &[(&str, Value)]) {
    if let Some(object) = object.as_object_mut() {
        for (key, value) in absent {
            if object.get(*key).is_none_or(Value::is_null) {
                object.insert((*key).to_owned(), value.clone());
            }
        }
    }
}

/// Removes the tools of these types from the repeated members: they are not in use.
pub fn remove_tools(kinds: &[String], echo: &mut [(&'static str, Json)]) {
    let tools = echo.iter_mut().find(|(key, _)| *key == "tools");
    let Some((_, json)) = tools.filter(|_| !kinds.is_empty()) else {
        return;
    };
    if let Some(Value::Array(mut tools)) = json.tree() {
        tools.retain(|tool| {
            let kind = tool["type"].as_str().unwrap_or_default();
            let is_search = kind.starts_with("web_search");
            !kinds
                .iter()
                .any(|left| left == kind || (is_search && left == "web_search"))
        });
        *json = Value::from(tools).into();
    }
}
