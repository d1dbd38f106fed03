//! xAI's Responses API. Its errors are two strings, `code` and `error`.

use super::{Asked, Rule, list, text};
use crate::demo::target::Fault;

pub const RULES: [Rule; 6] = [tools, choice, functions, effort, stop, reasoning];

/// The tools of xAI's reference; in serde's words, which its API shows.
fn tools(asked: Asked<'_>) -> Option<Fault> {
    const KNOWN: [&str; 7] = [
        "function",
        "web_search",
        "web_search_preview",
        "x_search",
        "file_search",
        "code_interpreter",
        "mcp",
    ];
    let mut tools = list(&asked.body["tools"]).iter().enumerate();
    let (index, kind) = tools.find_map(|(index, tool)| {
        let kind = text(&tool["type"]);
        (!KNOWN.contains(&kind)).then_some((index, kind))
    })?;
    Some(Fault {
        status: 422,
        ..Fault::from(format!(
            "Failed to deserialize the JSON body into the target type: tools[{index}]: unknown variant `{kind}`"
        ))
    })
}

/// As gateways report it: a choice needs tools.
fn choice(asked: Asked<'_>) -> Option<Fault> {
    let has_tools = !list(&asked.body["tools"]).is_empty();
    let has_choice = !asked.body["tool_choice"].is_null();
    (has_choice && !has_tools)
        .then(|| "A tool_choice was set on the request but no tools were specified.".into())
}

fn functions(asked: Asked<'_>) -> Option<Fault> {
    let mut tools = list(&asked.body["tools"]).iter().enumerate();
    let (index, _) =
        tools.find(|(_, tool)| tool["type"] == "function" && !tool["parameters"].is_object())?;
    Some(format!("tools[{index}]: missing field `parameters`").into())
}

/// The words as in NousResearch/hermes-agent, issue 23088.
fn effort(asked: Asked<'_>) -> Option<Fault> {
    const WITH_LEVELS: [&str; 4] = ["grok-4.3", "grok-4.5", "grok-4.6", "demo-responses"];
    let has_effort = !asked.body["reasoning"]["effort"].is_null();
    (has_effort && !WITH_LEVELS.contains(&asked.model)).then(|| {
        format!(
            "Model {} does not support parameter reasoningEffort.",
            asked.model
        )
        .into()
    })
}

fn stop(asked: Asked<'_>) -> Option<Fault> {
    (!asked.body["stop"].is_null()).then(|| "Argument not supported: stop".into())
}

/// Reasoning that another vendor has encrypted; the words as in Wei-Shaw/sub2api, issue 4535.
fn reasoning(asked: Asked<'_>) -> Option<Fault> {
    let mut items = list(&asked.body["input"]).iter();
    let is_foreign = |encrypted: &str| encrypted.starts_with("gAAAA") || encrypted.contains('#');
    items
        .any(|item| is_foreign(text(&item["encrypted_content"])))
        .then(|| {
            "Could not decrypt the provided encrypted_content. Ensure the value is the unmodified encrypted_content from \
             a previous response."
                .into()
        })
}
