//! Writing Chat requests.

use serde_json::{Map, Value, json};

use super::write_tools;
use crate::json::fields::{Put, object_of, set};
use crate::translate::neutral::capabilities::{self, Feature, unsupported};
use crate::translate::neutral::ids::{CallIdFormat, UpstreamCallIds};
use crate::translate::neutral::names::Names;
use crate::translate::neutral::parts::{function_arguments, texts_of};
use crate::translate::neutral::{
    Family, JsonBody, JsonList, Part, Parts, Request, Role, Source, Text, ToolCall, ToolResult,
    Turn, Untranslatable, ids, media, repair,
};
use crate::translate::openai::{
    self, CustomTools, LONGEST_NAME, is_reasoning, mime_of, result_text, tier_word,
};
use crate::wire::Dialect;

type Result<T> = std::result::Result<T, Untranslatable>;

/// In what a provider differs from its dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChatQuirks {
    pub custom_tools: CustomTools,
    pub call_ids: CallIdFormat,
    /// Whether a provider of Responses has no custom tools.
    pub has_functions_only: bool,
    /// Whether schemas get placeholders on their way, which are removed from the arguments (Antigravity).
    pub has_placeholders: bool,
}

/// Whether a model accepts this modality of answers (OpenAI's OpenAPI document, `ResponseModalities`). Other vendors'
/// image models, recognised by name, accept `image`.
fn accepts_modality(modality: &str, model: &str) -> bool {
    match modality {
        "text" | "audio" => true,
        "image" => model.contains("image"),
        _ => false,
    }
}

/// Writes a request for `model`.
///
/// # Errors
/// For media that the dialect does not support.
pub fn request(
    request: Request,
    model: &str,
    names: &Names,
    quirks: ChatQuirks,
) -> Result<JsonBody> {
    let mut request = capabilities::without_dropped(request, Dialect::Chat);
    if quirks.custom_tools == CustomTools::AsFunctions {
        openai::as_functions(&mut request);
    }
    repair::ensure_turn(&mut request.system, &mut request.turns);
    let mut body = JsonBody::default();
    body.insert("model".to_owned(), model.into());
    let turns = repair::move_media_to_user(request.turns);
    let turns = repair::tool_turns(
        turns,
        UpstreamCallIds::with_format(Dialect::Chat, quirks.call_ids),
    );
    let above = request.system.iter().map(|text| text.text.len());
    let weight = turns.iter().map(Turn::weight).chain(above).sum();
    let mut messages = JsonList::expecting(weight);
    system(request.system, &mut messages)?;
    for turn in turns {
        let weight = turn.weight();
        self::turn(turn, names, &mut messages)?;
        messages.advance(weight);
    }
    body.set_list("messages", messages);
    let sampling = request.sampling;
    let most = match is_reasoning(model) {
        true => "max_completion_tokens",
        false => "max_tokens",
    };
    set(&mut body, most, sampling.max_tokens);
    set(&mut body, "temperature", sampling.temperature);
    set(&mut body, "top_p", sampling.top_p);
    set(&mut body, "top_k", sampling.top_k);
    set(&mut body, "frequency_penalty", sampling.frequency_penalty);
    set(&mut body, "presence_penalty", sampling.presence_penalty);
    set(&mut body, "seed", sampling.seed);
    set(&mut body, "n", sampling.n.filter(|n| *n > 1));
    if !request.stop.is_empty() {
        let stop: Vec<String> = request.stop.into_iter().take(4).collect();
        body.insert("stop".to_owned(), stop.into());
    }
    write_tools::tools(
        &mut body,
        request.tools,
        request.tool_choice,
        request.parallel,
        names,
    )?;
    if let Some(search) = request.web_search {
        let mut options = Map::new();
        set(&mut options, "search_context_size", search.context_size);
        if !search.location.is_empty() {
            let location = json!({"type": "approximate", "approximate": search.location});
            options.insert("user_location".to_owned(), location);
        }
        body.insert("web_search_options".to_owned(), options.into());
    }
    write_tools::output(request.output, &mut body);
    let short = |name| ids::short(name, LONGEST_NAME);
    set(&mut body, "user", request.user_id.map(short));
    set(&mut body, "prompt_cache_key", request.cache_key.map(short));
    set(
        &mut body,
        "service_tier",
        request.service_tier.map(tier_word),
    );
    set(&mut body, "verbosity", request.verbosity);
    let mut modalities = request.modalities;
    modalities.retain(|modality| accepts_modality(modality, model));
    if !modalities.is_empty() {
        body.insert("modalities".to_owned(), modalities.into());
    }
    let mut shape = Map::new();
    set(&mut shape, "aspect_ratio", request.image_shape.aspect_ratio);
    set(&mut shape, "image_size", request.image_shape.size);
    if !shape.is_empty() {
        body.insert("image_config".to_owned(), shape.into());
    }
    if request.stream {
        body.insert("stream".to_owned(), true.into());
        body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
    Ok(body)
}

/// Writes a system message, if there is text.
fn system(mut texts: Vec<Text>, messages: &mut JsonList) -> Result<()> {
    let role = ("role", "system".into());
    match texts.len() {
        0 => Ok(()),
        1 => {
            let text = texts.pop().map(|only| only.text).unwrap_or_default();
            messages.push_object([role, ("content", text.into())])
        }
        _ => {
            messages.open([role], "content")?;
            for text in texts {
                messages.advance(text.text.len());
                messages.push(self::text(text.text))?;
            }
            messages.close([])
        }
    }
}

fn turn(turn: Turn, names: &Names, messages: &mut JsonList) -> Result<()> {
    match turn.role {
        Role::System => {
            let texts = turn.parts.into_iter().filter_map(|part| match part {
                Part::Text(text) => Some(text),
                _ => None,
            });
            system(texts.collect(), messages)
        }
        Role::Assistant => assistant(turn.parts, names, messages),
        Role::User => user(turn.parts, messages),
    }
}

/// Writes results first, each as its own message; their parts that are not text follow in a message of the user.
fn user(parts: Parts<'_>, messages: &mut JsonList) -> Result<()> {
    let role = ("role", "user".into());
    if let Parts::RawTexts(_) = parts {
        messages.open([role], "content")?;
        for part in parts {
            if let Some(part) = self::content(part)? {
                messages.push(part)?;
            }
        }
        return messages.close([]);
    }
    let mut media = Vec::new();
    let mut others = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Part::ToolResult(result) => media.extend(tool_result(result, messages)?),
            other => others.push(other),
        }
    }
    if let ([], [Part::Text(_) | Part::Refusal(_)]) = (media.as_slice(), others.as_slice())
        && let Some(Part::Text(Text { text, .. }) | Part::Refusal(text)) = others.pop()
    {
        return match text.is_empty() {
            true => Ok(()),
            false => messages.push_object([role, ("content", text.into())]),
        };
    }
    messages.push_list([role], "content", |content| {
        for part in media {
            content.push(part)?;
        }
        for part in others {
            if let Some(part) = self::content(part)? {
                content.push(part)?;
            }
        }
        Ok(())
    })?;
    Ok(())
}

fn text(text: String) -> Value {
    object_of([("type", "text".into()), ("text", text.into())])
}

fn content(part: Part) -> Result<Option<Value>> {
    let cannot = |feature| Err(unsupported(feature, Dialect::Chat));
    Ok(Some(match part {
        Part::Text(text) if text.text.is_empty() => return Ok(None),
        Part::Text(text) => self::text(text.text),
        Part::Refusal(text) => self::text(text),
        Part::Image { source, detail, .. } => {
            let url = match source {
                Source::Data { mime, data } => media::url_of(&mime, &data),
                Source::Url(url) => url,
                Source::FileId(_) => return cannot(Feature::StoredImage),
                Source::Text(_) => return cannot(Feature::UncommonImage),
            };
            let mut image = object_of([("url", url.into())]);
            if let Some(detail) = detail {
                image.put("detail", detail.into());
            }
            object_of([("type", "image_url".into()), ("image_url", image)])
        }
        Part::Audio { mime, data } => json!({
            "type": "input_audio",
            "input_audio": {"data": data, "format": media::audio_format(&mime)},
        }),
        Part::Video(source) => {
            let url = match source {
                Source::Data { mime, data } => media::url_of(&mime, &data),
                Source::Url(url) => url,
                Source::FileId(_) | Source::Text(_) => {
                    return cannot(Feature::ForeignFile);
                }
            };
            json!({"type": "video_url", "video_url": {"url": url}})
        }
        Part::File { source, name, .. } => {
            let mime = mime_of(&source);
            let mut file = match source {
                Source::Data { mime, data } => json!({"file_data": media::url_of(&mime, &data)}),
                Source::Text(text) => {
                    let data = media::base64(text.as_bytes());
                    json!({"file_data": media::url_of("text/plain", &data)})
                }
                Source::FileId(id) => json!({"file_id": id}),
                Source::Url(_) => return cannot(Feature::FileUrl),
            };
            if let Some(mime) = mime {
                file.put(
                    "filename",
                    name.unwrap_or_else(|| media::name_for(&mime)).into(),
                );
            }
            object_of([("type", "file".into()), ("file", file)])
        }
        Part::Reasoning { .. } | Part::Opaque(_) | Part::ToolCall(_) | Part::ToolResult(_) => {
            return Ok(None);
        }
    }))
}

/// Writes the message of a result. Returns its parts that are not text.
fn tool_result(result: ToolResult, messages: &mut JsonList) -> Result<Vec<Value>> {
    let (text, others) = texts_of(result.parts);
    let media = others
        .into_iter()
        .map(content)
        .filter_map(Result::transpose)
        .collect::<Result<Vec<_>>>()?;
    messages.push_object([
        ("role", "tool".into()),
        ("tool_call_id", result.call_id.into()),
        ("content", result_text(text, result.is_error).into()),
    ])?;
    Ok(media)
}

/// Writes a message of the assistant.
fn assistant(parts: Parts<'_>, names: &Names, messages: &mut JsonList) -> Result<()> {
    let mut text = String::new();
    let mut reasoning = Vec::new();
    let mut calls = Vec::new();
    for part in parts {
        match part {
            Part::Text(more) if text.is_empty() => text = more.text,
            Part::Text(more) => text.push_str(&more.text),
            Part::Refusal(more) => text.push_str(&more),
            Part::Reasoning { text, .. } if !text.is_empty() => reasoning.push(text),
            Part::ToolCall(call) => calls.push(call),
            _ => {}
        }
    }
    if text.is_empty() && calls.is_empty() {
        return Ok(());
    }
    let content = match text.is_empty() {
        true => Value::Null,
        false => text.into(),
    };
    let reasoning =
        (!reasoning.is_empty()).then(|| ("reasoning_content", reasoning.join("\n\n").into()));
    let members = [("role", "assistant".into()), ("content", content.into())];
    let members = members.into_iter().chain(reasoning);
    if calls.is_empty() {
        return messages.push_object(members);
    }
    messages.open(members, "tool_calls")?;
    for call in calls {
        messages.push(self::call(call, names))?;
    }
    messages.close([])
}

fn call(call: ToolCall, names: &Names) -> Value {
    let id = call.id;
    let name = names.wire(&call.name);
    let mut value = match call.is_custom {
        true => json!({"id": id, "type": "custom",
            "custom": {"name": name, "input": call.arguments}}),
        false => json!({"id": id, "type": "function",
            "function": {"name": name, "arguments": function_arguments(call.arguments)}}),
    };
    if let Some(signature) = call
        .signature
        .filter(|signature| signature.family == Family::Gemini)
    {
        value.put(
            "extra_content",
            json!({"google": {"thought_signature": signature.value}}),
        );
    }
    value
}
