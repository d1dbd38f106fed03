//! Settings of single models.

use holdfast::unversioned::demo::Upstreams;
use serde_json::{Value, json};

use super::client::Answer;
use super::harness::{KEY, Setup};

const CLAUDE: &str = "/v1/messages";
const CHAT: &str = "/v1/chat/completions";

fn setup(models: &str) -> Setup {
    let upstreams = Upstreams::start().unwrap();
    let text = format!(
        "host: 127.0.0.1\nport: 0\napi-keys: [{KEY}]\nopenai-compatibility:\n- {{name: demo, prefix: team, \
         base-url: 'http://{}/v1', api-key-entries: [{{api-key: k}}], models: [{models}]}}\n",
        upstreams.address()
    );
    Setup::configured(upstreams, &text)
}

fn ask(setup: &Setup, path: &str, body: &Value) -> Answer {
    let headers = [("X-Api-Key", KEY)];
    setup
        .client()
        .call("POST", path, &headers, body.to_string().as_bytes())
}

fn said(model: &str, more: &Value) -> Value {
    let mut body = json!({"model": model, "max_tokens": 50_000, "messages": [{"role": "user", "content": "x"}]});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

/// The effort in the last upstream request.
fn effort(setup: &Setup) -> Value {
    let records = setup.records();
    let sent: Value = serde_json::from_slice(&records.last().unwrap().body).unwrap();
    sent["reasoning_effort"].clone()
}

#[test]
fn answers_name_the_alias_if_configured() {
    let setup = setup(
        "{name: demo-chat, alias: Forced, force-mapping: true}, {name: demo-chat, alias: Asked}",
    );
    for (asked, told) in [
        ("Forced", "Forced"),
        ("forced(high)", "Forced"),
        ("team/Forced", "Forced"),
        ("asked", "asked"),
        ("team/Asked(low)", "team/Asked(low)"),
    ] {
        for path in [CHAT, CLAUDE] {
            let answer = ask(&setup, path, &said(asked, &json!({})));
            assert_eq!(answer.status(), 200, "{}", answer.text());
            let answer: Value = serde_json::from_str(answer.text()).unwrap();
            assert_eq!(answer["model"], told, "{asked} {path}");

            let answer = ask(&setup, path, &said(asked, &json!({"stream": true})));
            let names = answer
                .text()
                .matches(&format!("\"model\":\"{told}\""))
                .count();
            assert!(names > 0, "{asked} {path} {}", answer.text());
            assert!(!answer.text().contains("\"demo-chat\""));
        }
    }
    setup.stop();
}

#[test]
fn reasoning_is_limited_to_the_configured_support() {
    let setup = setup(
        "{name: demo-chat, alias: two, thinking: {levels: [low, xhigh]}}, \
         {name: demo-chat, alias: range, thinking: {min: 1000, max: 9000, zero-allowed: true}}, \
         {name: demo-chat, alias: unsaid}, \
         {name: gpt-5.4, alias: known}",
    );
    let chat = |effort: &str| json!({"reasoning_effort": effort});
    let claude = |tokens: u64| json!({"thinking": {"type": "enabled", "budget_tokens": tokens}});
    for (path, model, more, expected) in [
        (CHAT, "two", chat("low"), Ok("low")),
        (CHAT, "two", chat("medium"), Err("valid levels: low, xhigh")),
        (CLAUDE, "two", claude(8192), Ok("low")),
        (CLAUDE, "two", claude(30_000), Ok("xhigh")),
        (CHAT, "two(xhigh)", json!({}), Ok("xhigh")),
        (
            CHAT,
            "two(high)",
            json!({}),
            Err("valid levels: low, xhigh"),
        ),
        (CLAUDE, "range", claude(30_000), Ok("high")),
        (CHAT, "range", chat("none"), Ok("none")),
        (CHAT, "range(100)", json!({}), Ok("low")),
        // Nothing is configured for these: the upstream decides.
        (CHAT, "unsaid", chat("xhigh"), Ok("xhigh")),
        (CLAUDE, "unsaid", claude(30_000), Ok("xhigh")),
        (CHAT, "unsaid(xhigh)", json!({}), Ok("xhigh")),
        (CLAUDE, "known", claude(30_000), Ok("xhigh")),
    ] {
        let answer = ask(&setup, path, &said(model, &more));
        match expected {
            Ok(word) => {
                assert_eq!(answer.status(), 200, "{model} {more} {}", answer.text());
                assert_eq!(effort(&setup), word, "{path} {model} {more}");
            }
            Err(reason) => {
                assert_eq!(answer.status(), 400, "{model} {more} {}", answer.text());
                assert!(answer.text().contains(reason), "{}", answer.text());
            }
        }
    }
    setup.stop();
}

#[test]
fn lists_show_configured_properties() {
    let setup =
        setup("{name: demo-chat, alias: own, display-name: My Own, max-context-length: 12345}");
    let path = "/v1beta/models/own";
    let answer = setup.client().call("GET", path, &[("X-Api-Key", KEY)], b"");
    let model: Value = serde_json::from_str(answer.text()).unwrap();
    assert_eq!(model["displayName"], "My Own");
    assert_eq!(model["inputTokenLimit"], 12_345);
    setup.stop();
}
