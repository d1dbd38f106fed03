//! Chat requests, written (spec/dialects.md 1).

use serde_json::{Map, Value, json};

use crate::dialect::Dialect;
use crate::dialect::neutral::fields::{self, set};
use crate::dialect::neutral::losses::{self, Thing, cannot};
use crate::dialect::neutral::names::Names;
use crate::dialect::neutral::parts::texts_of;
use crate::dialect::neutral::{
    Family, Output, Part, Request, Role, Source, Text, Tool, ToolCall, ToolChoice, ToolResult,
    Turn, Turns, Untranslatable, Written, answer, ids, media, repair, schema,
};
use crate::dialect::openai::{flagged, mime_of, output_name, tier_word};

type Result<T> = std::result::Result<T, Untranslatable>;

/// Writes a request for `model`.
///
/// # Errors
/// For media that cannot be said.
pub fn request(request: Request, model: &str, names: &Names) -> Result<Written> {
    let mut request = losses::sayable(request, Dialect::Chat);
    repair::begun(&mut request.system, &mut request.turns);
    let mut body = Written::default();
    body.insert("model".to_owned(), model.into());
    let mut messages = Turns::default();
    messages.extend(system(&request.system, "system"))?;
    for turn in repair::tool_turns(request.turns) {
        self::turn(turn, names, &mut messages)?;
    }
    body.set_turns("messages", messages);
    let sampling = request.sampling;
    set(&mut body, "max_tokens", sampling.max_tokens);
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
    tools(
        &mut body,
        request.tools,
        request.tool_choice,
        request.parallel,
        names,
    );
    if let Some(search) = request.web_search {
        let mut options = Map::new();
        set(&mut options, "search_context_size", search.context_size);
        if !search.location.is_empty() {
            let location = json!({"type": "approximate", "approximate": search.location});
            options.insert("user_location".to_owned(), location);
        }
        body.insert("web_search_options".to_owned(), options.into());
    }
    set(&mut body, "response_format", output(request.output));
    set(&mut body, "user", request.user_id);
    set(&mut body, "prompt_cache_key", request.cache_key);
    set(
        &mut body,
        "service_tier",
        request.service_tier.map(tier_word),
    );
    set(&mut body, "verbosity", request.verbosity);
    if !request.modalities.is_empty() {
        body.insert("modalities".to_owned(), request.modalities.into());
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

/// A message of system text; none for none.
fn system(texts: &[Text], role: &str) -> Option<Value> {
    match texts {
        [] => None,
        [only] => Some(json!({"role": role, "content": only.text})),
        several => {
            let parts: Vec<Value> = several
                .iter()
                .map(|text| json!({"type": "text", "text": text.text}))
                .collect();
            Some(json!({"role": role, "content": parts}))
        }
    }
}

fn turn(turn: Turn, names: &Names, messages: &mut Turns) -> Result<()> {
    match turn.role {
        Role::System => {
            let texts: Vec<Text> = turn
                .parts
                .into_iter()
                .filter_map(|part| match part {
                    Part::Text(text) => Some(text),
                    _ => None,
                })
                .collect();
            messages.extend(system(&texts, "system"))
        }
        Role::Assistant => {
            let images = assistant(turn.parts, names, messages)?;
            if !images.is_empty() {
                messages.push(json!({"role": "user", "content": images}))?;
            }
            Ok(())
        }
        Role::User => user(turn.parts, messages),
    }
}

/// Results first, each a message of its own; what they show that is no text comes behind the last of them.
fn user(parts: Vec<Part>, messages: &mut Turns) -> Result<()> {
    let mut said = Vec::new();
    for part in parts {
        match part {
            Part::ToolResult(result) => {
                let (message, shown) = tool_result(result)?;
                messages.push(message)?;
                said.extend(shown);
            }
            other => said.extend(content(other)?),
        }
    }
    if !said.is_empty() {
        messages.push(fields::object_of([
            ("role", "user".into()),
            ("content", plain(said)),
        ]))?;
    }
    Ok(())
}

/// A string, where the content is one text.
fn plain(mut parts: Vec<Value>) -> Value {
    match parts.as_mut_slice() {
        [Value::Object(only)] if only.get("type").is_some_and(|kind| kind == "text") => {
            only.get_mut("text").map(Value::take).unwrap_or_default()
        }
        _ => parts.into(),
    }
}

fn content(part: Part) -> Result<Option<Value>> {
    let cannot = |thing| Err(cannot(thing, Dialect::Chat));
    Ok(Some(match part {
        Part::Text(text) if text.text.is_empty() => return Ok(None),
        Part::Text(text) => json!({"type": "text", "text": text.text}),
        Part::Refusal(text) => json!({"type": "text", "text": text}),
        Part::Image { source, detail, .. } => {
            let url = match source {
                Source::Data { mime, data } => media::url_of(&mime, &data),
                Source::Url(url) => url,
                Source::FileId(_) => return cannot(Thing::KeptImage),
                Source::Text(_) => return cannot(Thing::OddImage),
            };
            let mut image = json!({"url": url});
            if let Some(detail) = detail {
                image["detail"] = detail.into();
            }
            json!({"type": "image_url", "image_url": image})
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
                    return cannot(Thing::Foreign);
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
                Source::Url(_) => return cannot(Thing::FileUrl),
            };
            if let Some(mime) = mime {
                file["filename"] = name.unwrap_or_else(|| media::name_for(&mime)).into();
            }
            json!({"type": "file", "file": file})
        }
        Part::Reasoning { .. } | Part::Opaque(_) | Part::ToolCall(_) | Part::ToolResult(_) => {
            return Ok(None);
        }
    }))
}

/// The message of a result, and what of it is no text.
fn tool_result(result: ToolResult) -> Result<(Value, Vec<Value>)> {
    let (text, others) = texts_of(result.parts);
    let shown = others
        .into_iter()
        .map(content)
        .filter_map(Result::transpose)
        .collect::<Result<Vec<_>>>()?;
    let message = json!({
        "role": "tool",
        "tool_call_id": ids::call(Dialect::Chat, &result.call_id),
        "content": flagged(text, result.is_error),
    });
    Ok((message, shown))
}

/// Writes what the model said. Returns the images among it, which only users can show.
fn assistant(parts: Vec<Part>, names: &Names, messages: &mut Turns) -> Result<Vec<Value>> {
    let mut text = String::new();
    let mut reasoning = Vec::new();
    let mut calls = Vec::new();
    let mut images = Vec::new();
    for part in parts {
        match part {
            Part::Text(more) => text.push_str(&more.text),
            Part::Refusal(more) => text.push_str(&more),
            Part::Reasoning { text, .. } if !text.is_empty() => reasoning.push(text),
            Part::ToolCall(call) => calls.push(self::call(call, names)),
            image @ Part::Image { .. } => images.extend(content(image)?),
            _ => {}
        }
    }
    let mut message = json!({"role": "assistant"});
    message["content"] = match text.is_empty() {
        true => Value::Null,
        false => text.into(),
    };
    if !reasoning.is_empty() {
        message["reasoning_content"] = reasoning.join("\n\n").into();
    }
    let says_nothing = message["content"].is_null() && calls.is_empty();
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    if !says_nothing {
        messages.push(message)?;
    }
    Ok(images)
}

fn call(call: ToolCall, names: &Names) -> Value {
    let id = ids::call(Dialect::Chat, &call.id);
    let name = names.wire(&call.name);
    let mut value = match call.is_custom {
        true => json!({"id": id, "type": "custom",
            "custom": {"name": name, "input": call.arguments}}),
        false => json!({"id": id, "type": "function",
            "function": {"name": name, "arguments": answer::arguments(&call.arguments)}}),
    };
    if let Some(carrier) = call
        .carrier
        .filter(|carrier| carrier.family == Family::Gemini)
    {
        value["extra_content"] = json!({"google": {"thought_signature": carrier.value}});
    }
    value
}

fn tools(
    body: &mut Map<String, Value>,
    tools: Vec<Tool>,
    choice: Option<ToolChoice>,
    parallel: Option<bool>,
    names: &Names,
) {
    if tools.is_empty() {
        return;
    }
    let is_custom = |name: &str| tools.iter().any(|tool| tool.name == name && tool.is_custom);
    let named = |name: &str| match is_custom(name) {
        true => json!({"type": "custom", "custom": {"name": names.wire(name)}}),
        false => json!({"type": "function", "function": {"name": names.wire(name)}}),
    };
    let choice = choice.map(|choice| match choice {
        ToolChoice::Auto | ToolChoice::WebSearch => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Tool(name) => named(&name),
        ToolChoice::Allowed {
            required,
            names: allowed,
        } => {
            let mode = if required { "required" } else { "auto" };
            let tools: Vec<Value> = allowed.iter().map(|name| named(name)).collect();
            json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}})
        }
    });
    let tools: Vec<Value> = tools
        .into_iter()
        .map(|tool| definition(tool, names))
        .collect();
    body.insert("tools".to_owned(), tools.into());
    set(body, "tool_choice", choice);
    set(body, "parallel_tool_calls", parallel);
}

fn definition(tool: Tool, names: &Names) -> Value {
    let name = names.wire(&tool.name);
    if tool.is_custom {
        let mut custom = json!({"name": name});
        if let Some(description) = tool.description {
            custom["description"] = description.into();
        }
        if let Some(grammar) = tool.grammar {
            custom["format"] = json!({"type": "grammar",
                "grammar": {"definition": grammar.definition, "syntax": grammar.syntax}});
        }
        return json!({"type": "custom", "custom": custom});
    }
    let mut function = json!({"name": name});
    if let Some(description) = tool.description {
        function["description"] = description.into();
    }
    function["parameters"] = schema::plain(tool.schema);
    if let Some(strict) = tool.strict {
        function["strict"] = strict.into();
    }
    json!({"type": "function", "function": function})
}

fn output(output: Output) -> Option<Value> {
    match output {
        Output::Text => None,
        Output::JsonObject => Some(json!({"type": "json_object"})),
        Output::JsonSchema {
            name,
            description,
            schema,
            strict,
        } => {
            let mut inner = json!({"name": output_name(name), "schema": schema});
            if let Some(description) = description {
                inner["description"] = description.into();
            }
            if let Some(strict) = strict {
                inner["strict"] = strict.into();
            }
            Some(json!({"type": "json_schema", "json_schema": inner}))
        }
    }
}
