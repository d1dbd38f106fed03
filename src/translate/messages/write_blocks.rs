//! The content blocks of Messages requests.

use serde_json::{Value, json};

use super::marks::{self, mark};
use crate::json::fields::{self, Put};
use crate::translate::neutral::capabilities::{Feature, unsupported};
use crate::translate::neutral::names::Names;
use crate::translate::neutral::parts::object_of;
use crate::translate::neutral::{
    Family, Item, JsonList, Part, Source, Text, ToolCall, ToolResult, Untranslatable, media,
};
use crate::wire::Dialect;

type Result<T> = std::result::Result<T, Untranslatable>;

/// A text block.
pub fn text(text: Text) -> Value {
    let mut block = fields::object_of([("type", "text".into()), ("text", text.text.into())]);
    mark(&mut block, text.cache);
    block
}

/// Writes the block of a part. Returns whether there is one.
pub fn block(part: Part, names: &Names, blocks: &mut JsonList) -> Result<bool> {
    let cannot = |feature| Err(unsupported(feature, Dialect::Messages));
    let block = match part {
        // Anthropic refuses blank text.
        blank if marks::is_blank(&blank) => None,
        Part::Text(words) => Some(text(words)),
        Part::Refusal(refusal) => Some(json!({"type": "text", "text": refusal})),
        Part::Image { source, cache, .. } => {
            let mut block = media_block("image", source);
            mark(&mut block, cache);
            Some(block)
        }
        Part::File {
            source,
            name,
            cache,
        } => {
            let mut block = match source {
                Source::Data { mime, data } if mime.starts_with("image/") => {
                    media_block("image", Source::Data { mime, data })
                }
                source => media_block("document", source),
            };
            if let Some(name) =
                name.filter(|_| block.get("type").is_some_and(|kind| kind == "document"))
            {
                block.put("title", name.into());
            }
            mark(&mut block, cache);
            Some(block)
        }
        Part::Audio { .. } => return cannot(Feature::Audio),
        Part::Video(_) => return cannot(Feature::Video),
        Part::Reasoning { text, signature } => signature
            .filter(|signature| signature.family == Family::Claude)
            .map(
                |signature| json!({"type": "thinking", "thinking": text, "signature": signature.value}),
            ),
        Part::Opaque(signature) => (signature.family == Family::ClaudeRedacted)
            .then(|| json!({"type": "redacted_thinking", "data": signature.value})),
        Part::ToolCall(call) => {
            tool_use(&call, names, blocks)?;
            return Ok(true);
        }
        Part::ToolResult(result) => {
            tool_result(result, names, blocks)?;
            return Ok(true);
        }
    };
    let is_there = block.is_some();
    if let Some(block) = block {
        blocks.push(block)?;
    }
    Ok(is_there)
}

fn media_block(kind: &str, source: Source) -> Value {
    fields::object_of([("type", kind.into()), ("source", self::source(source))])
}

fn source(source: Source) -> Value {
    let base64 = |mime: String, data: String| {
        fields::object_of([
            ("type", "base64".into()),
            ("media_type", mime.into()),
            ("data", data.into()),
        ])
    };
    match source {
        // Anthropic accepts plain text as text only.
        Source::Data { mime, data } if mime == "text/plain" => match media::text_of_base64(&data) {
            Some(text) => self::source(Source::Text(text)),
            None => base64(mime, data),
        },
        Source::Data { mime, data } => base64(mime, data),
        Source::Url(url) => json!({"type": "url", "url": url}),
        Source::FileId(id) => json!({"type": "file", "file_id": id}),
        Source::Text(text) => fields::object_of([
            ("type", "text".into()),
            ("media_type", "text/plain".into()),
            ("data", text.into()),
        ]),
    }
}

fn tool_use(call: &ToolCall, names: &Names, blocks: &mut JsonList) -> Result<()> {
    blocks.push_object([
        ("type", "tool_use".into()),
        ("id", call.id.as_str().into()),
        ("name", names.wire(&call.name).into()),
        ("input", Item::Json(object_of(call))),
    ])
}

fn tool_result(result: ToolResult, names: &Names, blocks: &mut JsonList) -> Result<()> {
    let members = [
        ("type", "tool_result".into()),
        ("tool_use_id", result.call_id.into()),
    ];
    blocks.open(members, "content")?;
    for part in result.parts {
        block(part, names, blocks)?;
    }
    let error = result.is_error.then(|| ("is_error", true.into()));
    let mark = result
        .cache
        .map(|cache| ("cache_control", marks::cache_control(cache).into()));
    blocks.close(error.into_iter().chain(mark))
}
