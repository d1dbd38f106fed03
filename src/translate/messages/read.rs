//! Reading Messages requests.

use crate::translate::content_parts::{Author, read_parts, text};
use crate::translate::neutral::parts::cache;
use crate::translate::neutral::place::{Direction, Place};
use crate::translate::neutral::{
    Hosted, LazyObject, LazyValue, Output, Parts, Request, Role, Sampling, Tier, Tool, ToolChoice,
    Turn, Untranslatable, WebSearch,
};
use crate::wire::Dialect;

type Result<T> = std::result::Result<T, Untranslatable>;

/// Reads a request.
///
/// # Errors
/// When it has something that cannot be translated.
pub fn request(mut body: LazyObject<'_>, way: Direction) -> Result<Request<'_>> {
    // A conversation that the provider stores. For this error code, Anthropic's SDK sends the whole conversation instead.
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
        model: body.text_or_empty("model"),
        stream: body.flag("stream").unwrap_or(false),
        stop: body.list_of("stop_sequences").nonempty_texts(),
        user_id: body
            .object("metadata")
            .and_then(|mut metadata| metadata.text("user_id")),
        service_tier: match body.keyword("service_tier").as_deref() {
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
    if body.keyword("speed").as_deref() == Some("fast") {
        request.service_tier = Some(Tier::Priority);
    }
    for block in body.list_of("system") {
        request.system.extend(text(block));
    }
    for definition in body.list("tools").filter_map(LazyValue::object) {
        tool(definition, &mut request);
    }
    if let Some(mut choice) = body.object("tool_choice") {
        request.parallel = choice.flag("disable_parallel_tool_use").map(|no| !no);
        request.tool_choice = match choice.keyword("type").as_deref() {
            Some("auto") => Some(ToolChoice::Auto),
            Some("none") => Some(ToolChoice::None),
            Some("any") => Some(ToolChoice::Required),
            Some("tool") => match choice.nonempty_text("name") {
                Some(name) if is_web_search(&name, &request) => Some(ToolChoice::WebSearch),
                name => name.map(ToolChoice::Tool),
            },
            _ => None,
        };
    }
    let Some(LazyValue::List(messages)) = body.take("messages") else {
        return Ok(request);
    };
    for (index, message) in messages.enumerate() {
        let place = Place::new("messages", index, way);
        let LazyValue::Object(message) = message else {
            return Err(place.error("must be an object"));
        };
        request.turns.push(turn(message, &place)?);
    }
    Ok(request)
}

fn output(body: &mut LazyObject<'_>) -> Output {
    let format = body
        .object("output_config")
        .and_then(|mut config| config.object("format"))
        .or_else(|| body.object("output_format"));
    let Some(mut format) = format else {
        return Output::Text;
    };
    match format.keyword("type").as_deref() {
        Some("json_schema") => Output::JsonSchema {
            name: format.nonempty_text("name"),
            description: None,
            schema: format.json(&["schema"]).unwrap_or_default(),
            strict: None,
        },
        _ => Output::Text,
    }
}

fn tool(mut definition: LazyObject<'_>, request: &mut Request) {
    let kind = definition.keyword("type").unwrap_or_default();
    if kind.starts_with("web_search") {
        request.web_search = Some(WebSearch::read(definition));
        return;
    }
    let has_schema = definition.contains("input_schema");
    if !has_schema && !kind.is_empty() && kind != "custom" {
        let tool = Hosted::new(&kind, Dialect::Messages, definition);
        request.hosted.push(tool);
        return;
    }
    let Some(name) = definition.nonempty_text("name") else {
        return;
    };
    request.tools.push(Tool {
        name,
        description: definition.nonempty_text("description"),
        schema: definition.json(&["input_schema"]).unwrap_or_default(),
        strict: definition.flag("strict"),
        cache: cache(&mut definition),
        ..Tool::default()
    });
}

/// Whether a name refers to the vendor's web search.
fn is_web_search(name: &str, request: &Request) -> bool {
    let is_another = request.tools.iter().any(|tool| tool.name == name);
    name == "web_search" && request.web_search.is_some() && !is_another
}

fn turn<'a>(mut message: LazyObject<'a>, place: &Place) -> Result<Turn<'a>> {
    let role = match message.keyword("role").as_deref() {
        Some("assistant") => Role::Assistant,
        Some("system") => Role::System,
        Some("user") | None => Role::User,
        Some(other) => {
            let why = format!("there is no role {other:?}");
            return Err(place.member("role").error(why));
        }
    };
    let content = message.list_of("content");
    let parts = match Parts::raw_from(&content) {
        Some(plain) => plain,
        _ => {
            let by = match role {
                Role::Assistant => Author::Model,
                Role::User | Role::System => Author::User,
            };
            read_parts(content, by, &place.member("content"))?.into()
        }
    };
    Ok(Turn { role, parts })
}
