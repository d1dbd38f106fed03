//! Stored answers of the Responses API, with upstreams of every dialect.

use std::collections::BTreeSet;

use holdfast::unversioned::demo::{Script, Step, Upstreams};
use serde_json::{Value, json};

mod answers;
mod compaction;
mod conversations;

use super::client::Answer;
use super::harness::{ALL, Dialect, KEY, Options, Setup, configuration, parse};

/// A Responses upstream that stores no answers, like the ChatGPT backend.
const CHATGPT: &str = "my-chatgpt";

/// A gateway with upstreams of every dialect, `accounts` of each.
fn setup(accounts: usize) -> Setup {
    with(accounts, "")
}

fn with(accounts: usize, more: &'static str) -> Setup {
    let upstreams = Upstreams::start().unwrap();
    let text = text(&upstreams, accounts, more);
    Setup::configured(upstreams, &text)
}

fn text(upstreams: &Upstreams, accounts: usize, more: &'static str) -> String {
    let options = Options {
        accounts,
        more,
        ..Options::default()
    };
    let address = upstreams.address();
    configuration(address, &options).replace(
        "codex-api-key:\n",
        &format!("codex-api-key:\n  - {{api-key: chatgpt-account, base-url: \"http://{address}/backend-api/codex\", headers: {{ChatGPT-Account-ID: account}}, models: [{{name: demo-responses, alias: {CHATGPT}}}]}}\n"),
    )
}

/// The models whose answers the gateway stores.
fn kept_here() -> Vec<String> {
    let foreign = ALL
        .into_iter()
        .filter(|dialect| *dialect != Dialect::Responses);
    let mut models: Vec<String> = foreign.map(Dialect::model).collect();
    models.push(CHATGPT.to_owned());
    models
}

/// All models, wherever their answers are stored.
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

/// The text of an answer.
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
