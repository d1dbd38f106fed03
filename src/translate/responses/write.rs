//! Writing Responses requests.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::json::fields::{object_of, set};
use crate::translate::neutral::capabilities::{self, Feature, unsupported};
use crate::translate::neutral::ids::UpstreamCallIds;
use crate::translate::neutral::names::Names;
use crate::translate::neutral::parts::{function_arguments, texts_of};
use crate::translate::neutral::{
    Family, Hosted, JsonBody, JsonList, Output, Part, Request, Role, Signature, Source, Text, Tool,
    ToolCall, ToolChoice, ToolResult, Turn, Untranslatable, WebSearch, ids, media, repair, schema,
};
use crate::translate::openai::{LONGEST_NAME, mime_of, output_name, result_text, tier_word};
use crate::wire::Dialect;

type Result<T> = std::result::Result<T, Untranslatable>;

/// The least `max_output_tokens` that OpenAI accepts (its OpenAPI document).
const LEAST_TOKENS: u64 = 16;

/// Writes a request for `model`.
///
/// # Errors
/// For media that the dialect does not support.
pub fn request(request: Request, model: &str, names: &Names) -> Result<JsonBody> {
    let mut request = capabilities::without_dropped(request, Dialect::Responses);
    repair::ensure_turn(&mut request.system, &mut request.turns);
    let mut body = JsonBody::default();
    body.insert("model".to_owned(), model.into());
    let instructions: Vec<String> = request.system.into_iter().map(|text| text.text).collect();
    if !instructions.is_empty() {
        body.insert("instructions".to_owned(), instructions.join("\n\n").into());
    }
    let turns = repair::move_media_to_user(request.turns);
    let turns = repair::tool_turns(turns, UpstreamCallIds::new(Dialect::Responses));
    let custom_calls = custom_calls(&turns);
    let mut input = JsonList::expecting(turns.iter().map(Turn::weight).sum());
    for turn in turns {
        let weight = turn.weight();
        self::turn(turn, names, &custom_calls, &mut input)?;
        input.advance(weight);
    }
    body.set_list("input", input);
    let sampling = request.sampling;
    let most = sampling.max_tokens.map(|most| most.max(LEAST_TOKENS));
    set(&mut body, "max_output_tokens", most);
    set(&mut body, "temperature", sampling.temperature);
    set(&mut body, "top_p", sampling.top_p);
    tools(
        &mut body,
        request.tools,
        (request.web_search, request.hosted),
        request.tool_choice,
        request.parallel,
        names,
    )?;
    let mut text = Map::new();
    set(&mut text, "format", output(request.output, &mut body));
    set(&mut text, "verbosity", request.verbosity);
    if !text.is_empty() {
        body.insert("text".to_owned(), text.into());
    }
    let short = |name| ids::short(name, LONGEST_NAME);
    set(&mut body, "user", request.user_id.map(short));
    set(&mut body, "prompt_cache_key", request.cache_key.map(short));
    set(
        &mut body,
        "service_tier",
        request.service_tier.map(tier_word),
    );
    body.insert("include".to_owned(), json!(["reasoning.encrypted_content"]));
    body.insert("store".to_owned(), false.into());
    if request.stream {
        body.insert("stream".to_owned(), true.into());
    }
    Ok(body)
}

/// The calls of custom tools, whose results have their own type.
fn custom_calls(turns: &[Turn]) -> HashSet<String> {
    let parts = turns.iter().flat_map(|turn| &turn.parts);
    parts
        .filter_map(|part| match part {
            Part::ToolCall(call) if call.is_custom => Some(call.id.clone()),
            _ => None,
        })
        .collect()
}

fn turn(
    turn: Turn,
    names: &Names,
    custom_calls: &HashSet<String>,
    input: &mut JsonList,
) -> Result<()> {
    let role = match turn.role {
        Role::System => "developer",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let mut refusals = 0;
    let mut is_open = false;
    for part in turn.parts {
        match part {
            Part::ToolCall(call) => {
                end(&mut is_open, input)?;
                input.push(self::call(call, names))?;
            }
            Part::ToolResult(result) => {
                end(&mut is_open, input)?;
                tool_result(result, custom_calls, input)?;
            }
            Part::Reasoning { text, signature } => {
                let signature = signature.filter(|signature| signature.family == Family::Gpt);
                if let Some(signature) = signature {
                    end(&mut is_open, input)?;
                    input.push(reasoning(&text, &signature))?;
                }
            }
            Part::Opaque(_) => {}
            // A complete message of the assistant would need an id, which is not known; an input message needs none.
            Part::Text(Text { text, .. }) if turn.role == Role::Assistant => {
                if !text.is_empty() {
                    let members = [("type", "message".into()), ("role", role.into())];
                    let content = ("content", text.into());
                    input.push_object(members.into_iter().chain([content]))?;
                }
            }
            Part::Refusal(text) if turn.role == Role::Assistant => {
                refusals += 1;
                input.push(
                    json!({"type": "message", "id": format!("msg_refusal_{refusals}"),
                    "status": "completed", "role": role,
                    "content": [{"type": "refusal", "refusal": text}]}),
                )?;
            }
            other => add_content(role, content(other)?, &mut is_open, input)?,
        }
    }
    end(&mut is_open, input)
}

/// Reasoning with the id that its encrypted content belongs to; OpenAI refuses any other id.
fn reasoning(text: &str, signature: &Signature) -> Value {
    let summary = (!text.is_empty()).then(|| json!({"type": "summary_text", "text": text}));
    let summary: Vec<Value> = summary.into_iter().collect();
    let (id, encrypted) = signature.item();
    match id {
        Some(id) => json!({"type": "reasoning", "id": id, "summary": summary,
            "encrypted_content": encrypted}),
        None => json!({"type": "reasoning", "summary": summary, "encrypted_content": encrypted}),
    }
}

/// Adds content to the open message, or opens one.
fn add_content(
    role: &'static str,
    content: Option<Value>,
    is_open: &mut bool,
    input: &mut JsonList,
) -> Result<()> {
    let Some(content) = content else {
        return Ok(());
    };
    if !std::mem::replace(is_open, true) {
        let members = [("type", "message".into()), ("role", role.into())];
        input.open(members, "content")?;
    }
    input.push(content)
}

fn end(is_open: &mut bool, input: &mut JsonList) -> Result<()> {
    match std::mem::take(is_open) {
        true => input.close([]),
        false => Ok(()),
    }
}

fn content(part: Part) -> Result<Option<Value>> {
    let cannot = |feature| Err(unsupported(feature, Dialect::Responses));
    Ok(Some(match part {
        Part::Text(Text { text, .. }) if text.is_empty() => return Ok(None),
        Part::Text(Text { text, .. }) => {
            object_of([("type", "input_text".into()), ("text", text.into())])
        }
        Part::Refusal(text) => json!({"type": "input_text", "text": text}),
        Part::Image { source, detail, .. } => {
            let detail = detail.unwrap_or_else(|| "auto".to_owned());
            let mut image = json!({"type": "input_image", "detail": detail});
            match source {
                Source::Data { mime, data } => {
                    image["image_url"] = media::url_of(&mime, &data).into();
                }
                Source::Url(url) => image["image_url"] = url.into(),
                Source::FileId(id) => image["file_id"] = id.into(),
                Source::Text(_) => return cannot(Feature::UncommonImage),
            }
            image
        }
        Part::Audio { .. } => return cannot(Feature::Audio),
        Part::Video(_) => return cannot(Feature::Video),
        Part::File { source, name, .. } => {
            let mime = mime_of(&source);
            let mut file = json!({"type": "input_file"});
            match source {
                Source::Data { mime, data } => {
                    file["file_data"] = media::url_of(&mime, &data).into();
                }
                Source::Text(text) => {
                    let data = media::base64(text.as_bytes());
                    file["file_data"] = media::url_of("text/plain", &data).into();
                }
                Source::Url(url) => file["file_url"] = url.into(),
                Source::FileId(id) => file["file_id"] = id.into(),
            }
            if let Some(mime) = mime {
                file["filename"] = name.unwrap_or_else(|| media::name_for(&mime)).into();
            }
            file
        }
        Part::Reasoning { .. } | Part::Opaque(_) | Part::ToolCall(_) | Part::ToolResult(_) => {
            return Ok(None);
        }
    }))
}

fn call(call: ToolCall, names: &Names) -> Value {
    let id = call.id;
    let name = names.wire(&call.name);
    match call.is_custom {
        true => json!({"type": "custom_tool_call", "call_id": id, "name": name,
            "input": call.arguments}),
        false => json!({"type": "function_call", "call_id": id, "name": name,
            "arguments": function_arguments(call.arguments)}),
    }
}

fn tool_result(
    result: ToolResult,
    custom_calls: &HashSet<String>,
    input: &mut JsonList,
) -> Result<()> {
    let kind = match custom_calls.contains(&result.call_id) {
        true => "custom_tool_call_output",
        false => "function_call_output",
    };
    let is_plain = result
        .parts
        .iter()
        .all(|part| matches!(part, Part::Text(_)));
    let members = [("type", kind.into()), ("call_id", result.call_id.into())];
    if is_plain {
        let (text, _) = texts_of(result.parts);
        let output = ("output", result_text(text, result.is_error).into());
        return input.push_object(members.into_iter().chain([output]));
    }
    input.open(members, "output")?;
    for part in result.parts {
        if let Some(content) = content(part)? {
            input.push(content)?;
        }
    }
    input.close([])
}

fn tools(
    body: &mut JsonBody,
    tools: Vec<Tool>,
    (search, hosted): (Option<WebSearch>, Vec<Hosted>),
    choice: Option<ToolChoice>,
    parallel: Option<bool>,
    names: &Names,
) -> Result<()> {
    let is_custom = |name: &str| tools.iter().any(|tool| tool.name == name && tool.is_custom);
    let named = |name: &str| {
        let kind = if is_custom(name) {
            "custom"
        } else {
            "function"
        };
        json!({"type": kind, "name": names.wire(name)})
    };
    let choice = choice.map(|choice| match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Tool(name) => named(&name),
        // OpenAI has no such choice, but one among allowed tools.
        ToolChoice::WebSearch => json!({"type": "allowed_tools", "mode": "required",
            "tools": [{"type": "web_search"}]}),
        ToolChoice::Hosted(kind) => {
            let chosen = hosted.iter().find(|tool| tool.kind == kind);
            let chosen = chosen.and_then(|tool| tool.chosen(Dialect::Responses));
            chosen.map_or(json!("auto"), |(kind, _)| json!({"type": kind}))
        }
        ToolChoice::Allowed {
            required,
            names: allowed,
        } => {
            let mode = if required { "required" } else { "auto" };
            let tools: Vec<Value> = allowed.iter().map(|name| named(name)).collect();
            json!({"type": "allowed_tools", "mode": mode, "tools": tools})
        }
    });
    let mut definitions = JsonList::expecting(tools.iter().map(Tool::weight).sum());
    for tool in tools {
        let weight = tool.weight();
        definition(tool, names, &mut definitions)?;
        definitions.advance(weight);
    }
    if let Some(search) = search {
        definitions.push(web_search(search))?;
    }
    definitions.push_hosted(hosted, Dialect::Responses)?;
    if definitions.is_empty() {
        return Ok(());
    }
    body.set_list("tools", definitions);
    set(body, "tool_choice", choice);
    set(body, "parallel_tool_calls", parallel);
    Ok(())
}

fn definition(tool: Tool, names: &Names, definitions: &mut JsonList) -> Result<()> {
    let name = names.wire(&tool.name);
    let mut definition = match tool.is_custom {
        true => json!({"type": "custom", "name": name}),
        false => json!({"type": "function", "name": name}),
    };
    if let Some(description) = tool.description {
        definition["description"] = description.into();
    }
    if let Some(grammar) = tool.grammar {
        definition["format"] = json!({"type": "grammar", "definition": grammar.definition,
            "syntax": grammar.syntax});
    }
    if tool.is_custom {
        return definitions.push(definition);
    }
    definition["parameters"] = Value::Null;
    // The default is true, which most schemas do not satisfy.
    definition["strict"] = tool.strict.unwrap_or(false).into();
    let parameters = schema::object(&tool.schema, Dialect::Responses).unwrap_or_default();
    drop(tool.schema);
    definitions.push_with(&definition, &["parameters"], &parameters)
}

fn web_search(search: WebSearch) -> Value {
    let mut tool = Map::new();
    tool.insert("type".to_owned(), "web_search".into());
    set(&mut tool, "user_location", search.approximate());
    set(&mut tool, "search_context_size", search.context_size);
    if !search.allowed_domains.is_empty() {
        let filters = json!({"allowed_domains": search.allowed_domains});
        tool.insert("filters".to_owned(), filters);
    }
    tool.into()
}

fn output(output: Output, body: &mut JsonBody) -> Option<Value> {
    match output {
        Output::Text => None,
        Output::JsonObject => Some(json!({"type": "json_object"})),
        Output::JsonSchema {
            name,
            description,
            schema,
            strict,
        } => {
            let mut format =
                json!({"type": "json_schema", "name": output_name(name), "schema": null});
            if let Some(description) = description {
                format["description"] = description.into();
            }
            if let Some(strict) = strict {
                format["strict"] = strict.into();
            }
            body.set_nested(&["text", "format", "schema"], schema);
            Some(format)
        }
    }
}
