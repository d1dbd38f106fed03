//! A client that drops reasoning signatures in a loop of tool calls.

use holdfast::unversioned::demo::{Record, Script, Step};
use serde_json::{Value, json};

use super::harness::{ALL, Dialect, KEY, Options, Setup};

/// The user text: reason, then call a tool.
const PROMPT: &str = "demo:reasoning\ndemo:tools look {\"at\":\"this\"}";

fn one_account() -> Setup {
    Setup::with(Options {
        accounts: 1,
        ..Options::default()
    })
}

/// A chat at `upstream`; `call` is the id of the earlier tool call, which is followed by its result.
fn chat(upstream: Dialect, call: Option<&str>, streams: bool) -> Value {
    let mut messages = vec![json!({"role": "user", "content": PROMPT})];
    if let Some(id) = call {
        messages.push(
            json!({"role": "assistant", "content": null, "tool_calls": [{"id": id,
            "type": "function", "function": {"name": "look", "arguments": "{\"at\":\"this\"}"}}]}),
        );
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": "seen"}));
    }
    json!({"model": upstream.model(), "reasoning_effort": "medium", "stream": streams,
        "messages": messages, "tools": [{"type": "function", "function": {"name": "look",
            "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}}}]})
}

fn ask(setup: &Setup, key: &str, body: &Value) -> String {
    let authorization = format!("Bearer {key}");
    let answer = setup.client().call(
        "POST",
        &Dialect::Chat.path(false),
        &[("Authorization", &authorization)],
        body.to_string().as_bytes(),
    );
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.text().to_owned()
}

/// Lets the model call a tool; returns the id of the call.
fn called(setup: &Setup, upstream: Dialect, streams: bool) -> String {
    let answer = ask(setup, KEY, &chat(upstream, None, streams));
    let ids = answer.split("\"id\":\"").filter_map(|rest| {
        let (id, _) = rest.split_once('"')?;
        (!id.starts_with("chatcmpl-")).then_some(id)
    });
    ids.last()
        .unwrap_or_else(|| panic!("no call in {answer}"))
        .to_owned()
}

fn sent(record: &Record) -> Value {
    serde_json::from_slice(&record.body).unwrap()
}

/// The signature in the last request to the upstream.
fn signature(setup: &Setup, upstream: Dialect) -> Value {
    let sent = sent(setup.records().last().unwrap());
    match upstream {
        Dialect::Chat => Value::Null,
        Dialect::Messages => sent["messages"][1]["content"][0]["signature"].clone(),
        Dialect::Responses => sent["input"][1]["encrypted_content"].clone(),
        Dialect::Gemini => {
            let parts = sent["contents"][1]["parts"].as_array().unwrap();
            let mut signed = parts.iter().map(|part| &part["thoughtSignature"]);
            let own = |value: &&Value| *value != "skip_thought_signature_validator";
            signed.rfind(own).cloned().unwrap_or_default()
        }
    }
}

#[test]
fn reasoning_is_restored_whole_and_streamed() {
    let setup = one_account();
    for streams in [false, true] {
        let call = called(&setup, Dialect::Messages, streams);
        let answer = ask(&setup, KEY, &chat(Dialect::Messages, Some(&call), streams));
        assert!(answer.contains("seen"), "{answer}");
        let sent = sent(setup.records().last().unwrap());
        let content = &sent["messages"][1]["content"];
        assert_eq!(content[0]["type"], "thinking", "{sent}");
        assert_eq!(content[0]["thinking"], "I thought about it.");
        assert!(content[0]["signature"].as_str().unwrap().len() > 50);
        assert_eq!(content[1]["type"], "tool_use");
        assert_eq!(sent["thinking"]["type"], "enabled");
    }
}

#[test]
fn every_upstream_gets_its_signature_back() {
    let setup = one_account();
    for upstream in ALL.into_iter().filter(|d| *d != Dialect::Chat) {
        for streams in [false, true] {
            let call = called(&setup, upstream, streams);
            ask(&setup, KEY, &chat(upstream, Some(&call), streams));
            let signature = signature(&setup, upstream);
            let length = signature.as_str().unwrap_or_default().len();
            assert!(length > 50, "{upstream:?}: {signature}");
        }
    }
}

#[test]
fn signatures_are_not_shared_between_clients() {
    let setup = one_account();
    for upstream in ALL.into_iter().filter(|d| *d != Dialect::Chat) {
        let call = called(&setup, upstream, false);
        ask(&setup, "other-key", &chat(upstream, Some(&call), false));
        assert_eq!(signature(&setup, upstream), Value::Null, "{upstream:?}");
    }
}

#[test]
fn refused_signatures_are_not_sent_again() {
    let setup = one_account();
    let upstream = Dialect::Messages;
    let call = called(&setup, upstream, false);
    let message = "messages.1.content.0: Invalid `signature` in `thinking` block";
    let refusal = Step::Status {
        status: 400,
        headers: Vec::new(),
        body: Some(json!({"error": {"message": message}}).to_string()),
    };
    let account = upstream.account(1);
    setup.upstreams.script(&account, Script::once(refusal));
    setup.upstreams.clear_records();
    let body = chat(upstream, Some(&call), false);
    ask(&setup, KEY, &body);
    let has_signature = |record: &Record| sent(record).to_string().contains("\"signature\"");
    let once: Vec<bool> = setup.records().iter().map(has_signature).collect();
    assert_eq!(once, [true, false]);
    ask(&setup, KEY, &body);
    let then: Vec<bool> = setup.records().iter().map(has_signature).collect();
    assert_eq!(then, [true, false, false]);
}

#[test]
fn token_counts_include_signatures() {
    let setup = one_account();
    let upstream = Dialect::Messages;
    let call = called(&setup, upstream, false);
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "q"}]},
        {"role": "model", "parts": [{"functionCall": {"id": call, "name": "look", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"id": call, "name": "look", "response": {}}}]}]});
    let path = format!("/v1beta/models/{}:countTokens", upstream.model());
    let authorization = format!("Bearer {KEY}");
    let answer = setup.client().call(
        "POST",
        &path,
        &[("Authorization", &authorization)],
        body.to_string().as_bytes(),
    );
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let signature = signature(&setup, upstream);
    assert!(
        signature.as_str().is_some_and(|own| own.len() > 50),
        "{signature}"
    );
}
