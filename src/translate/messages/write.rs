//! Messages requests, written (spec/dialects.md 1).

use serde_json::{Map, Value, json};

use super::marks::{self, mark};
use crate::json::fields::{self, Put, set};
use crate::translate::neutral::capabilities::{self, Feature, unsupported};
use crate::translate::neutral::ids::UpstreamCallIds;
use crate::translate::neutral::names::Names;
use crate::translate::neutral::parts::{asked_for, object_of};
use crate::translate::neutral::untranslatable::TOO_LARGE;
use crate::translate::neutral::{
    Cache, Family, Hosted, Item, JsonBody, JsonList, Output, Part, Request, Role, Source, Text,
    Tier, Tool, ToolCall, ToolChoice, ToolResult, Turn, Untranslatable, WebSearch, ids, media,
    prefill, repair, schema,
};
use crate::wire::Dialect;

type Result<T> = std::result::Result<T, Untranslatable>;

/// Tokens of an answer when the client does not say: the dialect demands a number (spec/dialects.md 1.1).
const MAX_TOKENS: u64 = 32_000;

/// Writes a request for `model`, whose answers have at most `most_tokens`, where that is known.
///
/// # Errors
/// For media that cannot be said.
pub fn request(
    request: Request,
    model: &str,
    names: &Names,
    most_tokens: Option<u64>,
) -> Result<JsonBody> {
    let request = capabilities::without_dropped(request, Dialect::Messages);
    let mut body = JsonBody::default();
    body.insert("model".to_owned(), model.into());
    let most = most_tokens.unwrap_or(u64::MAX);
    let sampling = request.sampling;
    let max_tokens = sampling.max_tokens.unwrap_or(MAX_TOKENS).min(most);
    body.insert("max_tokens".to_owned(), max_tokens.into());
    let mut system = request.system;
    if request.output == Output::JsonObject {
        system.extend(asked_for(&request.output));
    }
    // The vendor refuses text of nothing but white space.
    system.retain(|text| !text.text.trim().is_empty());
    let mut turns = request.turns;
    repair::begun(&mut system, &mut turns);
    let has_marks = marks::are_there(&system, &turns, &request.tools);
    let turns = turns.into_iter().map(without_system).collect();
    let turns = repair::shown_by_the_user(turns);
    let mut turns = repair::merged(repair::tool_turns(
        turns,
        UpstreamCallIds::new(Dialect::Messages),
    ));
    prefill::trim(&mut turns);
    let (mut tools, choice) = allowed(request.tools, request.tool_choice);
    // Whoever says nothing of the prompt cache gets its use all the same.
    let own = (!has_marks).then_some(Cache { is_long: false });
    if has_marks {
        marks::settle(&mut system, &mut tools, &mut turns);
    } else {
        marks::mark_turns(&mut turns);
    }
    if !system.is_empty() {
        if let Some(last) = system.last_mut() {
            last.cache = last.cache.or(own);
        }
        let mut blocks = JsonList::expecting(system.iter().map(|text| text.text.len()).sum());
        for text in system {
            let weight = text.text.len();
            blocks.push(self::text(text))?;
            blocks.advance(weight);
        }
        body.set_list("system", blocks);
    }
    let mut messages = JsonList::expecting(turns.iter().map(Turn::weight).sum());
    let mut last = [Ending::Words; 2];
    let mut last_role = None;
    let ends_with = turns.last().map(|turn| turn.role);
    for turn in turns {
        let (role, weight) = (turn.role, turn.weight());
        if let Some(ending) = message(turn, names, &mut messages)? {
            last = [last[1], ending];
            last_role = Some(role);
        }
        messages.advance(weight);
    }
    if ends_with == Some(Role::User) && last_role != ends_with {
        // The user has said nothing but white space, and the conversation must not end with the assistant.
        messages.push(user(prefill::CONTINUE))?;
    }
    body.is_tool_loop_without_thinking = last == [Ending::ThoughtlessCalls, Ending::Results];
    body.set_list("messages", messages);
    set(
        &mut body,
        "temperature",
        sampling.temperature.map(|t| t.min(1.0)),
    );
    set(&mut body, "top_p", sampling.top_p);
    set(&mut body, "top_k", sampling.top_k);
    if !request.stop.is_empty() {
        body.insert("stop_sequences".to_owned(), request.stop.into());
    }
    self::tools(
        &mut body,
        tools,
        (request.web_search, request.hosted, own),
        choice,
        request.parallel,
        names,
    )?;
    if let Output::JsonSchema { schema, .. } = request.output {
        let Some(schema) = schema.tree() else {
            return Err(Untranslatable::new(
                "",
                format!("the schema of the output {TOO_LARGE}"),
            ));
        };
        body.insert(
            "output_config".to_owned(),
            json!({"format": {"type": "json_schema", "schema": closed(schema, 0)}}),
        );
    }
    if let Some(user) = request.user_id.or(request.cache_key).map(user_id) {
        body.insert("metadata".to_owned(), json!({"user_id": user}));
    }
    if request.service_tier == Some(Tier::Default) {
        body.insert("service_tier".to_owned(), "standard_only".into());
    }
    if request.stream {
        body.insert("stream".to_owned(), true.into());
    }
    Ok(body)
}

/// A name of the client's user as the vendor takes it: of 256 characters at most (platform.claude.com, "Messages",
/// `metadata`), and no address of a person, which it refuses.
fn user_id(name: String) -> String {
    const LONGEST: usize = 256;
    match name.contains('@') {
        true => ids::hash(&name),
        false => ids::short(name, LONGEST),
    }
}

/// A message of the user with one text.
fn user(text: &str) -> Value {
    json!({"role": "user", "content": [{"type": "text", "text": text}]})
}

/// What the vendor refuses of schemas for output. The model is told in words.
const BOUNDS: [&str; 10] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
];

fn in_words(schema: &mut Map<String, Value>) {
    let bounds = BOUNDS.iter().filter_map(|key| {
        let bound = schema.shift_remove(*key)?;
        Some(format!("{key}: {bound}"))
    });
    let bounds: Vec<String> = bounds.collect();
    if bounds.is_empty() {
        return;
    }
    let bounds = bounds.join(", ");
    let description = match schema.get("description").and_then(Value::as_str) {
        Some(before) => format!("{before} ({bounds})"),
        None => bounds,
    };
    schema.insert("description".to_owned(), description.into());
}

/// Every object says that it takes no other members, as the vendor demands of schemas for output.
fn closed(mut schema: Value, depth: usize) -> Value {
    const DEPTH: usize = 64;
    if depth < DEPTH
        && let Some(object) = schema.as_object_mut()
    {
        let is_object = object.get("type").is_some_and(|kind| kind == "object");
        in_words(object);
        for (key, value) in object.iter_mut() {
            match (key.as_str(), value) {
                ("properties" | "$defs" | "definitions", Value::Object(schemas)) => {
                    for schema in schemas.values_mut() {
                        *schema = closed(schema.take(), depth + 1);
                    }
                }
                ("items", schema @ Value::Object(_)) => *schema = closed(schema.take(), depth + 1),
                ("anyOf" | "allOf", Value::Array(schemas)) => {
                    for schema in schemas {
                        *schema = closed(schema.take(), depth + 1);
                    }
                }
                _ => {}
            }
        }
        if is_object {
            object.insert("additionalProperties".to_owned(), false.into());
        }
    }
    schema
}

/// Instructions in the middle of a conversation become words of the user that say what they are.
fn without_system(turn: Turn<'_>) -> Turn<'_> {
    if turn.role != Role::System {
        return turn;
    }
    let texts = turn.parts.into_iter().filter_map(|part| match part {
        Part::Text(text) if !text.text.trim().is_empty() => Some(Part::text(format!(
            "<system-reminder>\n{}\n</system-reminder>",
            text.text
        ))),
        _ => None,
    });
    Turn::new(Role::User, texts.collect::<Vec<_>>())
}

fn text(text: Text) -> Value {
    let mut block = fields::object_of([("type", "text".into()), ("text", text.text.into())]);
    mark(&mut block, text.cache);
    block
}

/// What a message comes to, as far as the next one depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Words,
    /// Calls, and no thoughts at the beginning.
    ThoughtlessCalls,
    Results,
}

/// Writes a message; none if nothing is left to say.
fn message(turn: Turn, names: &Names, messages: &mut JsonList) -> Result<Option<Ending>> {
    let is_assistant = turn.role == Role::Assistant;
    let mut parts = turn.parts;
    if is_assistant {
        // Signed thoughts come back where they stood: the vendor compares (platform.claude.com, "Extended thinking",
        // preserving thinking blocks).
        if !parts.iter().any(is_signed) {
            parts.sort_by_key(|part| matches!(part, Part::ToolCall(_)));
        }
    } else {
        parts.sort_by_key(|part| !matches!(part, Part::ToolResult(_)));
    }
    let role = if is_assistant { "assistant" } else { "user" };
    let before = messages.mark();
    if is_assistant && messages.is_empty() {
        messages.push(user(repair::OPENING))?;
    }
    let mut ending = Ending::Words;
    let mut has_thoughts = false;
    let is_there = messages.push_list([("role", role.into())], "content", |blocks| {
        for part in parts {
            let is_first = blocks.is_empty();
            match &part {
                Part::ToolResult(_) if !is_assistant => ending = Ending::Results,
                Part::ToolCall(_) if is_assistant => ending = Ending::ThoughtlessCalls,
                _ => {}
            }
            let is_thought = matches!(part, Part::Reasoning { .. } | Part::Opaque(_));
            has_thoughts |= block(part, names, blocks)? && is_first && is_thought;
        }
        Ok(())
    })?;
    if has_thoughts && ending == Ending::ThoughtlessCalls {
        ending = Ending::Words;
    }
    if !is_there {
        messages.reset(before);
    }
    Ok(is_there.then_some(ending))
}

/// Whether a part is a thought that the vendor has signed.
fn is_signed(part: &Part) -> bool {
    match part {
        Part::Reasoning { signature, .. } => signature
            .as_ref()
            .is_some_and(|signature| signature.family == Family::Claude),
        Part::Opaque(signature) => signature.family == Family::ClaudeRedacted,
        _ => false,
    }
}

/// Writes a block. Returns whether there is one.
fn block(part: Part, names: &Names, blocks: &mut JsonList) -> Result<bool> {
    let cannot = |feature| Err(unsupported(feature, Dialect::Messages));
    let block = match part {
        // The vendor refuses text of nothing but white space.
        blank if marks::is_blank(&blank) => None,
        Part::Text(words) => Some(text(words)),
        Part::Refusal(refusal) => Some(json!({"type": "text", "text": refusal})),
        Part::Image { source, cache, .. } => {
            let mut block = shown("image", source);
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
                    shown("image", Source::Data { mime, data })
                }
                source => shown("document", source),
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

fn shown(kind: &str, source: Source) -> Value {
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
        // The vendor takes text as it is only.
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
        .map(|cache| ("cache_control", marks::said(cache).into()));
    blocks.close(error.into_iter().chain(mark))
}

/// Only those tools of all that are defined which may be called.
fn allowed(mut tools: Vec<Tool>, choice: Option<ToolChoice>) -> (Vec<Tool>, Option<ToolChoice>) {
    let choice = match choice {
        Some(ToolChoice::Allowed { required, names }) => {
            tools.retain(|tool| names.contains(&tool.name));
            Some(match required {
                true => ToolChoice::Required,
                false => ToolChoice::Auto,
            })
        }
        other => other,
    };
    (tools, choice)
}

fn tools(
    body: &mut JsonBody,
    mut tools: Vec<Tool>,
    (search, hosted, own): (Option<WebSearch>, Vec<Hosted>, Option<Cache>),
    choice: Option<ToolChoice>,
    parallel: Option<bool>,
    names: &Names,
) -> Result<()> {
    if let (None, Some(last)) = (&search, tools.last_mut()) {
        last.cache = last.cache.or(own);
    }
    let mut definitions = JsonList::expecting(tools.iter().map(Tool::weight).sum());
    for tool in tools {
        let weight = tool.weight();
        definition(tool, names, &mut definitions)?;
        definitions.advance(weight);
    }
    let choice = choice.map(|choice| match choice {
        ToolChoice::Hosted(kind) => {
            let chosen = hosted.iter().find(|tool| tool.kind == kind);
            let chosen = chosen.and_then(|tool| tool.chosen(Dialect::Messages));
            chosen.map_or(ToolChoice::Auto, |(_, name)| ToolChoice::Tool(name))
        }
        other => other,
    });
    definitions.push_hosted(hosted, Dialect::Messages)?;
    if let Some(search) = search {
        let mut search = web_search(search);
        mark(&mut search, own);
        definitions.push(search)?;
    }
    if definitions.is_empty() {
        return Ok(());
    }
    body.set_list("tools", definitions);
    let mut choice = choice.map(|choice| match choice {
        ToolChoice::Auto | ToolChoice::Allowed { .. } | ToolChoice::Hosted(_) => {
            json!({"type": "auto"})
        }
        ToolChoice::None => json!({"type": "none"}),
        ToolChoice::Required => json!({"type": "any"}),
        ToolChoice::Tool(name) => json!({"type": "tool", "name": names.wire(&name)}),
        ToolChoice::WebSearch => json!({"type": "tool", "name": "web_search"}),
    });
    if let Some(parallel) = parallel
        && choice
            .as_ref()
            .is_none_or(|choice| choice["type"] != "none")
    {
        let choice = choice.get_or_insert_with(|| json!({"type": "auto"}));
        choice["disable_parallel_tool_use"] = (!parallel).into();
    }
    set(body, "tool_choice", choice);
    Ok(())
}

fn definition(tool: Tool, names: &Names, definitions: &mut JsonList) -> Result<()> {
    let mut block = json!({"name": names.wire(&tool.name)});
    let (description, input) = match tool.is_custom {
        true => (
            schema::text_description(tool.description, tool.grammar),
            schema::of_text(),
        ),
        false => {
            let Some(object) = schema::object(&tool.schema, Dialect::Messages) else {
                let why = format!("the schema of the tool {:?} {TOO_LARGE}", tool.name);
                return Err(Untranslatable::new("", why));
            };
            (tool.description, object)
        }
    };
    drop(tool.schema);
    if let Some(description) = description {
        block.put("description", description.into());
    }
    block.put("input_schema", Value::Null);
    if let Some(strict) = tool.strict {
        block.put("strict", strict.into());
    }
    mark(&mut block, tool.cache);
    definitions.push_with(&block, &["input_schema"], &input)
}

/// The oldest version of the tool does for everybody.
fn web_search(search: WebSearch) -> Value {
    let mut tool = Map::new();
    tool.insert("type".to_owned(), "web_search_20250305".into());
    tool.insert("name".to_owned(), "web_search".into());
    set(&mut tool, "max_uses", search.max_uses);
    set(&mut tool, "user_location", search.approximate());
    // The vendor takes one list or the other.
    if !search.allowed_domains.is_empty() {
        tool.insert("allowed_domains".to_owned(), search.allowed_domains.into());
    } else if !search.blocked_domains.is_empty() {
        tool.insert("blocked_domains".to_owned(), search.blocked_domains.into());
    }
    tool.into()
}
