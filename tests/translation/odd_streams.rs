//! Streams as upstreams send them that keep less to the grammar than their vendor.

use holdfast::unversioned::translate::neutral::answer::{Answer, Block};
use holdfast::unversioned::translate::{self, Stream, TranslationContext};
use holdfast::unversioned::wire::Dialect;
use holdfast::unversioned::wire::usage::Usage;
use serde_json::{Value, json};

use super::answers::{context, data_of, understood};
use super::grammar::{End, check};

/// Text, thoughts and calls of an answer.
type Native = (String, String, Vec<(String, Value)>);

fn said(answer: &Answer) -> Native {
    let (mut text, mut thoughts, mut calls) = (String::new(), String::new(), Vec::new());
    let choices = answer.choices.values();
    for block in choices.flat_map(|choice| choice.blocks.values()) {
        match block {
            Block::Text { text: more, .. } => text.push_str(more),
            Block::Reasoning { text: more, .. } => thoughts.push_str(more),
            Block::Tool {
                name, arguments, ..
            } => {
                let arguments = match arguments.as_str() {
                    "" => "{}",
                    arguments => arguments,
                };
                calls.push((name.clone(), serde_json::from_str(arguments).unwrap()));
            }
            other => panic!("{other:?}"),
        }
    }
    (text, thoughts, calls)
}

/// A stream of `upstream` as a client of `client` gets and understands it.
fn through(upstream: Dialect, client: Dialect, events: &[Value]) -> (Answer, Option<Usage>) {
    let mut stream = Stream::new(context(client, upstream), false);
    let mut out = Vec::new();
    for event in events {
        stream.read(event.to_string().as_bytes(), &mut out);
    }
    stream.read(b"[DONE]", &mut out);
    stream.end(&mut out);
    let shown = String::from_utf8_lossy(&out);
    assert_eq!(check(client, &out), Ok(End::Good), "{client:?} {shown}");
    understood(client, data_of(&out).iter().map(String::as_str))
}

/// What events of Responses say of their items.
#[derive(Clone, Copy, Debug)]
struct Telling {
    added: bool,
    done: bool,
    listed: bool,
    index: bool,
    ids: Ids,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ids {
    Stable,
    /// Others in each event, as Copilot's.
    Rotating,
    None,
}

fn tellings() -> impl Iterator<Item = Telling> {
    (0..16).flat_map(|bits| {
        [Ids::Stable, Ids::Rotating, Ids::None].map(|ids| Telling {
            added: bits & 1 != 0,
            done: bits & 2 != 0,
            listed: bits & 4 != 0,
            index: bits & 8 != 0,
            ids,
        })
    })
}

/// A thought, a text and two calls.
fn responses(telling: Telling) -> Vec<Value> {
    let items = [
        json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "hmm so"}]}),
        json!({"type": "message", "role": "assistant",
            "content": [{"type": "output_text", "text": "hello you", "annotations": []}]}),
        json!({"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{\"a\":1}"}),
        json!({"type": "function_call", "call_id": "call_2", "name": "wait", "arguments": "{}"}),
    ];
    let deltas = [
        ("response.reasoning_summary_text.delta", ["hmm", " so"]),
        ("response.output_text.delta", ["hello", " you"]),
        ("response.function_call_arguments.delta", ["{\"a\"", ":1}"]),
        ("response.function_call_arguments.delta", ["{", "}"]),
    ];
    let mut events = vec![json!({"type": "response.created", "response": {"id": "resp_1"}})];
    let mut turn = 0;
    let mut id = |at: usize| {
        turn += 1;
        match telling.ids {
            Ids::Stable => json!(format!("item_{at}")),
            Ids::Rotating => json!(format!("item_{at}_{turn}")),
            Ids::None => Value::Null,
        }
    };
    let mut output = Vec::new();
    for (at, (item, (kind, pieces))) in items.into_iter().zip(deltas).enumerate() {
        let index = |mut event: Value| {
            if telling.index {
                event["output_index"] = json!(at);
            }
            event
        };
        let named = |mut item: Value, id: Value| {
            if !id.is_null() {
                item["id"] = id;
            }
            item
        };
        if telling.added {
            let mut begun = named(item.clone(), id(at));
            for (key, empty) in [
                ("summary", json!([])),
                ("content", json!([])),
                ("arguments", json!("")),
            ] {
                if begun.get(key).is_some() {
                    begun[key] = empty;
                }
            }
            events.push(index(
                json!({"type": "response.output_item.added", "item": begun}),
            ));
        }
        for piece in pieces {
            let mut event = index(json!({"type": kind, "delta": piece}));
            let id = id(at);
            if !id.is_null() {
                event["item_id"] = id;
            }
            events.push(event);
        }
        if telling.done {
            let item = named(item.clone(), id(at));
            events.push(index(
                json!({"type": "response.output_item.done", "item": item}),
            ));
        }
        output.push(named(item, id(at)));
    }
    let output = match telling.listed {
        true => output,
        false => Vec::new(),
    };
    events.push(json!({"type": "response.completed",
        "response": {"id": "resp_1", "status": "completed", "output": output}}));
    events
}

#[test]
fn items_are_told_once_whatever_is_said_of_them() {
    let calls = vec![
        ("look".to_owned(), json!({"a": 1})),
        ("wait".to_owned(), json!({})),
    ];
    for telling in tellings() {
        // Nothing else tells what the calls are called, or which arguments are whose.
        let knows_calls = telling.done || telling.listed;
        let knows_deltas = telling.ids == Ids::Stable || telling.index;
        if !(knows_calls || telling.added && knows_deltas) {
            continue;
        }
        for client in Dialect::ALL {
            let (answer, _) = through(Dialect::Responses, client, &responses(telling));
            let (text, thoughts, got) = said(&answer);
            assert_eq!(text, "hello you", "{telling:?} {client:?}");
            assert_eq!(thoughts.trim(), "hmm so", "{telling:?} {client:?}");
            assert_eq!(got, calls, "{telling:?} {client:?}");
        }
    }
}

#[test]
fn calls_without_an_index_are_told_apart_by_what_they_say() {
    let chunk = |call: Value| json!({"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]});
    let call = |id: Option<&str>, name: Option<&str>, arguments: &str| {
        chunk(json!({"id": id, "function": {"name": name, "arguments": arguments}}))
    };
    let finish =
        json!({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]});
    let one = [("look", json!({"a": 1}))];
    let two = [("look", json!({"a": 1})), ("wait", json!({}))];
    let same = [("look", json!({"a": 1})), ("look", json!({"a": 1}))];
    let whole = "{\"a\":1}";
    for (chunks, expected) in [
        // The name comes again, with the id, without it, or where there never was one.
        (
            vec![
                call(Some("a"), Some("look"), ""),
                call(Some("a"), Some("look"), "{\"a\""),
                call(Some("a"), Some("look"), ":1}"),
            ],
            &one[..],
        ),
        (
            vec![
                call(Some("a"), Some("look"), ""),
                call(None, Some("look"), "{\"a\""),
                call(None, None, ":1}"),
            ],
            &one,
        ),
        (
            vec![
                call(None, Some("look"), ""),
                call(None, Some("look"), "{\"a\""),
                call(None, Some("look"), ":1}"),
            ],
            &one,
        ),
        (
            vec![
                call(Some("a"), Some("look"), whole),
                call(None, Some("look"), ""),
            ],
            &one,
        ),
        (
            vec![
                call(Some("a"), Some("look"), whole),
                call(Some("b"), Some("wait"), "{}"),
            ],
            &two,
        ),
        (
            vec![
                call(None, Some("look"), whole),
                call(None, Some("wait"), ""),
            ],
            &two,
        ),
        (
            vec![
                call(Some("a"), Some("look"), whole),
                call(None, Some("look"), whole),
            ],
            &same,
        ),
        (
            vec![
                call(None, Some("look"), whole),
                call(None, Some("look"), whole),
            ],
            &same,
        ),
    ] {
        let events = [chunks, vec![finish.clone()]].concat();
        for client in Dialect::ALL {
            let (answer, _) = through(Dialect::Chat, client, &events);
            let calls = said(&answer).2;
            let calls: Vec<_> = calls
                .iter()
                .map(|(name, arguments)| (name.as_str(), arguments.clone()))
                .collect();
            assert_eq!(calls, expected, "{client:?} {events:?}");
        }
    }
}

#[test]
fn two_calls_at_one_index_are_two() {
    let call = |id: &str, name: &str, arguments: &str| {
        let mut call = json!({"index": 0, "type": "function", "function": {"name": name, "arguments": arguments}});
        if !id.is_empty() {
            call["id"] = json!(id);
        }
        call
    };
    let chunk = |calls: Vec<Value>| json!({"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": calls}}]});
    let finish =
        json!({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]});
    let more = |arguments: &str| {
        chunk(vec![
            json!({"index": 0, "function": {"arguments": arguments}}),
        ])
    };
    let both = [("look", json!({})), ("wait", json!({}))];
    let with = [("look", json!({"a": 1})), ("wait", json!({"b": 2}))];
    let same = [("look", json!({"a": 1})), ("look", json!({"a": 2}))];
    let one = [("look", json!({"a": 1}))];
    for (chunks, expected) in [
        // Without arguments, one by one and in one chunk, with ids and without.
        (
            vec![
                chunk(vec![call("a", "look", "")]),
                chunk(vec![call("b", "wait", "")]),
            ],
            &both[..],
        ),
        (
            vec![chunk(vec![call("a", "look", ""), call("b", "wait", "")])],
            &both,
        ),
        (
            vec![
                chunk(vec![call("", "look", "")]),
                chunk(vec![call("", "wait", "")]),
            ],
            &both,
        ),
        (
            vec![chunk(vec![call("", "look", ""), call("", "wait", "")])],
            &both,
        ),
        // With arguments.
        (
            vec![chunk(vec![
                call("a", "look", "{\"a\":1}"),
                call("b", "wait", "{\"b\":2}"),
            ])],
            &with,
        ),
        (
            vec![
                chunk(vec![call("a", "look", "")]),
                more("{\"a\""),
                more(":1}"),
                chunk(vec![call("b", "wait", "")]),
                more("{\"b\":2}"),
            ],
            &with,
        ),
        // One tool twice.
        (
            vec![
                chunk(vec![call("a", "look", "{\"a\":1}")]),
                chunk(vec![call("b", "look", "{\"a\":2}")]),
            ],
            &same,
        ),
        (
            vec![
                chunk(vec![call("", "look", "{\"a\":1}")]),
                chunk(vec![call("", "look", "{\"a\":2}")]),
            ],
            &same,
        ),
        (
            vec![chunk(vec![
                call("a", "look", "{\"a\":1}"),
                call("a", "look", "{\"a\":2}"),
            ])],
            &same,
        ),
        // One call, whose name or id is told with each delta.
        (
            vec![
                chunk(vec![call("a", "look", "{\"a\"")]),
                chunk(vec![call("a", "look", ":1}")]),
            ],
            &one,
        ),
        (
            vec![
                chunk(vec![call("", "look", "{\"a\"")]),
                chunk(vec![call("", "look", ":1}")]),
            ],
            &one,
        ),
        (
            vec![
                chunk(vec![call("a", "look", "{\"a\"")]),
                chunk(vec![call("b", "", ":1}")]),
            ],
            &one,
        ),
    ] {
        let expected: Vec<(String, Value)> = expected
            .iter()
            .map(|(name, arguments)| ((*name).to_owned(), arguments.clone()))
            .collect();
        let mut events = chunks.clone();
        events.push(finish.clone());
        for client in Dialect::ALL {
            let (answer, _) = through(Dialect::Chat, client, &events);
            assert_eq!(said(&answer).2, expected, "{client:?} {chunks:?}");
        }
    }
}

#[test]
fn pictures_among_thoughts_are_not_the_answer() {
    let parts = json!([
        {"text": "a draft", "thought": true},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thought": true},
        {"executableCode": {"language": "PYTHON", "code": "1"}, "thought": true},
        {"text": "hello"},
    ]);
    let body = json!({"candidates": [{"index": 0, "content": {"role": "model", "parts": parts},
        "finishReason": "STOP"}], "modelVersion": "m", "responseId": "r"});
    for client in Dialect::ALL
        .into_iter()
        .filter(|client| *client != Dialect::Gemini)
    {
        let (answer, _) = through(Dialect::Gemini, client, std::slice::from_ref(&body));
        let (text, thoughts, _) = said(&answer);
        assert_eq!(text, "hello", "{client:?}");
        assert!(thoughts.starts_with("a draft"), "{client:?} {thoughts}");
        let context = context(client, Dialect::Gemini);
        let (whole, _) = translate::whole(body.to_string().as_bytes(), context).unwrap();
        let whole = String::from_utf8(whole).unwrap();
        let (answer, _) = understood(client, [whole.as_str(), "[DONE]"].into_iter());
        assert_eq!(said(&answer).0, "hello", "{client:?} {whole}");
    }
}

#[test]
fn calls_in_pieces_are_calls() {
    let part = |part: Value| json!({"candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}], "responseId": "r"});
    let call = |call: Value| part(json!({ "functionCall": call }));
    let piece = |path: &str, text: &str| {
        call(
            json!({"partialArgs": [{"jsonPath": path, "stringValue": text, "willContinue": true}],
            "willContinue": true}),
        )
    };
    let last = json!({"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": ""}]},
        "finishReason": "STOP"}], "responseId": "r"});
    let f = (
        "f".to_owned(),
        json!({"where": {"city": "New Delhi"}, "days": [3]}),
    );
    let g = ("g".to_owned(), json!({"a": 1}));
    let empty = ("f".to_owned(), json!({}));
    let begin = call(json!({"name": "f", "willContinue": true}));
    let whole = call(json!({"name": "g", "args": {"a": 1}}));
    let pieces = [
        piece("$.where.city", "New "),
        piece("$.where.city", "Delhi"),
        call(
            json!({"partialArgs": [{"jsonPath": "$.days[0]", "numberValue": 3}], "willContinue": true}),
        ),
    ];
    let with_pieces = |before: &[&Value], after: &[&Value]| -> Vec<Value> {
        let before = before.iter().copied().chain(&pieces);
        let all = before.chain(after.iter().copied()).chain([&last]);
        all.cloned().collect()
    };
    let end = call(json!({}));
    for (events, calls) in [
        (with_pieces(&[&begin], &[&end]), vec![f.clone()]),
        // Without an end, with one that comes twice, and with others around.
        (with_pieces(&[&begin], &[]), vec![f.clone()]),
        (with_pieces(&[&begin], &[&end, &end]), vec![f.clone()]),
        (
            with_pieces(&[&whole, &begin], &[&whole]),
            vec![g.clone(), f.clone(), g.clone()],
        ),
        (
            with_pieces(&[&begin, &end, &begin], &[&end]),
            vec![empty, f.clone()],
        ),
        (
            vec![end.clone(), whole.clone(), last.clone()],
            vec![g.clone()],
        ),
    ] {
        for client in Dialect::ALL {
            let (answer, _) = through(Dialect::Gemini, client, &events);
            assert_eq!(said(&answer).2, calls, "{client:?} {events:?}");
        }
    }
    // A signature may come with any piece.
    let signed = part(
        json!({"functionCall": {"name": "f", "willContinue": true}, "thoughtSignature": "c2ln"}),
    );
    for events in [
        vec![signed.clone(), end.clone(), last.clone()],
        vec![begin, signed, end, last],
    ] {
        let mut stream = Stream::new(
            TranslationContext::straight(Dialect::Gemini, "m", "s", 1),
            false,
        );
        let mut out = Vec::new();
        for event in &events {
            stream.read(event.to_string().as_bytes(), &mut out);
        }
        stream.end(&mut out);
        let shown = String::from_utf8_lossy(&out);
        assert!(shown.contains("\"thoughtSignature\":\"c2ln\""), "{shown}");
    }
}

/// An answer of each dialect that says its usage, then says it again as `last`.
fn counted(upstream: Dialect, last: Value) -> Vec<Value> {
    match upstream {
        Dialect::Chat => vec![
            json!({"id": "c", "choices": [{"index": 0, "delta": {"content": "hello"}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}}}),
            json!({"id": "c", "choices": [], "usage": {"prompt_tokens": last, "completion_tokens": last,
                "prompt_tokens_details": {"cached_tokens": last}}}),
            json!({"id": "c", "choices": [], "usage": null}),
        ],
        Dialect::Responses => vec![
            json!({"type": "response.created", "response": {"id": "r", "usage": null}}),
            json!({"type": "response.output_text.delta", "delta": "hello"}),
            json!({"type": "response.in_progress", "response": {"usage": {"input_tokens": 7, "output_tokens": 3,
                "input_tokens_details": {"cached_tokens": 2}}}}),
            json!({"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [],
                "usage": {"input_tokens": last, "output_tokens": last, "input_tokens_details": null}}}),
        ],
        Dialect::Messages => vec![
            json!({"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 5,
                "cache_read_input_tokens": 2, "output_tokens": 1}}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "hello"}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 3}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"input_tokens": last,
                "cache_read_input_tokens": last, "output_tokens": last}}),
            json!({"type": "message_stop"}),
        ],
        Dialect::Gemini => vec![
            json!({"candidates": [{"content": {"parts": [{"text": "hello"}]}}], "responseId": "r",
                "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 3, "cachedContentTokenCount": 2,
                "totalTokenCount": 10}}),
            json!({"candidates": [{"content": {"parts": []}, "finishReason": "STOP"}], "responseId": "r",
                "usageMetadata": {"promptTokenCount": last, "candidatesTokenCount": last, "totalTokenCount": last}}),
        ],
    }
}

#[test]
fn zeros_at_the_end_are_no_usage() {
    for upstream in Dialect::ALL {
        for last in [json!(0), Value::Null] {
            for client in Dialect::ALL {
                let (answer, usage) = through(upstream, client, &counted(upstream, last.clone()));
                assert_eq!(said(&answer).0, "hello");
                let usage = usage.unwrap_or_else(|| panic!("{upstream:?} {client:?}"));
                assert_eq!(
                    (usage.input, usage.output, usage.cached_read),
                    (7, 3, 2),
                    "{upstream:?} {client:?} {last}"
                );
            }
        }
    }
}
