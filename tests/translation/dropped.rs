//! Carriers that a client drops are there again in its next request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use holdfast::unversioned::translate::signature_cache::{
    Entry, Key, KeyPart, LONGEST, SignatureCache,
};
use holdfast::unversioned::translate::{
    self, ChatQuirks, Form, Stream, Translated, TranslationInput,
};
use holdfast::unversioned::wire::Dialect;
use serde_json::{Value, json};

use super::fixtures::{of_kind, translated};

/// Keeps everything.
#[derive(Debug, Default)]
struct Book(Mutex<HashMap<String, Entry>>);

impl SignatureCache for Book {
    fn find(&self, key: Key<'_>) -> Option<Entry> {
        self.0.lock().unwrap().get(&format!("{key:?}")).cloned()
    }

    fn store(&self, key: Key<'_>, kept: Entry) {
        self.0.lock().unwrap().insert(format!("{key:?}"), kept);
    }
}

impl Book {
    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

fn model(upstream: Dialect) -> &'static str {
    match upstream {
        Dialect::Chat => "a-model",
        Dialect::Responses => "gpt-5.2",
        Dialect::Messages => "claude-sonnet-4-5",
        Dialect::Gemini => "gemini-3-pro",
    }
}

fn asked(client: Dialect, upstream: Dialect, body: &Value, book: &Arc<Book>) -> Translated {
    let body = body.to_string();
    let ask = TranslationInput {
        client,
        form: Form::Usual,
        upstream,
        body: body.as_bytes(),
        model: "m",
        upstream_model: model(upstream),
        stream: true,
        suffix: None,
        support: None,
        seed: "seed",
        now: 1,
    };
    let memory = Arc::clone(book) as Arc<dyn SignatureCache>;
    translate::request_with(&ask, Some(memory), ChatQuirks::default()).unwrap()
}

fn sent(client: Dialect, upstream: Dialect, body: &Value, book: &Arc<Book>) -> Value {
    serde_json::from_slice(&asked(client, upstream, body, book).body).unwrap()
}

/// Has the upstream answer `client`; returns the book of what was kept.
fn answered(client: Dialect, upstream: Dialect, events: &[Value]) -> Arc<Book> {
    let book = Arc::new(Book::default());
    let context = asked(client, upstream, &begun(client), &book).context;
    let mut stream = Stream::new(context.clone(), false);
    let mut out = Vec::new();
    for event in events {
        stream.read(event.to_string().as_bytes(), &mut out);
    }
    stream.end(&mut out);
    if let [whole] = events {
        let streamed = book.0.lock().unwrap().clone();
        book.0.lock().unwrap().clear();
        translate::whole(whole.to_string().as_bytes(), context).unwrap();
        assert_eq!(*book.0.lock().unwrap(), streamed, "whole as streamed");
    }
    book
}

/// A conversation of one word.
fn begun(client: Dialect) -> Value {
    match client {
        Dialect::Chat => json!({"messages": [{"role": "user", "content": "q"}]}),
        Dialect::Responses => json!({"input": "q"}),
        Dialect::Messages => {
            json!({"max_tokens": 9000, "messages": [{"role": "user", "content": "q"}]})
        }
        Dialect::Gemini => json!({"contents": [{"role": "user", "parts": [{"text": "q"}]}]}),
    }
}

/// The conversation with a call and its result, and not a signature in it.
fn went_on(client: Dialect, call: &str) -> Value {
    let mut body = begun(client);
    let (turns, more) = match client {
        Dialect::Chat => (
            "messages",
            json!([{"role": "assistant", "content": "a", "tool_calls": [{"id": call, "type": "function",
                    "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": call, "content": "x"}]),
        ),
        Dialect::Messages => (
            "messages",
            json!([{"role": "assistant", "content": [{"type": "text", "text": "a"},
                    {"type": "tool_use", "id": call, "name": "f", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call, "content": "x"}]}]),
        ),
        Dialect::Gemini => (
            "contents",
            json!([{"role": "model", "parts": [{"text": "a"}, {"functionCall": {"id": call, "name": "f", "args": {}}}]},
                {"role": "user", "parts": [{"functionResponse": {"id": call, "name": "f", "response": {"result": "x"}}}]}]),
        ),
        Dialect::Responses => {
            body = json!({"input": [{"role": "user", "content": "q"}]});
            (
                "input",
                json!([{"role": "assistant", "content": "a"},
                    {"type": "function_call", "call_id": call, "name": "f", "arguments": "{}"},
                    {"type": "function_call_output", "call_id": call, "output": "x"}]),
            )
        }
    };
    let turns = body[turns].as_array_mut().unwrap();
    turns.extend(more.as_array().unwrap().iter().cloned());
    body
}

fn signature(family: char) -> String {
    format!("{family}{}", "abcd".repeat(20))
}

/// Thoughts, some of them hidden, words, two calls.
fn claude() -> Value {
    json!({"type": "message", "id": "msg_1", "content": [
        {"type": "thinking", "thinking": "hm, well", "signature": signature('E')},
        {"type": "redacted_thinking", "data": signature('R')},
        {"type": "text", "text": "a"},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
        {"type": "tool_use", "id": "toolu_2", "name": "f", "input": {}}],
        "stop_reason": "tool_use"})
}

/// The same, streamed.
fn claude_streamed() -> Vec<Value> {
    let whole = claude();
    let mut events =
        vec![json!({"type": "message_start", "message": {"id": "msg_1", "content": []}})];
    for (index, block) in whole["content"].as_array().unwrap().iter().enumerate() {
        let begin =
            |block| json!({"type": "content_block_start", "index": index, "content_block": block});
        let delta = |delta| json!({"type": "content_block_delta", "index": index, "delta": delta});
        if block["type"] == "thinking" {
            events.push(begin(
                json!({"type": "thinking", "thinking": "", "signature": ""}),
            ));
            events.push(delta(json!({"type": "thinking_delta", "thinking": "hm, "})));
            events.push(delta(json!({"type": "thinking_delta", "thinking": "well"})));
            events.push(delta(
                json!({"type": "signature_delta", "signature": block["signature"]}),
            ));
        } else {
            events.push(begin(block.clone()));
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}));
    events
}

fn gpt() -> Value {
    json!({"id": "resp_1", "status": "completed", "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": signature('g')},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": signature('h')},
        {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"}]})
}

fn gpt_streamed() -> Vec<Value> {
    let whole = gpt();
    let mut events = vec![json!({"type": "response.created", "response": {"id": "resp_1"}})];
    for (index, item) in whole["output"].as_array().unwrap().iter().enumerate() {
        let told = |kind: &str, item: &Value| json!({"type": format!("response.output_item.{kind}"), "output_index": index, "item": item});
        let mut begun = item.clone();
        if item["type"] == "reasoning" {
            begun["summary"] = json!([]);
            begun["encrypted_content"] = Value::Null;
        }
        events.push(told("added", &begun));
        events.push(told("done", item));
    }
    events.push(json!({"type": "response.completed", "response": whole}));
    events
}

fn gemini() -> Value {
    json!({"responseId": "r", "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [
        {"text": "hm", "thought": true},
        {"text": "a"},
        {"functionCall": {"id": "g_1", "name": "f", "args": {}}, "thoughtSignature": signature('C')}]}}]})
}

/// Gemini by OpenAI's dialect.
fn gemini_in_chat() -> Value {
    json!({"id": "chatcmpl-1", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": "a", "tool_calls": [{"id": "call_9", "type": "function",
            "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": signature('C')}}}]}}]})
}

fn clients_of(upstream: Dialect) -> impl Iterator<Item = Dialect> {
    Dialect::ALL.into_iter().filter(move |d| *d != upstream)
}

#[test]
fn claude_gets_its_thoughts_back_word_for_word() {
    for client in clients_of(Dialect::Messages) {
        for events in [vec![claude()], claude_streamed()] {
            let book = answered(client, Dialect::Messages, &events);
            let body = went_on(client, "toolu_1");
            let sent = sent(client, Dialect::Messages, &body, &book);
            let mut content = sent["messages"][1]["content"].clone();
            content.as_array_mut().unwrap().truncate(3);
            assert_eq!(
                content,
                json!([
                    {"type": "thinking", "thinking": "hm, well", "signature": signature('E')},
                    {"type": "redacted_thinking", "data": signature('R')},
                    {"type": "text", "text": "a"}]),
                "{client:?}: {sent}"
            );
        }
    }
}

#[test]
fn a_loop_that_gets_its_thoughts_back_thinks_on() {
    let book = answered(Dialect::Chat, Dialect::Messages, &[claude()]);
    let mut body = went_on(Dialect::Chat, "toolu_1");
    body["reasoning_effort"] = "medium".into();
    let thinking = |book: &Arc<Book>| {
        let sent = sent(Dialect::Chat, Dialect::Messages, &body, book);
        sent["thinking"]["type"].clone()
    };
    assert_eq!(thinking(&book), "enabled");
    assert_eq!(thinking(&Arc::default()), "disabled");
}

#[test]
fn gpt_gets_its_reasoning_back_before_what_it_led_to() {
    for client in clients_of(Dialect::Responses) {
        for events in [vec![gpt()], gpt_streamed()] {
            let book = answered(client, Dialect::Responses, &events);
            let body = went_on(client, "call_1");
            let sent = sent(client, Dialect::Responses, &body, &book);
            let input = sent["input"].as_array().unwrap();
            assert_eq!(
                input[1..3],
                [
                    json!({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}],
                        "encrypted_content": signature('g')}),
                    json!({"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": signature('h')}),
                ],
                "{client:?}: {sent}"
            );
            assert_eq!(input[3]["content"], "a");
            assert_eq!(input[4]["type"], "function_call");
        }
    }
}

#[test]
fn gemini_gets_the_signature_of_its_call_back() {
    for client in clients_of(Dialect::Gemini) {
        let book = answered(client, Dialect::Gemini, &[gemini()]);
        let body = went_on(client, "g_1");
        let found = sent(client, Dialect::Gemini, &body, &book);
        let call = |sent: &Value| sent["contents"][1]["parts"][1]["thoughtSignature"].clone();
        assert_eq!(call(&found), signature('C'), "{client:?}");
        let lost = sent(client, Dialect::Gemini, &body, &Arc::default());
        assert_eq!(call(&lost), "skip_thought_signature_validator");
    }
    for client in clients_of(Dialect::Chat) {
        let book = answered(client, Dialect::Chat, &[gemini_in_chat()]);
        let sent = sent(client, Dialect::Chat, &went_on(client, "call_9"), &book);
        let call = &sent["messages"][1]["tool_calls"][0];
        let signed = &call["extra_content"]["google"]["thought_signature"];
        assert_eq!(*signed, signature('C'), "{sent}");
    }
}

#[test]
fn thoughts_are_known_by_their_words_too() {
    let thought = json!({"messages": [{"role": "user", "content": "q"},
        {"role": "assistant", "reasoning_content": "hm, well", "content": "a"},
        {"role": "user", "content": "go on"}]});
    for (upstream, events) in [
        (Dialect::Messages, claude_streamed()),
        (
            Dialect::Responses,
            vec![json!({"id": "resp_1", "status": "completed", "output": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm, well"}],
                    "encrypted_content": signature('E')}]})],
        ),
        (
            Dialect::Gemini,
            vec![
                json!({"candidates": [{"finishReason": "STOP", "content": {"parts": [
                {"text": "hm, well", "thought": true, "thoughtSignature": signature('E')}]}}]}),
            ],
        ),
    ] {
        let book = answered(Dialect::Chat, upstream, &events);
        let found = sent(Dialect::Chat, upstream, &thought, &book).to_string();
        assert_eq!(found.matches(&signature('E')).count(), 1, "{found}");
        assert!(found.contains("hm, well"), "{found}");
    }
}

#[test]
fn what_the_client_sends_beats_what_is_fixed() {
    let own = signature('X');
    let book = answered(Dialect::Chat, Dialect::Gemini, &[gemini()]);
    let mut body = went_on(Dialect::Chat, "g_1");
    body["messages"][1]["tool_calls"][0]["extra_content"]["google"]["thought_signature"] =
        own.clone().into();
    let sent_text = sent(Dialect::Chat, Dialect::Gemini, &body, &book).to_string();
    assert!(sent_text.contains(&own) && !sent_text.contains(&signature('C')));

    let book = answered(Dialect::Messages, Dialect::Responses, &[gpt()]);
    let mut body = went_on(Dialect::Messages, "call_1");
    let content = body["messages"][1]["content"].as_array_mut().unwrap();
    let thought = json!({"type": "thinking", "thinking": "hm", "signature": format!("gpt#{own}")});
    content.insert(0, thought);
    let sent_text = sent(Dialect::Messages, Dialect::Responses, &body, &book).to_string();
    assert!(sent_text.contains(&own), "{sent_text}");
    for kept in ['g', 'h'] {
        assert!(!sent_text.contains(&signature(kept)), "{sent_text}");
    }
}

#[test]
fn words_and_call_together_bring_a_thought_back_once() {
    let book = answered(Dialect::Chat, Dialect::Messages, &claude_streamed());
    let mut body = went_on(Dialect::Chat, "toolu_1");
    body["messages"][1]["reasoning_content"] = "hm, well".into();
    let sent = sent(Dialect::Chat, Dialect::Messages, &body, &book).to_string();
    assert_eq!(sent.matches(&signature('E')).count(), 1, "{sent}");
    // The hidden one belongs to it.
    assert_eq!(sent.matches(&signature('R')).count(), 1, "{sent}");
}

#[test]
fn words_alone_are_enough_where_the_call_is_not_known() {
    let book = answered(Dialect::Responses, Dialect::Messages, &claude_streamed());
    let thought =
        json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm, well"}]});
    for call in ["toolu_1", "another"] {
        let mut body = went_on(Dialect::Responses, call);
        body["input"]
            .as_array_mut()
            .unwrap()
            .insert(1, thought.clone());
        let sent = sent(Dialect::Responses, Dialect::Messages, &body, &book);
        let thinking =
            json!({"type": "thinking", "thinking": "hm, well", "signature": signature('E')});
        assert_eq!(
            sent["messages"][1]["content"][0], thinking,
            "{call}: {sent}"
        );
        assert_eq!(
            sent.to_string().matches(&signature('E')).count(),
            1,
            "{sent}"
        );
    }
}

#[test]
fn only_the_family_that_gave_it_gets_it() {
    let book = answered(Dialect::Chat, Dialect::Messages, &[claude()]);
    let body = went_on(Dialect::Chat, "toolu_1");
    for upstream in [Dialect::Responses, Dialect::Gemini] {
        let with = asked(Dialect::Chat, upstream, &body, &book).body;
        let without = asked(Dialect::Chat, upstream, &body, &Arc::default()).body;
        assert_eq!(with, without, "{upstream:?}");
    }
}

#[test]
fn what_is_of_no_use_is_not_kept() {
    let answer = |text: &str, signature: &str| {
        json!({"type": "message", "content": [
            {"type": "thinking", "thinking": text, "signature": signature},
            {"type": "tool_use", "id": "t", "name": "f", "input": {}}], "stop_reason": "tool_use"})
    };
    let kept = |text: &str, signature: &str| {
        answered(Dialect::Chat, Dialect::Messages, &[answer(text, signature)]).len()
    };
    assert_eq!(kept("hm", &"s".repeat(50)), 2);
    assert_eq!(kept("hm", &"s".repeat(49)), 0, "too short");
    assert_eq!(kept("hm", &format!("gpt#{}", "s".repeat(60))), 0, "foreign");
    assert_eq!(kept(&"x".repeat(LONGEST), &"s".repeat(60)), 0, "too long");
    assert_eq!(kept("hm", &"s".repeat(LONGEST)), 0, "too long");
    assert_eq!(kept("hm", ""), 0);
}

#[test]
fn what_was_too_long_does_not_spoil_what_follows() {
    let answer = json!({"type": "message", "content": [
        {"type": "thinking", "thinking": "x".repeat(LONGEST), "signature": signature('E')},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
        {"type": "thinking", "thinking": "short", "signature": signature('F')},
        {"type": "tool_use", "id": "toolu_2", "name": "f", "input": {}}], "stop_reason": "tool_use"});
    let book = answered(Dialect::Chat, Dialect::Messages, &[answer]);
    let part = KeyPart::Call("toolu_2");
    let upstream = Dialect::Messages;
    let kept = book.find(Key { upstream, part }).unwrap();
    assert_eq!(kept.before[0].text, "short");
    let part = KeyPart::Call("toolu_1");
    assert_eq!(book.find(Key { upstream, part }), None);
}

#[test]
fn without_anything_to_put_back_not_a_byte_is_different() {
    let book = answered(Dialect::Chat, Dialect::Messages, &[claude()]);
    let mut compared = 0;
    for fixture in of_kind("request") {
        for upstream in Dialect::ALL {
            let body = fixture.body();
            let Ok(plain) = translated(fixture.dialect, upstream, &body) else {
                continue;
            };
            let ask = TranslationInput {
                client: fixture.dialect,
                form: Form::Usual,
                upstream,
                body: &body,
                model: "the-clients-model",
                upstream_model: "gemini-3-pro",
                stream: true,
                suffix: None,
                support: None,
                seed: "seed",
                now: 1_700_000_000,
            };
            let memory = Arc::clone(&book) as Arc<dyn SignatureCache>;
            let with_cache =
                translate::request_with(&ask, Some(memory), ChatQuirks::default()).unwrap();
            let what = format!("{} to {}", fixture.name, upstream.name());
            assert_eq!(with_cache.body, plain.body, "{what}");
            compared += 1;
        }
    }
    assert!(compared > 80, "{compared}");
}
