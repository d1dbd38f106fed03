//! What the vendors would refuse of a request with a 400: shapes, roles, calls of tools and their results in their
//! order. From the vendors' documentation.

use holdfast::unversioned::wire::Dialect;
use serde_json::Value;

use super::{Complaint, arguments, ensure, number, text};
use crate::document::fits;

pub fn check(dialect: Dialect, body: &Value) -> Result<(), Complaint> {
    match dialect {
        Dialect::Chat => fits("CreateChatCompletionRequest", body).and_then(|()| chat(body)),
        Dialect::Responses => fits("CreateResponse", body).and_then(|()| responses(body)),
        Dialect::Messages => messages(body),
        Dialect::Gemini => gemini(body),
    }
}

fn list<'v>(value: &'v Value, key: &str) -> Result<&'v [Value], Complaint> {
    let list = value[key].as_array().map(Vec::as_slice);
    list.ok_or_else(|| format!("{key} is no list in {value}"))
}

fn is_name(name: &str, longest: usize) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=longest).contains(&name.len()) && name.bytes().all(legal)
}

fn named(name: &str, longest: usize) -> Result<(), Complaint> {
    ensure(is_name(name, longest), || {
        format!("no name of a tool: {name:?}")
    })
}

/// The answers to a set of calls: each call once, none besides.
fn answered(mut calls: Vec<&str>, mut results: Vec<&str>) -> Result<(), Complaint> {
    calls.sort_unstable();
    results.sort_unstable();
    ensure(calls == results, || {
        format!("called {calls:?}, answered {results:?}")
    })
}

/// Notes the id of a call: no vendor takes one twice, an empty one, or one that is longer.
fn new_id<'v>(ids: &mut Vec<&'v str>, id: &'v str, longest: usize) -> Result<(), Complaint> {
    ensure((1..=longest).contains(&id.len()), || {
        format!("no id: {id:?}")
    })?;
    ensure(!ids.contains(&id), || format!("{id:?} again"))?;
    ids.push(id);
    Ok(())
}

/// The schema of a tool is an object at its root, and combines nothing there.
fn rooted(schema: &Value, refused: &[&str]) -> Result<(), Complaint> {
    ensure(schema["type"] == "object", || {
        format!("no object: {schema}")
    })?;
    let found = refused.iter().find(|key| schema.get(**key).is_some());
    ensure(found.is_none(), || {
        format!("{found:?} at the root of {schema}")
    })
}

/// Anthropic, and OpenAI: see `neutral::fold`.
const COMBINED: [&str; 4] = ["$ref", "oneOf", "anyOf", "allOf"];
const COMBINED_AT_OPENAI: [&str; 6] = ["$ref", "oneOf", "anyOf", "allOf", "enum", "not"];

fn chat(body: &Value) -> Result<(), Complaint> {
    text(body, "model")?;
    for tool in body["tools"].as_array().into_iter().flatten() {
        let kind = text(tool, "type")?;
        ensure(matches!(kind, "function" | "custom"), || {
            format!("no tool: {tool}")
        })?;
        named(text(&tool[kind], "name")?, 64)?;
        if kind == "function" {
            rooted(&tool[kind]["parameters"], &COMBINED_AT_OPENAI)?;
        }
    }
    let search = &body["web_search_options"];
    if !search["user_location"].is_null() {
        let place = &search["user_location"];
        ensure(
            place["type"] == "approximate" && place["approximate"].is_object(),
            || format!("no place: {place}"),
        )?;
    }
    let messages = list(body, "messages")?;
    ensure(!messages.is_empty(), || "no messages".into())?;
    let (mut open, mut ids): (Vec<&str>, Vec<&str>) = Default::default();
    for message in messages {
        let role = text(message, "role")?;
        if role != "tool" {
            ensure(open.is_empty(), || {
                format!("{open:?} are not answered before {message}")
            })?;
        }
        match role {
            "system" | "developer" | "user" => said(&message["content"])?,
            "assistant" => {
                let calls = message["tool_calls"]
                    .as_array()
                    .map_or(&[][..], Vec::as_slice);
                ensure(!calls.is_empty() || !message["content"].is_null(), || {
                    format!("says nothing: {message}")
                })?;
                for call in calls {
                    let kind = text(call, "type")?;
                    named(text(&call[kind], "name")?, 64)?;
                    match kind {
                        "function" => arguments(text(&call[kind], "arguments")?)?,
                        "custom" => drop(text(&call[kind], "input")?),
                        other => return Err(format!("no call: {other}")),
                    }
                    open.push(text(call, "id")?);
                    new_id(&mut ids, text(call, "id")?, 40)?;
                }
            }
            "tool" => {
                let id = text(message, "tool_call_id")?;
                let at = open.iter().position(|known| *known == id);
                open.remove(at.ok_or(format!("a result without its call: {message}"))?);
                ensure(
                    message["content"].is_string() || message["content"].is_array(),
                    || format!("no result: {message}"),
                )?;
            }
            other => return Err(format!("no role: {other}")),
        }
    }
    ensure(open.is_empty(), || format!("{open:?} are never answered"))
}

/// A content of text and parts, none of them empty of kind.
fn said(content: &Value) -> Result<(), Complaint> {
    match content {
        Value::String(_) => Ok(()),
        Value::Array(parts) => {
            ensure(!parts.is_empty(), || "an empty content".into())?;
            parts
                .iter()
                .try_for_each(|part| text(part, "type").map(drop))
        }
        other => Err(format!("no content: {other}")),
    }
}

fn responses(body: &Value) -> Result<(), Complaint> {
    text(body, "model")?;
    for tool in body["tools"].as_array().into_iter().flatten() {
        match text(tool, "type")? {
            "function" => {
                named(text(tool, "name")?, 64)?;
                rooted(&tool["parameters"], &COMBINED_AT_OPENAI)?;
            }
            "web_search" => {
                placed(tool)?;
                domains(&tool["filters"]["allowed_domains"])?;
            }
            _ => {}
        }
    }
    let (mut calls, mut results) = (Vec::new(), Vec::new());
    for item in list(body, "input")? {
        match item["type"].as_str().unwrap_or("message") {
            "message" => {
                let role = text(item, "role")?;
                let roles = ["user", "assistant", "system", "developer"];
                ensure(roles.contains(&role), || format!("no role: {role}"))?;
                said(&item["content"])?;
            }
            "function_call" => {
                named(text(item, "name")?, 64)?;
                arguments(text(item, "arguments")?)?;
                new_id(&mut calls, text(item, "call_id")?, 64)?;
            }
            "custom_tool_call" => {
                text(item, "input")?;
                new_id(&mut calls, text(item, "call_id")?, 64)?;
            }
            "function_call_output" | "custom_tool_call_output" => {
                let id = text(item, "call_id")?;
                ensure(calls.contains(&id), || {
                    format!("an output before its call: {item}")
                })?;
                ensure(!item["output"].is_null(), || format!("no output: {item}"))?;
                results.push(id);
            }
            "reasoning" => drop(list(item, "summary")?),
            other => return Err(format!("no item: {other}")),
        }
    }
    answered(calls, results)
}

fn placed(search: &Value) -> Result<(), Complaint> {
    let place = &search["user_location"];
    ensure(
        place.is_null() || (place["type"] == "approximate" && place["approximate"].is_null()),
        || format!("no place: {place}"),
    )
}

/// Empty lists are refused.
fn domains(list: &Value) -> Result<(), Complaint> {
    let is_full = |list: &Vec<Value>| !list.is_empty() && list.iter().all(Value::is_string);
    ensure(
        list.is_null() || list.as_array().is_some_and(is_full),
        || format!("no domains: {list}"),
    )
}

fn messages(body: &Value) -> Result<(), Complaint> {
    text(body, "model")?;
    let most = number(body, "max_tokens")?;
    let thinking = &body["thinking"];
    if thinking["type"] == "enabled" {
        let budget = number(thinking, "budget_tokens")?;
        ensure((1_024..most).contains(&budget), || {
            format!("budget {budget} of {most}")
        })?;
    }
    if matches!(thinking["type"].as_str(), Some("enabled" | "adaptive")) {
        for key in ["temperature", "top_k"] {
            ensure(body[key].is_null(), || format!("{key} while it thinks"))?;
        }
        let choice = body["tool_choice"]["type"].as_str();
        ensure(!matches!(choice, Some("any" | "tool")), || {
            "a forced tool while it thinks".into()
        })?;
    }
    for tool in body["tools"].as_array().into_iter().flatten() {
        if tool["type"].is_null() || tool["type"] == "custom" {
            named(text(tool, "name")?, 128)?;
            rooted(&tool["input_schema"], &COMBINED)?;
        }
        if tool["type"] == "web_search_20250305" {
            ensure(tool["name"] == "web_search", || format!("no name: {tool}"))?;
            placed(tool)?;
            domains(&tool["allowed_domains"])?;
            domains(&tool["blocked_domains"])?;
            ensure(
                tool["allowed_domains"].is_null() || tool["blocked_domains"].is_null(),
                || format!("one list or the other: {tool}"),
            )?;
        }
    }
    let messages = list(body, "messages")?;
    ensure(
        messages
            .first()
            .is_some_and(|first| first["role"] == "user"),
        || "does not begin with the user".into(),
    )?;
    let (mut called, mut ids): (Vec<&str>, Vec<&str>) = Default::default();
    for message in messages {
        let role = text(message, "role")?;
        said(&message["content"])?;
        let blocks = message["content"].as_array().map_or(&[][..], Vec::as_slice);
        let of_kind = |kind: &'static str| blocks.iter().filter(move |block| block["type"] == kind);
        for block in of_kind("text") {
            ensure(!text(block, "text")?.is_empty(), || "an empty text".into())?;
        }
        match role {
            "user" => {
                let results: Result<Vec<&str>, Complaint> = of_kind("tool_result")
                    .map(|block| text(block, "tool_use_id"))
                    .collect();
                let results = results?;
                let first_other = blocks
                    .iter()
                    .position(|block| block["type"] != "tool_result");
                let is_first = first_other.is_none_or(|at| at >= results.len());
                ensure(is_first, || format!("results come first: {message}"))?;
                answered(std::mem::take(&mut called), results)?;
            }
            "assistant" => {
                ensure(called.is_empty(), || format!("{called:?} are not answered"))?;
                for block in of_kind("tool_use") {
                    named(text(block, "name")?, 128)?;
                    ensure(block["input"].is_object(), || format!("no input: {block}"))?;
                    let id = text(block, "id")?;
                    ensure(is_name(id, 64), || format!("no id: {id}"))?;
                    called.push(id);
                    new_id(&mut ids, id, 64)?;
                }
            }
            other => return Err(format!("no role: {other}")),
        }
    }
    ensure(called.is_empty(), || {
        format!("{called:?} are never answered")
    })
}

fn gemini(body: &Value) -> Result<(), Complaint> {
    let contents = list(body, "contents")?;
    ensure(
        contents
            .first()
            .is_some_and(|first| first["role"] == "user"),
        || "does not begin with the user".into(),
    )?;
    let mut called: Vec<&str> = Vec::new();
    for content in contents {
        let parts = list(content, "parts")?;
        ensure(!parts.is_empty(), || format!("no parts: {content}"))?;
        let names = |key: &str| -> Result<Vec<&str>, Complaint> {
            let found = parts.iter().filter(|part| part[key].is_object());
            found.map(|part| text(&part[key], "name")).collect()
        };
        let (calls, results) = (names("functionCall")?, names("functionResponse")?);
        match text(content, "role")? {
            "user" => {
                ensure(calls.is_empty(), || format!("the user calls: {content}"))?;
                answered(std::mem::take(&mut called), results)?;
            }
            "model" => {
                ensure(results.is_empty(), || {
                    format!("the model answers itself: {content}")
                })?;
                ensure(called.is_empty(), || format!("{called:?} are not answered"))?;
                for part in parts.iter().filter(|part| part["functionCall"].is_object()) {
                    ensure(part["functionCall"]["args"].is_object(), || {
                        format!("no args: {part}")
                    })?;
                }
                calls.iter().try_for_each(|name| named(name, 64))?;
                called = calls;
            }
            other => return Err(format!("no role: {other}")),
        }
    }
    for tool in body["tools"].as_array().into_iter().flatten() {
        for function in tool["functionDeclarations"]
            .as_array()
            .into_iter()
            .flatten()
        {
            named(text(function, "name")?, 64)?;
        }
    }
    let thinking = &body["generationConfig"]["thinkingConfig"];
    let both = !thinking["thinkingLevel"].is_null() && !thinking["thinkingBudget"].is_null();
    ensure(!both, || format!("level and budget: {thinking}"))?;
    ensure(called.is_empty(), || {
        format!("{called:?} are never answered")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_vendors_refuse_is_refused() {
        let call = json!({"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]});
        let result = json!({"role": "tool", "tool_call_id": "c", "content": "x"});
        let user = json!({"role": "user", "content": "q"});
        let chat = |messages: &[&Value]| {
            check(Dialect::Chat, &json!({"model": "m", "messages": messages}))
        };
        assert_eq!(chat(&[&user, &call, &result]), Ok(()));
        for wrong in [
            &[&user, &call][..],
            &[&user, &result],
            &[&user, &call, &user],
            &[&user, &call, &result, &result],
            &[],
        ] {
            assert!(chat(wrong).is_err(), "{wrong:?}");
        }

        let call = json!({"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]});
        let result =
            json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c"}]});
        let late = json!({"role": "user", "content": [{"type": "text", "text": "t"}, {"type": "tool_result", "tool_use_id": "c"}]});
        let messages = |messages: &[&Value], more: Value| {
            let mut body = json!({"model": "m", "max_tokens": 9000, "messages": messages});
            for (key, value) in more.as_object().unwrap() {
                body[key] = value.clone();
            }
            check(Dialect::Messages, &body)
        };
        assert_eq!(messages(&[&user, &call, &result], json!({})), Ok(()));
        for wrong in [
            &[&user, &call][..],
            &[&user, &result],
            &[&user, &call, &late],
            &[&call, &result],
            &[&user, &call, &user],
        ] {
            assert!(messages(wrong, json!({})).is_err(), "{wrong:?}");
        }
        for more in [
            json!({"thinking": {"type": "enabled", "budget_tokens": 9000}}),
            json!({"thinking": {"type": "adaptive"}, "temperature": 1}),
            json!({"thinking": {"type": "adaptive"}, "tool_choice": {"type": "any"}}),
            json!({"tools": [{"name": "f g", "input_schema": {"type": "object"}}]}),
        ] {
            assert!(messages(&[&user], more.clone()).is_err(), "{more}");
        }

        let gemini = |contents: Value| check(Dialect::Gemini, &json!({"contents": contents}));
        let user = json!({"role": "user", "parts": [{"text": "q"}]});
        let call = json!({"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]});
        let result =
            json!({"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]});
        assert_eq!(gemini(json!([user, call, result])), Ok(()));
        for wrong in [
            json!([user, call]),
            json!([user, result]),
            json!([call, result]),
            json!([user, call, user]),
        ] {
            assert!(gemini(wrong.clone()).is_err(), "{wrong}");
        }

        let responses =
            |input: Value| check(Dialect::Responses, &json!({"model": "m", "input": input}));
        let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
        let result = json!({"type": "function_call_output", "call_id": "c", "output": "x"});
        assert_eq!(responses(json!([call, result])), Ok(()));
        for wrong in [
            json!([call]),
            json!([result]),
            json!([result, call]),
            json!([call, result, result]),
        ] {
            assert!(responses(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
