//! Compaction and token counts of conversations.

use super::*;

#[test]
fn tokens_are_counted_at_every_upstream() {
    let setup = setup(1);
    let long = "a sentence that takes some tokens ".repeat(50);
    for model in models() {
        let count = |body: &Value| {
            let path = "/v1/responses/input_tokens";
            let answer = call(&setup, KEY, "POST", path, body.to_string().as_bytes());
            assert_eq!(answer.status(), 200, "{model}: {}", answer.text());
            let counted = answer.json();
            assert_eq!(counted["object"], "response.input_tokens", "{model}");
            counted["input_tokens"].as_u64().unwrap()
        };
        let few = count(&json!({"model": model, "input": "hello"}));
        let many = count(&json!({"model": model, "input": [{"role": "user", "content": long}]}));
        assert!(few > 0 && many > few + 200, "{model}: {few} {many}");
        let created = create(&setup, &json!({"model": model, "input": long}));
        let going_on =
            json!({"model": model, "input": "hello", "previous_response_id": id(&created)});
        assert!(count(&going_on) > few + 200, "{model}");
    }
    // A Responses upstream without token counts.
    setup.all_accounts(Dialect::Responses, &Step::status(404));
    let body = json!({"model": Dialect::Responses.model(), "input": long}).to_string();
    let answer = call(
        &setup,
        KEY,
        "POST",
        "/v1/responses/input_tokens",
        body.as_bytes(),
    );
    assert!(
        answer.json()["input_tokens"].as_u64().unwrap() > 200,
        "{}",
        answer.text()
    );
}

#[test]
fn a_conversation_is_compacted_at_every_upstream() {
    let setup = setup(1);
    for model in models() {
        let compact = |body: &Value| {
            let path = "/v1/responses/compact";
            call(&setup, KEY, "POST", path, body.to_string().as_bytes())
        };
        let answer = compact(&json!({"model": model, "input": [
            {"role": "user", "content": "do something"},
            {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "seen"},
            {"role": "assistant", "content": "I did"}],
            "instructions": "be brief", "parallel_tool_calls": true,
            "tools": [{"type": "function", "name": "look", "strict": false,
                "parameters": {"type": "object", "properties": {}}}]}));
        assert_eq!(answer.status(), 200, "{model}: {}", answer.text());
        let compacted = answer.json();
        assert_eq!(compacted["object"], "response.compaction", "{model}");
        assert!(
            compacted["usage"]["input_tokens"].as_u64().unwrap() > 0,
            "{model}"
        );
        let output = compacted["output"].as_array().unwrap();
        let item = output.last().unwrap();
        assert_eq!(item["type"], "compaction", "{model}");
        if ["my-responses", CHATGPT].contains(&&*model) {
            continue;
        }
        assert_eq!(output[0]["content"][0]["text"], "do something", "{model}");
        let asked = String::from_utf8(setup.records().pop().unwrap().body).unwrap();
        assert!(
            asked.contains("Summarize the conversation above"),
            "{asked}"
        );
        // Every upstream accepts it, for this client only.
        for other in models() {
            let mut input = output.clone();
            input.push(json!({"role": "user", "content": "go on"}));
            let body = json!({"model": other, "input": input});
            assert_eq!(post(&setup, &body).status(), 200, "{model} to {other}");
            let sent = String::from_utf8(setup.records().pop().unwrap().body).unwrap();
            // The demo's summary.
            assert!(sent.contains("You said: "), "{model} to {other}: {sent}");
            assert!(!sent.contains("holdfast.compaction"), "{sent}");
            let answer = call(
                &setup,
                "other-key",
                "POST",
                "/v1/responses",
                body.to_string().as_bytes(),
            );
            assert_eq!(answer.status(), 200, "{}", answer.text());
            let sent = String::from_utf8(setup.records().pop().unwrap().body).unwrap();
            assert!(sent.contains("cannot be read here"), "{sent}");
            assert!(!sent.contains("You said: "), "{sent}");
        }
        // It can be compacted again.
        let mut input = output.clone();
        input.push(json!({"role": "user", "content": "more"}));
        let again = compact(&json!({"model": model, "input": input})).json();
        let texts = again["output"].to_string();
        assert!(
            texts.contains("more") && !texts.contains("This is turn"),
            "{texts}"
        );
    }
}

#[test]
fn a_responses_upstream_without_compaction_writes_a_summary() {
    let setup = setup(1);
    let key = Dialect::Responses.account(1);
    setup
        .upstreams
        .script(&key, Script::once(Step::status(404)));
    let body = json!({"model": Dialect::Responses.model(), "input": "do something"}).to_string();
    let answer = call(
        &setup,
        KEY,
        "POST",
        "/v1/responses/compact",
        body.as_bytes(),
    );
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let output = answer.json()["output"].clone();
    let sealed = output[1]["encrypted_content"].as_str().unwrap();
    assert!(sealed.starts_with("holdfast.compaction."), "{output}");
}

#[test]
fn a_compacted_conversation_survives_a_restart() {
    let upstreams = Upstreams::start().unwrap();
    let text = text(&upstreams, 1, "");
    let mut setup = Setup::configured(upstreams, &text);
    let model = Dialect::Messages.model();
    let body = json!({"model": model, "input": "do something"}).to_string();
    let output = call(
        &setup,
        KEY,
        "POST",
        "/v1/responses/compact",
        body.as_bytes(),
    )
    .json()["output"]
        .clone();
    setup.restart(&text);
    assert_eq!(
        post(&setup, &json!({"model": model, "input": output})).status(),
        200
    );
    let sent = String::from_utf8(setup.records().pop().unwrap().body).unwrap();
    assert!(sent.contains("You said: "), "{sent}");
}

/// As Codex does: the last item of a request triggers compaction, and the answer has only the summary.
#[test]
fn a_trigger_item_compacts_the_conversation() {
    let setup = setup(1);
    for model in models() {
        for stream in [false, true] {
            let said = json!({"role": "user", "content": "the secret word is marzipan"});
            let input = json!([said, {"type": "compaction_trigger"}]);
            let body = json!({"model": model, "input": input, "stream": stream, "store": false});
            let compacted = create(&setup, &body);
            let output = compacted["output"].as_array().unwrap();
            assert_eq!(output.len(), 1, "{model} {compacted}");
            assert_eq!(output[0]["type"], "compaction", "{model}");
            assert!(compacted["usage"]["input_tokens"].is_u64(), "{model}");
            // Only the gateway can read a summary of its own.
            let input = json!([output[0], {"role": "user", "content": "and again"}]);
            let answer = create(&setup, &json!({"model": model, "input": input}));
            assert!(words(&answer).ends_with("and again"), "{model} {answer}");
            let records = setup.records();
            let sent = String::from_utf8(records.last().unwrap().body.clone()).unwrap();
            let is_made_here = model != Dialect::Responses.model() && model != CHATGPT;
            assert_eq!(
                sent.contains("replaced by this summary"),
                is_made_here,
                "{model} {sent}"
            );
        }
    }
}
