//! Gemini: the conversation and the names of functions. Each key has two spellings (ProtoJSON).

use std::collections::HashSet;

use serde_json::Value;

use super::gemini_schema::{declarations, either};
use super::{Asked, Rule, gemini_schema, is_word, list, text};
use crate::demo::target::Fault;

pub const RULES: [Rule; 8] = [
    some_content,
    roles,
    parts,
    turns,
    response_names,
    signatures,
    functions,
    gemini_schema::words,
];

fn contents<'a>(asked: Asked<'a>) -> &'a [Value] {
    list(&asked.body["contents"])
}

fn call(part: &Value) -> &Value {
    either(part, "functionCall", "function_call")
}

fn response(part: &Value) -> &Value {
    either(part, "functionResponse", "function_response")
}

fn count(content: &Value, of: fn(&Value) -> &Value) -> usize {
    let parts = list(&content["parts"]).iter();
    parts.filter(|part| !of(part).is_null()).count()
}

/// ai.google.dev, "Generating content": `contents` is required.
fn some_content(asked: Asked<'_>) -> Option<Fault> {
    let is_list = asked.body["contents"].is_array();
    (is_list && contents(asked).is_empty())
        .then(|| "* GenerateContentRequest.contents: contents is not specified\n".into())
}

/// ai.google.dev, `Content.role`: `user` or `model`; older clients say `function`. The words as Vertex AI's
/// troubleshooting pages have them.
fn roles(asked: Asked<'_>) -> Option<Fault> {
    let mut roles = contents(asked).iter().map(|content| &content["role"]);
    let is_other =
        |role: &Value| !role.is_null() && !["user", "model", "function"].contains(&text(role));
    let is_wrong = roles.any(is_other);
    is_wrong.then(|| "Please use a valid role: user, model.".into())
}

/// Parts that say something: vercel/ai, issue 3775, and router-for-me/CLIProxyAPI, issue 1292.
fn parts(asked: Asked<'_>) -> Option<Fault> {
    let system = either(asked.body, "systemInstruction", "system_instruction");
    let system = std::iter::once(("system_instruction".to_owned(), system))
        .filter(|(_, system)| system.is_object());
    let contents = contents(asked).iter().enumerate();
    let contents = contents.map(|(index, content)| (format!("contents[{index}]"), content));
    for (place, content) in contents.chain(system) {
        let parts = list(&content["parts"]);
        if parts.is_empty() {
            return Some(
                format!(
                    "* GenerateContentRequest.{place}.parts: contents.parts must not be empty.\n"
                )
                .into(),
            );
        }
        if let Some(at) = parts.iter().position(is_void) {
            return Some(
                format!(
                    "* GenerateContentRequest.{place}.parts[{at}].data: required oneof field 'data' must have one \
                     initialized field\n"
                )
                .into(),
            );
        }
    }
    None
}

fn is_void(part: &Value) -> bool {
    // A signature may stand alone.
    const SAID: [&str; 14] = [
        "inlineData",
        "inline_data",
        "fileData",
        "file_data",
        "functionCall",
        "function_call",
        "functionResponse",
        "function_response",
        "executableCode",
        "executable_code",
        "codeExecutionResult",
        "code_execution_result",
        "thoughtSignature",
        "thought_signature",
    ];
    text(&part["text"]).is_empty() && SAID.iter().all(|name| part[*name].is_null())
}

/// ai.google.dev, "Function calling", on turns; the words as in google-gemini/gemini-cli, issue 26956, and its like.
fn turns(asked: Asked<'_>) -> Option<Fault> {
    let contents = contents(asked);
    let mut before: Option<&Value> = None;
    for content in contents {
        let (calls, responses) = (count(content, call), count(content, response));
        let called = before.map_or(0, |before| count(before, call));
        let is_after_user = before.is_some_and(|before| before["role"] != "model");
        if calls > 0 && !is_after_user {
            return Some(
                "Please ensure that function call turn comes immediately after a user turn or after a function \
                 response turn."
                    .into(),
            );
        }
        if responses > 0 && called == 0 {
            return Some(
                "Please ensure that function response turn comes immediately after a function call turn.".into(),
            );
        }
        if called != responses {
            return Some(
                "Please ensure that the number of function response parts is equal to the number of function call \
                 parts of the function call turn."
                    .into(),
            );
        }
        before = Some(content);
    }
    None
}

/// langflow-ai/langflow's users and others quote it.
fn response_names(asked: Asked<'_>) -> Option<Fault> {
    for (index, content) in contents(asked).iter().enumerate() {
        for (at, part) in list(&content["parts"]).iter().enumerate() {
            let response = response(part);
            if !response.is_null() && text(&response["name"]).is_empty() {
                return Some(
                    format!(
                        "* GenerateContentRequest.contents[{index}].parts[{at}].function_response.name: Name cannot be \
                         empty.\n"
                    )
                    .into(),
                );
            }
        }
    }
    None
}

/// ai.google.dev, "Thought signatures": from Gemini 3 on, the first call of each step since the user's last words is
/// signed.
fn signatures(asked: Asked<'_>) -> Option<Fault> {
    if !asked.model.starts_with("gemini-3") {
        return None;
    }
    let contents = contents(asked);
    let is_said = |content: &Value| content["role"] == "user" && count(content, response) == 0;
    let since = contents.iter().rposition(is_said).map_or(0, |at| at + 1);
    let steps = contents.iter().enumerate().skip(since);
    let mut firsts = steps.filter_map(|(index, content)| {
        let first = list(&content["parts"])
            .iter()
            .find(|part| !call(part).is_null())?;
        Some((index, first))
    });
    let (index, part) =
        firsts.find(|(_, part)| either(part, "thoughtSignature", "thought_signature").is_null())?;
    let name = text(&call(part)["name"]);
    Some(
        format!(
            "Function call is missing a thought_signature in functionCall parts. This is required for tools to work \
             correctly, and missing thought_signature may lead to degraded model performance. Additional data, function \
             call `default_api:{name}` , position {}. Please refer to \
             https://ai.google.dev/gemini-api/docs/thought-signatures for more details.",
            index + 1
        )
        .into(),
    )
}

/// ai.google.dev, `FunctionDeclaration.name`; the words as in evalstate/fast-agent's documentation.
fn functions(asked: Asked<'_>) -> Option<Fault> {
    let mut known = HashSet::new();
    for (place, function) in declarations(asked.body) {
        let name = text(&function["name"]);
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !begins || !is_word(name, "_.:-") || name.len() > 64 {
            return Some(
                format!(
                    "* GenerateContentRequest.{place}.name: Invalid function name. Must start with a letter or an \
                     underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes \
                     (-), with a maximum length of 64.\n"
                )
                .into(),
            );
        }
        if !known.insert(name) {
            return Some(format!("Duplicate function declaration found: {name}").into());
        }
    }
    None
}
