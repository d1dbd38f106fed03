//! Anthropic Messages: the conversation. What has no page of the vendor's is from its public bug reports.

use serde_json::Value;

use super::{Asked, Rule, list, messages_tools, text};
use crate::demo::target::Fault;

/// What holds for whoever asks for an answer.
pub const GENERATING: [Rule; 4] = [length, prefill, thinking, stop];

pub const RULES: [Rule; 15] = [
    some_message,
    roles,
    first_turn,
    texts,
    system,
    trailing_space,
    images,
    images_of_the_assistant,
    messages_tools::call_ids,
    messages_tools::results,
    messages_tools::tools,
    messages_tools::choice,
    mark_count,
    mark_order,
    user,
];

/// The blocks of a content, of results too, each with its place. A plain text is a block without one.
fn each_block<'a>(body: &'a Value, mut see: impl FnMut(&str, &'a Value)) {
    for (index, message) in list(&body["messages"]).iter().enumerate() {
        for (at, block) in list(&message["content"]).iter().enumerate() {
            let place = format!("messages.{index}.content.{at}");
            see(&place, block);
            for (at, inner) in list(&block["content"]).iter().enumerate() {
                see(&format!("{place}.content.{at}"), inner);
            }
        }
    }
}

/// The words as in issue 2323 of SEMOSS/Semoss.
fn images_of_the_assistant(asked: Asked<'_>) -> Option<Fault> {
    let mut blocks = messages(asked)
        .iter()
        .filter(|message| message["role"] == "assistant")
        .flat_map(|message| list(&message["content"]));
    let kind = blocks.find_map(|block| {
        let kind = text(&block["type"]);
        ["image", "document"].contains(&kind).then_some(kind)
    })?;
    Some(format!("messages: '{kind}' blocks are not permitted within assistant turns").into())
}

fn messages<'a>(asked: Asked<'a>) -> &'a [Value] {
    list(&asked.body["messages"])
}

/// platform.claude.com, "Messages": `max_tokens` is required.
fn length(asked: Asked<'_>) -> Option<Fault> {
    let is_missing = asked.body["max_tokens"].is_null();
    is_missing.then(|| "max_tokens: Field required".into())
}

/// platform.claude.com, "Messages": there must be a message.
fn some_message(asked: Asked<'_>) -> Option<Fault> {
    let is_empty = messages(asked).is_empty();
    is_empty.then(|| "messages: at least one message is required".into())
}

/// platform.claude.com, "Messages": no role `system` among the messages; newer models take it in the middle, so models
/// that are not named after one of the vendor's do.
fn roles(asked: Asked<'_>) -> Option<Fault> {
    let is_new = !asked.model.starts_with("claude-");
    let wrong = messages(asked)
        .iter()
        .enumerate()
        .find_map(|(index, message)| {
            let role = text(&message["role"]);
            let is_known = ["user", "assistant"].contains(&role);
            let is_taken = is_known || (role == "system" && is_new && index > 0);
            (!is_taken).then_some(role)
        })?;
    Some(
        format!(
            "messages: Unexpected role \"{wrong}\". The Messages API accepts a top-level `system` parameter, not \
             \"system\" as an input message role."
        )
        .into(),
    )
}

/// Anthropic's answer as langchain's users report it ("first message must use the user role").
fn first_turn(asked: Asked<'_>) -> Option<Fault> {
    let is_other = messages(asked).first()?["role"] != "user";
    is_other.then(|| "messages: first message must use the \"user\" role".into())
}

fn flaw(words: &str) -> Option<&'static str> {
    match words.trim() {
        _ if words.is_empty() => Some("text content blocks must be non-empty"),
        "" => Some("text content blocks must contain non-whitespace text"),
        _ => None,
    }
}

/// anthropics/claude-code, issues 23440 (white space) and 59812 (nothing).
fn texts(asked: Asked<'_>) -> Option<Fault> {
    let mut found = None;
    for message in messages(asked) {
        found = found.or(message["content"].as_str().and_then(flaw));
    }
    each_block(asked.body, |_, block| {
        if block["type"] == "text" {
            found = found.or(flaw(text(&block["text"])));
        }
    });
    found.map(|flaw| format!("messages: {flaw}").into())
}

/// The same of the system text.
fn system(asked: Asked<'_>) -> Option<Fault> {
    let system = &asked.body["system"];
    let blocks = list(system).iter().map(|block| text(&block["text"]));
    let flaw = system.as_str().into_iter().chain(blocks).find_map(flaw)?;
    Some(format!("system: {flaw}").into())
}

/// What the last message says, if it is the assistant's.
fn begun<'a>(asked: Asked<'a>) -> Option<&'a Value> {
    let last = messages(asked).last()?;
    (last["role"] == "assistant").then(|| &last["content"])
}

/// platform.claude.com, "Prefill Claude's response".
fn trailing_space(asked: Asked<'_>) -> Option<Fault> {
    let content = begun(asked)?;
    let words = match content {
        Value::String(text) => text,
        content => content.as_array()?.last()?["text"].as_str()?,
    };
    let is_open = words.ends_with(char::is_whitespace);
    is_open.then(|| "messages: final assistant content cannot end with trailing whitespace".into())
}

/// platform.claude.com, "What's new in Claude 4.6", prefill removal; the words as in strands-agents/sdk-python, issue
/// 1694.
fn prefill(asked: Asked<'_>) -> Option<Fault> {
    const MODELS: [&str; 6] = [
        "claude-opus-4-6",
        "claude-sonnet-4-6",
        "claude-opus-4-7",
        "claude-opus-4-8",
        "claude-opus-5",
        "claude-sonnet-5",
    ];
    begun(asked)?;
    let takes_none = MODELS.iter().any(|model| asked.model.starts_with(model));
    takes_none.then(|| {
        "This model does not support assistant message prefill. The conversation must end with a user message.".into()
    })
}

/// platform.claude.com, "Extended thinking": the budget is at least 1,024 tokens and less than `max_tokens`, no tool may
/// be forced, and the temperature stays what it is.
fn thinking(asked: Asked<'_>) -> Option<Fault> {
    let body = asked.body;
    let thinking = &body["thinking"];
    if thinking["type"] != "enabled" {
        return None;
    }
    let budget = thinking["budget_tokens"].as_u64().unwrap_or(0);
    if budget < 1024 {
        return Some(
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024".into(),
        );
    }
    if body["max_tokens"]
        .as_u64()
        .is_some_and(|most| most <= budget)
    {
        return Some("`max_tokens` must be greater than `thinking.budget_tokens`.".into());
    }
    if ["any", "tool"].contains(&text(&body["tool_choice"]["type"])) {
        return Some("Thinking may not be enabled when tool_choice forces tool use.".into());
    }
    let temperature = body["temperature"].as_f64();
    temperature
        .is_some_and(|temperature| temperature != 1.0)
        .then(|| "`temperature` may only be set to 1 when thinking is enabled.".into())
}

/// stanford-crfm/helm quotes it where it takes such sequences away.
fn stop(asked: Asked<'_>) -> Option<Fault> {
    let mut stops = list(&asked.body["stop_sequences"]).iter().map(text);
    let is_blank = stops.any(|stop| stop.trim().is_empty());
    is_blank.then(|| "stop_sequences: each stop sequence must contain non-whitespace".into())
}

/// platform.claude.com, "Vision": the four types of images.
fn images(asked: Asked<'_>) -> Option<Fault> {
    const TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];
    let mut found = None;
    each_block(asked.body, |place, block| {
        let source = &block["source"];
        let is_wrong = block["type"] == "image"
            && source["type"] == "base64"
            && !TYPES.contains(&text(&source["media_type"]));
        if is_wrong && found.is_none() {
            found = Some(format!(
                "{place}.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or \
                 'image/webp'"
            ));
        }
    });
    found.map(Fault::from)
}

/// platform.claude.com, "Messages", `metadata`: `user_id` has at most 256 characters.
fn user(asked: Asked<'_>) -> Option<Fault> {
    let user = text(&asked.body["metadata"]["user_id"]);
    let is_long = user.chars().count() > 256;
    is_long.then(|| "metadata.user_id: String should have at most 256 characters".into())
}

// Marks for the prompt cache (platform.claude.com, "Prompt caching").

/// The marks in the order in which the vendor goes through them: tools, system text, messages.
fn marks(body: &Value) -> Vec<(String, &Value)> {
    let mut marks = Vec::new();
    for name in ["tools", "system"] {
        for (at, block) in list(&body[name]).iter().enumerate() {
            marks.push((format!("{name}.{at}"), &block["cache_control"]));
        }
    }
    each_block(body, |place, block| {
        marks.push((place.to_owned(), &block["cache_control"]))
    });
    marks.retain(|(_, mark)| !mark.is_null());
    marks
}

/// At most four; the words as in tghamm/Anthropic.SDK, issue 50.
fn mark_count(asked: Asked<'_>) -> Option<Fault> {
    let count = marks(asked.body).len();
    let is_too_many = count > 4;
    is_too_many.then(|| {
        format!("A maximum of 4 blocks with cache_control may be provided. Found {count}.").into()
    })
}

/// Marks for an hour come first ("Mixing different TTLs").
fn mark_order(asked: Asked<'_>) -> Option<Fault> {
    let mut has_short = false;
    for (place, mark) in marks(asked.body) {
        match mark["ttl"] == "1h" {
            true if has_short => {
                return Some(
                    format!(
                        "{place}.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' \
                         cache_control block. Note that blocks are processed in the following order: `tools`, \
                         `system`, `messages`."
                    )
                    .into(),
                );
            }
            is_long => has_short |= !is_long,
        }
    }
    None
}
