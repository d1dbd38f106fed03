//! Requests and answers within one dialect are passed on unchanged.

use holdfast::unversioned::demo::Upstreams;
use serde_json::{Value, json};

use super::harness::{ALL, Dialect, Options, Setup, configuration};

#[test]
fn only_the_model_name_is_changed_in_requests() {
    let setup = Setup::new();
    for dialect in [Dialect::Chat, Dialect::Messages] {
        let body = format!(
            "{{ \"unknown\" : [1.50, 1e3,\"\\u00e9\"],\n\"model\":\"{}\",\t\"max_tokens\": 5, \"messages\" : [ {{\"role\":\"user\",\"content\":\"h\u{e9}llo\"}} ]  }} ",
            dialect.model()
        );
        setup.upstreams.clear_records();
        let answer = setup.client().call(
            "POST",
            &dialect.path(false),
            &[("X-Api-Key", "client-key")],
            body.as_bytes(),
        );
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let sent = String::from_utf8(setup.records()[0].body.clone()).unwrap();
        assert_eq!(sent, body.replace("my-", "demo-"));
    }
}

#[test]
fn a_gemini_body_is_unchanged() {
    let setup = Setup::new();
    let body =
        b"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}], \"x\":{\"y\":[]}}";
    let answer = setup.client().call(
        "POST",
        &Dialect::Gemini.path(false),
        &[("x-goog-api-key", "client-key")],
        body,
    );
    assert_eq!(answer.status(), 200);
    let record = &setup.records()[0];
    assert_eq!(record.body, body);
    assert_eq!(record.path, "/v1beta/models/demo-gemini:generateContent");
    assert_eq!(answer.json()["modelVersion"], "my-gemini");
}

#[test]
fn every_dialect_answers_whole_and_streamed() {
    let setup = Setup::new();
    for dialect in ALL {
        let whole = setup.ask(dialect, &["one two three"], false);
        assert_eq!(whole.status(), 200, "{}", whole.text());
        assert_eq!(whole.header("content-type"), Some("application/json"));
        assert_eq!(
            dialect.text(&whole.json()),
            "This is turn 1. You said: one two three"
        );
        let streamed = setup.ask(dialect, &["one two three"], true);
        assert_eq!(streamed.status(), 200);
        assert_eq!(streamed.header("content-type"), Some("text/event-stream"));
        assert_eq!(streamed.header("cache-control"), Some("no-cache"));
        assert!(streamed.complete);
        assert_eq!(
            dialect.streamed_text(&streamed.data()),
            "This is turn 1. You said: one two three"
        );
    }
}

#[test]
fn answers_have_the_clients_name_of_the_model() {
    let setup = Setup::new();
    for dialect in ALL {
        for streams in [false, true] {
            let answer = setup.ask(dialect, &["hello"], streams);
            let text = answer.text();
            assert!(!text.contains("demo-"), "{text}");
            assert!(text.contains(&dialect.model()), "{text}");
        }
    }
}

#[test]
fn without_an_alias_a_stream_is_the_upstreams_bytes() {
    let upstreams = Upstreams::start().unwrap();
    let text = configuration(upstreams.address(), &Options::default()).replace("my-", "demo-");
    let setup = Setup::configured(upstreams, &text);
    let mut direct = super::client::Client::connect(setup.upstreams.address());
    for dialect in ALL {
        let path = dialect.path(true).replace("my-", "demo-");
        let body = String::from_utf8(dialect.body(&["hello"], true)).unwrap();
        let body = body.replace("my-", "demo-");
        let through = setup.client().call(
            "POST",
            &path,
            &[("Authorization", "Bearer client-key")],
            body.as_bytes(),
        );
        let plain = direct.call(
            "POST",
            &path,
            &[("Authorization", "Bearer x")],
            body.as_bytes(),
        );
        // Ids and times differ between answers, the framing does not.
        let shape = |stream: &str| -> String {
            stream
                .chars()
                .map(|c| if c.is_ascii_hexdigit() { '0' } else { c })
                .collect()
        };
        assert_eq!(shape(through.text()), shape(plain.text()), "{dialect:?}");
    }
}

#[test]
fn the_chatgpt_backend_gets_its_format_and_clients_get_theirs() {
    let setup = Setup::with_chatgpt(Options::default());
    let body = json!({"model": "my-responses", "input": "hello", "temperature": 0.5,
        "user": "u", "store": true, "stream": false});
    let answer = setup.client().call(
        "POST",
        "/v1/responses",
        &[("Authorization", "Bearer client-key")],
        &serde_json::to_vec(&body).unwrap(),
    );
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let answer = answer.json();
    assert_eq!(answer["object"], "response");
    assert_eq!(answer["model"], "my-responses");
    assert_eq!(
        answer["output"][0]["content"][0]["text"],
        "This is turn 1. You said: hello"
    );
    let sent: Value = serde_json::from_slice(&setup.records()[0].body).unwrap();
    assert_eq!(sent["stream"], true);
    assert_eq!(sent["store"], false);
    assert_eq!(sent["instructions"], "");
    assert_eq!(sent["model"], "demo-responses");
    assert!(sent.get("temperature").is_none() && sent.get("user").is_none());
}

#[test]
fn tokens_are_counted_by_the_upstream() {
    let setup = Setup::new();
    let answer = setup.client().call(
        "POST",
        "/v1/messages/count_tokens",
        &[("x-api-key", "client-key")],
        &Dialect::Messages.body(&["hello"], false),
    );
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(answer.json()["input_tokens"].as_u64().unwrap() > 0);
    let answer = setup.client().call(
        "POST",
        "/v1beta/models/my-gemini:countTokens",
        &[("x-goog-api-key", "client-key")],
        &Dialect::Gemini.body(&["hello"], false),
    );
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(answer.json()["totalTokens"].as_u64().unwrap() > 0);
}

#[test]
fn a_gemini_stream_can_be_an_array() {
    let setup = Setup::new();
    let answer = setup.client().call(
        "POST",
        "/v1beta/models/my-gemini:streamGenerateContent?alt=json",
        &[("x-goog-api-key", "client-key")],
        &Dialect::Gemini.body(&["hello there"], false),
    );
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let array = answer.json();
    assert!(array.as_array().unwrap().len() > 1, "{array}");
    assert_eq!(array[0]["modelVersion"], "my-gemini");
}

#[test]
fn upstreams_get_their_own_credentials_and_host() {
    let setup = Setup::new();
    setup.ask_as(
        Dialect::Messages,
        &["hello"],
        false,
        &[
            ("X-Api-Key", "client-key"),
            ("Cookie", "a=b"),
            ("X-Forwarded-For", "10.0.0.1"),
            ("User-Agent", "my-agent/1"),
            ("anthropic-beta", "some-beta"),
        ],
    );
    let record = &setup.records()[0];
    assert!(record.key.starts_with("messages-account-"));
    for (name, value) in &record.headers {
        assert!(!value.contains("client-key"), "{name}: {value}");
        assert!(
            !name.starts_with("x-holdfast") && !name.starts_with("x-forwarded"),
            "{name}"
        );
    }
    assert_eq!(record.header("cookie"), None);
    assert_eq!(record.header("user-agent"), Some("my-agent/1"));
    assert_eq!(record.header("anthropic-beta"), Some("some-beta"));
    assert_eq!(record.header("anthropic-version"), Some("2023-06-01"));
}

#[test]
fn a_large_conversation_passes_both_ways() {
    let setup = Setup::new();
    let text = "All work and no play makes Jack a dull boy. \u{e9}\u{4e2d}\"\\\n".repeat(12_000);
    let answer = setup.ask(Dialect::Chat, &[&text], false);
    assert_eq!(answer.status(), 200);
    let sent: Value = serde_json::from_slice(&setup.records()[0].body).unwrap();
    assert_eq!(sent["messages"][0]["content"], text.as_str());
}
