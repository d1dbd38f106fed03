//! Gemini requests, read (spec/dialects.md 1). Every key comes in two spellings.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::dialect::neutral::body::{Body, Elements, Turns};
use crate::dialect::neutral::fields::{Fields, list_of, object};
use crate::dialect::neutral::losses::{Place, Way};
use crate::dialect::neutral::parts::{function, stops};
use crate::dialect::neutral::{
    Carrier, ImageShape, Output, Part, Request, Role, Sampling, Source, Text, Tier, ToolCall,
    ToolChoice, ToolResult, Turn, Untranslatable, WebSearch, media,
};

type Result<T> = std::result::Result<T, Untranslatable>;

/// Takes a member in either spelling: `camelCase`, or with underscores.
fn either(map: &mut Map<String, Value>, camel: &str) -> Option<Value> {
    let mut snake = String::with_capacity(camel.len() + 4);
    for c in camel.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    map.take_any(&[camel, &snake])
}

fn either_object(map: &mut Map<String, Value>, camel: &str) -> Option<Map<String, Value>> {
    either(map, camel).and_then(object)
}

fn either_text(map: &mut Map<String, Value>, camel: &str) -> Option<String> {
    match either(map, camel)? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// Reads a request. The model, and whether to stream, stand in the path.
///
/// # Errors
/// Where it says something that nobody else could be told.
pub fn request<'b>(
    body: impl Into<Body<'b>>,
    way: Way,
    model: &str,
    stream: bool,
) -> Result<Request> {
    let mut body = body.into();
    if let Some(inner) = either_object(&mut body, "generateContentRequest") {
        body = inner.into();
    }
    let mut config = either_object(&mut body, "generationConfig").unwrap_or_default();
    let number = |config: &mut Map<String, Value>, key| either(config, key)?.as_f64();
    let mut request = Request {
        model: model.to_owned(),
        stream,
        sampling: Sampling {
            max_tokens: either(&mut config, "maxOutputTokens").and_then(|n| n.as_u64()),
            temperature: config.number("temperature"),
            top_p: number(&mut config, "topP"),
            top_k: either(&mut config, "topK").and_then(|n| n.as_u64()),
            frequency_penalty: number(&mut config, "frequencyPenalty"),
            presence_penalty: number(&mut config, "presencePenalty"),
            seed: config.take("seed").and_then(|seed| seed.as_i64()),
            n: either(&mut config, "candidateCount").and_then(|n| n.as_u64()),
        },
        stop: stops(either(&mut config, "stopSequences")),
        output: output(&mut config),
        modalities: stops(either(&mut config, "responseModalities"))
            .into_iter()
            .map(|modality| modality.to_ascii_lowercase())
            .collect(),
        image_shape: image_shape(&mut config),
        service_tier: match either_text(&mut body, "serviceTier").as_deref() {
            Some("standard") => Some(Tier::Default),
            Some("flex") => Some(Tier::Flex),
            Some("priority") => Some(Tier::Priority),
            _ => None,
        },
        ..Request::default()
    };
    match either(&mut body, "systemInstruction") {
        Some(Value::String(text)) => request.system.push(Text::new(text)),
        Some(Value::Object(mut content)) => {
            for mut part in content.take("parts").map(list_of).unwrap_or_default() {
                if let Some(Value::String(text)) = part.get_mut("text").map(Value::take) {
                    request.system.push(Text::new(text));
                }
            }
        }
        _ => {}
    }
    request.system.retain(|text| !text.text.is_empty());
    let tools = body.take("tools").map(list_of).unwrap_or_default();
    for mut tool in tools.into_iter().filter_map(object) {
        let declared = either(&mut tool, "functionDeclarations").map(list_of);
        for definition in declared.unwrap_or_default().into_iter().filter_map(object) {
            request.tools.extend(function(definition));
        }
        if either(&mut tool, "googleSearch").is_some() {
            request.web_search = Some(WebSearch::default());
        }
    }
    request.tool_choice = either_object(&mut body, "toolConfig")
        .and_then(|mut config| either_object(&mut config, "functionCallingConfig"))
        .and_then(choice);
    contents(body.turns("contents"), way, &mut request)?;
    Ok(request)
}

fn output(config: &mut Map<String, Value>) -> Output {
    let is_json = either_text(config, "responseMimeType").as_deref() == Some("application/json");
    let schema = either(config, "responseJsonSchema").or_else(|| either(config, "responseSchema"));
    match (schema, is_json) {
        (Some(schema), _) => Output::JsonSchema {
            name: None,
            description: None,
            schema: crate::dialect::neutral::schema::plain(schema),
            strict: None,
        },
        (None, true) => Output::JsonObject,
        (None, false) => Output::Text,
    }
}

fn image_shape(config: &mut Map<String, Value>) -> ImageShape {
    let mut shape = either_object(config, "imageConfig").unwrap_or_default();
    ImageShape {
        aspect_ratio: either_text(&mut shape, "aspectRatio"),
        size: either_text(&mut shape, "imageSize"),
    }
}

fn choice(mut config: Map<String, Value>) -> Option<ToolChoice> {
    let mode = config.text("mode").unwrap_or_default().to_ascii_uppercase();
    let names: Vec<String> = stops(either(&mut config, "allowedFunctionNames"));
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

/// Calls as they are counted and matched: this dialect need not give them ids.
#[derive(Default)]
struct Calls {
    made: usize,
    /// Name and id of those without a result.
    open: Vec<(String, String)>,
    names: HashMap<String, String>,
}

impl Calls {
    fn call(&mut self, id: Option<String>, name: &str) -> String {
        self.made += 1;
        let id = id.unwrap_or_else(|| format!("call_g{}", self.made));
        self.open.push((name.to_owned(), id.clone()));
        self.names.insert(id.clone(), name.to_owned());
        id
    }

    /// The call that a result answers: by id, else the oldest of that name, else the oldest.
    fn result(&mut self, id: Option<String>, name: Option<&str>) -> (String, Option<String>) {
        let by_id = id
            .as_ref()
            .and_then(|id| self.open.iter().position(|(_, open)| open == id));
        let at = by_id.or_else(|| match (&id, name) {
            (Some(_), _) => None,
            (None, Some(name)) => self
                .open
                .iter()
                .position(|(open, _)| open == name)
                .or((!self.open.is_empty()).then_some(0)),
            (None, None) => (!self.open.is_empty()).then_some(0),
        });
        match at {
            Some(at) => {
                let (known, id) = self.open.remove(at);
                (id, Some(name.map_or(known, str::to_owned)))
            }
            None => (
                id.unwrap_or_else(|| format!("call_g{}", self.made + 1)),
                name.map(str::to_owned),
            ),
        }
    }
}

fn contents(contents: Turns<'_>, way: Way, request: &mut Request) -> Result<()> {
    let contents = match contents {
        Turns::Other(Value::String(text)) => {
            request.turns.push(Turn {
                role: Role::User,
                parts: vec![Part::text(text)],
            });
            return Ok(());
        }
        Turns::Other(value) => Elements::from(list_of(value)),
        Turns::List(contents) => contents,
        Turns::Absent => return Ok(()),
    };
    let mut calls = Calls::default();
    for (index, content) in contents.enumerate() {
        let place = Place::new("contents", index, way);
        let Value::Object(mut content) = content? else {
            return Err(place.refused("must be an object"));
        };
        let before = request.turns.last().map(|turn| turn.role);
        let role = match (content.text("role").as_deref(), before) {
            (Some("model"), _) => Role::Assistant,
            (Some("user" | "function" | "tool"), _) => Role::User,
            (_, Some(Role::User)) => Role::Assistant,
            _ => Role::User,
        };
        let mut parts = Vec::new();
        let given = content.take("parts").map(list_of).unwrap_or_default();
        for (index, part) in given.into_iter().enumerate() {
            let place = place.member("parts").at(index);
            match part {
                Value::String(text) => parts.push(Part::text(text)),
                Value::Object(part) => {
                    parts.extend(self::part(part, role, &place, &mut calls)?);
                }
                _ => return Err(place.refused("is no part")),
            }
        }
        // Of thousands of turns most have one part.
        parts.shrink_to_fit();
        request.turns.push(Turn { role, parts });
    }
    Ok(())
}

/// A signature, wherever clients put it.
fn signature(part: &mut Map<String, Value>) -> Option<Carrier> {
    let value = either_text(part, "thoughtSignature").or_else(|| {
        let mut extra = part.object("extra_content")?;
        extra.object("google")?.text("thought_signature")
    })?;
    Carrier::read_bytes(&value)
}

fn part(
    mut part: Map<String, Value>,
    role: Role,
    place: &Place,
    calls: &mut Calls,
) -> Result<Option<Part>> {
    let carrier = signature(&mut part);
    if let Some(text) = part.text("text") {
        if part.flag("thought") == Some(true) {
            return Ok(Some(Part::Reasoning { text, carrier }));
        }
        return Ok((!text.is_empty()).then(|| Part::text(text)));
    }
    if let Some(mut call) = either_object(&mut part, "functionCall") {
        let name = call.text("name").unwrap_or_default();
        let id = calls.call(call.full_text("id"), &name);
        let nested = signature(&mut call);
        return Ok(Some(Part::ToolCall(ToolCall {
            id,
            name,
            arguments: call
                .take("args")
                .map_or_else(|| "{}".to_owned(), |args| args.to_string()),
            is_custom: false,
            carrier: carrier.or(nested),
        })));
    }
    if let Some(response) = either_object(&mut part, "functionResponse") {
        return Ok(Some(Part::ToolResult(result(response, place, calls)?)));
    }
    if let Some(mut data) = either_object(&mut part, "inlineData") {
        let mime = either_text(&mut data, "mimeType").unwrap_or_default();
        let data = standard_base64(data.text("data").unwrap_or_default());
        let medium = medium(mime.clone(), Source::Data { mime, data });
        return place.takes(medium).map(Some);
    }
    if let Some(mut file) = either_object(&mut part, "fileData") {
        let mime = either_text(&mut file, "mimeType").unwrap_or_default();
        let uri = either_text(&mut file, "fileUri")
            .filter(|uri| !uri.is_empty())
            .ok_or_else(|| place.refused("has no URI"))?;
        let source = match media::is_googles(&uri) {
            true => Source::FileId(uri),
            false => Source::Url(uri),
        };
        return place.takes(medium(mime, source)).map(Some);
    }
    let is_known = ["executableCode", "codeExecutionResult"]
        .iter()
        .any(|key| part.contains_key(*key));
    if role == Role::Assistant || is_known || part.is_empty() {
        return Ok(None);
    }
    Err(place.refused("the part is not known"))
}

/// Google's SDKs write bytes in the alphabet for URLs (RFC 4648 5), which nobody else takes.
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

fn result(
    mut response: Map<String, Value>,
    place: &Place,
    calls: &mut Calls,
) -> Result<ToolResult> {
    let name = response.full_text("name");
    let (call_id, name) = calls.result(response.full_text("id"), name.as_deref());
    let mut result = ToolResult {
        call_id,
        name,
        ..ToolResult::default()
    };
    let text = match response.take("response") {
        Some(Value::Object(object)) if object.len() == 1 => {
            let (key, value) = object.into_iter().next().unwrap_or_default();
            match key.as_str() {
                "error" => {
                    result.is_error = true;
                    plain(value)
                }
                "result" | "output" | "content" => plain(value),
                _ => {
                    let mut whole = Map::new();
                    whole.insert(key, value);
                    Value::Object(whole).to_string()
                }
            }
        }
        Some(value) => plain(value),
        None => String::new(),
    };
    if !text.is_empty() {
        result.parts.push(Part::text(text));
    }
    for (index, inner) in response.list("parts").into_iter().enumerate() {
        if let Some(inner) = object(inner) {
            let place = place.member("parts").at(index);
            result.parts.extend(part(inner, Role::User, &place, calls)?);
        }
    }
    Ok(result)
}

/// A text as it is, anything else as JSON.
fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
