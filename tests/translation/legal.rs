//! What a vendor refuses, although other vendors take it, does not reach it: each kind, from every client.

use holdfast::unversioned::translate::neutral::{
    Cache, Family, Part, Request, Role, Signature, Text, ToolCall, ToolResult, Turn, Untranslatable,
};
use holdfast::unversioned::translate::{self, Form, Stream, Translated, TranslationInput};
use holdfast::unversioned::wire::Dialect;
use serde_json::{Value, json};

use super::round_trips::write;

/// A client's body for `model` of an upstream.
fn to_model(
    client: Dialect,
    upstream: Dialect,
    model: &str,
    body: &[u8],
) -> Result<Translated, Untranslatable> {
    translate::request(&TranslationInput {
        client,
        form: Form::Usual,
        upstream,
        body,
        model: "the-clients-model",
        upstream_model: model,
        stream: false,
        suffix: None,
        support: None,
        seed: "seed",
        now: 1_700_000_000,
    })
}

fn sent(client: Dialect, upstream: Dialect, model: &str, body: &[u8]) -> Value {
    let translated = to_model(client, upstream, model, body).unwrap();
    serde_json::from_slice(&translated.body).unwrap()
}

fn others(upstream: Dialect) -> impl Iterator<Item = Dialect> {
    let all = Dialect::ALL.into_iter();
    all.filter(move |client| *client != upstream)
}

fn turn(role: Role, text: &str) -> Turn<'static> {
    Turn::new(role, Part::text(text))
}

fn conversation(turns: Vec<Turn<'static>>) -> Request<'static> {
    Request {
        turns,
        ..Request::default()
    }
}

/// The marks of a body for Messages in the order of the vendor, `true` for an hour.
fn marks(body: &Value) -> Vec<bool> {
    fn walk(value: &Value, found: &mut Vec<bool>) {
        match value {
            Value::Array(list) => list.iter().for_each(|value| walk(value, found)),
            Value::Object(members) => {
                // Inside a result before the result.
                walk(&value["content"], found);
                if let Some(mark) = members.get("cache_control") {
                    found.push(mark["ttl"] == "1h");
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for part in ["tools", "system", "messages"] {
        walk(&body[part], &mut found);
    }
    found
}

#[test]
fn four_marks_in_a_legal_order() {
    let mark = |ttl: &str| json!({"type": "ephemeral", "ttl": ttl});
    let text =
        |text: &str, ttl: &str| json!({"type": "text", "text": text, "cache_control": mark(ttl)});
    let call = |id: &str| {
        json!({"role": "assistant", "tool_calls": [{"id": id, "type": "function",
            "function": {"name": "f", "arguments": "{}"}}]})
    };
    let result = |id: &str, ttl: &str| {
        json!({"role": "tool", "tool_call_id": id,
            "content": [text("r", ttl), text(&"r".repeat(5000), ttl)]})
    };
    let tool = json!({"type": "function", "cache_control": mark("5m"),
        "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}});
    let chat = json!({"model": "m", "tools": [tool], "messages": [
        {"role": "system", "content": [text("s", "5m"), text("t", "5m")]},
        {"role": "user", "content": [text("u", "5m")]},
        call("a"), result("a", "1h"), call("b"), result("b", "5m"),
        {"role": "user", "content": [text("last", "5m")]}]});
    let part = |words: &str, ttl: &str| json!({"type": "input_text", "text": words, "prompt_cache_breakpoint": {"ttl": ttl}});
    let item = |id: &str, ttl: &str| {
        [
            json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"}),
            json!({"type": "function_call_output", "call_id": id,
                "output": [part("r", ttl), part(&"r".repeat(5000), ttl)]}),
        ]
    };
    let said = |words: &str, ttl: &str| json!({"role": "user", "content": [part(words, ttl)]});
    let mut input = vec![said("u", "5m"), said("v", "5m")];
    input.extend(item("a", "1h"));
    input.extend(item("b", "5m"));
    input.push(said("last", "5m"));
    let responses = json!({"model": "m", "input": input});
    for (client, body) in [(Dialect::Chat, chat), (Dialect::Responses, responses)] {
        let body = sent(
            client,
            Dialect::Messages,
            "claude-x",
            body.to_string().as_bytes(),
        );
        let marks = marks(&body);
        assert_eq!(marks.len(), 4, "{body}");
        assert!(
            marks.is_sorted_by(|before, behind| before >= behind),
            "{marks:?}"
        );
        let messages = body["messages"].as_array().unwrap();
        let last = messages.last().unwrap()["content"]
            .as_array()
            .unwrap()
            .last()
            .unwrap();
        assert_eq!(last["text"], "last");
        assert!(
            last["cache_control"].is_object(),
            "the last mark is gone: {body}"
        );
    }
}

#[test]
fn the_user_begins() {
    let turns = || {
        vec![
            turn(Role::Assistant, "hello"),
            turn(Role::User, "hi"),
            turn(Role::Assistant, "well?"),
            turn(Role::User, "go"),
        ]
    };
    let blank_first = || {
        let mut turns = turns();
        turns.insert(0, turn(Role::User, " "));
        turns
    };
    for upstream in [Dialect::Messages, Dialect::Gemini] {
        let list = if upstream == Dialect::Messages {
            "messages"
        } else {
            "contents"
        };
        for client in others(upstream) {
            for turns in [turns(), blank_first()] {
                let body = write(client, conversation(turns));
                let body = sent(client, upstream, "claude-x", &body);
                let first = &body[list][0];
                assert_eq!(first["role"], "user", "{} {body}", client.name());
                let words = first.to_string();
                assert!(!words.contains("\"text\":\"\""), "{body}");
                assert!(body.to_string().contains("hello"), "{body}");
            }
        }
    }
}

#[test]
fn the_user_ends_what_ends_in_white_space() {
    for client in others(Dialect::Messages) {
        let turns = vec![
            turn(Role::User, "a"),
            turn(Role::Assistant, "b"),
            turn(Role::User, " "),
        ];
        let body = write(client, conversation(turns));
        let body = sent(client, Dialect::Messages, "claude-x", &body);
        let last = body["messages"].as_array().unwrap().last().unwrap();
        assert_eq!(last["role"], "user", "{} {body}", client.name());
    }
}

#[test]
fn a_prefill_goes_where_it_is_taken() {
    let turns = || vec![turn(Role::User, "a"), turn(Role::Assistant, "{\"b\": \n")];
    for (upstream, model, is_fixed) in [
        (Dialect::Messages, "claude-sonnet-4-5", true),
        (Dialect::Messages, "claude-opus-4-6", false),
        (Dialect::Messages, "claude-sonnet-4-6-20260101", false),
        (Dialect::Messages, "claude-opus-9", false),
        (Dialect::Messages, "somebodys-model", true),
        (Dialect::Chat, "claude-opus-4-6", false),
        (Dialect::Chat, "gpt-5", true),
        (Dialect::Responses, "gpt-5", true),
        (Dialect::Gemini, "gemini-2.5-pro", false),
    ] {
        for client in others(upstream) {
            let body = write(client, conversation(turns()));
            let translated = to_model(client, upstream, model, &body).unwrap();
            let what = format!("{} to {model}", client.name());
            let is_dropped = translated.dropped == ["prefill"];
            assert_eq!(is_dropped, !is_fixed, "{what}: {:?}", translated.dropped);
            let text = String::from_utf8(translated.body).unwrap();
            assert_eq!(text.contains("{\\\"b\\\":"), is_fixed, "{what}: {text}");
            if upstream == Dialect::Messages {
                assert!(!text.contains("\\n\"}"), "{what}: {text}");
            }
        }
    }
}

#[test]
fn nothing_but_the_assistants_words() {
    for upstream in Dialect::ALL {
        // The writers of the other two have the user begin.
        let is_openai = |client: &Dialect| matches!(client, Dialect::Chat | Dialect::Responses);
        for client in others(upstream).filter(is_openai) {
            let body = write(client, conversation(vec![turn(Role::Assistant, "once")]));
            let body = sent(client, upstream, "claude-opus-4-6", &body).to_string();
            assert!(body.contains("once"), "{} {body}", client.name());
        }
    }
}

/// An answer of an upstream that says these words in pieces.
fn answer(upstream: Dialect, pieces: &[&str]) -> Vec<Value> {
    let mut events = Vec::new();
    match upstream {
        Dialect::Chat => {
            for piece in pieces {
                events.push(
                    json!({"id": "c", "choices": [{"index": 0, "delta": {"content": piece}}]}),
                );
            }
            events.push(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}));
        }
        Dialect::Gemini => {
            for piece in pieces {
                events.push(json!({"candidates": [{"index": 0,
                    "content": {"role": "model", "parts": [{"text": piece}]}}]}));
            }
            events.push(json!({"candidates": [{"index": 0, "finishReason": "STOP",
                "content": {"role": "model", "parts": [{"text": ""}]}}]}));
        }
        Dialect::Messages => {
            events.push(json!({"type": "message_start", "message": {"id": "m", "usage": {}}}));
            events.push(json!({"type": "content_block_start", "index": 0,
                "content_block": {"type": "text", "text": ""}}));
            for piece in pieces {
                events.push(json!({"type": "content_block_delta", "index": 0,
                    "delta": {"type": "text_delta", "text": piece}}));
            }
            events.push(json!({"type": "content_block_stop", "index": 0}));
            events.push(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}));
            events.push(json!({"type": "message_stop"}));
        }
        Dialect::Responses => {
            events.push(json!({"type": "response.created", "response": {"id": "r"}}));
            events.push(
                json!({"type": "response.output_item.added", "output_index": 0,
                "item": {"type": "message", "id": "i", "role": "assistant", "content": []}}),
            );
            for piece in pieces {
                events.push(json!({"type": "response.output_text.delta", "item_id": "i",
                    "output_index": 0, "content_index": 0, "delta": piece}));
            }
            events.push(json!({"type": "response.completed", "response": {"id": "r",
                "status": "completed", "output": []}}));
        }
    }
    events
}

#[test]
fn an_answer_is_joined_to_what_the_client_has() {
    for (upstream, model, joins) in [
        (Dialect::Chat, "gpt-5", true),
        (Dialect::Responses, "gpt-5", true),
        (Dialect::Gemini, "gemini-2.5-pro", true),
        (Dialect::Messages, "claude-opus-4-6", true),
        (Dialect::Messages, "claude-sonnet-4-5", false),
    ] {
        for client in others(upstream) {
            let turns = vec![turn(Role::User, "a"), turn(Role::Assistant, "{\"b\"")];
            let body = write(client, conversation(turns));
            let translated = to_model(client, upstream, model, &body).unwrap();
            for pieces in [["\n{\"b", "\": 7}"], ["no", "thing"]] {
                let mut out = Vec::new();
                let mut stream = Stream::new(translated.context.clone(), false);
                for event in answer(upstream, &pieces) {
                    stream.read(event.to_string().as_bytes(), &mut out);
                }
                stream.end(&mut out);
                let out = String::from_utf8(out).unwrap();
                let what = format!("{} at {model}: {out}", client.name());
                let is_told = out.contains("{\\\"b");
                assert_eq!(is_told, pieces[0].contains("{\"b") && !joins, "{what}");
                let rest = if pieces[0].contains('{') {
                    ": 7}"
                } else {
                    "thing"
                };
                assert!(out.contains(rest), "{what}");
            }
        }
    }
}

#[test]
fn numbers_and_words_are_read_however_they_are_written() {
    let gemini = json!({"contents": [{"role": "USER", "parts": [{"inlineData": {"mimeType": "IMAGE/JPG", "data": "aGVsbG8="}}]}],
        "generationConfig": {"topK": 40.0, "maxOutputTokens": 100.0, "seed": 5.0, "candidateCount": 1.0,
            "thinkingConfig": {"thinkingBudget": 2048.0}},
        "tools": [{"functionDeclarations": [{"name": "f",
            "parameters": {"type": 6, "properties": {"a": {"type": 1}}}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "any"}}});
    let chat = json!({"model": "m", "max_tokens": 100.0, "top_k": 40.0, "seed": 5.0, "n": 1.0,
        "reasoning_effort": "HIGH", "tool_choice": "REQUIRED",
        "tools": [{"type": "Function", "function": {"name": "f",
            "parameters": {"type": "OBJECT", "properties": {"a": {"type": "String"}}}}}],
        "messages": [{"role": "User", "content": [{"type": "Image_URL",
            "image_url": {"url": "data:image/jpg;base64,aGVsbG8="}}]}]});
    let responses = json!({"model": "m", "max_output_tokens": 100.0, "tool_choice": "Required",
        "tools": [{"type": "FUNCTION", "name": "f",
            "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}],
        "input": [{"role": "USER", "content": [{"type": "INPUT_IMAGE",
            "image_url": "data:IMAGE/JPEG;base64,aGVsbG8="}]}]});
    let messages = json!({"model": "m", "max_tokens": 100.0, "top_k": 40.0,
        "tool_choice": {"type": "ANY"},
        "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}}}],
        "messages": [{"role": "USER", "content": [{"type": "Image", "source": {"type": "Base64",
            "media_type": "image/jpg", "data": "aGVsbG8="}}]}]});
    for (client, body) in [
        (Dialect::Gemini, gemini),
        (Dialect::Chat, chat),
        (Dialect::Responses, responses),
        (Dialect::Messages, messages),
    ] {
        let body = body.to_string();
        let in_texts = [("100.0", "\"100\""), ("40.0", "\"40\""), (":1.0", ":\"1\"")];
        let in_texts = in_texts.iter().fold(body.clone(), |body, (number, text)| {
            body.replace(number, text)
        });
        let bodies = [&body, &in_texts];
        for (upstream, body) in
            others(client).flat_map(|upstream| bodies.map(|body| (upstream, body)))
        {
            let body = sent(client, upstream, "some-model", body.as_bytes());
            let what = format!("{} to {}: {body}", client.name(), upstream.name());
            let text = body.to_string();
            assert!(text.contains("image/jpeg"), "{what}");
            assert!(!text.to_ascii_lowercase().contains("image/jpg"), "{what}");
            let (most, top_k, choice) = match upstream {
                Dialect::Chat => ("/max_tokens", "/top_k", "/tool_choice"),
                Dialect::Responses => ("/max_output_tokens", "", "/tool_choice"),
                Dialect::Messages => ("/max_tokens", "/top_k", "/tool_choice/type"),
                Dialect::Gemini => (
                    "/generationConfig/maxOutputTokens",
                    "/generationConfig/topK",
                    "/toolConfig/functionCallingConfig/mode",
                ),
            };
            assert_eq!(body.pointer(most), Some(&json!(100)), "{what}");
            if !top_k.is_empty() && client != Dialect::Responses {
                // Beside thoughts that vendor takes none.
                let thinks = body["thinking"].is_object();
                assert!(thinks || body.pointer(top_k) == Some(&json!(40)), "{what}");
            }
            let forced = match upstream {
                Dialect::Chat | Dialect::Responses => "required",
                Dialect::Messages => "any",
                Dialect::Gemini => "ANY",
            };
            assert_eq!(body.pointer(choice), Some(&json!(forced)), "{what}");
            assert!(
                text.contains("\"object\"") && text.contains("\"string\""),
                "{what}"
            );
        }
    }
}

#[test]
fn blank_stops_and_long_names_do_not_reach_who_refuses_them() {
    let request = || Request {
        stop: vec!["\n".to_owned(), "END".to_owned()],
        user_id: Some("u".repeat(300)),
        ..conversation(vec![turn(Role::User, "a")])
    };
    for client in [Dialect::Chat, Dialect::Gemini] {
        let mut body: Value = serde_json::from_slice(&write(client, request())).unwrap();
        if client == Dialect::Chat {
            body["user"] = json!("u".repeat(300));
        }
        let translated =
            to_model(client, Dialect::Messages, "m", body.to_string().as_bytes()).unwrap();
        assert_eq!(translated.dropped, ["stop"]);
        let body: Value = serde_json::from_slice(&translated.body).unwrap();
        assert_eq!(body["stop_sequences"], json!(["END"]));
    }
    let long = json!({"model": "m", "max_tokens": 9, "metadata": {"user_id": "u".repeat(100)},
        "messages": [{"role": "user", "content": "a"}]});
    for upstream in [Dialect::Chat, Dialect::Responses] {
        let body = sent(
            Dialect::Messages,
            upstream,
            "m",
            long.to_string().as_bytes(),
        );
        assert_eq!(body["user"].as_str().unwrap().len(), 64, "{body}");
    }
    let responses = json!({"model": "m", "prompt_cache_key": "k".repeat(65), "user": "u".repeat(65),
        "input": "a", "max_output_tokens": 1});
    let body = sent(
        Dialect::Responses,
        Dialect::Chat,
        "m",
        responses.to_string().as_bytes(),
    );
    assert_eq!(body["prompt_cache_key"].as_str().unwrap().len(), 64);
    let chat = json!({"model": "m", "user": "somebody@example.com", "max_tokens": 1,
        "messages": [{"role": "user", "content": "a"}]});
    let body = sent(
        Dialect::Chat,
        Dialect::Messages,
        "m",
        chat.to_string().as_bytes(),
    );
    assert_eq!(body["metadata"]["user_id"].as_str().unwrap().len(), 64);
    let body = sent(
        Dialect::Chat,
        Dialect::Responses,
        "m",
        chat.to_string().as_bytes(),
    );
    assert_eq!(body["max_output_tokens"], 16);
}

#[test]
fn models_that_think_are_told_in_their_own_word() {
    let request = || {
        let mut request = conversation(vec![turn(Role::User, "a")]);
        request.sampling.max_tokens = Some(500);
        request
    };
    for client in others(Dialect::Chat) {
        for (model, field, other) in [
            ("gpt-5.2", "max_completion_tokens", "max_tokens"),
            ("openai/o3-mini", "max_completion_tokens", "max_tokens"),
            ("gpt-4o", "max_tokens", "max_completion_tokens"),
            ("kimi-k2", "max_tokens", "max_completion_tokens"),
        ] {
            let body = sent(client, Dialect::Chat, model, &write(client, request()));
            assert_eq!(body[field], 500, "{model} {body}");
            assert!(body.get(other).is_none(), "{model} {body}");
        }
    }
}

#[test]
fn several_answers_are_refused_by_name() {
    let chat = json!({"model": "m", "n": 2, "messages": [{"role": "user", "content": "a"}]});
    let gemini = json!({"contents": [{"parts": [{"text": "a"}]}], "generationConfig": {"candidateCount": 3}});
    for (client, body, place) in [
        (Dialect::Chat, chat, "n"),
        (Dialect::Gemini, gemini, "generationConfig.candidateCount"),
    ] {
        for upstream in others(client) {
            let translated = to_model(client, upstream, "m", body.to_string().as_bytes());
            match upstream {
                Dialect::Messages | Dialect::Responses => {
                    let refusal = translated.unwrap_err();
                    assert_eq!(refusal.path, place);
                    assert!(refusal.to_string().contains(place), "{refusal}");
                }
                Dialect::Chat | Dialect::Gemini => assert!(translated.is_ok()),
            }
        }
    }
}

#[test]
fn signed_thoughts_stay_where_they_stood() {
    let thought = |words: &str| Part::Reasoning {
        text: words.to_owned(),
        signature: Some(Signature {
            family: Family::Claude,
            value: "EpIBCkgIARABGAIiQGRlbW8gdGhvdWdodHMgYXJlIHNpZ25lZCBieSB0aGUgZGVtbw=="
                .to_owned(),
        }),
    };
    let call = |id: &str| {
        Part::ToolCall(ToolCall {
            id: id.to_owned(),
            name: "f".to_owned(),
            arguments: "{}".to_owned(),
            ..ToolCall::default()
        })
    };
    let result = |id: &str| {
        Part::ToolResult(ToolResult {
            call_id: id.to_owned(),
            parts: vec![Part::text("r")],
            ..ToolResult::default()
        })
    };
    let request = conversation(vec![
        turn(Role::User, "a"),
        Turn::new(
            Role::Assistant,
            vec![
                Part::text("first"),
                thought("one"),
                Part::text("second"),
                thought("two"),
                call("x"),
                call("y"),
            ],
        ),
        Turn::new(Role::User, vec![result("x"), result("y")]),
    ]);
    let names =
        holdfast::unversioned::translate::neutral::names::Names::new(Dialect::Messages, ["f"]);
    let written =
        holdfast::unversioned::translate::messages::write::request(request, "m", &names, None)
            .unwrap();
    let body: Value = serde_json::from_slice(&written.into_text().unwrap()).unwrap();
    let kinds: Vec<&str> = body["messages"][1]["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["type"].as_str().unwrap())
        .collect();
    let expected = [
        "text", "thinking", "text", "thinking", "tool_use", "tool_use",
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn blank_system_text_does_not_reach_messages() {
    for client in others(Dialect::Messages) {
        let mut request = conversation(vec![turn(Role::User, "a")]);
        request.system = vec![
            Text {
                text: " ".to_owned(),
                cache: Some(Cache { is_long: false }),
            },
            Text::new("be brief"),
        ];
        let body = sent(client, Dialect::Messages, "m", &write(client, request));
        let system = body["system"].as_array().unwrap();
        assert!(
            system
                .iter()
                .all(|block| !block["text"].as_str().unwrap().trim().is_empty()),
            "{body}"
        );
    }
}
