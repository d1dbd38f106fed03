//! Writing Gemini requests.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::schema::{Profile, clean};
use crate::json::fields::{self, Put, set};
use crate::translate::neutral::capabilities::{self, Feature};
use crate::translate::neutral::ids::UpstreamCallIds;
use crate::translate::neutral::names::Names;
use crate::translate::neutral::parts::{object_of, output_instruction, texts_of};
use crate::translate::neutral::untranslatable::TOO_LARGE;
use crate::translate::neutral::{
    Family, Json, JsonBody, JsonList, Output, Part, Request, Role, Signature, Source, Text, Tier,
    Tool, ToolCall, ToolChoice, ToolResult, Turn, Untranslatable, Wrap, lazy, media, repair,
    schema,
};
use crate::wire::Dialect;
use crate::wire::signatures::UNCHECKED;

type Result<T> = std::result::Result<T, Untranslatable>;

/// The generation of a model. From Gemini 3 on, calls have ids and must be signed (ai.google.dev, "Thought signatures").
#[derive(Clone, Copy, PartialEq, Eq)]
enum Generation {
    BeforeGemini3,
    Gemini3,
}

impl Generation {
    fn of(model: &str) -> Self {
        match model.starts_with("gemini-2") || model.starts_with("gemini-1") {
            true => Self::BeforeGemini3,
            false => Self::Gemini3,
        }
    }
}

/// Writes a request for `model`, which is in the path.
///
/// # Errors
/// For media that the dialect does not support, and for schemas that are too large.
pub fn request(request: Request, model: &str, names: &Names) -> Result<JsonBody> {
    let mut request = capabilities::without_dropped(request, Dialect::Gemini);
    let mut body = JsonBody::default();
    let generation = Generation::of(model);
    if generation == Generation::BeforeGemini3 && !request.tools.is_empty() {
        // Older models accept an output format or functions, not both.
        let output = std::mem::take(&mut request.output);
        request.system.extend(output_instruction(&output));
    }
    let mut system = request.system;
    let mut turns: Vec<Turn> = request
        .turns
        .into_iter()
        .map(repair::system_as_user)
        .collect();
    repair::ensure_turn(&mut system, &mut turns);
    if !system.is_empty() {
        let mut parts = JsonList::expecting(system.iter().map(|text| text.text.len()).sum());
        for text in system {
            let weight = text.text.len();
            parts.push(fields::object_of([("text", text.text.into())]))?;
            parts.advance(weight);
        }
        body.set_wrapped("systemInstruction", Wrap::Object("parts"), parts);
    }
    let turns = repair::merge_turns(repair::tool_turns(
        turns,
        UpstreamCallIds::new(Dialect::Gemini),
    ));
    let called = names_of_calls(&turns);
    let mut contents = JsonList::expecting(turns.iter().map(Turn::weight).sum());
    for turn in turns {
        let weight = turn.weight();
        content(turn, names, &called, generation, &mut contents)?;
        contents.advance(weight);
    }
    body.set_list("contents", contents);
    let has_tools = !request.tools.is_empty();
    tools(&mut body, request.tools, request.tool_choice, names)?;
    let searches = request.web_search.map(|_| json!({"googleSearch": {}}));
    let hosted = request.hosted.iter();
    let hosted = hosted.filter_map(|tool| tool.written(Dialect::Gemini)?.tree());
    let own: Vec<Value> = searches.into_iter().chain(hosted).collect();
    if !own.is_empty() && !has_tools {
        body.insert("tools".to_owned(), own.into());
    }
    let mut config = request.google.generation_config;
    let sampling = request.sampling;
    set(&mut config, "maxOutputTokens", sampling.max_tokens);
    set(&mut config, "temperature", sampling.temperature);
    set(&mut config, "topP", sampling.top_p);
    set(&mut config, "topK", sampling.top_k);
    set(&mut config, "frequencyPenalty", sampling.frequency_penalty);
    set(&mut config, "presencePenalty", sampling.presence_penalty);
    set(&mut config, "seed", sampling.seed);
    set(&mut config, "candidateCount", sampling.n.filter(|n| *n > 1));
    if !request.stop.is_empty() {
        let stop: Vec<String> = request.stop.into_iter().take(5).collect();
        config.insert("stopSequences".to_owned(), stop.into());
    }
    if !request.modalities.is_empty() {
        let modalities = request.modalities.iter();
        let modalities = modalities.map(|modality| modality.to_ascii_uppercase());
        config.insert("responseModalities".to_owned(), modalities.collect());
    }
    let mut shape = Map::new();
    set(&mut shape, "aspectRatio", request.image_shape.aspect_ratio);
    set(&mut shape, "imageSize", request.image_shape.size);
    if !shape.is_empty() {
        config.insert("imageConfig".to_owned(), shape.into());
    }
    match request.output {
        Output::Text => {}
        Output::JsonObject => {
            config.insert("responseMimeType".to_owned(), "application/json".into());
        }
        Output::JsonSchema { schema, .. } => {
            config.insert("responseMimeType".to_owned(), "application/json".into());
            let schema = cleaned(&schema, "the output")?;
            config.insert("responseJsonSchema".to_owned(), schema);
        }
    }
    if !config.is_empty() {
        body.insert("generationConfig".to_owned(), config.into());
    }
    let tier = request.service_tier.map(|tier| match tier {
        Tier::Default => "standard",
        Tier::Flex => "flex",
        Tier::Priority => "priority",
    });
    set(&mut body, "serviceTier", tier);
    Ok(body)
}

/// The names of the called tools by id, which results repeat.
fn names_of_calls(turns: &[Turn]) -> HashMap<String, String> {
    let parts = turns.iter().flat_map(|turn| &turn.parts);
    parts
        .filter_map(|part| match part {
            Part::ToolCall(call) => Some((call.id.clone(), call.name.clone())),
            _ => None,
        })
        .collect()
}

/// Moves signatures to their calls. In dialects whose calls have none, the thought before the call has it.
fn sign_calls(parts: &mut [Part]) {
    let mut thoughts: Option<&mut Option<Signature>> = None;
    for part in parts {
        let before = thoughts.take();
        match part {
            Part::Reasoning { signature, .. } => thoughts = Some(signature),
            Part::ToolCall(call) if !is_own(call.signature.as_ref()) => {
                if let Some(own) = before.filter(|signature| is_own(signature.as_ref())) {
                    call.signature = own.take();
                }
            }
            _ => {}
        }
    }
}

fn is_own(signature: Option<&Signature>) -> bool {
    signature.is_some_and(|signature| signature.family == Family::Gemini)
}

fn content(
    mut turn: Turn,
    names: &Names,
    called: &HashMap<String, String>,
    generation: Generation,
    contents: &mut JsonList,
) -> Result<()> {
    let role = match turn.role {
        Role::Assistant => "model",
        Role::User | Role::System => "user",
    };
    sign_calls(&mut turn.parts);
    let mut has_calls = false;
    let mark = contents.mark();
    if contents.is_empty() && turn.role == Role::Assistant {
        contents.push(json!({"role": "user", "parts": [{"text": repair::OPENING}]}))?;
    }
    let write = |parts: &mut JsonList| {
        for part in turn.parts {
            match part {
                Part::ToolCall(call) => {
                    let is_first = !std::mem::replace(&mut has_calls, true);
                    function_call(call, names, generation, is_first, parts)?;
                }
                Part::ToolResult(result) => {
                    function_response(result, names, called, generation, parts)?
                }
                // Older models do not accept their thoughts.
                Part::Reasoning { .. } if generation == Generation::BeforeGemini3 => {}
                other => {
                    if let Some(part) = self::part(other)? {
                        parts.push(part)?;
                    }
                }
            }
        }
        Ok(())
    };
    let role = ("role", role.into());
    if !contents.push_list([role], "parts", write)? {
        contents.reset(mark);
    }
    Ok(())
}

fn part(part: Part) -> Result<Option<Value>> {
    Ok(match part {
        Part::Text(Text { text, .. }) if text.is_empty() => None,
        Part::Text(Text { text, .. }) => Some(fields::object_of([("text", text.into())])),
        Part::Refusal(text) => Some(fields::object_of([("text", text.into())])),
        Part::Reasoning { text, signature } => signature
            .filter(|signature| signature.family == Family::Gemini)
            .map(
                |signature| json!({"text": text, "thought": true, "thoughtSignature": signature.value}),
            ),
        Part::Opaque(_) => None,
        Part::Audio { mime, data } => Some(inline(&mime, data)),
        Part::Image { source, .. } | Part::Video(source) | Part::File { source, .. } => {
            Some(match source {
                Source::Data { mime, data } => inline(&mime, data),
                Source::Url(url) => {
                    let mime = media::of_name(&url).unwrap_or("image/jpeg");
                    json!({"fileData": {"mimeType": mime, "fileUri": url}})
                }
                Source::Text(text) => inline("text/plain", media::base64(text.as_bytes())),
                Source::FileId(id) if media::is_gemini_file(&id) => {
                    json!({"fileData": {"fileUri": id}})
                }
                Source::FileId(_) => return Err(capabilities::unsupported(Feature::ForeignFile, Dialect::Gemini)),
            })
        }
        Part::ToolCall(_) | Part::ToolResult(_) => None,
    })
}

fn inline(mime: &str, data: String) -> Value {
    let inline = [("mimeType", mime.into()), ("data", data.into())];
    fields::object_of([("inlineData", fields::object_of(inline))])
}

fn function_call(
    call: ToolCall,
    names: &Names,
    generation: Generation,
    is_first: bool,
    parts: &mut JsonList,
) -> Result<()> {
    let args = object_of(&call);
    let mut said = json!({"name": names.wire(&call.name), "args": null});
    if generation == Generation::Gemini3 && !call.id.is_empty() {
        said.put("id", call.id.into());
    }
    let mut part = fields::object_of([("functionCall", said)]);
    match call.signature {
        Some(signature) if signature.family == Family::Gemini => {
            part.put("thoughtSignature", signature.value.into());
        }
        _ if is_first && generation == Generation::Gemini3 => {
            part.put("thoughtSignature", UNCHECKED.into())
        }
        _ => {}
    }
    parts.push_with(&part, &["functionCall", "args"], &args)
}

fn function_response(
    result: ToolResult,
    names: &Names,
    called: &HashMap<String, String>,
    generation: Generation,
    parts: &mut JsonList,
) -> Result<()> {
    let name = called.get(&result.call_id).map_or("", String::as_str);
    let (text, others) = texts_of(result.parts);
    let is_structured =
        !result.is_error && text.trim_start().starts_with(['{', '[']) && lazy::is_valid(&text);
    let key = if result.is_error { "error" } else { "result" };
    let (value, structured) = match is_structured {
        true => (Value::Null, Some(Json::of(&text))),
        false => (text.into(), None),
    };
    let mut response = fields::object_of([
        ("name", names.wire(name).into()),
        ("response", fields::object_of([(key, value)])),
    ]);
    if generation == Generation::Gemini3 && !result.call_id.is_empty() {
        response.put("id", result.call_id.into());
    }
    let part = fields::object_of([("functionResponse", response)]);
    match structured {
        Some(json) => parts.push_with(&part, &["functionResponse", "response", key], &json)?,
        None => parts.push(part)?,
    }
    for other in others {
        if let Some(part) = self::part(other)? {
            parts.push(part)?;
        }
    }
    Ok(())
}

fn tools(
    body: &mut JsonBody,
    mut tools: Vec<Tool>,
    choice: Option<ToolChoice>,
    names: &Names,
) -> Result<()> {
    let config = match choice {
        Some(ToolChoice::Auto | ToolChoice::WebSearch | ToolChoice::Hosted(_)) => {
            Some(json!({"mode": "AUTO"}))
        }
        Some(ToolChoice::None) => Some(json!({"mode": "NONE"})),
        Some(ToolChoice::Required) => Some(json!({"mode": "ANY"})),
        Some(ToolChoice::Tool(name)) => {
            Some(json!({"mode": "ANY", "allowedFunctionNames": [names.wire(&name)]}))
        }
        Some(ToolChoice::Allowed {
            required: true,
            names: allowed,
        }) => {
            let allowed: Vec<&str> = allowed.iter().map(|name| names.wire(name)).collect();
            Some(json!({"mode": "ANY", "allowedFunctionNames": allowed}))
        }
        Some(ToolChoice::Allowed { names: allowed, .. }) => {
            tools.retain(|tool| allowed.contains(&tool.name));
            Some(json!({"mode": "AUTO"}))
        }
        None => None,
    };
    if tools.is_empty() {
        return Ok(());
    }
    let mut declared = JsonList::expecting(tools.iter().map(Tool::weight).sum());
    for tool in tools {
        let weight = tool.weight();
        declared.push(declaration(tool, names)?)?;
        declared.advance(weight);
    }
    body.set_wrapped(
        "tools",
        Wrap::ListOfObject("functionDeclarations"),
        declared,
    );
    if let Some(config) = config {
        body.insert(
            "toolConfig".to_owned(),
            json!({"functionCallingConfig": config}),
        );
    }
    Ok(())
}

fn declaration(tool: Tool, names: &Names) -> Result<Value> {
    let mut declaration = json!({"name": names.wire(&tool.name)});
    // Without this, `clean` would keep only one alternative at the root.
    let (description, parameters) = match tool.is_custom {
        true => (
            schema::text_description(tool.description, tool.grammar),
            Some(schema::of_text()),
        ),
        false => (
            tool.description,
            schema::object(&tool.schema, Dialect::Gemini),
        ),
    };
    let what = format!("the tool {:?}", tool.name);
    let parameters = parameters.ok_or_else(|| too_large(&what))?;
    if let Some(description) = description {
        declaration.put("description", description.into());
    }
    declaration.put("parametersJsonSchema", cleaned(&parameters, &what)?);
    Ok(declaration)
}

/// A schema in the form that Gemini accepts; `of` says what it describes.
fn cleaned(schema: &Json, of: &str) -> Result<Value> {
    let schema = schema.tree().ok_or_else(|| too_large(of))?;
    Ok(clean(&schema, Profile::Public))
}

fn too_large(of: &str) -> Untranslatable {
    Untranslatable::new("", format!("the schema of {of} {TOO_LARGE}"))
}
