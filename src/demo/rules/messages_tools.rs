//! Anthropic Messages: tools, their calls and their results (platform.claude.com, "Tool use").

use std::collections::HashSet;

use serde_json::Value;

use super::{Asked, is_word, list, text};
use crate::demo::target::Fault;

const OTHERS: &str = "_-";

fn messages<'a>(asked: Asked<'a>) -> &'a [Value] {
    list(&asked.body["messages"])
}

fn ids<'a>(message: &'a Value, kind: &str, member: &str) -> Vec<&'a str> {
    let blocks = list(&message["content"]).iter();
    let of_kind = blocks.filter(|block| block["type"] == kind);
    of_kind.map(|block| text(&block[member])).collect()
}

/// The letters of an id (anomalyco/opencode and others quote the pattern), and that each is there once
/// (anthropics/claude-code, issue 20901).
pub fn call_ids(asked: Asked<'_>) -> Option<Fault> {
    let mut known = HashSet::new();
    for (index, message) in messages(asked).iter().enumerate() {
        for (at, block) in list(&message["content"]).iter().enumerate() {
            if block["type"] != "tool_use" {
                continue;
            }
            let (place, id) = (format!("messages.{index}.content.{at}"), text(&block["id"]));
            if !is_word(id, OTHERS) {
                return Some(
                    format!("{place}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
                        .into(),
                );
            }
            if !known.insert(id) {
                return Some(format!("{place}: `tool_use` ids must be unique").into());
            }
        }
    }
    None
}

/// Each call has its result in the next message (OpenHands/OpenHands, issue 7512), each result its call in the message
/// before (anthropics/claude-code, issue 18947), and there is one for each (vectorize-io/hindsight, pull request 4250).
pub fn results(asked: Asked<'_>) -> Option<Fault> {
    let messages = messages(asked);
    let mut before: Vec<&str> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let results = ids(message, "tool_result", "tool_use_id");
        let mut results_in_order = results.iter().enumerate();
        if let Some((at, id)) = results_in_order.find(|(_, id)| !before.contains(id)) {
            return Some(
                format!(
                    "messages.{index}.content.{at}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each \
                     `tool_result` block must have a corresponding `tool_use` block in the previous message."
                )
                .into(),
            );
        }
        let mut given = HashSet::new();
        if let Some(double) = results.iter().find(|id| !given.insert(**id)) {
            return Some(
                format!(
                    "messages.{index}.content: each tool_use must have a single result. Found multiple `tool_result` \
                     blocks with id: {double}"
                )
                .into(),
            );
        }
        before.retain(|id| !results.contains(id));
        if !before.is_empty() {
            return Some(unanswered(index.saturating_sub(1), &before));
        }
        before = ids(message, "tool_use", "id");
    }
    (!before.is_empty()).then(|| unanswered(messages.len().saturating_sub(1), &before))
}

fn unanswered(index: usize, ids: &[&str]) -> Fault {
    format!(
        "messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each \
         `tool_use` block must have a corresponding `tool_result` block in the next message.",
        ids.join(", ")
    )
    .into()
}

/// Names of 1 to 128 letters, once each (platform.claude.com, "How to implement tool use"), and schemas that are those
/// of objects and nothing else at the top (platform.claude.com, "Self-hosted sandboxes"; the words as in
/// anthropics/claude-code, issue 5973).
pub fn tools(asked: Asked<'_>) -> Option<Fault> {
    let mut known = HashSet::new();
    for (index, tool) in list(&asked.body["tools"]).iter().enumerate() {
        if !tool["type"].is_null() && tool["type"] != "custom" {
            continue;
        }
        let place = format!("tools.{index}.custom");
        let (name, schema) = (text(&tool["name"]), &tool["input_schema"]);
        if !is_word(name, OTHERS) || name.len() > 128 {
            return Some(
                format!("{place}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
                    .into(),
            );
        }
        if !known.insert(name) {
            return Some("tools: Tool names must be unique.".into());
        }
        if ["oneOf", "allOf", "anyOf"]
            .iter()
            .any(|word| !schema[*word].is_null())
        {
            return Some(
                format!(
                    "{place}.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level"
                )
                .into(),
            );
        }
        match &schema["type"] {
            Value::Null => {
                return Some(format!("{place}.input_schema.type: Field required").into());
            }
            kind if kind != "object" => {
                return Some(format!("{place}.input_schema.type: Input should be 'object'").into());
            }
            _ => {}
        }
    }
    None
}

/// A tool that must be called is there.
pub fn choice(asked: Asked<'_>) -> Option<Fault> {
    let choice = &asked.body["tool_choice"];
    let name = choice["name"]
        .as_str()
        .filter(|_| choice["type"] == "tool")?;
    let is_there = list(&asked.body["tools"])
        .iter()
        .any(|tool| tool["name"] == name);
    (!is_there).then(|| format!("Tool '{name}' not found in provided tools").into())
}
