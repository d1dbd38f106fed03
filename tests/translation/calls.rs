//! Calls and their results, whatever their ids, in requests and in answers.

use std::collections::HashMap;

use holdfast::unversioned::translate::neutral::{Part, Request, Role, ToolCall, ToolResult, Turn};
use holdfast::unversioned::translate::{self, Stream};
use holdfast::unversioned::wire::Dialect;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixtures::translated;
use super::grammar::requests::check;
use super::grammar::{self};
use super::round_trips::write;

/// What a turn of the tests consists of; results say the name of the tool or do not.
#[derive(Clone, Debug)]
enum Piece {
    Call { id: String, name: String },
    Result { id: String, name: Option<String> },
    Words,
}

/// Calls by the order in which they come, with what answers each; and the results that answer none. From the words of
/// the issue, one result after the other.
fn expected(turns: &[(Role, Vec<Piece>)]) -> (Vec<(usize, String)>, Vec<String>) {
    struct Call<'t> {
        id: &'t str,
        name: &'t str,
        step: usize,
        turn: usize,
        answer: Option<usize>,
    }
    let (mut calls, mut strays) = (Vec::<Call>::new(), Vec::new());
    let mut done = HashMap::new();
    let (mut step, mut results) = (0, 0);
    for (at, (role, pieces)) in turns.iter().enumerate() {
        step += usize::from(*role != Role::Assistant);
        for piece in pieces {
            match piece {
                Piece::Words => {}
                Piece::Call { id, name } => calls.push(Call {
                    id,
                    name,
                    step,
                    turn: at,
                    answer: None,
                }),
                Piece::Result { id, name } => {
                    let nearest = |fits: &dyn Fn(&Call) -> bool| {
                        let open = calls.iter().enumerate();
                        let open = open.filter(|(_, call)| call.answer.is_none() && fits(call));
                        open.max_by_key(|(index, call)| (call.step, usize::MAX - index))
                            .map(|(index, _)| index)
                    };
                    let found = match id.is_empty() {
                        false => nearest(&|call| call.id == id)
                            .or_else(|| done.get(id).copied())
                            .or_else(|| nearest(&|call| call.id.is_empty())),
                        true => name
                            .as_ref()
                            .and_then(|name| nearest(&|call| call.name == name))
                            .or_else(|| nearest(&|_| true)),
                    };
                    match found {
                        Some(index) => {
                            calls[index].answer = Some(results);
                            done.insert(id, index);
                        }
                        None => strays.push(format!("r{results}.")),
                    }
                    results += 1;
                }
            }
        }
    }
    let last = turns.len() - 1;
    let calls = calls.iter().enumerate().filter_map(|(index, call)| {
        let answer = match call.answer {
            Some(result) => format!("r{result}."),
            // Nobody has run them yet.
            None if call.turn == last => return None,
            None => "No result.".to_owned(),
        };
        Some((index, answer))
    });
    (calls.collect(), strays)
}

fn request(turns: &[(Role, Vec<Piece>)]) -> Request<'static> {
    let (mut calls, mut results) = (0, 0);
    let mut part = |piece: &Piece| match piece {
        Piece::Words => Part::text("word"),
        Piece::Call { id, name } => {
            calls += 1;
            Part::ToolCall(ToolCall {
                id: id.clone(),
                name: name.clone(),
                arguments: json!({"n": calls - 1}).to_string(),
                ..ToolCall::default()
            })
        }
        Piece::Result { id, name } => {
            results += 1;
            Part::ToolResult(ToolResult {
                call_id: id.clone(),
                name: name.clone(),
                parts: vec![Part::text(format!("r{}.", results - 1))],
                ..ToolResult::default()
            })
        }
    };
    let turns = turns.iter().map(|(role, pieces)| {
        let parts: Vec<Part> = pieces.iter().map(&mut part).collect();
        Turn::new(*role, parts)
    });
    Request {
        turns: turns.collect(),
        ..Request::default()
    }
}

/// The calls of a body and what answers them, by their ids.
fn sent(dialect: Dialect, body: &Value) -> Vec<(usize, String)> {
    let number = |arguments: &Value| {
        let arguments = match arguments {
            Value::String(text) => serde_json::from_str(text).unwrap(),
            other => other.clone(),
        };
        arguments["n"].as_u64().unwrap() as usize
    };
    let (mut calls, mut results) = (Vec::new(), Vec::new());
    let all = |key: &str| body[key].as_array().unwrap().iter();
    match dialect {
        Dialect::Chat => {
            for message in all("messages") {
                for call in message["tool_calls"].as_array().into_iter().flatten() {
                    calls.push((call["id"].clone(), number(&call["function"]["arguments"])));
                }
                if message["role"] == "tool" {
                    results.push((&message["tool_call_id"], &message["content"]));
                }
            }
        }
        Dialect::Responses => {
            for item in all("input") {
                match item["type"].as_str() {
                    Some("function_call") => {
                        calls.push((item["call_id"].clone(), number(&item["arguments"])));
                    }
                    Some("function_call_output") => {
                        results.push((&item["call_id"], &item["output"]));
                    }
                    _ => {}
                }
            }
        }
        Dialect::Messages => {
            let blocks = all("messages").flat_map(|message| message["content"].as_array().unwrap());
            for block in blocks {
                match block["type"].as_str() {
                    Some("tool_use") => calls.push((block["id"].clone(), number(&block["input"]))),
                    Some("tool_result") => {
                        results.push((&block["tool_use_id"], &block["content"][0]["text"]));
                    }
                    _ => {}
                }
            }
        }
        Dialect::Gemini => {
            let parts = all("contents").flat_map(|content| content["parts"].as_array().unwrap());
            for part in parts {
                let (call, result) = (&part["functionCall"], &part["functionResponse"]);
                if call.is_object() {
                    calls.push((call["id"].clone(), number(&call["args"])));
                }
                if result.is_object() {
                    let response = &result["response"];
                    let text = response.get("result").or(response.get("error")).unwrap();
                    results.push((&result["id"], text));
                }
            }
        }
    }
    let answer = |id: &Value| {
        let mut found = results.iter().filter(|(of, _)| *of == id);
        let (found, more) = (found.next(), found.next());
        assert!(more.is_none(), "two results for {id} in {body}");
        let text = found.unwrap_or_else(|| panic!("none for {id} in {body}")).1;
        text.as_str()
            .unwrap()
            .trim_start_matches("Error: ")
            .to_owned()
    };
    calls
        .iter()
        .map(|(id, number)| (*number, answer(id)))
        .collect()
}

fn conversations() -> impl Strategy<Value = Vec<(Role, Vec<Piece>)>> {
    let long = "x".repeat(66);
    let id = move || {
        let ids = vec![
            "",
            "a",
            "b",
            "a:0",
            "a.0",
            "a_0",
            "a_2",
            "é",
            &long[..41],
            &long[..64],
            &long,
        ];
        let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
        prop::sample::select(ids)
    };
    let name = || prop::sample::select(vec!["f".to_owned(), "g".to_owned()]);
    let call = (id(), name()).prop_map(|(id, name)| Piece::Call { id, name });
    let result = (id(), prop::option::of(name())).prop_map(|(id, name)| Piece::Result { id, name });
    let model = prop_oneof![4 => call, 1 => Just(Piece::Words)];
    let user = prop_oneof![4 => result, 1 => Just(Piece::Words)];
    let turn = prop_oneof![
        5 => prop::collection::vec(model, 1..4).prop_map(|pieces| (Role::Assistant, pieces)),
        5 => prop::collection::vec(user, 1..5).prop_map(|pieces| (Role::User, pieces)),
        1 => Just((Role::System, vec![Piece::Words])),
    ];
    prop::collection::vec(turn, 1..9).prop_map(|mut turns| {
        turns.insert(0, (Role::User, vec![Piece::Words]));
        turns
    })
}

/// Turns of the assistant behind one with calls belong to it.
fn join_call_turns(turns: &[(Role, Vec<Piece>)]) -> Vec<(Role, Vec<Piece>)> {
    let is_call = |piece: &Piece| matches!(piece, Piece::Call { .. });
    let joins = |one: &(Role, Vec<Piece>), next: &(Role, Vec<Piece>)| {
        let of_assistant = one.0 == Role::Assistant && next.0 == Role::Assistant;
        of_assistant && one.1.iter().any(is_call)
    };
    let mut together: Vec<(Role, Vec<Piece>)> = Vec::new();
    for turn in turns {
        match together.last_mut() {
            Some(before) if joins(before, turn) => before.1.extend(turn.1.iter().cloned()),
            _ => together.push(turn.clone()),
        }
    }
    together
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_ids_are_legal_and_pair_the_same_calls(turns in conversations()) {
        let (calls, strays) = expected(&join_call_turns(&turns));
        for dialect in Dialect::ALL {
            let body = write(dialect, request(&turns));
            let body: Value = serde_json::from_slice(&body).unwrap();
            prop_assert_eq!(check(dialect, &body), Ok(()), "{} {}", dialect.name(), &body);
            prop_assert_eq!(&sent(dialect, &body), &calls, "{} {}", dialect.name(), &body);
            for stray in &strays {
                prop_assert!(body.to_string().contains(stray), "{} {}", stray, &body);
            }
        }
    }
}

/// A call of an answer: its id, name and arguments.
pub type Called = (String, String, String);

/// A whole answer of an upstream with these calls.
pub fn answer(upstream: Dialect, calls: &[(&str, &str, &str)]) -> Value {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    match upstream {
        Dialect::Chat => {
            let calls: Vec<Value> = calls
                .iter()
                .map(|(id, name, arguments)| {
                    json!({"id": id, "type": "function",
                    "function": {"name": name, "arguments": arguments}})
                })
                .collect();
            json!({"id": "c", "choices": [{"index": 0, "finish_reason": "tool_calls",
                "message": {"role": "assistant", "content": null, "tool_calls": calls}}]})
        }
        Dialect::Responses => {
            let items: Vec<Value> = calls
                .iter()
                .enumerate()
                .map(|(at, (id, name, arguments))| {
                    json!({"id": format!("fc_{at}"), "type": "function_call",
                    "call_id": id, "name": name, "arguments": arguments})
                })
                .collect();
            json!({"id": "resp_1", "status": "completed", "output": items})
        }
        Dialect::Messages => {
            let blocks: Vec<Value> = calls
                .iter()
                .map(|(id, name, arguments)| {
                    json!({"type": "tool_use", "id": id, "name": name,
                    "input": parsed(arguments)})
                })
                .collect();
            json!({"type": "message", "id": "msg_1", "content": blocks, "stop_reason": "tool_use"})
        }
        Dialect::Gemini => {
            let parts: Vec<Value> = calls
                .iter()
                .map(|(id, name, arguments)| {
                    json!({"functionCall": {"id": id, "name": name,
                    "args": parsed(arguments)}})
                })
                .collect();
            json!({"candidates": [{"index": 0, "content": {"parts": parts}, "finishReason": "STOP"}]})
        }
    }
}

/// The calls as a client gets them of a whole answer, checked to be the same as those of a stream.
pub fn shown(
    context: &translate::TranslationContext,
    client: Dialect,
    answer: &Value,
) -> Vec<Called> {
    let (calls, stream) = unchecked(context, client, answer);
    let text = String::from_utf8_lossy(&stream);
    assert_eq!(
        grammar::check(client, &stream),
        Ok(grammar::End::Good),
        "{text}"
    );
    calls
}

/// As [`shown`], of calls that the vendor's own models would not make. Returns the stream too.
pub fn unchecked(
    context: &translate::TranslationContext,
    client: Dialect,
    answer: &Value,
) -> (Vec<Called>, Vec<u8>) {
    let answer = answer.to_string();
    let (whole, _) = translate::whole(answer.as_bytes(), context.clone()).unwrap();
    let whole = in_whole(client, &serde_json::from_slice(&whole).unwrap());
    let mut stream = Stream::new(context.clone(), false);
    let mut out = Vec::new();
    stream.read(answer.as_bytes(), &mut out);
    stream.end(&mut out);
    let text = String::from_utf8_lossy(&out);
    let streamed = in_stream(client, &out);
    assert_eq!(known(&streamed), known(&whole), "{text}");
    (whole, out)
}

/// The calls, whatever ids were made for them: not the same every time.
fn known(calls: &[Called]) -> Vec<Called> {
    let is_made = |id: &str| id.starts_with("call_") && id.len() == "call_".len() + 24;
    let calls = calls.iter().cloned();
    calls
        .map(|(id, name, arguments)| match is_made(&id) {
            true => ("made".to_owned(), name, arguments),
            false => (id, name, arguments),
        })
        .collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn in_whole(client: Dialect, answer: &Value) -> Vec<Called> {
    let list = match client {
        Dialect::Chat => &answer["choices"][0]["message"]["tool_calls"],
        Dialect::Responses => &answer["output"],
        Dialect::Messages => &answer["content"],
        Dialect::Gemini => &answer["candidates"][0]["content"]["parts"],
    };
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|item| match client {
        Dialect::Chat => {
            let kind = item["type"].as_str()?;
            let (of, argument) = (
                &item[kind],
                if kind == "custom" {
                    "input"
                } else {
                    "arguments"
                },
            );
            Some((text(&item["id"]), text(&of["name"]), text(&of[argument])))
        }
        Dialect::Responses => {
            let argument = item.get("arguments").or(item.get("input"))?;
            Some((text(&item["call_id"]), text(&item["name"]), text(argument)))
        }
        Dialect::Messages => (item["type"] == "tool_use").then(|| {
            assert!(item["input"].is_object(), "{item}");
            (text(&item["id"]), text(&item["name"]), text(&item["input"]))
        }),
        Dialect::Gemini => {
            let call = item.get("functionCall")?;
            assert!(call["args"].is_object(), "{item}");
            Some((text(&call["id"]), text(&call["name"]), text(&call["args"])))
        }
    })
    .collect()
}

fn in_stream(client: Dialect, stream: &[u8]) -> Vec<Called> {
    let frames = grammar::frames(stream).unwrap().into_iter();
    let data: Vec<Value> = frames.filter_map(|frame| frame.json().ok()).collect();
    let mut calls = Vec::<Called>::new();
    match client {
        Dialect::Responses => {
            let last = data
                .iter()
                .find(|event| event["type"] == "response.completed");
            return in_whole(client, &last.unwrap()["response"]);
        }
        Dialect::Gemini => {
            return data
                .iter()
                .flat_map(|chunk| in_whole(client, chunk))
                .collect();
        }
        Dialect::Chat => {
            for chunk in &data {
                let deltas = &chunk["choices"][0]["delta"]["tool_calls"];
                for delta in deltas.as_array().into_iter().flatten() {
                    let of = delta.get("function").or(delta.get("custom")).unwrap();
                    if delta["id"].is_string() {
                        calls.push((text(&delta["id"]), text(&of["name"]), String::new()));
                    }
                    let more = of.get("arguments").or(of.get("input")).unwrap();
                    let at = delta["index"].as_u64().unwrap() as usize;
                    calls[at].2.push_str(more.as_str().unwrap());
                }
            }
        }
        Dialect::Messages => {
            for event in &data {
                let (block, delta) = (&event["content_block"], &event["delta"]);
                if block["type"] == "tool_use" {
                    calls.push((text(&block["id"]), text(&block["name"]), String::new()));
                }
                if delta["type"] == "input_json_delta" {
                    calls
                        .last_mut()
                        .unwrap()
                        .2
                        .push_str(delta["partial_json"].as_str().unwrap());
                }
            }
            for (_, _, arguments) in &mut calls {
                let whole = if arguments.is_empty() {
                    "{}"
                } else {
                    &**arguments
                };
                *arguments = serde_json::from_str::<Value>(whole).unwrap().to_string();
            }
        }
    }
    calls
}

/// A conversation of a client in which `f` was called by this id.
pub fn after_call(client: Dialect, id: &str, arguments: &str) -> Value {
    match client {
        Dialect::Chat => json!({"messages": [{"role": "user", "content": "q"},
            {"role": "assistant", "content": null, "tool_calls": [{"id": id, "type": "function",
                "function": {"name": "f", "arguments": arguments}}]},
            {"role": "tool", "tool_call_id": id, "content": "x"}]}),
        Dialect::Responses => json!({"input": [{"role": "user", "content": "q"},
            {"type": "function_call", "call_id": id, "name": "f", "arguments": arguments},
            {"type": "function_call_output", "call_id": id, "output": "x"}]}),
        Dialect::Messages => json!({"max_tokens": 9, "messages": [{"role": "user", "content": "q"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "x"}]}]}),
        Dialect::Gemini => json!({"contents": [{"role": "user", "parts": [{"text": "q"}]},
            {"role": "model", "parts": [{"functionCall": {"id": id, "name": "f", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"id": id, "name": "f", "response": {"result": "x"}}}]}]}),
    }
}

#[test]
fn a_client_is_shown_no_id_twice() {
    let long = "y".repeat(80);
    for client in Dialect::ALL {
        for upstream in Dialect::ALL {
            if client == upstream {
                continue;
            }
            let what = format!("{} at {}", client.name(), upstream.name());
            let body = after_call(client, "call_0", "{}").to_string();
            let context = translated(client, upstream, body.as_bytes())
                .unwrap()
                .context;
            let calls = ["call_0", "new", "new", "", "a:0", "a.0", long.as_str()];
            let calls = calls.map(|id| (id, "f", "{}"));
            let shown = shown(&context, client, &answer(upstream, &calls));
            let ids: Vec<&str> = shown.iter().map(|(id, ..)| id.as_str()).collect();
            assert_eq!(ids.len(), 7, "{what}");
            assert!(
                !ids.contains(&"call_0") && ids[1] == "new",
                "{what}: {ids:?}"
            );
            let longest = match client {
                Dialect::Chat => 40,
                Dialect::Responses | Dialect::Messages => 64,
                Dialect::Gemini => 80,
            };
            for (at, id) in ids.iter().enumerate() {
                assert!((1..=longest).contains(&id.len()), "{what}: {ids:?}");
                assert!(!ids[..at].contains(id), "{what}: {ids:?}");
                let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
                assert!(
                    client != Dialect::Messages || id.chars().all(is_legal),
                    "{what}: {ids:?}"
                );
            }
        }
    }
}
