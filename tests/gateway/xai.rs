//! xAI's Responses API, for clients of all dialects.

use holdfast::unversioned::demo::Upstreams;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::harness::{ALL, KEY, Setup};

fn setup() -> Setup {
    let upstreams = Upstreams::start().unwrap();
    let address = upstreams.address();
    let models = ["demo-responses", "grok-4", "grok-4.6"];
    let mut models: Vec<String> = models.iter().map(|it| format!("{{name: {it}}}")).collect();
    for dialect in ALL {
        models.push(format!(
            "{{name: demo-responses, alias: {}}}",
            dialect.model()
        ));
    }
    models.push("{name: grok-new, thinking: {levels: [low, high]}}".to_owned());
    let text = format!(
        "host: 127.0.0.1\nport: 0\napi-keys: [{KEY}]\nxai-api-key: [{{api-key: xai-account, base-url: \"http://{address}/xai/v1\", models: [{}]}}]\n",
        models.join(", ")
    );
    Setup::configured(upstreams, &text)
}

fn responses(setup: &Setup, body: &Value) -> Answer {
    let key = [("Authorization", "Bearer client-key")];
    let body = serde_json::to_vec(body).unwrap();
    setup.client().call("POST", "/v1/responses", &key, &body)
}

fn sent(setup: &Setup) -> Value {
    serde_json::from_slice(&setup.records().pop().unwrap().body).unwrap()
}

#[test]
fn every_client_is_served_by_xai() {
    let setup = setup();
    for dialect in ALL {
        for streams in [false, true] {
            let answer = setup.ask(dialect, &["hello"], streams);
            let text = answer.text();
            assert_eq!(answer.status(), 200, "{dialect:?} {text}");
            assert!(text.contains("hello"), "{dialect:?} {text}");
            let record = setup.records().pop().unwrap();
            assert_eq!(record.path, "/xai/v1/responses");
            assert_eq!(record.key, "xai-account");
        }
    }
    setup.stop();
}

#[test]
fn xai_is_called_with_its_own_tools() {
    let setup = setup();
    let body = json!({
        "model": "grok-4.6",
        "input": [{"role": "user", "content": "hello"}],
        "stop": ["x"],
        "tool_choice": "auto",
        "tools": [{"type": "image_generation"},
            {"type": "web_search", "external_web_access": false}],
    });
    let answer = responses(&setup, &body);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(sent(&setup)["tools"], json!([{"type": "web_search"}]));
    let body = json!({
        "model": "grok-4.6",
        "input": [{"role": "user", "content": "hello"},
            {"type": "reasoning", "summary": [], "encrypted_content": "gAAAAB"}],
        "tools": [{"type": "image_generation"}],
        "tool_choice": "auto",
        "parallel_tool_calls": true,
    });
    let answer = responses(&setup, &body);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let sent = sent(&setup);
    for gone in ["tools", "tool_choice", "parallel_tool_calls"] {
        assert_eq!(sent.get(gone), None, "{gone}");
    }
    assert_eq!(sent["input"].as_array().unwrap().len(), 1);
    setup.stop();
}

#[test]
fn tools_of_text_are_functions_at_xai() {
    let setup = setup();
    for streams in [false, true] {
        let mut input = vec![
            json!({"role": "user", "content": "demo:tools apply_patch {\"input\":\"*** Begin\"}"}),
        ];
        let ask = |input: &[Value]| {
            json!({
                "model": "grok-4.6",
                "stream": streams,
                "input": input,
                "tools": [{"type": "custom", "name": "apply_patch", "format": {"type": "text"}}],
            })
        };
        let answer = responses(&setup, &ask(&input));
        let text = answer.text();
        assert_eq!(answer.status(), 200, "{text}");
        assert!(text.contains("\"custom_tool_call\""), "{text}");
        assert!(text.contains("*** Begin"), "{text}");
        assert!(!text.contains("\"function_call\""), "{text}");
        assert_eq!(sent(&setup)["tools"][0]["type"], "function");
        input.push(json!({"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** Begin"}));
        input.push(json!({"type": "custom_tool_call_output", "call_id": "c1", "output": "done"}));
        let answer = responses(&setup, &ask(&input));
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let sent = sent(&setup);
        let kinds = sent["input"].as_array().unwrap().iter();
        let kinds: Vec<&str> = kinds.filter_map(|item| item["type"].as_str()).collect();
        assert_eq!(kinds, ["message", "function_call", "function_call_output"]);
    }
    setup.stop();
}

#[test]
fn only_models_with_levels_get_an_effort() {
    let setup = setup();
    let key = [("Authorization", "Bearer client-key")];
    for (model, effort) in [
        ("grok-4", None),
        ("grok-4.6", Some("high")),
        ("grok-new", Some("high")),
    ] {
        let body = json!({"model": model, "input": "hello", "reasoning": {"effort": "high"}});
        let answer = responses(&setup, &body);
        let is_known = model != "grok-new";
        assert_eq!(answer.status() == 200, is_known, "{}", answer.text());
        if is_known {
            assert_eq!(sent(&setup)["reasoning"]["effort"].as_str(), effort);
        }
        let body = json!({"model": model, "reasoning_effort": "high",
            "messages": [{"role": "user", "content": "hello"}]});
        let body = serde_json::to_vec(&body).unwrap();
        let answer = setup
            .client()
            .call("POST", "/v1/chat/completions", &key, &body);
        assert_eq!(answer.status() == 200, is_known, "{}", answer.text());
        if is_known {
            assert_eq!(sent(&setup)["reasoning"]["effort"].as_str(), effort);
            assert_eq!(sent(&setup)["model"], model);
        }
    }
    setup.stop();
}

#[test]
fn conversations_are_kept_here() {
    let setup = setup();
    let body = json!({"model": "grok-4.6", "input": "the first words"});
    let first = responses(&setup, &body);
    assert_eq!(first.status(), 200, "{}", first.text());
    let body = json!({"model": "grok-4.6", "input": "more",
        "previous_response_id": first.json()["id"]});
    let answer = responses(&setup, &body);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let sent = sent(&setup);
    assert_eq!(sent.get("previous_response_id"), None);
    assert!(sent["input"].to_string().contains("the first words"));
    setup.stop();
}
