//! Pieces of messages that say their type, as Chat, Responses and Messages have them. The types of the vendors have
//! different names, and clients mix them: Cursor sends blocks of Messages in chats. So all are read everywhere.

use super::neutral::capabilities::Place;
use super::neutral::given::List;
use super::neutral::parts::cache;
use super::neutral::{
    Family, Given, Object, Part, Signature, Source, Text, ToolCall, ToolResult, Untranslatable,
    media,
};
use super::openai::{file_source, image_url};

type Result<T> = std::result::Result<T, Untranslatable>;

/// Where a piece stands, on which depends what becomes of one that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The client is told, so that it can say something else.
    User,
    /// It is a record of something that the vendor did, and of no use elsewhere.
    Model,
    /// It is told as text. The history of an agent holds it for good: a refusal would end the session.
    Tool,
}

/// Reads the pieces of a message or of a result.
///
/// # Errors
/// For what of the user's own the upstream cannot be told, and for too much of anything.
pub fn pieces(content: List<'_>, by: By, place: &Place) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for (index, piece) in content.enumerate() {
        place.bounds(index)?;
        match piece {
            Given::String(text) if text.is_empty() => {}
            Given::String(text) => parts.push(Part::text(text)),
            Given::Object(object) => parts.extend(self::piece(object, by, &place.at(index))?),
            other if by == By::Tool => parts.push(Part::text(other.into_text())),
            _ => return Err(place.at(index).refused("is no part")),
        }
    }
    // Of thousands of turns most have one part.
    parts.shrink_to_fit();
    Ok(parts)
}

fn piece(piece: Object<'_>, by: By, place: &Place) -> Result<Option<Part>> {
    if by == By::User {
        let part = read(piece, by, place)?;
        return part.map(|part| place.takes(part)).transpose();
    }
    let whole = piece.clone();
    Ok(match read(piece, by, place) {
        Ok(part) => part.map(|part| shown(part, place)),
        Err(_) if by == By::Tool => Some(Part::text(String::from(whole.into_json()))),
        Err(_) => None,
    })
}

/// A piece of the history; where the upstream cannot be told, a sentence that says so.
pub fn shown(part: Part, place: &Place) -> Part {
    place
        .takes(part)
        .unwrap_or_else(|why| Part::text(format!("[{}]", why.why)))
}

fn read(mut piece: Object<'_>, by: By, place: &Place) -> Result<Option<Part>> {
    let cache = cache(&mut piece);
    let kind = piece.word("type").unwrap_or_else(|| "text".to_owned());
    Ok(Some(match kind.as_str() {
        "text" | "input_text" | "output_text" | "summary_text" => {
            let text = match piece.text("text") {
                Some(text) => text,
                None if by == By::Tool => return Err(place.refused("has no text")),
                None => String::new(),
            };
            if text.is_empty() {
                return Ok(None);
            }
            Part::Text(Text { text, cache })
        }
        "refusal" => Part::Refusal(piece.text("refusal").unwrap_or_default()),
        "image_url" | "input_image" | "computer_screenshot" => {
            let (source, detail) = image_url(piece, place)?;
            Part::Image {
                source,
                detail,
                cache,
            }
        }
        "image" => {
            // Results of MCP servers have the bytes at the image itself.
            let source = piece.object("source").unwrap_or(piece);
            Part::Image {
                source: self::source(source, place)?,
                detail: None,
                cache,
            }
        }
        "input_audio" => {
            let mut audio = piece.object("input_audio").unwrap_or(piece);
            let format = audio.word("format").unwrap_or_default();
            Part::Audio {
                mime: media::of_audio_format(&format),
                data: audio.text("data").unwrap_or_default(),
            }
        }
        "video_url" => {
            let url = match piece.take("video_url") {
                Some(Given::String(url)) => Some(url),
                Some(Given::Object(mut video)) => video.text("url"),
                _ => None,
            };
            let url = url
                .filter(|url| !url.is_empty())
                .ok_or_else(|| place.refused("has no URL"))?;
            Part::Video(media::source_of_url(url, "video/mp4"))
        }
        "file" | "input_file" => {
            let mut file = piece.object("file").unwrap_or(piece);
            let name = file.full_text("filename");
            let source = file_source(&mut file, name.as_deref(), place)?;
            Part::File {
                source,
                name,
                cache,
            }
        }
        "document" => {
            let name = piece.full_text("title");
            Part::File {
                source: source(piece.object("source").unwrap_or_default(), place)?,
                name,
                cache,
            }
        }
        "search_result" => Part::text(search_result(piece)),
        // A tool that was looked up by what it can do. All tools are told where none are looked up.
        "tool_reference" => {
            let name = piece.text("tool_name").unwrap_or_default();
            Part::text(format!("Found the tool {name}."))
        }
        "thinking" if by != By::Tool => Part::Reasoning {
            text: piece.text("thinking").unwrap_or_default(),
            signature: piece
                .text("signature")
                .and_then(|signature| Signature::read(&signature, Family::Claude)),
        },
        "redacted_thinking" if by != By::Tool => {
            let data = piece.text("data").unwrap_or_default();
            match Signature::read(&data, Family::ClaudeRedacted) {
                Some(signature) => Part::Opaque(signature),
                None => return Ok(None),
            }
        }
        // What a server of the vendor's choice has done is told like what the client has.
        "tool_use" | "mcp_tool_use" if by != By::Tool => Part::ToolCall(ToolCall {
            id: piece.text("id").unwrap_or_default(),
            name: piece.text("name").unwrap_or_default(),
            arguments: piece
                .json(&["input"])
                .map_or_else(|| "{}".to_owned(), String::from),
            ..ToolCall::default()
        }),
        "tool_result" | "mcp_tool_result" if by != By::Tool => Part::ToolResult(ToolResult {
            call_id: piece.text("tool_use_id").unwrap_or_default(),
            name: None,
            parts: pieces(piece.list_of("content"), By::Tool, &place.member("content"))?,
            is_error: piece.flag("is_error").unwrap_or(false),
            cache,
        }),
        // What the vendor's own tools left behind is of no use elsewhere.
        kind if by == By::Model || (by == By::User && kind.ends_with("_tool_result")) => {
            match piece.full_text("text") {
                Some(text) => Part::text(text),
                None => return Ok(None),
            }
        }
        other => {
            let why = format!("the part type {other:?} is not known");
            return Err(place.refused(why));
        }
    }))
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

/// A text, or a piece that has one.
pub fn text(piece: Given<'_>) -> Option<Text> {
    let text = match piece {
        Given::String(text) => Text::new(text),
        Given::Object(mut piece) => Text {
            text: piece.text("text")?,
            cache: cache(&mut piece),
        },
        _ => return None,
    };
    (!text.text.is_empty()).then_some(text)
}

/// Where the bytes of a medium are, as Messages says it.
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
            let mime = match source.take_any(&["media_type", "mime_type", "mimeType"]) {
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
