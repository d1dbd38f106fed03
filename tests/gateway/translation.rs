//! Translation: clients of every dialect with upstreams of every other dialect.

use std::time::Duration;

use holdfast::unversioned::demo::{Ending, Outcome, Script, Step};
use serde_json::Value;

use super::client::Answer;
use super::harness::{ALL, Dialect, Options, PATIENCE, Setup};

const KEY: (&str, &str) = ("Authorization", "Bearer client-key");

fn path(client: Dialect, upstream: Dialect, streams: bool) -> String {
    client
        .path(streams)
        .replace(&client.model(), &upstream.model())
}

fn body(client: Dialect, upstream: Dialect, streams: bool) -> Vec<u8> {
    let body = String::from_utf8(client.body(&["hello"], streams)).unwrap();
    body.replace(&client.model(), &upstream.model())
        .into_bytes()
}

fn ask(setup: &Setup, client: Dialect, upstream: Dialect, streams: bool) -> Answer {
    setup.client().call(
        "POST",
        &path(client, upstream, streams),
        &[KEY],
        &body(client, upstream, streams),
    )
}

/// Whether a stream or an answer is complete.
fn is_complete(client: Dialect, text: &str) -> bool {
    let mark = match client {
        Dialect::Chat => "data: [DONE]",
        Dialect::Responses => "\"type\":\"response.completed\"",
        Dialect::Messages => "event: message_stop",
        Dialect::Gemini => "\"finishReason\"",
    };
    text.contains(mark)
}

fn pairs_of_dialects() -> impl Iterator<Item = (Dialect, Dialect)> {
    let pairs = ALL
        .into_iter()
        .flat_map(|client| ALL.map(|upstream| (client, upstream)));
    pairs.filter(|(client, upstream)| client != upstream)
}

#[test]
fn the_answer_arrives_whole_and_streamed() {
    let setup = Setup::new();
    for (client, upstream) in pairs_of_dialects() {
        let what = format!("{client:?} at {upstream:?}");
        let answer = ask(&setup, client, upstream, false);
        assert_eq!(answer.status(), 200, "{what}: {}", answer.text());
        let json = answer.json();
        assert_eq!(
            client.text(&json),
            "This is turn 1. You said: hello",
            "{what}"
        );
        let model = json
            .get("model")
            .or_else(|| json.get("modelVersion"))
            .unwrap();
        assert_eq!(model, &upstream.model(), "{what}");

        let answer = ask(&setup, client, upstream, true);
        assert_eq!(answer.status(), 200, "{what}: {}", answer.text());
        assert!(answer.complete, "{what}");
        let text = client.streamed_text(&answer.data());
        assert_eq!(
            text,
            "This is turn 1. You said: hello",
            "{what}: {}",
            answer.text()
        );
        assert!(
            is_complete(client, answer.text()),
            "{what}: {}",
            answer.text()
        );
        assert!(
            !answer.text().contains("demo-"),
            "{what}: the upstream's name shows"
        );
    }
    // Sessions keep their credential, whatever the dialect of the client.
    let reports = setup.reports(24);
    assert!(
        reports.iter().all(|report| report.cached.is_some()),
        "{reports:?}"
    );
    assert!(
        reports.iter().any(|report| report.decision == "sticky"),
        "{reports:?}"
    );
}

#[test]
fn tool_calls_arrive_whole_and_streamed() {
    let setup = Setup::new();
    for (client, upstream) in pairs_of_dialects() {
        let calls = [("look", "{\"at\":\"this\"}"), ("wait", "{}")];
        setup.all_accounts(upstream, &Step::tools(&calls));
        for streams in [false, true] {
            let answer = ask(&setup, client, upstream, streams);
            let what = format!("{client:?} at {upstream:?}: {}", answer.text());
            assert_eq!(answer.status(), 200, "{what}");
            let found = match streams {
                false => calls_in(client, &[answer.json()]),
                true => {
                    let data = answer.data();
                    let events = data
                        .iter()
                        .filter_map(|data| serde_json::from_str(data).ok());
                    calls_in(client, &events.collect::<Vec<Value>>())
                }
            };
            assert_eq!(found, ["look", "wait"], "{what}");
            assert!(answer.text().contains("this"), "{what}");
            let reason = match client {
                Dialect::Chat => "\"finish_reason\":\"tool_calls\"",
                Dialect::Messages => "\"stop_reason\":\"tool_use\"",
                Dialect::Responses => "\"status\":\"completed\"",
                Dialect::Gemini => "\"finishReason\":\"STOP\"",
            };
            assert!(answer.text().contains(reason), "{what}");
        }
    }
}

/// The names of the calls in an answer, or in the events of one.
fn calls_in(client: Dialect, jsons: &[Value]) -> Vec<String> {
    let mut names = Vec::new();
    for json in jsons {
        let list = |path: &str| {
            json.pointer(path)
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        let name = |value: &Value| value.as_str().map(str::to_owned);
        match client {
            Dialect::Chat => {
                let whole = list("/choices/0/message/tool_calls");
                let delta = list("/choices/0/delta/tool_calls");
                names.extend(
                    whole
                        .iter()
                        .chain(&delta)
                        .filter_map(|call| name(&call["function"]["name"])),
                );
            }
            Dialect::Responses => {
                names.extend(
                    list("/output")
                        .iter()
                        .filter_map(|item| name(&item["name"])),
                );
                if json["type"] == "response.output_item.added" {
                    names.extend(name(&json["item"]["name"]));
                }
            }
            Dialect::Messages => {
                names.extend(
                    list("/content")
                        .iter()
                        .filter_map(|block| name(&block["name"])),
                );
                names.extend(name(&json["content_block"]["name"]));
            }
            Dialect::Gemini => {
                let parts = list("/candidates/0/content/parts");
                names.extend(
                    parts
                        .iter()
                        .filter_map(|part| name(&part["functionCall"]["name"])),
                );
            }
        }
    }
    names
}

#[test]
fn upstream_errors_are_translated() {
    let setup = Setup::with(Options {
        more: "disable-cooling: true",
        ..Options::default()
    });
    for (client, upstream) in pairs_of_dialects() {
        for status in [400, 429, 529] {
            setup.all_accounts(upstream, &Step::status(status));
            let answer = ask(&setup, client, upstream, true);
            let what = format!("{client:?} at {upstream:?}: {}", answer.text());
            // Only Anthropic has status 529.
            let status = match (status, client) {
                (529, Dialect::Chat | Dialect::Responses | Dialect::Gemini) => 503,
                _ => status,
            };
            assert_eq!(answer.status(), status, "{what}");
            let error = &answer.json()["error"];
            assert!(
                error["message"].as_str().unwrap().contains("The demo says"),
                "{what}"
            );
            match client {
                Dialect::Messages => assert_eq!(answer.json()["type"], "error", "{what}"),
                Dialect::Gemini => assert_eq!(error["code"], status, "{what}"),
                Dialect::Chat | Dialect::Responses => assert!(error["type"].is_string(), "{what}"),
            }
        }
    }
}

#[test]
fn a_broken_stream_ends_with_one_error() {
    let setup = Setup::new();
    for (client, upstream) in pairs_of_dialects() {
        let events = if upstream == Dialect::Gemini { 2 } else { 5 };
        for ending in [
            Ending::Reset(events),
            Ending::Cut(events),
            Ending::TruncatedChunk(events),
            Ending::Error(events),
        ] {
            setup.all_accounts(upstream, &Step::ending(ending));
            let answer = ask(&setup, client, upstream, true);
            let what = format!("{client:?} at {upstream:?}, {ending:?}: {}", answer.text());
            assert_eq!(answer.status(), 200, "{what}");
            assert!(answer.complete, "{what}");
            assert!(!is_complete(client, answer.text()), "{what}");
            let errors = answer
                .data()
                .iter()
                .filter(|data| data.contains("\"error\":{"))
                .count();
            assert_eq!(errors, 1, "{what}");
        }
    }
}

#[test]
fn another_credential_is_tried() {
    let setup = Setup::new();
    for (client, upstream) in pairs_of_dialects() {
        setup.upstreams.clear_records();
        ask(&setup, client, upstream, true);
        let first = setup.records()[0].key.clone();
        setup
            .upstreams
            .script(&first, Script::always(Step::status(503)));
        let answer = ask(&setup, client, upstream, true);
        assert_eq!(answer.status(), 200, "{client:?} at {upstream:?}");
        assert_ne!(setup.records().last().unwrap().key, first);
        setup.upstreams.script(&first, Script::default());
    }
}

#[test]
fn a_client_that_disconnects_ends_its_upstream_call() {
    let setup = Setup::new();
    for (client, upstream) in pairs_of_dialects() {
        setup.upstreams.clear_records();
        setup.all_accounts(upstream, &Step::trickle(100, Duration::from_secs(60)));
        let mut connection = setup.client();
        let path = path(client, upstream, true);
        connection.send("POST", &path, &[KEY], &body(client, upstream, true));
        assert!(
            setup
                .upstreams
                .wait_for(PATIENCE, |records| records.len() == 1)
        );
        drop(connection);
        let gone = |outcome: Outcome| matches!(outcome, Outcome::ClientGone(_));
        assert!(
            setup
                .upstreams
                .wait_for(PATIENCE, |records| records.iter().all(|r| gone(r.outcome))),
            "{client:?} at {upstream:?}"
        );
    }
}

#[test]
fn untranslatable_content_is_refused_by_name() {
    let setup = Setup::new();
    let body = r#"{"model":"my-messages","messages":[{"role":"user","content":[
        {"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]}]}"#;
    let answer = setup
        .client()
        .call("POST", "/v1/chat/completions", &[KEY], body.as_bytes());
    assert_eq!(answer.status(), 400, "{}", answer.text());
    assert!(answer.text().contains("audio"), "{}", answer.text());
    assert!(setup.records().is_empty(), "no upstream was called");
}

#[test]
fn tokens_are_counted_for_every_upstream() {
    let setup = Setup::new();
    let long = "a sentence that takes some tokens ".repeat(50);
    for upstream in ALL {
        let count = |text: &str| {
            let messages = format!(
                r#"{{"model":"{}","messages":[{{"role":"user","content":"{text}"}}]}}"#,
                upstream.model()
            );
            let answer = setup.client().call(
                "POST",
                "/v1/messages/count_tokens",
                &[KEY],
                messages.as_bytes(),
            );
            assert_eq!(answer.status(), 200, "{upstream:?}: {}", answer.text());
            let by_messages = answer.json()["input_tokens"].as_u64().unwrap();
            let gemini =
                format!(r#"{{"contents":[{{"role":"user","parts":[{{"text":"{text}"}}]}}]}}"#);
            let path = format!("/v1beta/models/{}:countTokens", upstream.model());
            let answer = setup
                .client()
                .call("POST", &path, &[KEY], gemini.as_bytes());
            assert_eq!(answer.status(), 200, "{upstream:?}: {}", answer.text());
            (by_messages, answer.json()["totalTokens"].as_u64().unwrap())
        };
        let (few, many) = (count("hello"), count(&long));
        assert!(few.0 > 0 && few.1 > 0, "{upstream:?}: {few:?}");
        assert!(
            many.0 > few.0 + 200 && many.1 > few.1 + 200,
            "{upstream:?}: {many:?}"
        );
    }
}

#[test]
fn a_prompt_is_completed_by_every_upstream() {
    let setup = Setup::new();
    for upstream in ALL {
        let ask = |streams: bool| {
            let body = format!(
                r#"{{"model":"{}","prompt":"hello","max_tokens":9,"stream":{streams}}}"#,
                upstream.model()
            );
            setup
                .client()
                .call("POST", "/v1/completions", &[KEY], body.as_bytes())
        };
        let answer = ask(false);
        assert_eq!(answer.status(), 200, "{upstream:?}: {}", answer.text());
        let json = answer.json();
        assert_eq!(json["object"], "text_completion");
        assert_eq!(
            json["choices"][0]["text"], "This is turn 1. You said: hello",
            "{upstream:?}"
        );
        assert_eq!(json["choices"][0]["finish_reason"], "stop");
        assert!(json["usage"]["prompt_tokens"].as_u64().unwrap() > 0);

        let answer = ask(true);
        let data = answer.data();
        assert_eq!(data.last().unwrap(), "[DONE]", "{upstream:?}");
        let texts = data
            .iter()
            .filter_map(|data| serde_json::from_str::<Value>(data).ok());
        let text: String = texts
            .map(|chunk| chunk["choices"][0]["text"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(text, "This is turn 1. You said: hello", "{upstream:?}");
    }
}

#[test]
fn chat_completions_accept_responses_bodies() {
    let setup = Setup::new();
    for upstream in ALL {
        let body = format!(
            r#"{{"model":"{}","instructions":"Be brief.","input":"hello"}}"#,
            upstream.model()
        );
        let answer = setup
            .client()
            .call("POST", "/v1/chat/completions", &[KEY], body.as_bytes());
        assert_eq!(answer.status(), 200, "{upstream:?}: {}", answer.text());
        let text = Dialect::Chat.text(&answer.json());
        assert_eq!(text, "This is turn 1. You said: hello", "{upstream:?}");
    }
}

#[test]
fn a_suffix_sets_the_reasoning_effort() {
    let setup = Setup::new();
    for client in ALL {
        for upstream in ALL {
            setup.upstreams.clear_records();
            let model = format!("{}(high)", upstream.model());
            let path = client.path(false).replace(
                &client.model(),
                &model.replace('(', "%28").replace(')', "%29"),
            );
            let body = String::from_utf8(client.body(&["hello"], false)).unwrap();
            let body = body.replace(&client.model(), &model);
            let answer = setup.client().call("POST", &path, &[KEY], body.as_bytes());
            let what = format!("{client:?} at {upstream:?}: {}", answer.text());
            assert_eq!(answer.status(), 200, "{what}");
            let named = answer.json();
            let named = named
                .get("model")
                .or_else(|| named.get("modelVersion"))
                .unwrap();
            assert_eq!(named, &model, "{what}");
            let sent: Value = serde_json::from_slice(&setup.records()[0].body).unwrap();
            let is_sent = match upstream {
                Dialect::Chat => sent["reasoning_effort"] == "high",
                Dialect::Responses => sent["reasoning"]["effort"] == "high",
                // A hundred tokens are not enough for reasoning and an answer.
                Dialect::Messages => {
                    sent["max_tokens"] == 100 || sent["thinking"]["budget_tokens"] == 24_576
                }
                Dialect::Gemini => {
                    sent["generationConfig"]["thinkingConfig"]["thinkingBudget"] == 24_576
                }
            };
            assert!(is_sent, "{what}\n{sent}");
            assert!(!sent.to_string().contains("(high)"), "{what}");
        }
    }
}

#[test]
fn dropped_tools_are_named_in_a_header() {
    let setup = Setup::new();
    let tools = r#","tools":[{"type":"bash_20250124","name":"bash"},{"type":"web\r\n: x","name":"y"},
        {"type":"text_editor_20250728","name":"edit"},{"name":"f","input_schema":{"type":"object"}}]}"#;
    for upstream in [
        Dialect::Chat,
        Dialect::Responses,
        Dialect::Gemini,
        Dialect::Messages,
    ] {
        for streams in [false, true] {
            let body = String::from_utf8(body(Dialect::Messages, upstream, streams)).unwrap();
            let body = body.strip_suffix('}').unwrap().to_owned() + tools;
            let path = path(Dialect::Messages, upstream, streams);
            let answer = setup.client().call("POST", &path, &[KEY], body.as_bytes());
            assert_eq!(answer.status(), 200, "{}", answer.text());
            let named = answer.header("X-Holdfast-Dropped");
            let expected = "bash_20250124, text_editor_20250728, webx";
            // Its own vendor supports all of them.
            let expected = (upstream != Dialect::Messages).then_some(expected);
            assert_eq!(named, expected, "{upstream:?}");
        }
    }
}
