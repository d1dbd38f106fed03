//! Google's channels: Gemini CLI, Antigravity and service accounts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use holdfast::unversioned::demo::{Listing, Record, Script, Step};
use ring::signature::RsaKeyPair;
use serde_json::{Value, json};

use super::setup::{ANTIGRAVITY, Channel, Expiry, Files, GEMINI_CLI, wait_until};
use crate::client::{Answer, Client};
use crate::harness::{self, Dialect};

pub const EMAIL: &str = "a@demo.example";
pub const OTHER: &str = "b@demo.example";
pub const ROBOT: &str = "robot@demo.iam.gserviceaccount.com";
/// A PKCS#8 key made for tests.
const KEY: &str = include_str!("../../fixtures/service_account.pem");

pub const CLAUDES: Channel = Channel {
    model: "claude-sonnet-4-6",
    ..ANTIGRAVITY
};
/// A service account has no channel of logins.
pub const VERTEX: Channel = Channel {
    name: "vertex",
    base: "",
    model: "gemini-2.5-pro",
    ..GEMINI_CLI
};
const CHANNELS: [Channel; 4] = [GEMINI_CLI, ANTIGRAVITY, CLAUDES, VERTEX];

pub fn prepared(channel: Channel, extra: &str) -> Files {
    let files = Files::new(extra);
    match channel.name {
        "vertex" => service_account(&files),
        _ => drop(files.add(channel, EMAIL, Expiry::Later)),
    }
    files
}

pub fn started(channel: Channel, extra: &str) -> Files {
    let mut files = prepared(channel, extra);
    files.start();
    files
}

/// Writes Google's own key file, with the addresses of the demo.
pub fn service_account(files: &Files) {
    let pem: String = KEY.lines().filter(|line| !line.starts_with('-')).collect();
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(pem).unwrap()).unwrap();
    files
        .authorization
        .service_account(ROBOT, key.public().as_ref());
    let content = json!({
        "type": "service_account",
        "project_id": "demo-project",
        "private_key_id": "key",
        "private_key": KEY,
        "client_email": ROBOT,
        "token_uri": files.authorization.token_uri(GEMINI_CLI.vendor),
        "base_url": format!("http://{}", files.upstreams.address()),
    });
    files.write("robot.json", &content);
}

pub fn account(channel: Channel) -> &'static str {
    match channel.name {
        "vertex" => ROBOT,
        _ => EMAIL,
    }
}

pub fn post(files: &Files, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let body = serde_json::to_vec(body).unwrap();
    Client::connect(files.gateway().address()).call("POST", path, headers, &body)
}

pub fn with_key(files: &Files, path: &str, body: &Value) -> Answer {
    let key = ("Authorization", "Bearer client-key");
    post(files, path, &[key, ("User-Agent", "agent/1")], body)
}

pub fn asked(files: &Files, dialect: Dialect, model: &str, streams: bool, text: &str) -> Answer {
    let mut body: Value = serde_json::from_slice(&dialect.body(&[text], streams)).unwrap();
    let path = dialect.path(streams).replace(&dialect.model(), model);
    if dialect != Dialect::Gemini {
        body["model"] = json!(model);
    }
    with_key(files, &path, &body)
}

pub fn last(files: &Files) -> Record {
    files.upstreams.records().pop().unwrap()
}

pub fn sent(record: &Record) -> Value {
    serde_json::from_slice(&record.body).unwrap()
}

#[test]
fn every_client_is_served_by_every_google_channel() {
    for channel in CHANNELS {
        let files = started(channel, "");
        for dialect in harness::ALL {
            for streams in [false, true] {
                let answer = asked(&files, dialect, channel.model, streams, "hello");
                let text = answer.text();
                let what = format!("{channel:?} {dialect:?} {streams} {text}");
                assert_eq!(answer.status(), 200, "{what}");
                assert!(text.contains("hello"), "{what}");
                assert!(!text.contains("traceId"), "{what}");
                let told = match streams {
                    true => dialect.streamed_text(&answer.data()),
                    false => dialect.text(&answer.json()),
                };
                assert!(told.contains("hello"), "{what}");
                let record = last(&files);
                assert_eq!(record.key, account(channel));
                assert_eq!(record.model, channel.model);
                assert_eq!(record.header("user-agent"), Some("agent/1"));
                let is_collected = channel.model.contains("claude");
                let method = match streams || is_collected {
                    true => "streamGenerateContent?alt=sse",
                    false => "generateContent",
                };
                let path = match channel.name {
                    "vertex" => format!(
                        "/v1/projects/demo-project/locations/us-central1/publishers/google/models/{}:{method}",
                        channel.model
                    ),
                    _ => format!("{}/v1internal:{method}", channel.base),
                };
                assert_eq!(record.path, path, "{what}");
            }
        }
    }
}

#[test]
fn tools_are_called_through_every_google_channel() {
    let schema = json!({"type": "object", "additionalProperties": false,
        "properties": {"q": {"type": ["string", "null"], "minLength": 1}, "free": {"type": "object"}}});
    for channel in CHANNELS {
        let files = started(channel, "");
        let tools =
            json!([{"type": "function", "function": {"name": "look", "parameters": schema}}]);
        let question = json!({"role": "user", "content": "demo:tools look {\"q\":\"x\"}"});
        let mut messages = vec![question];
        let body = json!({"model": channel.model, "max_tokens": 100_000, "tools": tools, "messages": messages});
        let answer = with_key(&files, "/v1/chat/completions", &body);
        assert_eq!(answer.status(), 200, "{channel:?} {}", answer.text());
        let called = answer.json()["choices"][0]["message"].clone();
        let id = called["tool_calls"][0]["id"].clone();
        let function = &called["tool_calls"][0]["function"];
        assert_eq!(function["name"], "look");
        let arguments: Value =
            serde_json::from_str(function["arguments"].as_str().unwrap()).unwrap();
        assert_eq!(arguments, json!({"q": "x"}));
        messages.push(called);
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": "found"}));
        let body = json!({"model": channel.model, "tools": tools, "messages": messages});
        let answer = with_key(&files, "/v1/chat/completions", &body);
        assert_eq!(answer.status(), 200, "{channel:?} {}", answer.text());
        assert!(answer.text().contains("found"), "{}", answer.text());
    }
}

#[test]
fn placeholders_of_antigravitys_claude_reach_no_client() {
    let files = started(CLAUDES, "");
    for streams in [false, true] {
        let question = "demo:tools nothing {\"reason\":\"because\"}";
        let tools = json!([{"name": "nothing", "input_schema": {"type": "object"}}]);
        let body = json!({"model": CLAUDES.model, "max_tokens": 99, "stream": streams, "tools": tools,
            "messages": [{"role": "user", "content": question}]});
        let answer = with_key(&files, "/v1/messages", &body);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let tool = &sent(&last(&files))["request"]["tools"][0]["functionDeclarations"][0];
        assert_eq!(tool["parameters"]["required"], json!(["reason"]));
        assert!(answer.text().contains("nothing"), "{}", answer.text());
        assert!(!answer.text().contains("because"), "{}", answer.text());
    }
}

#[test]
fn signatures_of_antigravity_are_kept_if_configured() {
    for (extra, is_kept) in [
        ("", true),
        ("antigravity-signature-cache-enabled: false", false),
    ] {
        let files = started(ANTIGRAVITY, extra);
        let tools = json!([{"type": "function", "function": {"name": "look",
            "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}}}]);
        let question = "demo:reasoning\ndemo:tools look {\"q\":\"x\"}";
        let mut messages = vec![json!({"role": "user", "content": question})];
        let ask = |messages: &[Value]| {
            let body = json!({"model": ANTIGRAVITY.model, "reasoning_effort": "medium",
                "tools": tools, "messages": messages});
            let answer = with_key(&files, "/v1/chat/completions", &body);
            assert_eq!(answer.status(), 200, "{}", answer.text());
            answer.json()["choices"][0]["message"].clone()
        };
        let call = ask(&messages)["tool_calls"][0].clone();
        // Without any of what the vendor adds to a call.
        messages.push(
            json!({"role": "assistant", "content": null, "tool_calls": [{"id": call["id"],
            "type": "function", "function": call["function"]}]}),
        );
        messages.push(json!({"role": "tool", "tool_call_id": call["id"], "content": "found"}));
        ask(&messages);
        let sent = sent(&last(&files));
        let parts = sent["request"]["contents"][1]["parts"].as_array().unwrap();
        let signed = parts.iter().map(|part| &part["thoughtSignature"]);
        let is_own =
            |value: &Value| value.is_string() && value != "skip_thought_signature_validator";
        assert_eq!(signed.into_iter().any(is_own), is_kept, "{sent}");
    }
}

#[test]
fn tokens_are_counted_by_every_google_channel() {
    for channel in CHANNELS {
        let files = started(channel, "");
        let said = json!([{"role": "user", "content": "hello"}]);
        let tool =
            json!([{"name": "look", "description": "looks", "input_schema": {"type": "object"}}]);
        let contents = json!([{"role": "user", "parts": [{"text": "hello"}]}]);
        let gemini = format!("/v1beta/models/{}:countTokens", channel.model);
        let mut counts = Vec::new();
        for (path, body, field) in [
            (
                "/v1/messages/count_tokens",
                json!({"model": channel.model, "messages": said}),
                "input_tokens",
            ),
            (
                "/v1/messages/count_tokens",
                json!({"model": channel.model, "messages": said, "system": "Be brief.", "tools": tool}),
                "input_tokens",
            ),
            (
                "/v1/responses/input_tokens",
                json!({"model": channel.model, "input": said}),
                "input_tokens",
            ),
            (&gemini, json!({"contents": contents}), "totalTokens"),
            (
                &gemini,
                json!({"generateContentRequest": {"model": "models/x", "contents": contents}}),
                "totalTokens",
            ),
        ] {
            let answer = with_key(&files, path, &body);
            assert_eq!(answer.status(), 200, "{channel:?} {path} {}", answer.text());
            counts.push(answer.json()[field].as_u64().unwrap());
            assert!(
                last(&files).path.ends_with(":countTokens"),
                "{channel:?} {path}"
            );
        }
        assert!(
            counts[0] > 0 && counts[1] > counts[0],
            "{channel:?} {counts:?}"
        );
        assert_eq!([counts[0]; 3], counts[2..], "{channel:?}");
    }
}

fn error(status: u16, code: &str, details: &Value) -> Step {
    let error = json!({"error": {"code": status, "status": code, "message": "The demo says so.", "details": details}});
    Step::Status {
        status,
        headers: Vec::new(),
        body: Some(error.to_string()),
    }
}

fn info(reason: &str, metadata: &Value) -> Value {
    json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason,
        "domain": "cloudcode-pa.googleapis.com", "metadata": metadata}])
}

/// Two accounts of a channel.
fn two(channel: Channel, extra: &str) -> Files {
    let mut files = prepared(channel, extra);
    match channel.name {
        "vertex" => {
            let mut second = files.read("robot.json");
            second["location"] = json!("global");
            files.write("second.json", &second);
        }
        _ => drop(files.add(channel, OTHER, Expiry::Later)),
    }
    files.start();
    files
}

#[test]
fn limits_move_requests_to_another_account() {
    let retry =
        json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3600.5s"}]);
    for limit in [
        retry,
        info("QUOTA_EXHAUSTED", &json!({"quotaResetDelay": "2h"})),
        info("RATE_LIMIT_EXCEEDED", &json!({"quotaResetDelay": "200s"})),
    ] {
        for channel in [GEMINI_CLI, ANTIGRAVITY] {
            let files = two(channel, "");
            let first = || error(429, "RESOURCE_EXHAUSTED", &limit);
            files.upstreams.script(EMAIL, Script::always(first()));
            for n in 0..4 {
                let text = format!("hello {n}");
                let answer = asked(&files, Dialect::Chat, channel.model, false, &text);
                assert_eq!(
                    answer.status(),
                    200,
                    "{channel:?} {limit} {}",
                    answer.text()
                );
            }
            let tried = files.called().iter().filter(|key| *key == EMAIL).count();
            assert!(tried <= 1, "{channel:?} {limit}: blocked after one call");
            files.upstreams.script(OTHER, Script::always(first()));
            let answer = asked(&files, Dialect::Gemini, channel.model, false, "hello");
            assert_eq!(
                answer.status(),
                429,
                "{channel:?} {limit} {}",
                answer.text()
            );
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((190..7201).contains(&wait), "{channel:?} {limit} {wait}");
        }
    }
}

#[test]
fn a_short_limit_is_waited_for_on_the_same_account() {
    let files = two(ANTIGRAVITY, "");
    let limit = info("RATE_LIMIT_EXCEEDED", &json!({"quotaResetDelay": "1ms"}));
    for email in [EMAIL, OTHER] {
        let step = error(429, "RESOURCE_EXHAUSTED", &limit);
        files.upstreams.script(email, Script::once(step));
    }
    let answer = asked(&files, Dialect::Chat, ANTIGRAVITY.model, false, "hello");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let called = files.called();
    assert_eq!(called.len(), 2);
    assert_eq!(called[0], called[1]);
}

#[test]
fn other_errors_are_told_or_move_the_request() {
    for channel in CHANNELS {
        let files = two(channel, "");
        // A fault of the request is the client's.
        let invalid = error(400, "INVALID_ARGUMENT", &json!([]));
        files
            .upstreams
            .script(account(channel), Script::always(invalid.clone()));
        files.upstreams.script(OTHER, Script::always(invalid));
        for dialect in harness::ALL {
            for streams in [false, true] {
                let calls = files.called().len();
                let answer = asked(&files, dialect, channel.model, streams, "hello");
                assert_eq!(answer.status(), 400, "{channel:?} {}", answer.text());
                assert!(answer.text().contains("The demo says so."));
                assert_eq!(files.called().len(), calls + 1, "{channel:?}");
            }
        }
    }
    let lost = info("CONSUMER_SUSPENDED", &json!({}));
    let files = two(GEMINI_CLI, "");
    files.upstreams.script(
        EMAIL,
        Script::always(error(403, "PERMISSION_DENIED", &lost)),
    );
    for n in 0..4 {
        let answer = asked(
            &files,
            Dialect::Chat,
            GEMINI_CLI.model,
            false,
            &n.to_string(),
        );
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    let tried = files.called().iter().filter(|key| *key == EMAIL).count();
    assert!(tried <= 1);
}

fn pays(record: &Record) -> bool {
    let types = sent(record)["enabledCreditTypes"].take();
    types == json!(["GOOGLE_ONE_AI"])
}

#[test]
fn credits_are_spent_when_no_other_account_is_left() {
    let exhausted = || {
        let limit = info("QUOTA_EXHAUSTED", &json!({"quotaResetDelay": "2h"}));
        error(429, "RESOURCE_EXHAUSTED", &limit)
    };
    let extra = "quota-exceeded: {antigravity-credits: true}";
    let files = two(ANTIGRAVITY, extra);
    files.upstreams.script(EMAIL, Script::always(exhausted()));
    for n in 0..4 {
        let answer = asked(
            &files,
            Dialect::Chat,
            ANTIGRAVITY.model,
            false,
            &n.to_string(),
        );
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    assert!(
        !files.upstreams.records().iter().any(pays),
        "the other account is free"
    );

    files.upstreams.clear_records();
    files.upstreams.script(OTHER, Script::once(exhausted()));
    for n in 0..2 {
        let answer = asked(
            &files,
            Dialect::Chat,
            ANTIGRAVITY.model,
            false,
            &format!("more {n}"),
        );
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    let paid: Vec<(String, bool)> = files
        .upstreams
        .records()
        .iter()
        .map(|record| (record.key.clone(), pays(record)))
        .collect();
    let other = |pays| (OTHER.to_owned(), pays);
    assert_eq!(paid, [other(false), other(true), other(true)]);

    // The balance is used up.
    files.upstreams.clear_records();
    files.upstreams.script(OTHER, Script::always(exhausted()));
    let answer = asked(&files, Dialect::Chat, ANTIGRAVITY.model, false, "again");
    assert_eq!(answer.status(), 429, "{}", answer.text());
    assert_eq!(
        files
            .upstreams
            .records()
            .iter()
            .filter(|one| pays(one))
            .count(),
        1
    );
}

#[test]
fn accounts_that_cannot_serve_do_not_keep_others_from_paying() {
    let limit = info("QUOTA_EXHAUSTED", &json!({"quotaResetDelay": "2h"}));
    let exhausted = || error(429, "RESOURCE_EXHAUSTED", &limit);
    // Neither is ever blocked, so only this request knows that one has failed.
    let extra = "quota-exceeded: {antigravity-credits: true}\ndisable-cooling: true";
    let files = two(ANTIGRAVITY, extra);
    files.upstreams.script(EMAIL, Script::once(exhausted()));
    files.upstreams.script(OTHER, Script::once(exhausted()));
    let answer = asked(&files, Dialect::Chat, ANTIGRAVITY.model, false, "hello");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let paid: Vec<bool> = files.upstreams.records().iter().map(pays).collect();
    assert_eq!(paid, [false, false, true]);
}

#[test]
fn credits_are_tried_again_once_a_file_has_changed() {
    let limit = info("QUOTA_EXHAUSTED", &json!({"quotaResetDelay": "2h"}));
    let exhausted = error(429, "RESOURCE_EXHAUSTED", &limit);
    let extra = "quota-exceeded: {antigravity-credits: true}\ndisable-cooling: true";
    // Nothing is blocked, so that each request is sent.
    let mut files = Files::new(extra);
    let name = files.add(ANTIGRAVITY, EMAIL, Expiry::Later);
    files.start();
    files.upstreams.script(EMAIL, Script::always(exhausted));
    let ask = || {
        let answer = asked(&files, Dialect::Chat, ANTIGRAVITY.model, false, "hello");
        assert_eq!(answer.status(), 429, "{}", answer.text());
        let records = files.upstreams.records();
        records.iter().filter(|record| pays(record)).count()
    };
    assert_eq!(ask(), 1);
    assert_eq!(ask(), 1, "not tried again");
    let mut content = files.read(&name);
    content["priority"] = json!(1);
    files.write(&name, &content);
    wait_until("credits are tried again", || ask() == 2);
}

#[test]
fn credits_are_not_spent_unless_configured() {
    let files = started(ANTIGRAVITY, "");
    let limit = info("QUOTA_EXHAUSTED", &json!({}));
    let step = error(429, "RESOURCE_EXHAUSTED", &limit);
    files.upstreams.script(EMAIL, Script::always(step));
    let answer = asked(&files, Dialect::Chat, ANTIGRAVITY.model, false, "hello");
    assert_eq!(answer.status(), 429, "{}", answer.text());
    assert!(!files.upstreams.records().iter().any(pays));
}

#[test]
fn a_missing_project_is_found_once() {
    for channel in [GEMINI_CLI, ANTIGRAVITY] {
        let mut files = Files::new("");
        let mut content = files.login(channel, EMAIL, Expiry::Later);
        content.as_object_mut().unwrap().shift_remove("project_id");
        files.write("a.json", &content);
        files.start();
        for n in 0..3 {
            let answer = asked(
                &files,
                Dialect::Gemini,
                channel.model,
                false,
                &n.to_string(),
            );
            assert_eq!(answer.status(), 200, "{channel:?} {}", answer.text());
            assert_eq!(
                sent(&last(&files))["project"],
                "demo-project",
                "{channel:?}"
            );
        }
        let records = files.upstreams.records();
        let loads = records
            .iter()
            .filter(|record| record.path.ends_with(":loadCodeAssist"));
        assert_eq!(loads.count(), 1, "{channel:?}");
        wait_until("the project is kept", || {
            files.read("a.json")["project_id"] == "demo-project"
        });
    }
}

#[test]
fn models_are_those_of_the_account() {
    for channel in [GEMINI_CLI, ANTIGRAVITY] {
        let mut files = prepared(channel, "");
        let list = vec!["gemini-9-demo".to_owned()];
        files.upstreams.list(EMAIL, Listing::Models(list));
        files.start_with_lists();
        wait_until("the list", || {
            let key = [("Authorization", "Bearer client-key")];
            let mut client = Client::connect(files.gateway().address());
            let answer = client.call("GET", "/v1/models", &key, b"");
            answer.text().contains("gemini-9-demo")
        });
        let answer = asked(&files, Dialect::Chat, "gemini-9-demo", false, "hello");
        assert_eq!(answer.status(), 200, "{channel:?} {}", answer.text());
    }
}

#[test]
fn pictures_of_imagen_reach_every_client() {
    let files = started(VERTEX, "");
    for dialect in [Dialect::Gemini, Dialect::Chat] {
        for streams in [false, true] {
            let model = "imagen-4.0-generate-001";
            let answer = asked(&files, dialect, model, streams, "a cat");
            assert_eq!(answer.status(), 200, "{dialect:?} {}", answer.text());
            assert!(
                answer.text().contains("iVBORw0KGgo"),
                "{dialect:?} {}",
                answer.text()
            );
            let record = last(&files);
            assert!(record.path.ends_with(":predict"), "{}", record.path);
            assert_eq!(sent(&record)["instances"], json!([{"prompt": "a cat"}]));
        }
    }
}
