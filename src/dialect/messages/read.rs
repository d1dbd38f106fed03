//! Messages requests, read (spec/dialects.md 1).

use crate::dialect::neutral::given::List;
use crate::dialect::neutral::losses::{Place, Way};
use crate::dialect::neutral::parts::{cache, stops};
use crate::dialect::neutral::{
    Carrier, Family, Given, Object, Output, Part, Request, Role, Sampling, Source, Text, Tier,
    Tool, ToolCall, ToolChoice, ToolResult, Turn, Untranslatable, WebSearch, media,
};

type Result<T> = std::result::Result<T, Untranslatable>;

/// Reads a request.
///
/// # Errors
/// Where it says something that nobody else could be told.
pub fn request(mut body: Object<'_>, way: Way) -> Result<Request<'_>> {
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
        stop: stops(body.list_of("stop_sequences")),
        user_id: body
            .object("metadata")
            .and_then(|mut metadata| metadata.text("user_id")),
        service_tier: match body.word("service_tier").as_deref() {
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
    if body.word("speed").as_deref() == Some("fast") {
        request.service_tier = Some(Tier::Priority);
    }
    for block in body.list_of("system") {
        request.system.extend(text(block));
    }
    for definition in body.list("tools").filter_map(Given::object) {
        tool(definition, &mut request);
    }
    if let Some(mut choice) = body.object("tool_choice") {
        request.parallel = choice.flag("disable_parallel_tool_use").map(|no| !no);
        request.tool_choice = match choice.word("type").as_deref() {
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
    let Some(Given::List(messages)) = body.take("messages") else {
        return Ok(request);
    };
    for (index, message) in messages.enumerate() {
        let place = Place::new("messages", index, way);
        let Given::Object(message) = message else {
            return Err(place.refused("must be an object"));
        };
        request.turns.push(turn(message, &place)?);
    }
    Ok(request)
}

fn output(body: &mut Object<'_>) -> Output {
    let format = body
        .object("output_config")
        .and_then(|mut config| config.object("format"))
        .or_else(|| body.object("output_format"));
    let Some(mut format) = format else {
        return Output::Text;
    };
    match format.word("type").as_deref() {
        Some("json_schema") => Output::JsonSchema {
            name: format.full_text("name"),
            description: None,
            schema: format.json(&["schema"]).unwrap_or_default(),
            strict: None,
        },
        _ => Output::Text,
    }
}

fn text(block: Given<'_>) -> Option<Text> {
    let text = match block {
        Given::String(text) => Text::new(text),
        Given::Object(mut block) => Text {
            text: block.text("text")?,
            cache: cache(&mut block),
        },
        _ => return None,
    };
    (!text.text.is_empty()).then_some(text)
}

fn tool(mut definition: Object<'_>, request: &mut Request) {
    let kind = definition.word("type").unwrap_or_default();
    if kind.starts_with("web_search") {
        request.web_search = Some(WebSearch::read(definition));
        return;
    }
    let has_schema = definition.contains("input_schema");
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
        schema: definition.json(&["input_schema"]).unwrap_or_default(),
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

fn turn<'a>(mut message: Object<'a>, place: &Place) -> Result<Turn<'a>> {
    let role = match message.word("role").as_deref() {
        Some("assistant") => Role::Assistant,
        Some("system") => Role::System,
        Some("user") | None => Role::User,
        Some(other) => {
            let why = format!("there is no role {other:?}");
            return Err(place.member("role").refused(why));
        }
    };
    let content = message.list_of("content");
    let parts = match content.plain() {
        Some(plain) => plain,
        _ => parts(content, role, &place.member("content"))?.into(),
    };
    Ok(Turn { role, parts })
}

fn parts(content: List<'_>, role: Role, place: &Place) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for (index, block) in content.enumerate() {
        place.bounds(index)?;
        let place = place.at(index);
        match block {
            Given::String(text) if text.is_empty() => {}
            Given::String(text) => parts.push(Part::text(text)),
            Given::Object(block) => parts.extend(part(block, role, &place)?),
            _ => return Err(place.refused("is no block")),
        }
    }
    // Of thousands of turns most have one part.
    parts.shrink_to_fit();
    Ok(parts)
}

fn part(mut block: Object<'_>, role: Role, place: &Place) -> Result<Option<Part>> {
    let kind = block.word("type").unwrap_or_else(|| "text".to_owned());
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
                .json(&["input"])
                .map_or_else(|| "{}".to_owned(), String::from),
            ..ToolCall::default()
        }),
        "tool_result" => {
            let content = block.list_of("content");
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

fn search_result(mut block: Object<'_>) -> String {
    let mut lines: Vec<String> = ["title", "source"]
        .iter()
        .filter_map(|key| block.full_text(key))
        .collect();
    for text in block.list("content").filter_map(text) {
        lines.push(text.text);
    }
    lines.join("\n")
}

fn source(mut source: Object<'_>, place: &Place) -> Result<Source> {
    let kind = source.word("type").unwrap_or_default();
    match kind.as_str() {
        "url" => source
            .full_text("url")
            .map(|url| media::source_of_url(url, "application/octet-stream")),
        "file" => source.full_text("file_id").map(Source::FileId),
        "text" => source.text("data").map(Source::Text),
        "content" => {
            let content = source.list_of("content");
            let texts: Vec<String> = content.filter_map(text).map(|text| text.text).collect();
            Some(Source::Text(texts.join("\n")))
        }
        _ => {
            let data = match source.take_any(&["data", "base64"]) {
                Some(Given::String(data)) => Some(data),
                _ => None,
            };
            let mime = match source.take_any(&["media_type", "mime_type"]) {
                Some(Given::String(mime)) => Some(mime),
                _ => None,
            };
            data.map(|data| Source::Data {
                mime: mime
                    .map(media::type_of)
                    .or_else(|| media::sniffed(&data).map(str::to_owned))
                    .unwrap_or_else(|| "application/octet-stream".to_owned()),
                data,
            })
        }
    }
    .ok_or_else(|| place.member("source").refused("has no content"))
}
