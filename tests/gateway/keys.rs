//! The effects of single configuration keys.

use std::collections::BTreeSet;

use holdfast::unversioned::demo::{Record, Script, Step, Upstreams};

use super::client::Answer;
use super::harness::{KEY, Setup};

const BODY: &str = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#;

/// A gateway with these Claude credentials, and `more` lines of configuration.
fn setup(entries: &[&str], more: &str) -> Setup {
    let upstreams = Upstreams::start().unwrap();
    let mut text =
        format!("host: 127.0.0.1\nport: 0\napi-keys: [{KEY}]\n{more}\nclaude-api-key:\n");
    for entry in entries {
        text += &format!(
            "  - {{base-url: \"http://{}\", {entry}}}\n",
            upstreams.address()
        );
    }
    Setup::configured(upstreams, &text)
}

fn ask_with(setup: &Setup, model: &str, headers: &[(&str, &str)]) -> Answer {
    let body = BODY.replace("\"m\"", &format!("\"{model}\""));
    let mut all = vec![("X-Api-Key", KEY)];
    all.extend_from_slice(headers);
    setup
        .client()
        .call("POST", "/v1/messages", &all, body.as_bytes())
}

fn ask(setup: &Setup, model: &str) -> u16 {
    ask_with(setup, model, &[]).status()
}

/// The accounts that were called, in order.
fn asked(setup: &Setup) -> Vec<String> {
    setup
        .records()
        .into_iter()
        .map(|record| record.key)
        .collect()
}

fn last(setup: &Setup) -> Record {
    setup.records().pop().unwrap()
}

fn offered(setup: &Setup) -> BTreeSet<String> {
    let answer = setup
        .client()
        .call("GET", "/v1/models", &[("X-Api-Key", KEY)], b"");
    let list: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
    let models = list["data"].as_array().unwrap();
    models
        .iter()
        .map(|model| model["id"].as_str().unwrap().to_owned())
        .collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

const M: &str = "models: [{name: demo-messages, alias: m}]";

#[test]
fn prefixes_and_exclusions_decide_the_offered_models() {
    let entry = "api-key: a, prefix: team, models: [{name: demo-messages, alias: m}, {name: demo-messages, alias: m-preview}], excluded-models: ['*-preview']";
    let free = setup(&[entry], "");
    assert_eq!(offered(&free), set(&["m", "team/m"]));
    assert_eq!(
        ["m", "team/m", "m-preview"].map(|model| ask(&free, model)),
        [200, 200, 404]
    );
    free.stop();
    let forced = setup(&[entry], "force-model-prefix: true");
    assert_eq!(offered(&forced), set(&["team/m"]));
    assert_eq!(["m", "team/m"].map(|model| ask(&forced, model)), [404, 200]);
    forced.stop();
}

#[test]
fn priority_and_weight_decide_the_credential() {
    let setup = setup(
        &[
            &format!("api-key: low, {M}"),
            &format!("api-key: one, priority: 5, weight: 1, {M}"),
            &format!("api-key: three, priority: 5, weight: 3, {M}"),
            &format!("api-key: none, priority: 5, weight: 0, {M}"),
        ],
        "routing: {strategy: weighted-round-robin}",
    );
    for _ in 0..8 {
        assert_eq!(ask(&setup, "m"), 200);
    }
    let asked = asked(&setup);
    let count = |key: &str| asked.iter().filter(|known| *known == key).count();
    assert_eq!(["low", "one", "three", "none"].map(count), [0, 2, 6, 0]);
    setup.stop();
}

#[test]
fn configured_headers_are_added_and_can_copy_the_clients() {
    let headers = "api-key: a, headers: {X-Team: red, X-Copied: $X-From, X-Absent: $X-Nothing}";
    let setup = setup(&[&format!("{headers}, {M}")], "");
    let answer = ask_with(&setup, "m", &[("X-From", "the client")]);
    assert_eq!(answer.status(), 200);
    let record = last(&setup);
    assert_eq!(record.header("x-team"), Some("red"));
    assert_eq!(record.header("x-copied"), Some("the client"));
    assert_eq!(record.header("x-absent"), None);
    setup.stop();
}

#[test]
fn max_retry_credentials_limits_each_round() {
    let entries = [
        format!("api-key: a, {M}"),
        format!("api-key: b, {M}"),
        format!("api-key: c, {M}"),
    ];
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    for (more, calls) in [
        ("", 3),
        ("max-retry-credentials: 2", 2),
        ("request-retry: 1\ndisable-cooling: true", 6),
        ("request-retry: 1\ntransient-error-cooldown-seconds: -1", 6),
        ("request-retry: 2\nmax-retry-interval: 1s", 9),
    ] {
        let setup = setup(&entries, more);
        for key in ["a", "b", "c"] {
            setup
                .upstreams
                .script(key, Script::always(Step::status(500)));
        }
        assert!(ask(&setup, "m") >= 500);
        assert_eq!(asked(&setup).len(), calls, "{more}");
        setup.stop();
    }
}

#[test]
fn a_credential_can_override_global_keys() {
    for (own, calls) in [
        ("", 1),
        ("disable-cooling: true, request-retry: 2,", 3),
        ("disable-cooling: true,", 1),
    ] {
        let setup = setup(&[&format!("api-key: a, {own} {M}")], "");
        setup
            .upstreams
            .script("a", Script::always(Step::status(503)));
        assert!(ask(&setup, "m") >= 500);
        assert_eq!(asked(&setup).len(), calls, "{own}");
        setup.stop();
    }
}

#[test]
fn bootstrap_retries_apply_to_streams() {
    let entry = format!("api-key: a, {M}");
    let setup = setup(
        &[&entry],
        "disable-cooling: true\nstreaming: {bootstrap-retries: 2}",
    );
    setup
        .upstreams
        .script("a", Script::always(Step::status(500)));
    assert!(ask(&setup, "m") >= 500);
    assert_eq!(asked(&setup).len(), 1);
    let body =
        BODY.replace('{', "{\"stream\":true,")
            .replacen("{\"stream\":true,\"role", "{\"role", 1);
    let answer = setup.client().call(
        "POST",
        "/v1/messages",
        &[("X-Api-Key", KEY)],
        body.as_bytes(),
    );
    assert!(answer.status() >= 500);
    assert_eq!(asked(&setup).len(), 1 + 3);
    setup.stop();
}

#[test]
fn bodies_and_workers_have_limits() {
    let entry = format!("api-key: a, {M}");
    let setup = setup(
        &[&entry],
        "limits: {body: 100, workers: 1, queue-timeout: 50ms}",
    );
    let long = BODY.replace("\"x\"", &format!("\"{}\"", "x".repeat(100)));
    let call = |body: &str| {
        let mut client = setup.client();
        client
            .call(
                "POST",
                "/v1/messages",
                &[("X-Api-Key", KEY)],
                body.as_bytes(),
            )
            .status()
    };
    assert_eq!((call(BODY), call(&long)), (200, 413));
    setup.stop();
}

#[test]
fn a_provider_can_be_disabled_and_have_old_keys() {
    let upstreams = Upstreams::start().unwrap();
    let address = upstreams.address();
    let provider = |name: &str, model: &str, more: &str| {
        format!(
            "  - {{name: {name}, base-url: \"http://{address}/v1\", models: [{{name: demo-chat, alias: {model}}}], {more}}}\n"
        )
    };
    let text = format!("host: 127.0.0.1\nport: 0\napi-keys: [{KEY}]\nopenai-compatibility:\n")
        + &provider(
            "aside",
            "aside",
            "disabled: true, api-key-entries: [{api-key: a}]",
        )
        + &provider("old", "old", "api-keys: [b]")
        + &provider("bare", "bare", "");
    let setup = Setup::configured(upstreams, &text);
    assert_eq!(offered(&setup), set(&["bare", "old"]));
    assert_eq!(
        ["aside", "old", "bare"].map(|model| ask(&setup, model)),
        [404, 200, 503]
    );
    assert_eq!(asked(&setup), ["b"]);
    setup.stop();
}
