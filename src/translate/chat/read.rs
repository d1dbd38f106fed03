//! Reading Chat requests.

use crate::translate::content_parts::{Author, read_parts, text};
use crate::translate::neutral::lazy::LazyList;
use crate::translate::neutral::parts::{cache, function};
use crate::translate::neutral::place::{Direction, Place};
use crate::translate::neutral::{
    Family, Google, Hosted, ImageShape, LazyObject, LazyValue, Output, Part, Parts, Request, Role,
    Sampling, Signature, Text, Tool, ToolCall, ToolChoice, ToolResult, Turn, Untranslatable,
    WebSearch,
};
use crate::translate::openai::{allowed_tools, choice_word, custom_tool, schema_output, tier};
use crate::wire::Dialect;

type Result<T> = std::result::Result<T, Untranslatable>;

/// Reads a request.
///
/// # Errors
/// When it has something that cannot be translated.
pub fn request(mut body: LazyObject<'_>, way: Direction) -> Result<Request<'_>> {
    let mut request = Request {
        model: body.text_or_empty("model"),
        stream: body.flag("stream").unwrap_or(false),
        parallel: body.flag("parallel_tool_calls"),
        stop: body.list_of("stop").nonempty_texts(),
        cache_key: body.nonempty_text("prompt_cache_key"),
        user_id: body.text("user").or_else(|| body.text("safety_identifier")),
        metadata: body.json(&["metadata"]),
        service_tier: body.keyword("service_tier").as_deref().and_then(tier),
        verbosity: body.keyword("verbosity").or_else(|| {
            let mut text = body.object("text")?;
            text.keyword("verbosity")
        }),
        modalities: body
            .list_of("modalities")
            .nonempty_texts()
            .into_iter()
            .map(|modality| modality.to_ascii_lowercase())
            .collect(),
        image_shape: image_shape(body.object("image_config").unwrap_or_default()),
        google: Google {
            generation_config: body.tree("generationConfig")?.unwrap_or_default(),
        },
        include_usage: body
            .object("stream_options")
            .and_then(|mut options| options.flag("include_usage")),
        sampling: Sampling {
            max_tokens: body
                .count("max_completion_tokens")
                .or_else(|| body.count("max_tokens")),
            temperature: body.number("temperature"),
            top_p: body.number("top_p"),
            top_k: body.count("top_k"),
            frequency_penalty: body.number("frequency_penalty"),
            presence_penalty: body.number("presence_penalty"),
            seed: body.integer("seed"),
            n: body.count("n"),
        },
        output: body
            .object("response_format")
            .map(output)
            .unwrap_or_default(),
        ..Request::default()
    };
    if let Some(options) = body.object("web_search_options") {
        request.web_search = Some(WebSearch::read(options));
    }
    for definition in body.list("tools").filter_map(LazyValue::object) {
        tool(definition, &mut request);
    }
    for definition in body.list("functions").filter_map(LazyValue::object) {
        request.tools.extend(function(definition));
    }
    request.tool_choice = body
        .take("tool_choice")
        .or_else(|| body.take("function_call"))
        .and_then(choice);
    let messages = match body.take("messages") {
        Some(LazyValue::List(messages)) => messages,
        Some(_) => return Err(Untranslatable::new("messages", "must be a list")),
        None => return Ok(request),
    };
    for (index, message) in messages.enumerate() {
        let place = Place::new("messages", index, way);
        match message {
            LazyValue::Object(message) => self::message(message, &place, &mut request)?,
            _ => return Err(place.error("must be an object")),
        }
    }
    Ok(request)
}

fn output(mut format: LazyObject<'_>) -> Output {
    match format.keyword("type").as_deref() {
        Some("json_object") => Output::JsonObject,
        Some("json_schema") => schema_output(format.object("json_schema").unwrap_or_default()),
        _ => Output::Text,
    }
}

fn image_shape(mut config: LazyObject<'_>) -> ImageShape {
    ImageShape {
        aspect_ratio: config.nonempty_text("aspect_ratio"),
        size: config.nonempty_text("image_size"),
    }
}

fn tool(mut definition: LazyObject<'_>, request: &mut Request) {
    for (key, name) in [
        ("code_execution", "codeExecution"),
        ("url_context", "urlContext"),
    ] {
        if let Some(given) = definition.json(&[key]) {
            let tool = Hosted::of_gemini(name, given.as_str());
            request.hosted.push(tool);
            return;
        }
    }
    if definition.take("google_search").is_some() {
        request.web_search.get_or_insert_default();
        return;
    }
    let kind = definition.keyword("type").unwrap_or_default();
    let has_schema = SCHEMAS.iter().any(|key| definition.contains(key));
    match kind.as_str() {
        kind if kind.starts_with("web_search") => {
            request.web_search = Some(WebSearch::read(definition));
        }
        "custom" if !has_schema => {
            let custom = definition.object("custom").unwrap_or(definition);
            request.tools.extend(custom_tool(custom));
        }
        kind if !matches!(kind, "" | "function" | "custom") && !has_schema => {
            // The types of Anthropic's tools end with a date, except one.
            let is_dated = kind.ends_with(|c: char| c.is_ascii_digit());
            let home = match is_dated || kind == "mcp_toolset" {
                true => Dialect::Messages,
                false => Dialect::Responses,
            };
            request.hosted.push(Hosted::new(kind, home, definition));
        }
        _ => {
            let cache = cache(&mut definition);
            let nested = definition.object("function").unwrap_or(definition);
            request.tools.extend(function(nested).map(|tool| Tool {
                cache: tool.cache.or(cache),
                ..tool
            }));
        }
    }
}

/// A tool with one of these members is a function, whatever its type.
const SCHEMAS: [&str; 3] = ["function", "parameters", "input_schema"];

fn choice(value: LazyValue<'_>) -> Option<ToolChoice> {
    let mut object = match value {
        LazyValue::String(word) => return choice_word(&word),
        LazyValue::Object(object) => object,
        _ => return None,
    };
    let kind = object.keyword("type").unwrap_or_default();
    if kind == "allowed_tools" {
        let allowed = object.object("allowed_tools").unwrap_or(object);
        return Some(allowed_tools(allowed));
    }
    let mut named = object
        .object("function")
        .or_else(|| object.object("custom"))
        .unwrap_or(object);
    match named.nonempty_text("name") {
        Some(name) => Some(ToolChoice::Tool(name)),
        None if kind.starts_with("web_search") => Some(ToolChoice::WebSearch),
        None => choice_word(&kind).or(Some(ToolChoice::Hosted(kind))),
    }
}

fn message<'a>(
    mut message: LazyObject<'a>,
    place: &Place,
    request: &mut Request<'a>,
) -> Result<()> {
    let role = message.keyword("role").unwrap_or_default();
    let content = message.list_of("content");
    let said = place.member("content");
    match role.as_str() {
        "system" | "developer" => {
            let texts: Vec<Text> = content.filter_map(text).collect();
            if request.turns.is_empty() {
                request.system.extend(texts);
            } else if !texts.is_empty() {
                let parts: Vec<Part> = texts.into_iter().map(Part::Text).collect();
                request.turns.push(Turn::new(Role::System, parts));
            }
        }
        "assistant" => {
            let plain = Parts::raw_from(&content).filter(|_| message.is_empty());
            let parts = match plain {
                Some(plain) => plain,
                None => assistant(message, content, &said)?.into(),
            };
            request.turns.push(Turn::new(Role::Assistant, parts));
        }
        "tool" | "function" => {
            let result = ToolResult {
                call_id: message.text_or_empty("tool_call_id"),
                name: message.nonempty_text("name"),
                parts: read_parts(content, Author::Tool, &said)?,
                cache: cache(&mut message),
                ..ToolResult::default()
            };
            let turn = Turn::new(Role::User, Part::ToolResult(result));
            request.turns.push(turn);
        }
        "user" => {
            let parts = match Parts::raw_from(&content) {
                Some(plain) => plain,
                None => read_parts(content, Author::User, &said)?.into(),
            };
            request.turns.push(Turn::new(Role::User, parts));
        }
        other => {
            let why = format!("there is no role {other:?}");
            return Err(place.member("role").error(why));
        }
    }
    Ok(())
}

fn assistant(
    mut message: LazyObject<'_>,
    content: LazyList<'_>,
    place: &Place,
) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let reasoning = message
        .nonempty_text("reasoning_content")
        .or_else(|| message.nonempty_text("reasoning"));
    if let Some(text) = reasoning {
        parts.push(Part::Reasoning {
            text,
            signature: None,
        });
    }
    parts.extend(read_parts(content, Author::Model, place)?);
    // The images of answers (OpenRouter's documentation, "Image generation").
    parts.extend(read_parts(message.list("images"), Author::Model, place)?);
    parts.extend(message.nonempty_text("refusal").map(Part::Refusal));
    let calls = message.list("tool_calls").filter_map(LazyValue::object);
    parts.extend(calls.filter_map(call).map(Part::ToolCall));
    if let Some(mut legacy) = message.object("function_call")
        && let Some(name) = legacy.nonempty_text("name")
    {
        parts.push(Part::ToolCall(ToolCall {
            name,
            arguments: legacy.text_or_empty("arguments"),
            ..ToolCall::default()
        }));
    }
    parts.shrink_to_fit();
    Ok(parts)
}

fn call(mut call: LazyObject<'_>) -> Option<ToolCall> {
    let is_custom = call.keyword("type").as_deref() == Some("custom");
    let id = call.text_or_empty("id");
    let signature = call
        .object("extra_content")
        .and_then(|mut extra| extra.object("google"))
        .and_then(|mut google| google.text("thought_signature"))
        .and_then(|signature| Signature::read(&signature, Family::Gemini));
    let mut function = call.object("function").or_else(|| call.object("custom"))?;
    let arguments = function.take_any(&["arguments", "input"]);
    let arguments = arguments.map(LazyValue::into_text).unwrap_or_default();
    Some(ToolCall {
        id,
        name: function.nonempty_text("name")?,
        arguments,
        is_custom,
        signature,
    })
}
