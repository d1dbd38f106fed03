//! Reading content parts with a `type`, as Chat, Responses and Messages have them. Clients mix the types of the dialects
//! (Cursor sends Messages blocks in chats), so all types are read in all three.

use super::neutral::lazy::LazyList;
use super::neutral::parts::cache;
use super::neutral::place::Place;
use super::neutral::{
    Family, LazyObject, LazyValue, Part, Signature, Source, Text, ToolCall, ToolResult,
    Untranslatable, media,
};
use super::openai::{file_source, image_url};

type Result<T> = std::result::Result<T, Untranslatable>;

/// Whose message a part is in; it decides what happens to an unknown part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// An unknown part is refused, so that the client can send something else.
    User,
    /// An unknown part is the record of a vendor's feature, and dropped.
    Model,
    /// An unknown part becomes text: it stays in an agent's history, so a refusal would end the session.
    Tool,
}

/// Reads the parts of a message or of a result.
///
/// # Errors
/// For a part of the user that the upstream does not support, and for too many parts.
pub fn read_parts(content: LazyList<'_>, author: Author, place: &Place) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for (index, part) in content.enumerate() {
        place.check_index(index)?;
        match part {
            LazyValue::String(text) if text.is_empty() => {}
            LazyValue::String(text) => parts.push(Part::text(text)),
            LazyValue::Object(object) => parts.extend(read_part(object, author, &place.at(index))?),
            other if author == Author::Tool => parts.push(Part::text(other.into_text())),
            _ => return Err(place.at(index).error("is no part")),
        }
    }
    // Most of thousands of turns have one part.
    parts.shrink_to_fit();
    Ok(parts)
}

fn read_part(part: LazyObject<'_>, author: Author, place: &Place) -> Result<Option<Part>> {
    if author == Author::User {
        let part = read(part, author, place)?;
        return part.map(|part| place.check(part)).transpose();
    }
    let whole = part.clone();
    Ok(match read(part, author, place) {
        Ok(part) => part.map(|part| or_placeholder(part, place)),
        Err(_) if author == Author::Tool => Some(Part::text(String::from(whole.into_json()))),
        Err(_) => None,
    })
}

/// A part of the history; if the upstream does not support it, a text that says so.
pub fn or_placeholder(part: Part, place: &Place) -> Part {
    place
        .check(part)
        .unwrap_or_else(|why| Part::text(format!("[{}]", why.why)))
}

fn read(mut part: LazyObject<'_>, author: Author, place: &Place) -> Result<Option<Part>> {
    let cache = cache(&mut part);
    let kind = part.keyword("type").unwrap_or_else(|| "text".to_owned());
    Ok(Some(match kind.as_str() {
        "text" | "input_text" | "output_text" | "summary_text" => {
            let text = match part.text("text") {
                Some(text) => text,
                None if author == Author::Tool => return Err(place.error("has no text")),
                None => String::new(),
            };
            if text.is_empty() {
                return Ok(None);
            }
            Part::Text(Text { text, cache })
        }
        "refusal" => Part::Refusal(part.text_or_empty("refusal")),
        "image_url" | "input_image" | "computer_screenshot" => {
            let (source, detail) = image_url(part, place)?;
            Part::Image {
                source,
                detail,
                cache,
            }
        }
        "image" => {
            // Results of MCP servers have the bytes in the image object itself.
            let source = part.object("source").unwrap_or(part);
            Part::Image {
                source: self::source(source, place)?,
                detail: None,
                cache,
            }
        }
        "input_audio" => {
            let mut audio = part.object("input_audio").unwrap_or(part);
            let format = audio.keyword("format").unwrap_or_default();
            Part::Audio {
                mime: media::of_audio_format(&format),
                data: audio.text_or_empty("data"),
            }
        }
        "video_url" => {
            let url = match part.take("video_url") {
                Some(LazyValue::String(url)) => Some(url),
                Some(LazyValue::Object(mut video)) => video.text("url"),
                _ => None,
            };
            let url = url
                .filter(|url| !url.is_empty())
                .ok_or_else(|| place.error("has no URL"))?;
            Part::Video(Source::of_url(url, "video/mp4"))
        }
        "file" | "input_file" => {
            let mut file = part.object("file").unwrap_or(part);
            let name = file.nonempty_text("filename");
            let source = file_source(&mut file, name.as_deref(), place)?;
            Part::File {
                source,
                name,
                cache,
            }
        }
        "document" => {
            let name = part.nonempty_text("title");
            Part::File {
                source: source(part.object("source").unwrap_or_default(), place)?,
                name,
                cache,
            }
        }
        "search_result" => Part::text(search_result(part)),
        // A tool that was found by a search for tools. Upstreams without such a search get all tools.
        "tool_reference" => {
            let name = part.text_or_empty("tool_name");
            Part::text(format!("Found the tool {name}."))
        }
        "thinking" if author != Author::Tool => Part::Reasoning {
            text: part.text_or_empty("thinking"),
            signature: part
                .text("signature")
                .and_then(|signature| Signature::read(&signature, Family::Claude)),
        },
        "redacted_thinking" if author != Author::Tool => {
            let data = part.text_or_empty("data");
            match Signature::read(&data, Family::ClaudeRedacted) {
                Some(signature) => Part::Opaque(signature),
                None => return Ok(None),
            }
        }
        // Calls that the vendor has made to an MCP server are written like the client's own.
        "tool_use" | "mcp_tool_use" if author != Author::Tool => Part::ToolCall(ToolCall {
            id: part.text_or_empty("id"),
            name: part.text_or_empty("name"),
            arguments: part
                .json(&["input"])
                .map_or_else(|| "{}".to_owned(), String::from),
            ..ToolCall::default()
        }),
        "tool_result" | "mcp_tool_result" if author != Author::Tool => {
            Part::ToolResult(ToolResult {
                call_id: part.text_or_empty("tool_use_id"),
                name: None,
                parts: read_parts(
                    part.list_of("content"),
                    Author::Tool,
                    &place.member("content"),
                )?,
                is_error: part.flag("is_error").unwrap_or(false),
                cache,
            })
        }
        // Records of the vendor's own tools have no meaning elsewhere.
        kind if author == Author::Model
            || (author == Author::User && kind.ends_with("_tool_result")) =>
        {
            match part.nonempty_text("text") {
                Some(text) => Part::text(text),
                None => return Ok(None),
            }
        }
        other => {
            let why = format!("the part type {other:?} is not known");
            return Err(place.error(why));
        }
    }))
}

fn search_result(mut block: LazyObject<'_>) -> String {
    let mut lines: Vec<String> = ["title", "source"]
        .iter()
        .filter_map(|key| block.nonempty_text(key))
        .collect();
    for text in block.list("content").filter_map(text) {
        lines.push(text.text);
    }
    lines.join("\n")
}

/// The text of a string or of a part.
pub fn text(part: LazyValue<'_>) -> Option<Text> {
    let text = match part {
        LazyValue::String(text) => Text::new(text),
        LazyValue::Object(mut part) => Text {
            text: part.text("text")?,
            cache: cache(&mut part),
        },
        _ => return None,
    };
    (!text.text.is_empty()).then_some(text)
}

/// Reads the source of a medium in Messages.
fn source(mut source: LazyObject<'_>, place: &Place) -> Result<Source> {
    let kind = source.keyword("type").unwrap_or_default();
    match kind.as_str() {
        "url" => source
            .nonempty_text("url")
            .map(|url| Source::of_url(url, "application/octet-stream")),
        "file" => source.nonempty_text("file_id").map(Source::FileId),
        "text" => source.text("data").map(Source::Text),
        "content" => {
            let content = source.list_of("content");
            let texts: Vec<String> = content.filter_map(text).map(|text| text.text).collect();
            Some(Source::Text(texts.join("\n")))
        }
        _ => {
            let data = match source.take_any(&["data", "base64"]) {
                Some(LazyValue::String(data)) => Some(data),
                _ => None,
            };
            let mime = match source.take_any(&["media_type", "mime_type", "mimeType"]) {
                Some(LazyValue::String(mime)) => Some(mime),
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
    .ok_or_else(|| place.member("source").error("has no content"))
}
