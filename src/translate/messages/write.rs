//! Writing Messages requests.

use serde_json::{Value, json};

use super::{marks, output_schema, write_blocks, write_tools};
use crate::json::fields::set;
use crate::translate::neutral::ids::UpstreamCallIds;
use crate::translate::neutral::names::Names;
use crate::translate::neutral::parts::output_instruction;
use crate::translate::neutral::untranslatable::TOO_LARGE;
use crate::translate::neutral::{
    Cache, Family, JsonBody, JsonList, Output, Part, Request, Role, Tier, Turn, Untranslatable,
    capabilities, ids, prefill, repair,
};
use crate::wire::Dialect;

type Result<T> = std::result::Result<T, Untranslatable>;

/// The tokens of an answer where the client sets no limit: the dialect requires one.
const MAX_TOKENS: u64 = 32_000;

/// Writes a request for `model`, whose answers have at most `most_tokens` tokens, where that is known.
///
/// # Errors
/// For media that the dialect does not support, and for schemas that are too large.
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
        system.extend(output_instruction(&request.output));
    }
    // Anthropic refuses blank text.
    system.retain(|text| !text.text.trim().is_empty());
    let mut turns = request.turns;
    repair::ensure_turn(&mut system, &mut turns);
    let has_marks = marks::are_there(&system, &turns, &request.tools);
    let turns = turns.into_iter().map(repair::system_as_user).collect();
    let turns = repair::move_media_to_user(turns);
    let mut turns = repair::merge_turns(repair::tool_turns(
        turns,
        UpstreamCallIds::new(Dialect::Messages),
    ));
    prefill::trim(&mut turns);
    let (mut tools, choice) = write_tools::allowed(request.tools, request.tool_choice);
    // A request without cache marks gets some.
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
            blocks.push(write_blocks::text(text))?;
            blocks.advance(weight);
        }
        body.set_list("system", blocks);
    }
    let mut messages = JsonList::expecting(turns.iter().map(Turn::weight).sum());
    let mut last = [Ending::Other; 2];
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
        // The last message of the user is blank, and the conversation must not end with the assistant.
        messages.push(user(prefill::CONTINUE))?;
    }
    body.is_tool_loop_without_thinking = last == [Ending::CallsWithoutThinking, Ending::Results];
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
    write_tools::tools(
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
            json!({"format": {"type": "json_schema", "schema": output_schema::closed(schema, 0)}}),
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

/// The user id as Anthropic accepts it: at most 256 characters (platform.claude.com, "Messages", `metadata`), and no
/// e-mail address, which it refuses.
fn user_id(name: String) -> String {
    const LONGEST: usize = 256;
    match name.contains('@') {
        true => ids::hash(&name),
        false => ids::short(name, LONGEST),
    }
}

/// A message of the user.
fn user(text: &str) -> Value {
    json!({"role": "user", "content": [{"type": "text", "text": text}]})
}

/// The kind of a message, as far as the thinking settings depend on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Other,
    /// Calls without thinking at the beginning.
    CallsWithoutThinking,
    Results,
}

/// Writes a message; `None` if it has no content.
fn message(turn: Turn, names: &Names, messages: &mut JsonList) -> Result<Option<Ending>> {
    let is_assistant = turn.role == Role::Assistant;
    let mut parts = turn.parts;
    if is_assistant {
        // Signed thinking must keep its place (platform.claude.com, "Extended thinking", preserving thinking blocks).
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
    let mut ending = Ending::Other;
    let mut has_thoughts = false;
    let is_there = messages.push_list([("role", role.into())], "content", |blocks| {
        for part in parts {
            let is_first = blocks.is_empty();
            match &part {
                Part::ToolResult(_) if !is_assistant => ending = Ending::Results,
                Part::ToolCall(_) if is_assistant => ending = Ending::CallsWithoutThinking,
                _ => {}
            }
            let is_thought = matches!(part, Part::Reasoning { .. } | Part::Opaque(_));
            has_thoughts |= write_blocks::block(part, names, blocks)? && is_first && is_thought;
        }
        Ok(())
    })?;
    if has_thoughts && ending == Ending::CallsWithoutThinking {
        ending = Ending::Other;
    }
    if !is_there {
        messages.reset(before);
    }
    Ok(is_there.then_some(ending))
}

/// Whether a part is thinking that Anthropic has signed.
fn is_signed(part: &Part) -> bool {
    match part {
        Part::Reasoning { signature, .. } => signature
            .as_ref()
            .is_some_and(|signature| signature.family == Family::Claude),
        Part::Opaque(signature) => signature.family == Family::ClaudeRedacted,
        _ => false,
    }
}
