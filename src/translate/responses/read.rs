//! Responses requests, read (spec/dialects.md 1).

use super::read_item;
use crate::translate::neutral::parts::{function, stops};
use crate::translate::neutral::place::{Direction, Place};
use crate::translate::neutral::{
    Hosted, LazyObject, LazyValue, Output, Part, Request, Role, Sampling, Text, Tool, ToolChoice,
    Turn, Untranslatable, WebSearch,
};
use crate::translate::openai::{allowed_tools, choice_word, custom_tool, schema_output, tier};
use crate::wire::Dialect;

type Result<T> = std::result::Result<T, Untranslatable>;

/// What only a provider that remembers can do.
const STATEFUL: [&str; 3] = ["previous_response_id", "conversation", "prompt"];

/// Reads a request.
///
/// # Errors
/// Where it says something that nobody else could be told.
pub fn request(mut body: LazyObject<'_>, way: Direction) -> Result<Request<'_>> {
    for key in STATEFUL {
        if body.take(key).is_some() {
            let why = "is not supported where the upstream is not the Responses API";
            return Err(Untranslatable::new(key, why));
        }
    }
    if body.flag("background") == Some(true) {
        return Err(Untranslatable::new("background", "is not supported here"));
    }
    let mut text = body.object("text").unwrap_or_default();
    let mut request = Request {
        model: body.text_or_empty("model"),
        stream: body.flag("stream").unwrap_or(false),
        parallel: body.flag("parallel_tool_calls"),
        stop: stops(body.list_of_any(&["stop", "stop_sequences"])),
        cache_key: body.nonempty_text("prompt_cache_key"),
        user_id: body.text("user").or_else(|| body.text("safety_identifier")),
        metadata: body.json(&["metadata"]),
        service_tier: body.keyword("service_tier").as_deref().and_then(tier),
        verbosity: text.keyword("verbosity"),
        sampling: Sampling {
            max_tokens: body.count("max_output_tokens"),
            temperature: body.number("temperature"),
            top_p: body.number("top_p"),
            // Not the vendor's, but Open Responses' (`CreateResponseBody`).
            presence_penalty: body.number("presence_penalty"),
            frequency_penalty: body.number("frequency_penalty"),
            ..Sampling::default()
        },
        output: text.object("format").map(output).unwrap_or_default(),
        ..Request::default()
    };
    if let Some(instructions) = body.nonempty_text("instructions") {
        request.system.push(Text::new(instructions));
    }
    for definition in body.list("tools").filter_map(LazyValue::object) {
        tool(definition, None, &mut request);
    }
    request.tool_choice = body.take("tool_choice").and_then(choice);
    match body.take("input") {
        Some(LazyValue::String(text)) => {
            request.turns.push(Turn::new(Role::User, Part::text(text)));
        }
        Some(LazyValue::List(items)) => {
            for (index, item) in items.enumerate() {
                let place = Place::new("input", index, way);
                match item {
                    LazyValue::Object(item) => read_item::item(item, &place, &mut request)?,
                    _ => return Err(place.error("must be an object")),
                }
            }
        }
        Some(_) => return Err(Untranslatable::new("input", "must be a string or a list")),
        None => {}
    }
    Ok(request)
}

fn output(mut format: LazyObject<'_>) -> Output {
    match format.keyword("type").as_deref() {
        Some("json_object") => Output::JsonObject,
        Some("json_schema") => schema_output(format),
        _ => Output::Text,
    }
}

/// Reads a tool, under the name that it has on the wire: a namespace stands in front of it.
pub(super) fn tool(mut definition: LazyObject<'_>, namespace: Option<&str>, request: &mut Request) {
    let kind = definition.keyword("type").unwrap_or_default();
    let defined: Option<Tool> = match kind.as_str() {
        "namespace" => {
            let name = definition.text_or_empty("name");
            for inner in definition.list("tools").filter_map(LazyValue::object) {
                tool(inner, Some(&name), request);
            }
            return;
        }
        "custom" => custom_tool(definition),
        "function" | "" => function(definition.object("function").unwrap_or(definition)),
        kind if kind.starts_with("web_search") => {
            request.web_search = Some(WebSearch::read(definition));
            return;
        }
        kind => {
            let tool = Hosted::new(kind, Dialect::Responses, definition);
            request.hosted.push(tool);
            return;
        }
    };
    if let Some(mut tool) = defined {
        let bare = tool.name.clone();
        tool.name = in_namespace(namespace, tool.name);
        tool.namespace = namespace.map(|namespace| (namespace.to_owned(), bare));
        if !request.tools.iter().any(|known| known.name == tool.name) {
            request.tools.push(tool);
        }
    }
}

/// The name of a tool in a namespace, where there are none (spec/dialects.md 1.7).
pub(super) fn in_namespace(namespace: Option<&str>, name: String) -> String {
    match namespace.filter(|namespace| !namespace.is_empty()) {
        Some(namespace)
            if !name.starts_with("mcp__") && !name.starts_with(&format!("{namespace}__")) =>
        {
            let joint = if namespace.ends_with("__") { "" } else { "__" };
            format!("{namespace}{joint}{name}")
        }
        _ => name,
    }
}

/// Whether a search of the web is all that is among them.
fn searches(names: &[String]) -> bool {
    matches!(names, [only] if only.starts_with("web_search"))
}

fn choice(value: LazyValue<'_>) -> Option<ToolChoice> {
    let mut object = match value {
        LazyValue::String(word) => return choice_word(&word),
        LazyValue::Object(object) => object,
        _ => return None,
    };
    match object.keyword("type").as_deref() {
        Some("allowed_tools") => match allowed_tools(object) {
            ToolChoice::Allowed {
                required: true,
                names,
            } if searches(&names) => Some(ToolChoice::WebSearch),
            allowed => Some(allowed),
        },
        Some("function" | "custom") => {
            let namespace = object.text("namespace");
            let name = object.nonempty_text("name")?;
            Some(ToolChoice::Tool(in_namespace(namespace.as_deref(), name)))
        }
        Some(kind) if kind.starts_with("web_search") => Some(ToolChoice::WebSearch),
        Some(kind) => Some(ToolChoice::Hosted(kind.to_owned())),
        None => None,
    }
}
