//! Reading one item of a conversation. Items without an equivalent elsewhere become calls and results, or text: they stay
//! in an agent's history, so a refusal would end the session.

use super::read_tool::{in_namespace, tool};
use crate::translate::content_parts::{Author, or_placeholder, read_parts};
use crate::translate::neutral::place::Place;
use crate::translate::neutral::{
    Family, LazyObject, LazyValue, Part, Parts, Request, Role, Signature, Source, Text, ToolCall,
    ToolResult, Turn, Untranslatable, media,
};

type Result<T> = std::result::Result<T, Untranslatable>;

/// Reads an item and adds it to the conversation.
///
/// # Errors
/// For parts of the user that the upstream does not support.
pub fn item<'a>(mut item: LazyObject<'a>, place: &Place, request: &mut Request<'a>) -> Result<()> {
    let whole = item.clone();
    let kind = item.keyword("type").unwrap_or_else(|| "message".to_owned());
    match kind.as_str() {
        "message" => return message(item, place, request),
        "function_call" | "custom_tool_call" => {
            let namespace = item.text("namespace");
            let name = item.text_or_empty("name");
            let arguments = item.take_any(&["arguments", "input"]);
            let call = ToolCall {
                id: call_id(&mut item),
                name: in_namespace(namespace.as_deref(), name),
                arguments: arguments.map(LazyValue::into_text).unwrap_or_default(),
                is_custom: kind == "custom_tool_call",
                signature: None,
            };
            assistant(request, Part::ToolCall(call));
        }
        "local_shell_call" | "shell_call" | "apply_patch_call" | "computer_call"
        | "tool_search_call" => {
            let arguments = item.json(&["action", "operation", "actions", "arguments"]);
            let call = ToolCall {
                id: call_id(&mut item),
                name: kind.trim_end_matches("_call").to_owned(),
                arguments: arguments.map(String::from).unwrap_or_default(),
                ..ToolCall::default()
            };
            assistant(request, Part::ToolCall(call));
        }
        "program" => {
            let arguments = members(&mut item, &["code"]);
            let call = ToolCall {
                id: call_id(&mut item),
                name: kind,
                arguments,
                ..ToolCall::default()
            };
            assistant(request, Part::ToolCall(call));
        }
        "mcp_call" => {
            let server = item.text("server_label");
            let name = item.text_or_empty("name");
            let arguments = item.take("arguments").map(LazyValue::into_text);
            let error = item
                .take("error")
                .filter(|error| !matches!(error, LazyValue::Null));
            let is_error = error.is_some();
            let output = error
                .or_else(|| item.take("output"))
                .map(LazyValue::into_text);
            let call = ToolCall {
                id: call_id(&mut item),
                name: in_namespace(server.as_deref(), name),
                arguments: arguments.unwrap_or_default(),
                ..ToolCall::default()
            };
            completed_call(call, output, is_error, request);
        }
        "file_search_call" | "code_interpreter_call" => {
            let (given, found) = match kind.as_str() {
                "file_search_call" => ("queries", "results"),
                _ => ("code", "outputs"),
            };
            let call = ToolCall {
                arguments: members(&mut item, &[given]),
                id: call_id(&mut item),
                name: kind.trim_end_matches("_call").to_owned(),
                ..ToolCall::default()
            };
            completed_call(call, item.json(&[found]).map(String::from), false, request);
        }
        "image_generation_call" => {
            if let Some(image) = image(item) {
                assistant(request, or_placeholder(image, place));
            }
        }
        "tool_search_output" => {
            let names = definitions(&mut item, request);
            let call_id = call_id(&mut item);
            result(call_id, vec![Part::text(names.join(", "))], false, request);
        }
        "program_output" => {
            let said = item.take("result").map(LazyValue::into_text);
            let parts = said.map(Part::text).into_iter().collect();
            result(call_id(&mut item), parts, false, request);
        }
        kind if kind.ends_with("_call_output") => {
            let output = item.list_of("output");
            let parts = read_parts(output, Author::Tool, &place.member("output"))?;
            result(call_id(&mut item), parts, false, request);
        }
        "reasoning" => {
            if let Some(part) = reasoning(item) {
                assistant(request, part);
            }
        }
        "additional_tools" => {
            definitions(&mut item, request);
        }
        "item_reference" => {
            let why = "is not supported where the upstream is not the Responses API";
            return Err(place.error(why));
        }
        // The answer's text has the results of a search; a trigger of compaction is not for the model.
        "web_search_call" | "compaction_trigger" => {}
        "compaction" | "compaction_summary" => {
            let text = "[The earlier conversation is summarized in an encrypted form that only another provider can read.]";
            request.reworded(&kind);
            request
                .turns
                .push(Turn::new(Role::User, Part::text(text.to_owned())));
        }
        "mcp_approval_response" => {
            let text = String::from(whole.into_json());
            request.reworded(&kind);
            request.turns.push(Turn::new(Role::User, Part::text(text)));
        }
        // Records of the vendor's own tools.
        _ => {
            request.reworded(&kind);
            assistant(request, Part::text(String::from(whole.into_json())));
        }
    }
    Ok(())
}

/// The generated image.
fn image(mut item: LazyObject<'_>) -> Option<Part> {
    let data = item.nonempty_text("result")?;
    let mime = match item.keyword("output_format") {
        Some(format) => media::type_of(format!("image/{format}")),
        None => media::sniffed(&data).unwrap_or("image/png").to_owned(),
    };
    Some(Part::Image {
        source: Source::Data { mime, data },
        detail: None,
        cache: None,
    })
}

/// The id of a call, in the call and in its output.
fn call_id(item: &mut LazyObject<'_>) -> String {
    let id = item.nonempty_text("call_id").or_else(|| item.text("id"));
    id.unwrap_or_default()
}

/// An object of some members of an item.
fn members(item: &mut LazyObject<'_>, keys: &[&str]) -> String {
    let said = keys.iter().filter_map(|key| {
        let value = String::from(item.json(&[key])?);
        Some(format!("\"{key}\":{value}"))
    });
    format!("{{{}}}", said.collect::<Vec<String>>().join(","))
}

/// Adds a call that the vendor has run, and its result.
fn completed_call(
    call: ToolCall,
    output: Option<String>,
    is_error: bool,
    request: &mut Request<'_>,
) {
    let id = call.id.clone();
    assistant(request, Part::ToolCall(call));
    let parts = output.map(Part::text).into_iter().collect();
    result(id, parts, is_error, request);
}

fn result(call_id: String, parts: Vec<Part>, is_error: bool, request: &mut Request<'_>) {
    let result = ToolResult {
        call_id,
        parts,
        is_error,
        ..ToolResult::default()
    };
    let turn = Turn::new(Role::User, Part::ToolResult(result));
    request.turns.push(turn);
}

/// Adds tools that the conversation defines. Returns their names.
fn definitions(item: &mut LazyObject<'_>, request: &mut Request<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for definition in item.list("tools").filter_map(LazyValue::object) {
        names.extend(definition.clone().nonempty_text("name"));
        tool(definition, None, request);
    }
    names
}

/// Adds a part of the assistant; consecutive ones are one turn.
fn assistant(request: &mut Request, part: Part) {
    match request.turns.last_mut() {
        Some(turn) if turn.role == Role::Assistant => turn.parts.extend([part]),
        _ => request.turns.push(Turn::new(Role::Assistant, part)),
    }
}

fn reasoning(mut item: LazyObject<'_>) -> Option<Part> {
    let mut texts = Vec::new();
    for part in item.list("summary").filter_map(LazyValue::object) {
        texts.extend({ part }.nonempty_text("text"));
    }
    if texts.is_empty() {
        for part in item.list("content").filter_map(LazyValue::object) {
            texts.extend({ part }.nonempty_text("text"));
        }
    }
    let text = texts.join("\n\n");
    let id = item.nonempty_text("id");
    let signature = item
        .text("encrypted_content")
        .and_then(|value| Signature::read_item(id.as_deref(), &value));
    match signature {
        Some(signature) if signature.family == Family::ClaudeRedacted => {
            Some(Part::Opaque(signature))
        }
        None if text.is_empty() => None,
        signature => Some(Part::Reasoning { text, signature }),
    }
}

fn message<'a>(mut item: LazyObject<'a>, place: &Place, request: &mut Request<'a>) -> Result<()> {
    let content = item.list_of("content");
    let said = place.member("content");
    match item.keyword("role").as_deref() {
        Some("system" | "developer") => {
            let mut texts: Vec<Text> = Vec::new();
            for part in read_parts(content, Author::User, &said)? {
                if let Part::Text(text) = part {
                    texts.push(text);
                }
            }
            if request.turns.is_empty() {
                request.system.extend(texts);
            } else if !texts.is_empty() {
                let parts: Vec<Part> = texts.into_iter().map(Part::Text).collect();
                request.turns.push(Turn::new(Role::System, parts));
            }
        }
        Some("assistant") => {
            let before = request.turns.last().map(|turn| turn.role);
            if before != Some(Role::Assistant)
                && let Some(plain) = Parts::raw_from(&content)
            {
                request.turns.push(Turn::new(Role::Assistant, plain));
                return Ok(());
            }
            for part in read_parts(content, Author::Model, &said)? {
                assistant(request, part);
            }
        }
        Some("user") | None => {
            let parts = match Parts::raw_from(&content) {
                Some(plain) => plain,
                None => read_parts(content, Author::User, &said)?.into(),
            };
            request.turns.push(Turn::new(Role::User, parts));
        }
        Some(other) => {
            let why = format!("there is no role {other:?}");
            return Err(place.member("role").error(why));
        }
    }
    Ok(())
}
