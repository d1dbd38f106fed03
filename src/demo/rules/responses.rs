//! OpenAI Responses.

use serde_json::Value;

use super::openai::{self, fault, length};
use super::{Asked, Rule, list, text};
use crate::demo::target::Fault;

pub const RULES: [Rule; 8] = [
    roles,
    contents,
    ids,
    calls,
    tools,
    most_tokens,
    openai::sampling,
    names,
];

fn items<'a>(asked: Asked<'a>) -> impl Iterator<Item = (usize, &'a Value)> {
    list(&asked.body["input"]).iter().enumerate()
}

fn is_message(item: &Value) -> bool {
    item["type"].is_null() || item["type"] == "message"
}

/// OpenAI's OpenAPI document: the roles of `EasyInputMessage`.
fn roles(asked: Asked<'_>) -> Option<Fault> {
    const ROLES: [&str; 4] = ["assistant", "system", "developer", "user"];
    let mut messages = items(asked).filter(|(_, item)| is_message(item));
    let (index, role) = messages.find_map(|(index, item)| {
        let role = text(&item["role"]);
        (!ROLES.contains(&role)).then_some((index, role))
    })?;
    let message = format!(
        "Invalid value: '{role}'. Supported values are: 'assistant', 'system', 'developer', and 'user'."
    );
    Some(fault(
        message,
        &format!("input[{index}].role"),
        Some("invalid_value"),
    ))
}

/// Who speaks says which parts there are; the words as in the changelogs of several clients ("Supported values are:
/// 'output_text' and 'refusal'").
fn contents(asked: Asked<'_>) -> Option<Fault> {
    const OUTPUT: [&str; 2] = ["output_text", "refusal"];
    for (index, item) in items(asked).filter(|(_, item)| is_message(item)) {
        let is_output = item["role"] == "assistant";
        for (at, part) in list(&item["content"]).iter().enumerate() {
            let kind = text(&part["type"]);
            if OUTPUT.contains(&kind) == is_output {
                continue;
            }
            let supported = match is_output {
                true => "'output_text' and 'refusal'",
                false => "'input_text', 'input_image', and 'input_file'",
            };
            let message = format!("Invalid value: '{kind}'. Supported values are: {supported}.");
            let param = format!("input[{index}].content[{at}]");
            return Some(fault(message, &param, Some("invalid_value")));
        }
    }
    None
}

/// OpenAI's OpenAPI document: `call_id` has 1 to 64 characters.
fn ids(asked: Asked<'_>) -> Option<Fault> {
    items(asked).find_map(|(index, item)| {
        length(&item["call_id"], &format!("input[{index}].call_id"), 1, 64)
    })
}

/// A call for each output before it (continuedev/continue, issue 10092), an output for each call of a function or a tool
/// of text (tjardoo/openai-client, pull request 124).
fn calls(asked: Asked<'_>) -> Option<Fault> {
    let mut open: Vec<(&str, bool)> = Vec::new();
    for (_, item) in items(asked) {
        let id = text(&item["call_id"]);
        match text(&item["type"]) {
            "function_call" | "custom_tool_call" => open.push((id, true)),
            "function_call_output" | "custom_tool_call_output" => {
                let Some(at) = open.iter().position(|(open, _)| *open == id) else {
                    let message =
                        format!("No tool call found for function call output with call_id {id}.");
                    return Some(fault(message, "input", None));
                };
                open.remove(at);
            }
            // The vendor's own tools.
            kind if kind.ends_with("_call") => open.push((id, false)),
            _ => {}
        }
    }
    let (id, _) = open.into_iter().find(|(_, needs_output)| *needs_output)?;
    let message = format!("No tool output found for function call {id}.");
    Some(fault(message, "input", None))
}

fn tools(asked: Asked<'_>) -> Option<Fault> {
    list(&asked.body["tools"])
        .iter()
        .enumerate()
        .find_map(|(index, tool)| {
            let place = format!("tools[{index}]");
            let is_function = tool["type"] == "function";
            let schema = format!("{place}.parameters");
            is_function.then(|| openai::function(tool, &place, &schema))?
        })
}

/// OpenAI's OpenAPI document: `max_output_tokens` is at least 16.
fn most_tokens(asked: Asked<'_>) -> Option<Fault> {
    let most = asked.body["max_output_tokens"].as_i64()?;
    (most < 16).then(|| {
        let message = format!(
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got {most} instead."
        );
        fault(message, "max_output_tokens", Some("integer_below_min_value"))
    })
}

fn names(asked: Asked<'_>) -> Option<Fault> {
    openai::names(asked.body)
}
