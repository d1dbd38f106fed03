//! The backend of ChatGPT, which takes less than OpenAI's API. It tells what is wrong as `detail`; the words are those
//! that users of gateways report.

use serde_json::Value;

use super::{Asked, Rule, list, text};
use crate::demo::target::Fault;

pub const RULES: [Rule; 6] = [stream, store, instructions, input, unsupported, tools];
/// A compaction is no stream and is not stored.
pub const COMPACTING: [Rule; 3] = [instructions, input, tools];

fn stream(asked: Asked<'_>) -> Option<Fault> {
    (asked.body["stream"] != true).then(|| "Stream must be set to true".into())
}

fn store(asked: Asked<'_>) -> Option<Fault> {
    (asked.body["store"] != false).then(|| "Store must be set to false".into())
}

fn instructions(asked: Asked<'_>) -> Option<Fault> {
    (!asked.body["instructions"].is_string()).then(|| "Instructions are required".into())
}

fn input(asked: Asked<'_>) -> Option<Fault> {
    if !asked.body["input"].is_array() {
        return Some("Input must be a list".into());
    }
    let items = list(&asked.body["input"]);
    if items.iter().any(|item| item["role"] == "system") {
        return Some("System messages are not allowed".into());
    }
    let parts = items
        .iter()
        .flat_map(|item| [&item["content"], &item["output"]]);
    let mut parts = parts.flat_map(list);
    parts
        .any(|part| !part["prompt_cache_breakpoint"].is_null())
        .then(|| "Unsupported parameter: prompt_cache_breakpoint".into())
}

fn unsupported(asked: Asked<'_>) -> Option<Fault> {
    const UNSUPPORTED: [&str; 12] = [
        "max_output_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "truncation",
        "user",
        "previous_response_id",
        "prompt_cache_retention",
        "prompt_cache_options",
        "safety_identifier",
        "stream_options",
        "context_management",
    ];
    let body = asked.body.as_object()?;
    let name = UNSUPPORTED.iter().find(|name| body.contains_key(**name))?;
    Some(format!("Unsupported parameter: {name}").into())
}

fn tools(asked: Asked<'_>) -> Option<Fault> {
    let choice = &asked.body["tool_choice"];
    let tools = [&asked.body["tools"], &choice["tools"]];
    let tools = tools.into_iter().flat_map(list);
    let mut kinds = tools
        .chain([choice])
        .map(|tool: &Value| text(&tool["type"]));
    let old = kinds.find(|kind| kind.starts_with("web_search_preview"))?;
    Some(format!("Unsupported tool type: {old}").into())
}
