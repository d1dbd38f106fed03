//! Reading Gemini requests. Every key has two spellings.

use crate::translate::content_parts::or_placeholder;
use crate::translate::neutral::lazy::LazyList;
use crate::translate::neutral::parts::function;
use crate::translate::neutral::place::{Direction, Place};
use crate::translate::neutral::{
    Hosted, ImageShape, LazyObject, LazyValue, Output, Part, Parts, Request, Role, Sampling,
    Signature, Source, Text, Tier, ToolCall, ToolChoice, ToolResult, Turn, Untranslatable,
    WebSearch, media,
};

type Result<T> = std::result::Result<T, Untranslatable>;

/// Both spellings of a member: `camelCase` and `snake_case`.
fn spellings(camel: &str) -> [String; 2] {
    let mut snake = String::with_capacity(camel.len() + 4);
    for c in camel.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    [camel.to_owned(), snake]
}

fn either<'a>(map: &mut LazyObject<'a>, camel: &str) -> Option<LazyValue<'a>> {
    map.take_any(&spellings(camel).each_ref().map(String::as_str))
}

fn either_object<'a>(map: &mut LazyObject<'a>, camel: &str) -> Option<LazyObject<'a>> {
    either(map, camel).and_then(LazyValue::object)
}

fn either_text(map: &mut LazyObject<'_>, camel: &str) -> Option<String> {
    match either(map, camel)? {
        LazyValue::String(text) => Some(text),
        _ => None,
    }
}

/// A value of an enumeration, in lower case.
fn either_keyword(map: &mut LazyObject<'_>, camel: &str) -> Option<String> {
    let mut word = either_text(map, camel)?;
    word.make_ascii_lowercase();
    Some(word)
}

fn either_list<'a>(map: &mut LazyObject<'a>, camel: &str) -> LazyList<'a> {
    map.list_of_any(&spellings(camel).each_ref().map(String::as_str))
}

/// Reads a request. The model, and whether to stream, are in the path.
///
/// # Errors
/// When it has something that cannot be translated.
pub fn request<'a>(
    mut body: LazyObject<'a>,
    way: Direction,
    model: &str,
    stream: bool,
) -> Result<Request<'a>> {
    if let Some(inner) = either_object(&mut body, "generateContentRequest") {
        body = inner;
    }
    let mut config = either_object(&mut body, "generationConfig").unwrap_or_default();
    let number = |config: &mut LazyObject<'_>, key| either(config, key)?.number();
    let mut request = Request {
        model: model.to_owned(),
        stream,
        sampling: Sampling {
            max_tokens: either(&mut config, "maxOutputTokens").and_then(|n| n.count()),
            temperature: config.number("temperature"),
            top_p: number(&mut config, "topP"),
            top_k: either(&mut config, "topK").and_then(|n| n.count()),
            frequency_penalty: number(&mut config, "frequencyPenalty"),
            presence_penalty: number(&mut config, "presencePenalty"),
            seed: config.integer("seed"),
            n: either(&mut config, "candidateCount").and_then(|n| n.count()),
        },
        stop: either_list(&mut config, "stopSequences").nonempty_texts(),
        output: output(&mut config),
        modalities: either_list(&mut config, "responseModalities")
            .nonempty_texts()
            .into_iter()
            .map(|modality| modality.to_ascii_lowercase())
            .collect(),
        image_shape: image_shape(&mut config),
        service_tier: match either_keyword(&mut body, "serviceTier").as_deref() {
            Some("standard") => Some(Tier::Default),
            Some("flex") => Some(Tier::Flex),
            Some("priority") => Some(Tier::Priority),
            _ => None,
        },
        ..Request::default()
    };
    match either(&mut body, "systemInstruction") {
        Some(LazyValue::String(text)) => request.system.push(Text::new(text)),
        Some(LazyValue::Object(mut content)) => {
            let parts = content.list_of("parts").filter_map(LazyValue::object);
            let texts = parts.filter_map(|mut part| part.text("text"));
            request.system.extend(texts.map(Text::new));
        }
        _ => {}
    }
    request.system.retain(|text| !text.text.is_empty());
    for mut tool in body.list_of("tools").filter_map(LazyValue::object) {
        let declared = either_list(&mut tool, "functionDeclarations");
        for definition in declared.filter_map(LazyValue::object) {
            request.tools.extend(function(definition));
        }
        if either(&mut tool, "googleSearch").is_some() {
            request.web_search = Some(WebSearch::default());
        }
        let others = tool.members().filter(|(_, given)| *given != "null");
        let others = others.map(|(member, given)| Hosted::of_gemini(member, given));
        request.hosted.extend(others);
    }
    request.tool_choice = either_object(&mut body, "toolConfig")
        .and_then(|mut config| either_object(&mut config, "functionCallingConfig"))
        .and_then(choice);
    contents(&mut body, way, &mut request)?;
    Ok(request)
}

fn output(config: &mut LazyObject<'_>) -> Output {
    let is_json = either_keyword(config, "responseMimeType").as_deref() == Some("application/json");
    let schema = ["responseJsonSchema", "responseSchema"]
        .into_iter()
        .find_map(|key| config.json(&spellings(key).each_ref().map(String::as_str)));
    match (schema, is_json) {
        (Some(schema), _) => Output::JsonSchema {
            name: None,
            description: None,
            schema: crate::translate::neutral::schema::normalized(&schema),
            strict: None,
        },
        (None, true) => Output::JsonObject,
        (None, false) => Output::Text,
    }
}

fn image_shape(config: &mut LazyObject<'_>) -> ImageShape {
    let mut shape = either_object(config, "imageConfig").unwrap_or_default();
    ImageShape {
        aspect_ratio: either_text(&mut shape, "aspectRatio"),
        size: either_text(&mut shape, "imageSize"),
    }
}

/// `FunctionCallingConfig.Mode` by its numbers (googleapis, `google/ai/generativelanguage/v1beta/content.proto`).
const MODES: [&str; 5] = ["", "AUTO", "ANY", "NONE", "VALIDATED"];

fn choice(mut config: LazyObject<'_>) -> Option<ToolChoice> {
    let mode = match config.take("mode") {
        Some(LazyValue::String(mode)) => mode.to_ascii_uppercase(),
        // Google's generated clients send the numbers of the enumeration.
        Some(number) => {
            let known = number
                .count()
                .and_then(|at| MODES.get(at as usize).copied());
            known.unwrap_or_default().to_owned()
        }
        None => String::new(),
    };
    let names: Vec<String> = either_list(&mut config, "allowedFunctionNames").nonempty_texts();
    match (mode.as_str(), names.as_slice()) {
        ("NONE", _) => Some(ToolChoice::None),
        ("ANY", []) => Some(ToolChoice::Required),
        ("ANY", [name]) => Some(ToolChoice::Tool(name.clone())),
        ("ANY", _) => Some(ToolChoice::Allowed {
            required: true,
            names,
        }),
        ("AUTO" | "VALIDATED", _) => Some(ToolChoice::Auto),
        _ => None,
    }
}

fn contents<'a>(
    body: &mut LazyObject<'a>,
    way: Direction,
    request: &mut Request<'a>,
) -> Result<()> {
    let contents = body.list_of("contents");
    let is_one = matches!(contents, LazyList::One(_));
    for (index, content) in contents.enumerate() {
        let place = Place::new("contents", index, way);
        let mut content = match content {
            LazyValue::Object(content) => content,
            LazyValue::String(text) if is_one => {
                request.turns.push(Turn::new(Role::User, Part::text(text)));
                continue;
            }
            _ => return Err(place.error("must be an object")),
        };
        let before = request.turns.last().map(|turn| turn.role);
        let role = match (content.keyword("role").as_deref(), before) {
            (Some("model"), _) => Role::Assistant,
            (Some("user" | "function" | "tool"), _) => Role::User,
            (_, Some(Role::User)) => Role::Assistant,
            _ => Role::User,
        };
        let given = content.list_of("parts");
        if let (LazyList::Elements { .. }, Some(plain)) = (&given, Parts::raw_from(&given)) {
            request.turns.push(Turn::new(role, plain));
            continue;
        }
        let mut parts = Vec::new();
        for (index, part) in given.enumerate() {
            place.check_index(index)?;
            let place = place.member("parts").at(index);
            match part {
                LazyValue::String(text) => parts.push(Part::text(text)),
                LazyValue::Object(part) => {
                    let part = self::part(part, role, &place)?;
                    parts.extend(part.map(|part| place.check(part)).transpose()?);
                }
                _ => return Err(place.error("is no part")),
            }
        }
        // Most of thousands of turns have one part.
        parts.shrink_to_fit();
        request.turns.push(Turn::new(role, parts));
    }
    Ok(())
}

/// The signature of a part, wherever clients put it.
fn signature_of(part: &mut LazyObject<'_>) -> Option<Signature> {
    let value = either_text(part, "thoughtSignature").or_else(|| {
        let mut extra = part.object("extra_content")?;
        extra.object("google")?.text("thought_signature")
    })?;
    Signature::read_base64(&value)
}

fn part(mut part: LazyObject<'_>, role: Role, place: &Place) -> Result<Option<Part>> {
    let signature = signature_of(&mut part);
    if let Some(text) = part.text("text") {
        if part.flag("thought") == Some(true) {
            return Ok(Some(Part::Reasoning { text, signature }));
        }
        return Ok((!text.is_empty()).then(|| Part::text(text)));
    }
    if let Some(mut call) = either_object(&mut part, "functionCall") {
        let nested = signature_of(&mut call);
        return Ok(Some(Part::ToolCall(ToolCall {
            id: call.text_or_empty("id"),
            name: call.text_or_empty("name"),
            arguments: call
                .json(&["args"])
                .map_or_else(|| "{}".to_owned(), String::from),
            is_custom: false,
            signature: signature.or(nested),
        })));
    }
    if let Some(response) = either_object(&mut part, "functionResponse") {
        return Ok(Some(Part::ToolResult(result(response, place)?)));
    }
    if let Some(mut data) = either_object(&mut part, "inlineData") {
        let mime = media::type_of(either_text(&mut data, "mimeType").unwrap_or_default());
        let data = standard_base64(data.text_or_empty("data"));
        let medium = medium(mime.clone(), Source::Data { mime, data });
        return Ok(Some(medium));
    }
    if let Some(mut file) = either_object(&mut part, "fileData") {
        let mime = media::type_of(either_text(&mut file, "mimeType").unwrap_or_default());
        let uri = either_text(&mut file, "fileUri")
            .filter(|uri| !uri.is_empty())
            .ok_or_else(|| place.error("has no URI"))?;
        let source = match media::is_gemini_file(&uri) {
            true => Source::FileId(uri),
            false => Source::Url(uri),
        };
        return Ok(Some(medium(mime, source)));
    }
    let is_known = ["executableCode", "codeExecutionResult"]
        .iter()
        .any(|key| part.contains(key));
    if role == Role::Assistant || is_known || part.is_empty() {
        return Ok(None);
    }
    Err(place.error("the part is not known"))
}

/// Converts base64url (RFC 4648 5), which Google's SDKs send, to the standard alphabet, which other vendors require.
fn standard_base64(data: String) -> String {
    match data.contains(['-', '_']) {
        true => data.replace('-', "+").replace('_', "/"),
        false => data,
    }
}

fn medium(mime: String, source: Source) -> Part {
    match mime.split('/').next() {
        Some("audio") => match source {
            Source::Data { mime, data } => Part::Audio { mime, data },
            source => Part::File {
                source,
                name: None,
                cache: None,
            },
        },
        Some("video") => Part::Video(source),
        Some("image") => Part::Image {
            source,
            detail: None,
            cache: None,
        },
        _ => Part::File {
            source,
            name: None,
            cache: None,
        },
    }
}

fn result(mut response: LazyObject<'_>, place: &Place) -> Result<ToolResult> {
    let mut result = ToolResult {
        call_id: response.text_or_empty("id"),
        name: response.nonempty_text("name"),
        ..ToolResult::default()
    };
    let text = match response.take("response") {
        Some(LazyValue::Object(object)) => match object.only() {
            Some((key @ ("error" | "result" | "output" | "content"), value)) => {
                result.is_error = key == "error";
                value.into_text()
            }
            _ => LazyValue::Object(object).into_text(),
        },
        Some(value) => value.into_text(),
        None => String::new(),
    };
    if !text.is_empty() {
        result.parts.push(Part::text(text));
    }
    for (index, inner) in response.list("parts").enumerate() {
        if let Some(inner) = inner.object() {
            let place = place.member("parts").at(index);
            let whole = inner.clone();
            result.parts.extend(match part(inner, Role::User, &place) {
                Ok(part) => part.map(|part| or_placeholder(part, &place)),
                Err(_) => Some(Part::text(String::from(whole.into_json()))),
            });
        }
    }
    Ok(result)
}
