//! OpenAI Chat Completions.

use serde_json::Value;

use super::openai::{self, empty_array, fault, length};
use super::{Asked, Rule, list, text};
use crate::demo::target::Fault;

pub const RULES: [Rule; 12] = [
    some_message,
    roles,
    contents,
    calls,
    results,
    tools,
    choice,
    most_tokens,
    openai::sampling,
    nine_letters,
    stop,
    names,
];

fn messages<'a>(asked: Asked<'a>) -> impl Iterator<Item = (usize, &'a Value)> {
    list(&asked.body["messages"]).iter().enumerate()
}

/// OpenAI's OpenAPI document: `messages` has at least one element.
fn some_message(asked: Asked<'_>) -> Option<Fault> {
    empty_array(&asked.body["messages"], "messages")
}

/// OpenAI's OpenAPI document: the roles of `ChatCompletionRequestMessage`.
fn roles(asked: Asked<'_>) -> Option<Fault> {
    const ROLES: [&str; 6] = [
        "system",
        "assistant",
        "user",
        "function",
        "tool",
        "developer",
    ];
    let mut messages = messages(asked);
    let (index, role) = messages.find_map(|(index, message)| {
        let role = text(&message["role"]);
        (!ROLES.contains(&role)).then_some((index, role))
    })?;
    let message = format!(
        "Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and \
         'developer'."
    );
    Some(fault(
        message,
        &format!("messages[{index}].role"),
        Some("invalid_value"),
    ))
}

/// OpenAI's OpenAPI document: `content` is required, but for an assistant that calls tools.
fn contents(asked: Asked<'_>) -> Option<Fault> {
    let (index, _) = messages(asked)
        .find(|(_, message)| message["role"] != "assistant" && message["content"].is_null())?;
    let message = "Invalid value for 'content': expected a string, got null.";
    let param = format!("messages.[{index}].content");
    Some(fault(message.to_owned(), &param, None))
}

/// Ids of calls: at least one call, and 40 characters (langmanus/langmanus, issue 119).
fn calls(asked: Asked<'_>) -> Option<Fault> {
    const LONGEST: usize = 40;
    messages(asked).find_map(|(index, message)| {
        let place = format!("messages[{index}]");
        let calls = &message["tool_calls"];
        let param = format!("{place}.tool_call_id");
        empty_array(calls, &format!("{place}.tool_calls"))
            .or_else(|| length(&message["tool_call_id"], &param, 0, LONGEST))
            .or_else(|| {
                list(calls).iter().enumerate().find_map(|(at, call)| {
                    length(
                        &call["id"],
                        &format!("{place}.tool_calls[{at}].id"),
                        0,
                        LONGEST,
                    )
                })
            })
    })
}

/// Results right behind their calls, one for each (JetBrains/koog and Significant-Gravitas/AutoGPT quote both answers);
/// for doubles the words are those of OpenAI-compatible vendors.
fn results(asked: Asked<'_>) -> Option<Fault> {
    let role_of = |index: usize| format!("messages.[{index}].role");
    let mut open: Vec<&str> = Vec::new();
    let mut known: Vec<&str> = Vec::new();
    let mut asked_at = 0;
    for (index, message) in messages(asked) {
        if message["role"] == "tool" {
            let id = text(&message["tool_call_id"]);
            if let Some(at) = open.iter().position(|open| *open == id) {
                open.remove(at);
                continue;
            }
            let message = match known.contains(&id) {
                true => format!("Duplicate value for 'tool_call_id' of {id} in message[{index}]"),
                false => {
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with \
                     'tool_calls'."
                        .to_owned()
                }
            };
            return Some(fault(message, &role_of(index), None));
        }
        if !open.is_empty() {
            return Some(unanswered(&open, &role_of(asked_at)));
        }
        asked_at = index;
        open = list(&message["tool_calls"])
            .iter()
            .map(|call| text(&call["id"]))
            .collect();
        let double = open
            .iter()
            .enumerate()
            .find(|(at, id)| open.iter().take(*at).any(|before| before == *id));
        if let Some((_, id)) = double {
            let message = format!("Duplicate value for 'tool_call_id' of {id} in message[{index}]");
            return Some(fault(message, &role_of(index), None));
        }
        known.clone_from(&open);
    }
    (!open.is_empty()).then(|| unanswered(&open, &role_of(asked_at)))
}

fn unanswered(ids: &[&str], param: &str) -> Fault {
    let message = format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. \
         The following tool_call_ids did not have response messages: {}",
        ids.join(", ")
    );
    fault(message, param, None)
}

fn tools(asked: Asked<'_>) -> Option<Fault> {
    let tools = &asked.body["tools"];
    empty_array(tools, "tools").or_else(|| {
        list(tools).iter().enumerate().find_map(|(index, tool)| {
            let place = format!("tools[{index}].function");
            let is_function = tool["type"] == "function";
            let schema = format!("{place}.parameters");
            is_function.then(|| openai::function(&tool["function"], &place, &schema))?
        })
    })
}

/// OpenAI's answers as microsoft/autogen's users report them: both need tools.
fn choice(asked: Asked<'_>) -> Option<Fault> {
    let body = asked.body;
    if !body["tools"].is_null() {
        return None;
    }
    let mut settings = ["tool_choice", "parallel_tool_calls"].into_iter();
    let name = settings.find(|name| !body[*name].is_null() && body[*name] != "none")?;
    let message =
        format!("Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified.");
    Some(fault(message, name, None))
}

/// Models of Mistral: the words as in pull request 24668 of langchain-ai/langchain.
fn nine_letters(asked: Asked<'_>) -> Option<Fault> {
    if !asked.model.starts_with("mistral") {
        return None;
    }
    let ids = messages(asked).flat_map(|(_, message)| {
        let calls = list(&message["tool_calls"]).iter().map(|call| &call["id"]);
        calls.chain([&message["tool_call_id"]])
    });
    let is_legal = |id: &&str| id.len() == 9 && super::is_word(id, "");
    let wrong = ids.filter_map(Value::as_str).find(|id| !is_legal(id))?;
    let message =
        format!("Tool call id was {wrong} but must be a-z, A-Z, 0-9, with a length of 9.");
    Some(Fault::from(message))
}

/// OpenAI's OpenAPI document, `max_tokens`: not for models of the o series, and not for those of GPT-5.
fn most_tokens(asked: Asked<'_>) -> Option<Fault> {
    (openai::thinks(asked.model) && !asked.body["max_tokens"].is_null()).then(|| {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
                       'max_completion_tokens' instead.";
        fault(
            message.to_owned(),
            "max_tokens",
            Some("unsupported_parameter"),
        )
    })
}

/// OpenAI's OpenAPI document, `stop`: up to four sequences.
fn stop(asked: Asked<'_>) -> Option<Fault> {
    let count = list(&asked.body["stop"]).len();
    (count > 4).then(|| {
        let message = format!(
            "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length \
             {count} instead."
        );
        fault(message, "stop", Some("array_above_max_length"))
    })
}

fn names(asked: Asked<'_>) -> Option<Fault> {
    openai::names(asked.body)
}
