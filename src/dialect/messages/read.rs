//! Messages requests, read (spec/dialects.md 1).

use serde_json::{Map, Value};

use crate::dialect::neutral::body::{Body, Turns};
use crate::dialect::neutral::fields::{Fields, list_of, object};
use crate::dialect::neutral::losses::{Place, Way};
use crate::dialect::neutral::parts::{cache, stops};
use crate::dialect::neutral::{
    Carrier, Family, Output, Part, Request, Role, Sampling, Source, Text, Tier, Tool, ToolCall,
    ToolChoice, ToolResult, Turn, Untranslatable, WebSearch, media,
};

type Result<T> = std::result::Result<T, Untranslatable>;

/// Reads a request.
///
/// # Errors
/// Where it says something that nobody else could be told.
pub fn request<'b>(body: impl Into<Body<'b>>, way: Way) -> Result<Request> {
    let mut body = body.into();
    // A conversation that the provider keeps. Told so, Anthropic's SDK sends all of it instead.
    if body.take("thread").is_some() {
        return Err(Untranslatable {
            code: Some("thread_unsupported_request"),
            ..Untranslatable::new(
                "thread",
                "is not supported where the upstream is not Anthropic's",
            )
        });
    }
    let mut request = Request {
        model: body.text("model").unwrap_or_default(),
        stream: body.flag("stream").unwrap_or(false),
        stop: stops(body.take("stop_sequences")),
        user_id: body
            .object("metadata")
            .and_then(|mut metadata| metadata.text("user_id")),
        service_tier: match body.text("service_tier").as_deref() {
            Some("standard_only") => Some(Tier::Default),
            _ => None,
        },
        sampling: Sampling {
            max_tokens: body.count("max_tokens"),
            temperature: body.number("temperature"),
            top_p: body.number("top_p"),
            top_k: body.count("top_k"),
            ..Sampling::default()
        },
        output: output(&mut body),
        ..Request::default()
    };
    if body.text("speed").as_deref() == Some("fast") {
        request.service_tier = Some(Tier::Priority);
    }
    for block in body.take("system").map(list_of).unwrap_or_default() {
        request.system.extend(text(block));
    }
    for definition in body.list("tools").into_iter().filter_map(object) {
        tool(definition, &mut request);
    }
    if let Some(mut choice) = body.object("tool_choice") {
        request.parallel = choice.flag("disable_parallel_tool_use").map(|no| !no);
        request.tool_choice = match choice.text("type").as_deref() {
            Some("auto") => Some(ToolChoice::Auto),
            Some("none") => Some(ToolChoice::None),
            Some("any") => Some(ToolChoice::Required),
            Some("tool") => match choice.full_text("name") {
                Some(name) if is_web_search(&name, &request) => Some(ToolChoice::WebSearch),
                name => name.map(ToolChoice::Tool),
            },
            _ => None,
        };
    }
    let Turns::List(messages) = body.turns("messages") else {
        return Ok(request);
    };
    for (index, message) in messages.enumerate() {
        let place = Place::new("messages", index, way);
        let Value::Object(message) = message? else {
            return Err(place.refused("must be an object"));
        };
        request.turns.push(turn(message, &place)?);
    }
    Ok(request)
}

fn output(body: &mut Map<String, Value>) -> Output {
    let format = body
        .object("output_config")
        .and_then(|mut config| config.object("format"))
        .or_else(|| body.object("output_format"));
    let Some(mut format) = format else {
        return Output::Text;
    };
    match format.text("type").as_deref() {
        Some("json_schema") => Output::JsonSchema {
            name: format.full_text("name"),
            description: None,
            schema: format.take("schema").unwrap_or_default(),
            strict: None,
        },
        _ => Output::Text,
    }
}

fn text(block: Value) -> Option<Text> {
    let text = match block {
        Value::String(text) => Text::new(text),
        Value::Object(mut block) => Text {
            text: block.text("text")?,
            cache: cache(&mut block),
        },
        _ => return None,
    };
    (!text.text.is_empty()).then_some(text)
}

fn tool(mut definition: Map<String, Value>, request: &mut Request) {
    let kind = definition.text("type").unwrap_or_default();
    if kind.starts_with("web_search") {
        request.web_search = Some(WebSearch::read(definition));
        return;
    }
    let has_schema = definition.contains_key("input_schema");
    if !has_schema && !kind.is_empty() && kind != "custom" {
        // The vendor's own tools, which others do not have.
        return;
    }
    let Some(name) = definition.full_text("name") else {
        return;
    };
    request.tools.push(Tool {
        name,
        description: definition.full_text("description"),
        schema: definition.take("input_schema").unwrap_or_default(),
        strict: definition.flag("strict"),
        cache: cache(&mut definition),
        ..Tool::default()
    });
}

/// Whether a name means the vendor's own tool.
fn is_web_search(name: &str, request: &Request) -> bool {
    let is_another = request.tools.iter().any(|tool| tool.name == name);
    name == "web_search" && request.web_search.is_some() && !is_another
}

fn turn(mut message: Map<String, Value>, place: &Place) -> Result<Turn> {
    let role = match message.text("role").as_deref() {
        Some("assistant") => Role::Assistant,
        Some("system") => Role::System,
        Some("user") | None => Role::User,
        Some(other) => {
            let why = format!("there is no role {other:?}");
            return Err(place.member("role").refused(why));
        }
    };
    let content = message.take("content").map(list_of).unwrap_or_default();
    let parts = parts(content, role, &place.member("content"))?;
    Ok(Turn { role, parts })
}

fn parts(content: Vec<Value>, role: Role, place: &Place) -> Result<Vec<Part>> {
    let mut parts = Vec::with_capacity(content.len());
    for (index, block) in content.into_iter().enumerate() {
        let place = place.at(index);
        match block {
            Value::String(text) if text.is_empty() => {}
            Value::String(text) => parts.push(Part::text(text)),
            Value::Object(block) => parts.extend(part(block, role, &place)?),
            _ => return Err(place.refused("is no block")),
        }
    }
    // Of thousands of turns most have one part.
    parts.shrink_to_fit();
    Ok(parts)
}

fn part(mut block: Map<String, Value>, role: Role, place: &Place) -> Result<Option<Part>> {
    let kind = block.text("type").unwrap_or_else(|| "text".to_owned());
    let mark = cache(&mut block);
    let part = match kind.as_str() {
        "text" => {
            let text = block.text("text").unwrap_or_default();
            if text.is_empty() {
                return Ok(None);
            }
            Part::Text(Text { text, cache: mark })
        }
        "image" => Part::Image {
            source: source(block.object("source").unwrap_or_default(), place)?,
            detail: None,
            cache: mark,
        },
        "document" => {
            let name = block.full_text("title");
            Part::File {
                source: source(block.object("source").unwrap_or_default(), place)?,
                name,
                cache: mark,
            }
        }
        "thinking" => Part::Reasoning {
            text: block.text("thinking").unwrap_or_default(),
            carrier: block
                .text("signature")
                .and_then(|signature| Carrier::read(&signature, Family::Claude)),
        },
        "redacted_thinking" => {
            let data = block.text("data").unwrap_or_default();
            match Carrier::read(&data, Family::ClaudeRedacted) {
                Some(carrier) => Part::Opaque(carrier),
                None => return Ok(None),
            }
        }
        "tool_use" => Part::ToolCall(ToolCall {
            id: block.text("id").unwrap_or_default(),
            name: block.text("name").unwrap_or_default(),
            arguments: block
                .take("input")
                .map_or_else(|| "{}".to_owned(), |input| input.to_string()),
            ..ToolCall::default()
        }),
        "tool_result" => {
            let content = block.take("content").map(list_of).unwrap_or_default();
            Part::ToolResult(ToolResult {
                call_id: block.text("tool_use_id").unwrap_or_default(),
                name: None,
                parts: parts(content, Role::User, &place.member("content"))?,
                is_error: block.flag("is_error").unwrap_or(false),
                cache: mark,
            })
        }
        "search_result" => Part::text(search_result(block)),
        // What the vendor's own tools left behind is of no use elsewhere.
        _ if role == Role::Assistant || kind.ends_with("_tool_result") => {
            match block.full_text("text") {
                Some(text) => Part::text(text),
                None => return Ok(None),
            }
        }
        other => {
            let why = format!("the block type {other:?} is not known");
            return Err(place.refused(why));
        }
    };
    place.takes(part).map(Some)
}

fn search_result(mut block: Map<String, Value>) -> String {
    let mut lines: Vec<String> = ["title", "source"]
        .iter()
        .filter_map(|key| block.full_text(key))
        .collect();
    for text in block.list("content").into_iter().filter_map(text) {
        lines.push(text.text);
    }
    lines.join("\n")
}

fn source(mut source: Map<String, Value>, place: &Place) -> Result<Source> {
    let kind = source.text("type").unwrap_or_default();
    match kind.as_str() {
        "url" => source
            .full_text("url")
            .map(|url| media::source_of_url(url, "application/octet-stream")),
        "file" => source.full_text("file_id").map(Source::FileId),
        "text" => source.text("data").map(Source::Text),
        "content" => {
            let content = source.take("content").map(list_of).unwrap_or_default();
            let texts: Vec<String> = content
                .into_iter()
                .filter_map(text)
                .map(|text| text.text)
                .collect();
            Some(Source::Text(texts.join("\n")))
        }
        _ => {
            let data = match source.take_any(&["data", "base64"]) {
                Some(Value::String(data)) => Some(data),
                _ => None,
            };
            let mime = match source.take_any(&["media_type", "mime_type"]) {
                Some(Value::String(mime)) => Some(mime),
                _ => None,
            };
            data.map(|data| Source::Data {
                mime: mime
                    .or_else(|| media::sniffed(&data).map(str::to_owned))
                    .unwrap_or_else(|| "application/octet-stream".to_owned()),
                data,
            })
        }
    }
    .ok_or_else(|| place.member("source").refused("has no content"))
}
