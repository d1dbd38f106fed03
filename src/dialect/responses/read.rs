//! Responses requests, read (spec/dialects.md 1).

use crate::dialect::Dialect;
use crate::dialect::neutral::losses::{Place, Way};
use crate::dialect::neutral::parts::{function, stops};
use crate::dialect::neutral::{
    Carrier, Family, Given, Hosted, Object, Output, Part, Request, Role, Sampling, Source, Text,
    Tool, ToolCall, ToolChoice, ToolResult, Turn, Untranslatable, WebSearch, media,
};
use crate::dialect::openai::{allowed_tools, choice_word, custom_tool, schema_output, tier};
use crate::dialect::pieces::{By, pieces, shown};

type Result<T> = std::result::Result<T, Untranslatable>;

/// What only a provider that remembers can do.
const STATEFUL: [&str; 3] = ["previous_response_id", "conversation", "prompt"];

/// Reads a request.
///
/// # Errors
/// Where it says something that nobody else could be told.
pub fn request(mut body: Object<'_>, way: Way) -> Result<Request<'_>> {
    for key in STATEFUL {
        if body.take(key).is_some() {
            let why = "is not supported where the upstream is not the Responses API";
            return Err(Untranslatable::new(key, why));
        }
    }
    if body.flag("background") == Some(true) {
        return Err(Untranslatable::new("background", "is not supported here"));
    }
    let mut text = body.object("text").unwrap_or_default();
    let mut request = Request {
        model: body.text("model").unwrap_or_default(),
        stream: body.flag("stream").unwrap_or(false),
        parallel: body.flag("parallel_tool_calls"),
        stop: stops(body.list_of_any(&["stop", "stop_sequences"])),
        cache_key: body.full_text("prompt_cache_key"),
        user_id: body.text("user").or_else(|| body.text("safety_identifier")),
        metadata: body.json(&["metadata"]),
        service_tier: body.word("service_tier").as_deref().and_then(tier),
        verbosity: text.word("verbosity"),
        sampling: Sampling {
            max_tokens: body.count("max_output_tokens"),
            temperature: body.number("temperature"),
            top_p: body.number("top_p"),
            ..Sampling::default()
        },
        output: text.object("format").map(output).unwrap_or_default(),
        ..Request::default()
    };
    if let Some(instructions) = body.full_text("instructions") {
        request.system.push(Text::new(instructions));
    }
    for definition in body.list("tools").filter_map(Given::object) {
        tool(definition, None, &mut request);
    }
    request.tool_choice = body.take("tool_choice").and_then(choice);
    match body.take("input") {
        Some(Given::String(text)) => {
            request.turns.push(Turn::new(Role::User, Part::text(text)));
        }
        Some(Given::List(items)) => {
            for (index, item) in items.enumerate() {
                let place = Place::new("input", index, way);
                match item {
                    Given::Object(item) => self::item(item, &place, &mut request)?,
                    _ => return Err(place.refused("must be an object")),
                }
            }
        }
        Some(_) => return Err(Untranslatable::new("input", "must be a string or a list")),
        None => {}
    }
    Ok(request)
}

fn output(mut format: Object<'_>) -> Output {
    match format.word("type").as_deref() {
        Some("json_object") => Output::JsonObject,
        Some("json_schema") => schema_output(format),
        _ => Output::Text,
    }
}

/// A tool, under the name that it has on the wire: a namespace stands in front of it.
fn tool(mut definition: Object<'_>, namespace: Option<&str>, request: &mut Request) {
    let kind = definition.word("type").unwrap_or_default();
    let defined: Option<Tool> = match kind.as_str() {
        "namespace" => {
            let name = definition.text("name").unwrap_or_default();
            for inner in definition.list("tools").filter_map(Given::object) {
                tool(inner, Some(&name), request);
            }
            return;
        }
        "custom" => custom_tool(definition),
        "function" | "" => function(definition.object("function").unwrap_or(definition)),
        kind if kind.starts_with("web_search") => {
            request.web_search = Some(WebSearch::read(definition));
            return;
        }
        kind => {
            let tool = Hosted::new(kind, Dialect::Responses, definition);
            request.hosted.push(tool);
            return;
        }
    };
    if let Some(mut tool) = defined {
        let bare = tool.name.clone();
        tool.name = in_namespace(namespace, tool.name);
        tool.namespace = namespace.map(|namespace| (namespace.to_owned(), bare));
        if !request.tools.iter().any(|known| known.name == tool.name) {
            request.tools.push(tool);
        }
    }
}

/// The name of a tool in a namespace, where there are none (spec/dialects.md 1.7).
pub fn in_namespace(namespace: Option<&str>, name: String) -> String {
    match namespace.filter(|namespace| !namespace.is_empty()) {
        Some(namespace)
            if !name.starts_with("mcp__") && !name.starts_with(&format!("{namespace}__")) =>
        {
            let joint = if namespace.ends_with("__") { "" } else { "__" };
            format!("{namespace}{joint}{name}")
        }
        _ => name,
    }
}

fn choice(value: Given<'_>) -> Option<ToolChoice> {
    let mut object = match value {
        Given::String(word) => return choice_word(&word),
        Given::Object(object) => object,
        _ => return None,
    };
    match object.word("type").as_deref() {
        Some("allowed_tools") => Some(allowed_tools(object)),
        Some("function" | "custom") => {
            let namespace = object.text("namespace");
            let name = object.full_text("name")?;
            Some(ToolChoice::Tool(in_namespace(namespace.as_deref(), name)))
        }
        Some(kind) if kind.starts_with("web_search") => Some(ToolChoice::WebSearch),
        Some(kind) => Some(ToolChoice::Hosted(kind.to_owned())),
        None => None,
    }
}

fn item<'a>(mut item: Object<'a>, place: &Place, request: &mut Request<'a>) -> Result<()> {
    let kind = item.word("type").unwrap_or_else(|| "message".to_owned());
    match kind.as_str() {
        "message" => return message(item, place, request),
        "function_call" | "custom_tool_call" => {
            let namespace = item.text("namespace");
            let name = item.text("name").unwrap_or_default();
            let arguments = item.take_any(&["arguments", "input"]);
            let call = ToolCall {
                id: call_id(&mut item),
                name: in_namespace(namespace.as_deref(), name),
                arguments: arguments.map(Given::into_text).unwrap_or_default(),
                is_custom: kind == "custom_tool_call",
                carrier: None,
            };
            assistant(request, Part::ToolCall(call));
        }
        "local_shell_call" | "shell_call" | "apply_patch_call" | "computer_call" => {
            let arguments = item.json(&["action", "operation", "actions"]);
            let call = ToolCall {
                id: call_id(&mut item),
                name: kind.trim_end_matches("_call").to_owned(),
                arguments: arguments.map(String::from).unwrap_or_default(),
                ..ToolCall::default()
            };
            assistant(request, Part::ToolCall(call));
        }
        "mcp_call" => mcp_call(item, request),
        "image_generation_call" => {
            if let Some(image) = image(item) {
                assistant(request, shown(image, place));
            }
        }
        kind if kind.ends_with("_call_output") => {
            let output = item.list_of("output");
            let result = ToolResult {
                call_id: call_id(&mut item),
                parts: pieces(output, By::Tool, &place.member("output"))?,
                ..ToolResult::default()
            };
            let turn = Turn::new(Role::User, Part::ToolResult(result));
            request.turns.push(turn);
        }
        "reasoning" => {
            if let Some(part) = reasoning(item) {
                assistant(request, part);
            }
        }
        "additional_tools" => {
            for definition in item.list("tools").filter_map(Given::object) {
                tool(definition, None, request);
            }
        }
        "item_reference" => {
            let why = "is not supported where the upstream is not the Responses API";
            return Err(place.refused(why));
        }
        // Records of the vendor's own tools.
        _ => {}
    }
    Ok(())
}

/// The id of a call, in the call and in its output.
fn call_id(item: &mut Object<'_>) -> String {
    let id = item.full_text("call_id").or_else(|| item.text("id"));
    id.unwrap_or_default()
}

/// A call that the vendor has run, and what came of it.
fn mcp_call(mut item: Object<'_>, request: &mut Request<'_>) {
    let id = call_id(&mut item);
    let server = item.text("server_label");
    let name = item.text("name").unwrap_or_default();
    let arguments = item.take("arguments").map(Given::into_text);
    let error = item.take("error").map(Given::into_text);
    let output = item.take("output").map(Given::into_text);
    let result = ToolResult {
        call_id: id.clone(),
        is_error: error.is_some(),
        parts: error.or(output).map(Part::text).into_iter().collect(),
        ..ToolResult::default()
    };
    let call = ToolCall {
        id,
        name: in_namespace(server.as_deref(), name),
        arguments: arguments.unwrap_or_default(),
        ..ToolCall::default()
    };
    assistant(request, Part::ToolCall(call));
    let turn = Turn::new(Role::User, Part::ToolResult(result));
    request.turns.push(turn);
}

/// The picture that was made.
fn image(mut item: Object<'_>) -> Option<Part> {
    let data = item.full_text("result")?;
    let mime = match item.word("output_format") {
        Some(format) => media::type_of(format!("image/{format}")),
        None => media::sniffed(&data).unwrap_or("image/png").to_owned(),
    };
    Some(Part::Image {
        source: Source::Data { mime, data },
        detail: None,
        cache: None,
    })
}

/// Items of the model stand side by side; neighbours are one turn.
fn assistant(request: &mut Request, part: Part) {
    match request.turns.last_mut() {
        Some(turn) if turn.role == Role::Assistant => turn.parts.extend([part]),
        _ => request.turns.push(Turn::new(Role::Assistant, part)),
    }
}

fn reasoning(mut item: Object<'_>) -> Option<Part> {
    let mut texts = Vec::new();
    for part in item.list("summary").filter_map(Given::object) {
        texts.extend({ part }.full_text("text"));
    }
    if texts.is_empty() {
        for part in item.list("content").filter_map(Given::object) {
            texts.extend({ part }.full_text("text"));
        }
    }
    let text = texts.join("\n\n");
    let carrier = item
        .text("encrypted_content")
        .and_then(|value| Carrier::read(&value, Family::Gpt));
    match carrier {
        Some(carrier) if carrier.family == Family::ClaudeRedacted => Some(Part::Opaque(carrier)),
        None if text.is_empty() => None,
        carrier => Some(Part::Reasoning { text, carrier }),
    }
}

fn message<'a>(mut item: Object<'a>, place: &Place, request: &mut Request<'a>) -> Result<()> {
    let content = item.list_of("content");
    let said = place.member("content");
    match item.word("role").as_deref() {
        Some("system" | "developer") => {
            let mut texts: Vec<Text> = Vec::new();
            for part in pieces(content, By::User, &said)? {
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
                && let Some(plain) = content.plain()
            {
                request.turns.push(Turn::new(Role::Assistant, plain));
                return Ok(());
            }
            for part in pieces(content, By::Model, &said)? {
                assistant(request, part);
            }
        }
        Some("user") | None => {
            let parts = match content.plain() {
                Some(plain) => plain,
                None => pieces(content, By::User, &said)?.into(),
            };
            request.turns.push(Turn::new(Role::User, parts));
        }
        Some(other) => {
            let why = format!("there is no role {other:?}");
            return Err(place.member("role").refused(why));
        }
    }
    Ok(())
}
