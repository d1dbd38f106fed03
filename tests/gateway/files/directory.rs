//! What happens to the directory while the gateway runs.

use std::fs;

use holdfast::unversioned::demo::{Script, Step};
use serde_json::json;

use super::setup::{CLAUDE, CODEX, Expiry, Files, GEMINI_CLI, wait_until};
use crate::harness::Dialect;

#[test]
fn files_come_and_go() {
    let mut files = Files::new("");
    files.start();
    let status = || files.ask(Dialect::Chat, CLAUDE.model, "hello").status();
    assert_ne!(status(), 200);
    let name = files.add(CLAUDE, "a@demo.example", Expiry::Later);
    wait_until("the new file", || status() == 200);
    let mut disabled = files.read(&name);
    disabled["disabled"] = json!(true);
    files.write(&name, &disabled);
    wait_until("the disabled file", || status() != 200);
    assert_eq!(files.condition(&name), "disabled");
    disabled["disabled"] = json!("false");
    files.write(&name, &disabled);
    wait_until("the enabled file", || status() == 200);
    // Half a file changes nothing.
    fs::write(files.folder.join(&name), "{\"type\": \"clau").unwrap();
    let other = files.add(CODEX, "b@demo.example", Expiry::Later);
    wait_until("the other file", || files.condition(&other) == "ok");
    assert_eq!(status(), 200);
    fs::remove_file(files.folder.join(&name)).unwrap();
    wait_until("the removed file", || status() != 200);
    assert_eq!(files.condition(&name), "none");
}

#[test]
fn files_that_cannot_be_used_are_listed_and_harm_nobody() {
    let mut files = Files::new("");
    files.add(CLAUDE, "a@demo.example", Expiry::Later);
    for (name, content) in [
        ("other.json", json!({"type": "qwen", "access_token": "x"})),
        ("bare.json", json!({"type": "claude"})),
        ("vertex.json", json!({"type": "vertex", "project_id": "p"})),
        (
            "proxy.json",
            json!({"type": "claude", "access_token": "x", "proxy_url": "nowhere"}),
        ),
        (
            "base.json",
            json!({"type": "claude", "access_token": "x", "base_url": "nowhere"}),
        ),
        ("untyped.json", json!({"access_token": "x"})),
    ] {
        files.write(name, &content);
    }
    fs::write(files.folder.join("empty.json"), "").unwrap();
    fs::write(files.folder.join("text.json"), "hello").unwrap();
    fs::write(files.folder.join("notes.txt"), "hello").unwrap();
    fs::create_dir(files.folder.join("folder.json")).unwrap();
    files.start();
    assert_eq!(
        files.ask(Dialect::Chat, CLAUDE.model, "hello").status(),
        200
    );
    for (name, condition) in [
        ("claude-a@demo.example.json", "ok"),
        ("other.json", "unsupported"),
        ("bare.json", "unusable"),
        ("vertex.json", "unusable"),
        ("proxy.json", "unusable"),
        ("base.json", "unusable"),
        ("untyped.json", "none"),
        ("empty.json", "none"),
        ("text.json", "none"),
        ("notes.txt", "none"),
        ("folder.json", "none"),
    ] {
        assert_eq!(files.condition(name), condition, "{name}");
    }
}

#[test]
fn the_settings_of_a_file_are_obeyed() {
    let extra = "oauth-excluded-models: {claude: [claude-opus-4-6]}\n\
                 oauth-model-alias: {claude: [{name: claude-sonnet-4-6, alias: mine}]}";
    let mut files = Files::new(extra);
    let mut first = files.login(CLAUDE, "a@demo.example", Expiry::Later);
    first["priority"] = json!("2");
    first["prefix"] = json!("team");
    first["excluded-models"] = json!(["claude-opus-4-7"]);
    first["headers"] = json!({"X-Own": "yes", "X-From": "$X-Client"});
    files.write("a.json", &first);
    files.add(CLAUDE, "b@demo.example", Expiry::Later);
    files.start();
    for (model, expected) in [
        ("mine", Some("a@demo.example")),
        ("team/mine", Some("a@demo.example")),
        ("claude-opus-4-7", Some("b@demo.example")),
        ("claude-sonnet-4-6", None),
        ("claude-opus-4-6", None),
        ("team/claude-opus-4-7", None),
    ] {
        files.upstreams.clear_records();
        let answer = files.ask(Dialect::Messages, model, "hello");
        assert_eq!(answer.status() == 200, expected.is_some(), "{model}");
        let called = files.called();
        assert_eq!(called.first().map(String::as_str), expected, "{model}");
    }
    let records = files.upstreams.records();
    assert!(records.is_empty(), "the last model is not offered");
}

/// The values of a member in the bodies that the upstreams got.
fn sent(files: &Files, member: &str) -> Vec<String> {
    let records = files.upstreams.records();
    let values = records.iter().filter_map(|record| {
        let body: serde_json::Value = serde_json::from_slice(&record.body).ok()?;
        body[member].as_str().map(str::to_owned)
    });
    values.collect()
}

#[test]
fn projects_of_one_account_share_its_tokens() {
    for switches in [true, false] {
        let extra = format!("quota-exceeded: {{switch-project: {switches}}}");
        let mut files = Files::new(&extra);
        let mut content = files.login(GEMINI_CLI, "a@demo.example", Expiry::Expired);
        content["project_id"] = json!("one,two");
        files.write("gemini.json", &content);
        let error = json!({"error": {
            "code": 429,
            "status": "RESOURCE_EXHAUSTED",
            "message": "Quota exceeded.",
            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3600s"}],
        }});
        let exhausted = Script::once(Step::Status {
            status: 429,
            headers: Vec::new(),
            body: Some(error.to_string()),
        });
        files.upstreams.script("a@demo.example", exhausted);
        files.start();
        let answer = files.ask(Dialect::Gemini, GEMINI_CLI.model, "hello");
        let expected = if switches { 200 } else { 429 };
        assert_eq!(answer.status(), expected, "{}", answer.text());
        assert_eq!(files.token_calls(), 1);
        let mut projects = sent(&files, "project");
        projects.sort();
        let expected: &[&str] = if switches { &["one", "two"] } else { &["one"] };
        assert_eq!(projects.len(), expected.len(), "{projects:?}");
        assert!(!switches || projects == expected, "{projects:?}");
        content["disabled"] = json!(true);
        files.write("gemini.json", &content);
        wait_until("both are disabled", || {
            let answer = files.ask(Dialect::Gemini, GEMINI_CLI.model, "hello");
            answer.text().contains("unknown provider")
                || answer.status() == 400
                || answer.status() == 404
        });
    }
}
