//! The effect of payload rules on upstream requests.

use serde_json::{Value, json};

use super::harness::{ALL, Dialect, Options, Setup};

const EVERY_SECTION: &str = r#"payload:
  default:
    - models: [{name: "demo-*"}]
      params: {metadata.tier: low, "model": other, added.deep.0: 1}
  default-raw:
    - models: [{name: "my-*"}]
      params: {added.raw: '{"k" : 1.50}'}
  override:
    - models: [{name: "my-gemini", protocol: gemini}]
      params: {generationConfig.topK: 7, model: other}
    - models: [{name: "my-messages", protocol: claude}]
      params: {max_tokens: 77}
    - models: [{name: "my-responses", protocol: codex}]
      params: {reasoning.effort: high, model: other, top_logprobs: 5, safety_identifier: x}
    - models: [{name: "my-chat", protocol: openai}]
      params: {temperature: 0.5}
  filter:
    - models: [{name: "*"}]
      params: [gone, contents.0.gone]
"#;

fn setup(more: &'static str) -> Setup {
    Setup::with(Options {
        accounts: 1,
        more,
        ..Options::default()
    })
}

fn send(setup: &Setup, path: &str, body: &str) -> Value {
    let answer = setup.client().call(
        "POST",
        path,
        &[("Authorization", "Bearer client-key"), ("X-Tier", "gold")],
        body.as_bytes(),
    );
    assert_eq!(answer.status(), 200, "{path} {}", answer.text());
    sent(setup)
}

/// The body of the last request.
fn last(setup: &Setup) -> Vec<u8> {
    setup.records().pop().unwrap().body
}

fn sent(setup: &Setup) -> Value {
    serde_json::from_slice(&last(setup)).unwrap()
}

#[test]
fn every_kind_of_upstream_gets_the_changed_body() {
    let setup = setup(EVERY_SECTION);
    for client in ALL {
        for streams in [false, true] {
            let answer = setup.ask(client, &["hello"], streams);
            assert_eq!(answer.status(), 200, "{client:?} {}", answer.text());
            assert!(
                answer.text().contains("hello"),
                "{client:?} {}",
                answer.text()
            );
            let sent = sent(&setup);
            assert_eq!(sent["metadata"]["tier"], "low", "{client:?} {sent}");
            assert_eq!(sent["added"], json!({"deep": [1], "raw": {"k": 1.5}}));
            match client {
                Dialect::Gemini => {
                    assert_eq!(sent["generationConfig"]["topK"], 7);
                    assert_eq!(sent["model"], "demo-gemini");
                }
                Dialect::Messages => {
                    assert_eq!(sent["max_tokens"], 77);
                    assert_eq!(sent["model"], "demo-messages");
                }
                Dialect::Responses => {
                    assert_eq!(sent["reasoning"]["effort"], "high");
                    assert_eq!(sent["model"], "demo-responses");
                    assert_eq!(sent["top_logprobs"], 5);
                    assert_eq!(sent["stream"] == true, streams);
                    assert_eq!(sent.get("instructions"), None);
                    assert_eq!(sent["safety_identifier"], "x");
                }
                Dialect::Chat => {
                    assert_eq!(sent["temperature"], 0.5);
                    assert_eq!(sent["model"], "demo-chat");
                }
            }
        }
    }
}

#[test]
fn the_chatgpt_backend_gets_its_format_with_rules_applied() {
    let options = Options {
        accounts: 1,
        more: EVERY_SECTION,
        ..Options::default()
    };
    let setup = Setup::with_chatgpt(options);
    for streams in [false, true] {
        let answer = setup.ask(Dialect::Responses, &["hello"], streams);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let sent = sent(&setup);
        assert_eq!(sent["reasoning"]["effort"], "high");
        assert_eq!(sent["model"], "demo-responses");
        assert_eq!(sent["top_logprobs"], 5);
        assert_eq!(sent["stream"], true);
        assert_eq!(sent["instructions"], "");
        assert_eq!(sent.get("safety_identifier"), None);
    }
}

#[test]
fn a_body_that_no_rule_changes_is_sent_unchanged() {
    let plain = setup("");
    let ruled = setup(
        "payload:\n  override:\n    - {models: [{name: other}], params: {a: 1}}\n    - {models: [{name: 'my-*', from-protocol: claude, headers: {x-none: '*'}}], params: {a: 1}}\n    - {models: [{name: 'my-*', match: [{none: 1}]}], params: {a: 1}}\n  default:\n    - {models: [{name: 'my-*'}], params: {odd.k: 1}}\n  filter:\n    - {models: [{name: 'my-*'}], params: [none, odd.none]}\n",
    );
    for (path, body) in [
        (
            "/v1/chat/completions",
            r#"{ "odd" : {"k":1.50, "k":2}, "model":"my-chat" , "messages":[{"role":"user","content":"\u0068i"}]}"#,
        ),
        (
            "/v1/responses",
            r#"{ "odd" : {"k":1.50, "k":2}, "model":"my-responses" , "stream": false, "input":[{"role":"user","content":[{"type":"input_text","text":"\u0068i"}]}]}"#,
        ),
        (
            "/v1/messages",
            r#"{ "odd" : {"k":1.50, "k":2}, "model":"my-messages" , "max_tokens":9, "messages":[{"role":"user","content":"\u0068i"}]}"#,
        ),
        (
            "/v1beta/models/my-gemini:generateContent",
            r#"{ "odd" : {"k":1.50, "k":2}, "contents":[{"role":"user","parts":[{"text":"\u0068i"}]}]}"#,
        ),
    ] {
        send(&plain, path, body);
        send(&ruled, path, body);
        let (plain, ruled) = (last(&plain), last(&ruled));
        assert_eq!(
            String::from_utf8(ruled).unwrap(),
            String::from_utf8(plain).unwrap()
        );
    }
}

#[test]
fn other_members_keep_the_clients_bytes() {
    let setup = setup(
        "payload:\n  override:\n    - {models: [{name: my-chat}], params: {temperature: 0.5, tail: 1}}\n",
    );
    send(
        &setup,
        "/v1/chat/completions",
        r#"{ "model":"my-chat" , "temperature" : 1.00, "n":1.50, "messages":[{"role":"user","content":"\u0068i"}] }"#,
    );
    assert_eq!(
        String::from_utf8(last(&setup)).unwrap(),
        r#"{ "model":"demo-chat" , "temperature" : 0.5, "n":1.50, "messages":[{"role":"user","content":"\u0068i"}] ,"tail":1}"#
    );
}

/// A model of each kind of upstream, requested in another dialect.
#[test]
fn rules_apply_after_translation() {
    let setup = setup(
        r#"payload:
  override:
    - models: [{name: "my-*", from-protocol: claude, headers: {x-tier: "go*"}}]
      params: {from: claude}
    - models: [{name: "my-*", from-protocol: responses}]
      params: {from: responses}
    - models: [{name: "my-gemini", protocol: gemini, exist: [contents.0.parts], not-exist: [messages]}]
      params: {saw: gemini}
    - models: [{name: "my-responses", protocol: codex, match: [{store: false}]}]
      params: {saw: codex, store: true}
    - models: [{name: "my-chat", protocol: openai, match: [{model: demo-chat}]}]
      params: {saw: openai}
  filter:
    - models: [{name: "my-chat"}]
      params: [stream_options]
"#,
    );
    for streams in [false, true] {
        for (model, saw) in [
            ("my-gemini", "gemini"),
            ("my-responses", "codex"),
            ("my-chat", "openai"),
        ] {
            let body = json!({"model": model, "max_tokens": 50, "stream": streams,
                "messages": [{"role": "user", "content": "hello"}]});
            let sent = send(&setup, "/v1/messages", &body.to_string());
            assert_eq!(sent["saw"], saw, "{sent}");
            assert_eq!(sent["from"], "claude", "{sent}");
            if model == "my-responses" {
                assert_eq!(sent["store"], true);
            }
            if model == "my-chat" && streams {
                assert_eq!(sent["stream_options"]["include_usage"], true);
            }
        }
    }
    let body = json!({"model": "my-messages", "input": "hello"});
    let sent = send(&setup, "/v1/responses", &body.to_string());
    assert_eq!(sent["from"], "responses");
}

#[test]
fn rules_can_change_the_model_outside_of_gemini() {
    let setup =
        setup("payload:\n  override:\n    - {models: [{name: '*'}], params: {model: changed}}\n");
    for (client, model) in [
        (Dialect::Chat, "changed"),
        (Dialect::Messages, "changed"),
        (Dialect::Responses, "demo-responses"),
        (Dialect::Gemini, "demo-gemini"),
    ] {
        setup.ask(client, &["hello"], false);
        assert_eq!(sent(&setup)["model"], model, "{client:?}");
    }
}

#[test]
fn a_suffix_takes_precedence_over_a_default() {
    let setup = setup(
        r#"payload:
  default:
    - models: [{name: "my-chat"}]
      params: {reasoning_effort: low}
    - models: [{name: "my-responses(*)"}]
      params: {reasoning.effort: low, seen: suffix}
    - models: [{name: "demo-gemini"}]
      params: {generationConfig.thinkingConfig.thinkingBudget: 5}
"#,
    );
    let chat = |model: &str| {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "hello"}]});
        send(&setup, "/v1/chat/completions", &body.to_string())
    };
    assert_eq!(chat("my-chat")["reasoning_effort"], "low");
    assert_eq!(chat("my-chat(high)")["reasoning_effort"], "high");
    let responses = chat("my-responses(high)");
    assert_eq!(responses["reasoning"]["effort"], "high");
    assert_eq!(responses["seen"], "suffix");
    let budget = |body: Value| body["generationConfig"]["thinkingConfig"]["thinkingBudget"].clone();
    assert_eq!(budget(chat("my-gemini")), 5);
    assert_eq!(budget(chat("my-gemini(8192)")), 8192);
}

#[test]
fn reasoning_members_are_made_consistent() {
    let setup = setup(
        "payload:\n  override:\n    - {models: [{name: my-messages}], params: {thinking: {type: enabled, budget_tokens: 5000}, x: 1}}\n",
    );
    let body = json!({"model": "my-messages", "max_tokens": 2000, "temperature": 0.2,
        "messages": [{"role": "user", "content": "hello"}]});
    let fitted = send(&setup, "/v1/messages", &body.to_string());
    let budget = fitted["thinking"]["budget_tokens"].as_u64().unwrap();
    assert!(budget < fitted["max_tokens"].as_u64().unwrap(), "{fitted}");
    assert!(
        fitted.get("temperature").is_none_or(|value| value == 1),
        "{fitted}"
    );
    assert_eq!(fitted["x"], 1);
}

#[test]
fn a_repeated_member_cannot_bypass_a_rule() {
    let setup = setup(
        "payload:\n  override:\n    - {models: [{name: '*'}], params: {top_k: 77}}\n  filter:\n    - {models: [{name: '*'}], params: [gone]}\n",
    );
    let answer = r#","top_k":1,"gone":1,"messages":[{"role":"user","content":"hello"}],"gone":2,"\u0074op_k":9}"#;
    for (path, model) in [
        ("/v1/chat/completions", "my-chat"),
        ("/v1/messages", "my-messages"),
    ] {
        let body = format!(r#"{{"model":"{model}","max_tokens":5{answer}"#);
        send(&setup, path, &body);
        let sent = String::from_utf8(last(&setup)).unwrap();
        assert!(sent.contains(r#""top_k":77"#), "{sent}");
        for passed in [r#""top_k":1"#, r#""top_k":9"#, r#"op_k":9"#, "gone"] {
            assert!(!sent.contains(passed), "{passed} in {sent}");
        }
    }
}

#[test]
fn another_spelling_of_a_member_cannot_bypass_a_rule() {
    let setup = setup(
        "payload:\n  default:\n    - {models: [{name: my-gemini}], params: {generationConfig.topP: 0.5, generationConfig.candidateCount: 1}}\n  override:\n    - {models: [{name: my-gemini}], params: {generationConfig.topK: 7, generation_config.max_output_tokens: 77}}\n  filter:\n    - {models: [{name: my-gemini}], params: [cachedContent, generationConfig.responseLogprobs]}\n",
    );
    let path = "/v1beta/models/my-gemini:generateContent";
    let contents = json!([{"role": "user", "parts": [{"text": "hello"}]}]);
    for (config, expected) in [
        (
            json!({"generation_config": {"top_k": 1, "topP": 0.1, "response_logprobs": true}}),
            json!({"generation_config": {"top_k": 7, "topP": 0.1, "candidateCount": 1, "max_output_tokens": 77}}),
        ),
        (
            json!({"generationConfig": {"top_k": 1, "topK": 2, "maxOutputTokens": 5}}),
            json!({"generationConfig": {"top_k": 7, "topK": 7, "topP": 0.5, "candidateCount": 1, "maxOutputTokens": 77}}),
        ),
        (
            json!({"cached_content": "x", "cachedContent": "y"}),
            json!({"generationConfig": {"topP": 0.5, "candidateCount": 1, "topK": 7, "max_output_tokens": 77}}),
        ),
    ] {
        let mut body = config.clone();
        body["contents"] = contents.clone();
        let mut sent = send(&setup, path, &body.to_string());
        assert_eq!(sent["contents"], contents);
        sent.as_object_mut().unwrap().remove("contents");
        assert_eq!(sent, expected, "{config}");
    }
}

#[test]
fn compaction_has_rules_of_its_own() {
    let setup = setup(
        "payload:\n  override:\n    - {models: [{name: my-responses, protocol: openai-response}], params: {a: 1, stream: true, model: other}}\n    - {models: [{name: my-responses, protocol: codex}], params: {b: 1}}\n",
    );
    let body = r#"{"model": "my-responses", "input": [{"role": "user", "content": "hello"}]}"#;
    setup.client().call(
        "POST",
        "/v1/responses/compact",
        &[("Authorization", "Bearer client-key")],
        body.as_bytes(),
    );
    let sent = sent(&setup);
    assert_eq!(sent["a"], 1, "{sent}");
    assert_eq!(sent.get("b"), None);
    assert_eq!(sent.get("stream"), None);
    assert_eq!(sent["model"], "demo-responses");
    assert_eq!(sent.get("instructions"), None);
}

#[test]
fn rules_do_not_apply_to_token_counts() {
    let setup = setup("payload:\n  override:\n    - {models: [{name: '*'}], params: {ruled: 1}}\n");
    for (path, body) in [
        (
            "/v1/messages/count_tokens",
            Dialect::Messages.body(&["hello"], false),
        ),
        (
            "/v1beta/models/my-gemini:countTokens",
            Dialect::Gemini.body(&["hello"], false),
        ),
        (
            "/v1/messages/count_tokens",
            String::from_utf8(Dialect::Messages.body(&["hello"], false))
                .unwrap()
                .replace("my-messages", "my-gemini")
                .into_bytes(),
        ),
    ] {
        let sent = send(&setup, path, std::str::from_utf8(&body).unwrap());
        assert!(!sent.to_string().contains("ruled"), "{sent}");
    }
    setup.ask(Dialect::Messages, &["hello"], false);
    assert_eq!(sent(&setup)["ruled"], 1);
}
