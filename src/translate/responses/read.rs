//! Reading Responses requests.

use super::read_item;
use super::read_tool::{choice, tool};
use crate::translate::neutral::place::{Direction, Place};
use crate::translate::neutral::{
    LazyObject, LazyValue, Output, Part, Request, Role, Sampling, Text, Turn, Untranslatable,
};
use crate::translate::openai::{schema_output, tier};

type Result<T> = std::result::Result<T, Untranslatable>;

/// Members that need a provider that stores conversations.
const STATEFUL: [&str; 3] = ["previous_response_id", "conversation", "prompt"];

/// Reads a request.
///
/// # Errors
/// When it has something that cannot be translated.
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
        stop: body
            .list_of_any(&["stop", "stop_sequences"])
            .nonempty_texts(),
        cache_key: body.nonempty_text("prompt_cache_key"),
        user_id: body.text("user").or_else(|| body.text("safety_identifier")),
        metadata: body.json(&["metadata"]),
        service_tier: body.keyword("service_tier").as_deref().and_then(tier),
        verbosity: text.keyword("verbosity"),
        sampling: Sampling {
            max_tokens: body.count("max_output_tokens"),
            temperature: body.number("temperature"),
            top_p: body.number("top_p"),
            // Not OpenAI's, but Open Responses' (`CreateResponseBody`).
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
