//! What clients of Responses refer to later, at upstreams of every dialect.

use std::collections::BTreeSet;

use holdfast::demo::{Script, Step, Upstreams};
use serde_json::{Value, json};

use super::client::Answer;
use super::harness::{ALL, Dialect, KEY, Setup, Wish, configuration, parse};

/// An upstream of Responses that keeps nothing, as the backend of ChatGPT.
const CHATGPT: &str = "my-chatgpt";

/// A gateway before upstreams of every dialect, `accounts` of each.
fn setup(accounts: usize) -> Setup {
    with(accounts, "")
}

fn with(accounts: usize, more: &'static str) -> Setup {
    let upstreams = Upstreams::start().unwrap();
    let text = text(&upstreams, accounts, more);
    Setup::configured(upstreams, &text)
}

fn text(upstreams: &Upstreams, accounts: usize, more: &'static str) -> String {
    let wish = Wish {
        accounts,
        more,
        ..Wish::default()
    };
    let address = upstreams.address();
    configuration(address, &wish).replace(
        "codex-api-key:\n",
        &format!("codex-api-key:\n  - {{api-key: chatgpt-account, base-url: \"http://{address}/backend-api/codex\", models: [{{name: demo-responses, alias: {CHATGPT}}}]}}\n"),
    )
}

/// The models whose answers the gateway keeps.
fn kept_here() -> Vec<String> {
    let foreign = ALL
        .into_iter()
        .filter(|dialect| *dialect != Dialect::Responses);
    let mut models: Vec<String> = foreign.map(Dialect::model).collect();
    models.push(CHATGPT.to_owned());
    models
}

/// All models, whoever keeps their answers.
fn models() -> Vec<String> {
    let mut models = kept_here();
    models.push(Dialect::Responses.model());
    models
}

fn call(setup: &Setup, key: &str, method: &str, path: &str, body: &[u8]) -> Answer {
    let bearer = format!("Bearer {key}");
    let headers = [("Authorization", bearer.as_str())];
    setup.client().call(method, path, &headers, body)
}

fn post(setup: &Setup, body: &Value) -> Answer {
    call(
        setup,
        KEY,
        "POST",
        "/v1/responses",
        body.to_string().as_bytes(),
    )
}

/// The response object of an answer that must be one.
fn response(answer: &Answer) -> Value {
    assert_eq!(answer.status(), 200, "{}", answer.text());
    match answer.header("content-type") {
        Some("text/event-stream") => {
            let data = answer.data();
            let last: Value = serde_json::from_str(data.last().unwrap()).unwrap();
            assert_eq!(last["type"], "response.completed", "{}", answer.text());
            last["response"].clone()
        }
        _ => answer.json(),
    }
}

fn create(setup: &Setup, body: &Value) -> Value {
    response(&post(setup, body))
}

fn id(response: &Value) -> &str {
    response["id"].as_str().unwrap()
}

/// What an answer says in words.
fn words(response: &Value) -> String {
    let output = response["output"].as_array().unwrap();
    let parts = output
        .iter()
        .filter_map(|item| item["content"].as_array())
        .flatten();
    parts.filter_map(|part| part["text"].as_str()).collect()
}

fn about(setup: &Setup, key: &str, method: &str, id: &str, below: &str) -> Answer {
    call(
        setup,
        key,
        method,
        &format!("/v1/responses/{id}{below}"),
        b"",
    )
}

/// The error of an answer: status, code, parameter, message.
fn error(answer: &Answer) -> (u16, Value, Value, String) {
    let error = answer.json()["error"].clone();
    let message = error["message"].as_str().unwrap_or_default().to_owned();
    (
        answer.status(),
        error["code"].clone(),
        error["param"].clone(),
        message,
    )
}

#[test]
fn a_conversation_goes_on_from_its_last_answer() {
    let setup = setup(2);
    for model in models() {
        for streams in [false, true] {
            let what = format!("{model}, streams: {streams}");
            let first = create(
                &setup,
                &json!({"model": model, "input": "my name is Ada",
                "stream": streams}),
            );
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
fn a_conversation_may_go_on_at_another_upstream() {
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
fn items_are_put_in_where_they_are_referred_to() {
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
            // As the Vercel AI SDK does from the second turn on.
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
fn what_is_unknown_is_told_in_the_vendors_words() {
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
fn answers_can_be_asked_for_until_they_are_deleted() {
    let setup = setup(2);
    for model in models() {
        for streams in [false, true] {
            let created = create(
                &setup,
                &json!({"model": model, "input": "one", "stream": streams}),
            );
            let what = format!("{model}: {created}");
            let found = about(&setup, KEY, "GET", id(&created), "");
            assert_eq!(found.status(), 200, "{what}");
            assert_eq!(found.json(), created, "{what}");
            let head = {
                let mut client = setup.client();
                let bearer = format!("Bearer {KEY}");
                let path = format!("/v1/responses/{}", id(&created));
                client.send("HEAD", &path, &[("Authorization", &bearer)], b"");
                client.head()
            };
            assert_eq!(head.status, 200, "{what}");
            let items = about(&setup, KEY, "GET", id(&created), "/input_items").json();
            assert_eq!(items["object"], "list", "{what}");
            assert_eq!(items["data"][0]["content"][0]["text"], "one", "{what}");
            assert_eq!(items["has_more"], false, "{what}");
            let (status, _, _, message) =
                error(&about(&setup, KEY, "POST", id(&created), "/cancel"));
            assert_eq!(
                (status, &*message),
                (400, "Cannot cancel a synchronous response."),
                "{what}"
            );
            let deleted = about(&setup, KEY, "DELETE", id(&created), "").json();
            assert_eq!(
                deleted,
                json!({"id": created["id"], "object": "response", "deleted": true})
            );
            for (method, below) in [("GET", ""), ("DELETE", ""), ("GET", "/input_items")] {
                let gone = about(&setup, KEY, method, id(&created), below);
                assert_eq!(gone.status(), 404, "{what} {method}");
            }
            let body =
                json!({"model": model, "input": "two", "previous_response_id": id(&created)});
            assert_eq!(post(&setup, &body).status(), 400, "{what}");
        }
    }
}

#[test]
fn input_items_come_in_pages() {
    let setup = setup(1);
    for model in kept_here() {
        let input: Vec<Value> = (0..25)
            .map(|n| json!({"role": "user", "content": format!("message {n}")}))
            .collect();
        let created = create(&setup, &json!({"model": model, "input": input}));
        let page = |query: &str| {
            about(
                &setup,
                KEY,
                "GET",
                id(&created),
                &format!("/input_items{query}"),
            )
        };
        let text = |item: &Value| item["content"][0]["text"].as_str().unwrap().to_owned();
        let first = page("").json();
        assert_eq!(first["data"].as_array().unwrap().len(), 20, "{model}");
        assert_eq!(
            (text(&first["data"][0]), &first["has_more"]),
            ("message 24".to_owned(), &json!(true))
        );
        let after = first["last_id"].as_str().unwrap();
        let second = page(&format!("?after={after}&limit=100")).json();
        assert_eq!(
            (text(&second["data"][4]), &second["has_more"]),
            ("message 0".to_owned(), &json!(false))
        );
        let ascending = page("?order=asc&limit=2").json();
        assert_eq!(text(&ascending["data"][1]), "message 1");
        assert_eq!(ascending["data"][1]["id"], ascending["last_id"]);
        for (query, status) in [
            ("?limit=0", 400),
            ("?limit=101", 400),
            ("?order=up", 400),
            ("?after=none", 404),
        ] {
            assert_eq!(page(query).status(), status, "{model}{query}");
        }
    }
}

#[test]
fn nothing_is_shared_between_client_keys() {
    let setup = setup(1);
    for model in models() {
        let created = create(&setup, &json!({"model": model, "input": "my secret"}));
        for (method, below) in [
            ("GET", ""),
            ("GET", "/input_items"),
            ("DELETE", ""),
            ("POST", "/cancel"),
        ] {
            let answer = about(&setup, "other-key", method, id(&created), below);
            assert_eq!(answer.status(), 404, "{model}: {method}{below}");
        }
        if model != Dialect::Responses.model() {
            let item = &created["output"][0]["id"];
            for body in [
                json!({"model": model, "input": "hi", "previous_response_id": created["id"]}),
                json!({"model": model, "input": [{"type": "item_reference", "id": item}]}),
            ] {
                let path = "/v1/responses";
                let answer = call(
                    &setup,
                    "other-key",
                    "POST",
                    path,
                    body.to_string().as_bytes(),
                );
                assert!(
                    [400, 404].contains(&answer.status()),
                    "{model}: {}",
                    answer.text()
                );
            }
        }
        // And it is still there.
        assert_eq!(
            about(&setup, KEY, "GET", id(&created), "").status(),
            200,
            "{model}"
        );
    }
}

#[test]
fn what_is_not_to_be_stored_is_not() {
    let setup = setup(1);
    for model in models() {
        for streams in [false, true] {
            let created = create(
                &setup,
                &json!({"model": model, "input": "one", "store": false,
                "stream": streams}),
            );
            assert_eq!(created["store"], false, "{model}");
            assert_eq!(
                about(&setup, KEY, "GET", id(&created), "").status(),
                404,
                "{model}"
            );
            let body =
                json!({"model": model, "input": "two", "previous_response_id": id(&created)});
            assert_eq!(post(&setup, &body).status(), 400, "{model}");
        }
    }
}

#[test]
fn a_reload_loses_nothing() {
    let setup = setup(2);
    let created: Vec<(String, Value)> = models()
        .into_iter()
        .map(|model| {
            let created = create(&setup, &json!({"model": model, "input": "one"}));
            (model, created)
        })
        .collect();
    let text = text(&setup.upstreams, 2, "debug: true");
    setup.gateway().reload(parse(&text));
    for (model, created) in &created {
        assert_eq!(
            about(&setup, KEY, "GET", id(created), "").json(),
            *created,
            "{model}"
        );
        let body = json!({"model": model, "input": "two", "previous_response_id": id(created)});
        assert_eq!(
            words(&create(&setup, &body)),
            "This is turn 2. You said: two",
            "{model}"
        );
    }
}

#[test]
fn the_credential_that_keeps_an_answer_is_asked_with_and_without_affinity() {
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
                    // The bytes pass.
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
fn nobody_else_is_asked_for_what_one_credential_keeps() {
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
    // Others go on.
    assert_eq!(
        post(&setup, &json!({"model": model, "input": "new"})).status(),
        200
    );
}

#[test]
fn the_clients_bytes_reach_an_upstream_that_keeps_answers() {
    let setup = setup(1);
    let body = r#"{"model":"my-responses", "input":"hi","max_output_tokens":50,"temperature":0.5,
        "top_p":0.5,"truncation":"auto","user":"u","metadata":{"a":"b"},"safety_identifier":"s"}"#;
    let answer = call(&setup, KEY, "POST", "/v1/responses", body.as_bytes());
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let sent = setup.records().pop().unwrap().body;
    let expected = body.replace("my-responses", "demo-responses");
    assert_eq!(String::from_utf8(sent).unwrap(), expected);
}

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
    // One that speaks Responses and does not count.
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
fn what_is_to_be_made_in_the_background_needs_an_upstream_that_can() {
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
fn a_conversation_is_compacted_at_every_upstream() {
    let setup = setup(1);
    for model in models() {
        let compact = |body: &Value| {
            let path = "/v1/responses/compact";
            call(&setup, KEY, "POST", path, body.to_string().as_bytes())
        };
        let answer = compact(&json!({"model": model, "input": [
            {"role": "user", "content": "do something"},
            {"role": "assistant", "content": "I did"}], "instructions": "be brief"}));
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
        // Any upstream reads it, for this client alone.
        for other in models() {
            let mut input = output.clone();
            input.push(json!({"role": "user", "content": "go on"}));
            let body = json!({"model": other, "input": input});
            assert_eq!(post(&setup, &body).status(), 200, "{model} to {other}");
            let sent = String::from_utf8(setup.records().pop().unwrap().body).unwrap();
            // The demo's summary.
            assert!(
                sent.contains("This is turn 2. You said: "),
                "{model} to {other}: {sent}"
            );
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
            assert!(!sent.contains("This is turn 2."), "{sent}");
        }
        // And it can be compacted again.
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
fn an_upstream_of_responses_that_cannot_compact_gives_a_summary() {
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
fn a_compacted_conversation_outlives_the_process() {
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

#[test]
fn what_is_kept_counts_towards_the_memory_and_has_a_bound() {
    let setup = with(1, "limits:\n  memory: 64MiB\n");
    let model = Dialect::Messages.model();
    let text = "x".repeat(1024 * 1024);
    let mut ids = Vec::new();
    for n in 0..12 {
        let created = create(
            &setup,
            &json!({"model": model, "input": format!("{n} {text}")}),
        );
        ids.push(id(&created).to_owned());
    }
    let found: Vec<bool> = ids
        .iter()
        .map(|id| about(&setup, KEY, "GET", id, "").status() == 200)
        .collect();
    // A client has half of a quarter.
    let kept = found.iter().filter(|found| **found).count();
    assert!((4..8).contains(&kept), "{found:?}");
    assert!(found.is_sorted(), "the oldest go first: {found:?}");
}
