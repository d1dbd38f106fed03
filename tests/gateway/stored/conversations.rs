//! Requests with `previous_response_id` or references to items.

use super::*;

#[test]
fn a_conversation_continues_from_its_last_answer() {
    let setup = setup(3);
    let key = || setup.records().pop().unwrap().key;
    for model in models() {
        for streams in [false, true] {
            let what = format!("{model}, streams: {streams}");
            let first = create(
                &setup,
                &json!({"model": model, "input": "my name is Ada",
                "stream": streams}),
            );
            let home = key();
            assert_eq!(
                words(&first),
                "This is turn 1. You said: my name is Ada",
                "{what}"
            );
            let second = create(
                &setup,
                &json!({"model": model, "input": "and now?",
                "previous_response_id": id(&first), "stream": streams}),
            );
            assert_eq!(
                words(&second),
                "This is turn 2. You said: and now?",
                "{what}"
            );
            let body = json!({"model": model, "previous_response_id": id(&second),
                "stream": streams, "input": [{"role": "user", "content": "more"}]});
            let third = create(&setup, &body);
            assert_eq!(words(&third), "This is turn 3. You said: more", "{what}");
            assert_eq!(key(), home, "{what}: where the conversation is cached");
            if kept_here().contains(&model) && model != CHATGPT {
                assert_eq!(third["previous_response_id"], second["id"], "{what}");
                assert_eq!(third["store"], true, "{what}");
            }
            // A branch.
            let other = create(
                &setup,
                &json!({"model": model, "input": "or?",
                "previous_response_id": id(&first), "stream": streams}),
            );
            assert_eq!(words(&other), "This is turn 2. You said: or?", "{what}");
        }
    }
}

#[test]
fn a_conversation_can_continue_at_another_upstream() {
    let setup = setup(1);
    for before in kept_here() {
        for after in models() {
            let first = create(&setup, &json!({"model": before, "input": "one"}));
            let body = json!({"model": after, "input": "two", "previous_response_id": id(&first)});
            assert_eq!(
                words(&create(&setup, &body)),
                "This is turn 2. You said: two",
                "{before} to {after}"
            );
        }
    }
}

#[test]
fn references_to_items_are_resolved() {
    let setup = setup(1);
    for model in models() {
        for streams in [false, true] {
            let what = format!("{model}, streams: {streams}");
            let tool = json!({"type": "function", "name": "look", "strict": false,
                "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}});
            let asked = json!({"role": "user", "content":
                [{"type": "input_text", "text": "demo:tools look {\"at\":\"this\"}"}]});
            let first = create(
                &setup,
                &json!({"model": model, "input": [asked],
                "tools": [tool], "stream": streams}),
            );
            let output = first["output"].as_array().unwrap();
            let called = output
                .iter()
                .find(|item| item["type"] == "function_call")
                .unwrap();
            // As the Vercel AI SDK sends it from the second turn on.
            let mut input = vec![asked.clone()];
            let refer = |item: &Value| json!({"type": "item_reference", "id": item["id"]});
            input.extend(output.iter().map(refer));
            input.push(
                json!({"type": "function_call_output", "call_id": called["call_id"],
                "output": "seen"}),
            );
            let second = create(
                &setup,
                &json!({"model": model, "input": input, "tools": [tool],
                "stream": streams}),
            );
            assert!(words(&second).contains("seen"), "{what}: {second}");
            input.extend(second["output"].as_array().unwrap().iter().map(refer));
            input.push(json!({"role": "user", "content": "thanks"}));
            let third = create(
                &setup,
                &json!({"model": model, "input": input, "tools": [tool],
                "stream": streams}),
            );
            assert!(
                words(&third).ends_with("You said: thanks"),
                "{what}: {third}"
            );
        }
    }
}

#[test]
fn unknown_references_have_the_vendors_error() {
    let setup = setup(1);
    for model in models() {
        let body = json!({"model": model, "input": "hi", "previous_response_id": "resp_none"});
        let (status, code, param, message) = error(&post(&setup, &body));
        assert_eq!(status, 400, "{model}: {message}");
        assert_eq!(
            message, "Previous response with id 'resp_none' not found.",
            "{model}"
        );
        assert_eq!(
            (code, param),
            (
                json!("previous_response_not_found"),
                json!("previous_response_id")
            ),
            "{model}"
        );
        for store in [true, false] {
            let body = json!({"model": model, "store": store,
                "input": [{"type": "item_reference", "id": "msg_none"}]});
            let (status, code, param, message) = error(&post(&setup, &body));
            assert_eq!(status, 404, "{model}: {message}");
            assert!(
                message.starts_with("Item with id 'msg_none' not found."),
                "{message}"
            );
            assert_eq!((code, param), (Value::Null, json!("input")), "{model}");
            if model != Dialect::Responses.model() {
                let says_why =
                    message.contains("Items are not persisted when `store` is set to false.");
                assert_eq!(says_why, !store, "{model}: {message}");
            }
        }
    }
    for (method, below) in [
        ("GET", ""),
        ("GET", "/input_items"),
        ("DELETE", ""),
        ("POST", "/cancel"),
    ] {
        let (status, code, _, message) = error(&about(&setup, KEY, method, "resp_none", below));
        assert_eq!((status, code), (404, Value::Null), "{method} {below}");
        assert_eq!(message, "Response with id 'resp_none' not found.");
    }
}

#[test]
fn background_requests_need_an_upstream_that_stores_answers() {
    let setup = setup(1);
    for model in models() {
        let before = setup.records().len();
        let answer = post(
            &setup,
            &json!({"model": model, "input": "hi", "background": true}),
        );
        if model == Dialect::Responses.model() {
            assert_eq!(answer.status(), 200, "{model}");
            continue;
        }
        let (status, _, param, message) = error(&answer);
        assert_eq!((status, param), (400, json!("background")), "{model}");
        assert!(
            message.contains("`background` is not supported"),
            "{message}"
        );
        assert_eq!(setup.records().len(), before, "nobody was asked");
        let answer = post(
            &setup,
            &json!({"model": model, "input": "hi", "background": false}),
        );
        assert_eq!(answer.status(), 200, "{model}");
    }
}

#[test]
fn only_the_credential_that_stores_an_answer_is_called() {
    let setup = setup(3);
    let model = Dialect::Responses.model();
    let created = create(&setup, &json!({"model": model, "input": "one"}));
    let home = setup.records().last().unwrap().key.clone();
    setup
        .upstreams
        .script(&home, Script::always(Step::retry_after(60)));
    let count = setup.records().len();
    let body = json!({"model": model, "input": "two", "previous_response_id": id(&created)});
    let answer = post(&setup, &body);
    assert_eq!(answer.status(), 429, "{}", answer.text());
    let asked: BTreeSet<String> = setup.records()[count..]
        .iter()
        .map(|r| r.key.clone())
        .collect();
    assert_eq!(asked, BTreeSet::from([home]));
    // Other sessions are not affected.
    assert_eq!(
        post(&setup, &json!({"model": model, "input": "new"})).status(),
        200
    );
}

#[test]
fn the_credential_that_stores_an_answer_is_called_with_and_without_affinity() {
    for affinity in [true, false] {
        let upstreams = Upstreams::start().unwrap();
        let text = text(&upstreams, 3, "").replace(
            "session-affinity: true",
            &format!("session-affinity: {affinity}"),
        );
        let setup = Setup::configured(upstreams, &text);
        let model = Dialect::Responses.model();
        let mut homes = BTreeSet::new();
        for n in 0..6 {
            for streams in [false, true] {
                let input = format!("question {n}{streams}");
                let created = create(
                    &setup,
                    &json!({"model": model, "input": input, "stream": streams}),
                );
                let home = setup.records().last().unwrap().key.clone();
                let item = &created["output"][0]["id"];
                let after =
                    json!({"model": model, "input": "more", "previous_response_id": id(&created)});
                let refers = json!({"model": model, "input": [{"type": "item_reference", "id": item},
                    {"role": "user", "content": "more"}]});
                for body in [after, refers] {
                    assert_eq!(post(&setup, &body).status(), 200, "{affinity}");
                    let sent = setup.records().last().unwrap().clone();
                    assert_eq!(sent.key, home, "{affinity}");
                    // The bytes are passed on.
                    let sent: Value = serde_json::from_slice(&sent.body).unwrap();
                    assert_eq!(sent["previous_response_id"], body["previous_response_id"]);
                    assert_eq!(sent["input"], body["input"]);
                }
                assert_eq!(
                    about(
                        &setup,
                        KEY,
                        "GET",
                        id(&created),
                        "?include=x&key=client-key"
                    )
                    .status(),
                    200
                );
                let asked = setup.records().last().unwrap().clone();
                assert_eq!((&asked.key, &*asked.method), (&home, "GET"));
                assert!(asked.path.ends_with("?include=x"), "{}", asked.path);
                homes.insert(home);
            }
        }
        assert_eq!(homes.len(), 3, "{affinity}");
    }
}

#[test]
fn an_upstream_that_stores_answers_gets_the_clients_bytes() {
    let setup = setup(1);
    let body = r#"{"model":"my-responses", "input":"hi","max_output_tokens":50,"temperature":0.5,
        "top_p":0.5,"truncation":"auto","user":"u","metadata":{"a":"b"},"safety_identifier":"s"}"#;
    let answer = call(&setup, KEY, "POST", "/v1/responses", body.as_bytes());
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let sent = setup.records().pop().unwrap().body;
    let expected = body.replace("my-responses", "demo-responses");
    assert_eq!(String::from_utf8(sent).unwrap(), expected);
}
