//! Requests of all clients through the channels of credential files.

use holdfast::unversioned::demo::{Record, Script, Step};
use serde_json::{Value, json};

use super::setup::{CLAUDE, CODEX, Channel, Expiry, Files, IFLOW, KIMI};
use crate::client::{Answer, Client};
use crate::harness::{self, Dialect};

const CHANNELS: [Channel; 4] = [CLAUDE, CODEX, KIMI, IFLOW];
const EMAIL: &str = "a@demo.example";
const OTHER: &str = "b@demo.example";

fn started(channel: Channel, extra: &str, emails: &[&str]) -> Files {
    let mut files = Files::new(extra);
    for email in emails {
        files.add(channel, email, Expiry::Later);
    }
    files.start();
    files
}

fn post(files: &Files, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut all = vec![("Authorization", "Bearer client-key")];
    all.extend_from_slice(headers);
    let body = serde_json::to_vec(body).unwrap();
    Client::connect(files.gateway().address()).call("POST", path, &all, &body)
}

fn asked(files: &Files, dialect: Dialect, model: &str, streams: bool) -> Answer {
    let mut body: Value = serde_json::from_slice(&dialect.body(&["hello"], streams)).unwrap();
    let path = dialect.path(streams).replace(&dialect.model(), model);
    if dialect != Dialect::Gemini {
        body["model"] = json!(model);
    }
    post(files, &path, &[("User-Agent", "agent/1")], &body)
}

fn last(files: &Files) -> Record {
    files.upstreams.records().pop().unwrap()
}

#[test]
fn every_client_is_served_by_every_channel() {
    for channel in CHANNELS {
        let files = started(channel, "", &[EMAIL]);
        for dialect in harness::ALL {
            for streams in [false, true] {
                let answer = asked(&files, dialect, channel.model, streams);
                let text = answer.text();
                assert_eq!(answer.status(), 200, "{channel:?} {dialect:?} {text}");
                assert!(text.contains("hello"), "{channel:?} {dialect:?} {text}");
                let record = last(&files);
                assert_eq!(record.key, EMAIL);
                assert_eq!(record.header("user-agent"), Some("agent/1"));
                let path = match (channel.name, dialect) {
                    ("claude", _) => "/v1/messages",
                    ("codex", _) => "/backend-api/codex/responses",
                    ("kimi", Dialect::Messages) => "/coding/v1/messages",
                    ("kimi", _) => "/coding/v1/chat/completions",
                    _ => "/v1/chat/completions",
                };
                assert_eq!(record.path, path, "{channel:?} {dialect:?}");
                let account = record.header("chatgpt-account-id");
                assert_eq!(account.is_some(), channel.name == "codex");
                let model = match channel.name {
                    "kimi" => channel.model.trim_start_matches("kimi-"),
                    _ => channel.model,
                };
                assert_eq!(record.model, model);
            }
        }
    }
}

#[test]
fn tools_are_called_through_every_channel() {
    let tool = json!({"type": "object", "properties": {"q": {"type": "string"}}});
    for channel in CHANNELS {
        let files = started(channel, "", &[EMAIL]);
        let tools = json!([{"type": "function", "function": {"name": "look", "parameters": tool}}]);
        let question = json!({"role": "user", "content": "demo:tools look {\"q\":\"x\"}"});
        let mut messages = vec![question];
        let body = json!({"model": channel.model, "tools": tools, "messages": messages});
        let answer = post(&files, "/v1/chat/completions", &[], &body);
        assert_eq!(answer.status(), 200, "{channel:?} {}", answer.text());
        let called = answer.json()["choices"][0]["message"].clone();
        let id = called["tool_calls"][0]["id"].clone();
        assert_eq!(called["tool_calls"][0]["function"]["name"], "look");
        messages.push(called);
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": "found"}));
        let body = json!({"model": channel.model, "tools": tools, "messages": messages});
        let answer = post(&files, "/v1/chat/completions", &[], &body);
        assert_eq!(answer.status(), 200, "{channel:?} {}", answer.text());
        assert!(answer.text().contains("found"), "{}", answer.text());
    }
}

#[test]
fn tokens_are_counted_through_every_channel() {
    for channel in CHANNELS {
        let files = started(channel, "", &[EMAIL]);
        let said = json!([{"role": "user", "content": "hello"}]);
        let contents = json!([{"role": "user", "parts": [{"text": "hello"}]}]);
        let gemini = format!("/v1beta/models/{}:countTokens", channel.model);
        for (path, body, field) in [
            (
                "/v1/messages/count_tokens",
                json!({"model": channel.model, "messages": said}),
                "input_tokens",
            ),
            (
                "/v1/responses/input_tokens",
                json!({"model": channel.model, "input": said}),
                "input_tokens",
            ),
            (&gemini, json!({"contents": contents}), "totalTokens"),
        ] {
            let calls = files.upstreams.records().len();
            let answer = post(&files, path, &[], &body);
            assert_eq!(answer.status(), 200, "{channel:?} {path} {}", answer.text());
            assert!(answer.json()[field].as_u64().unwrap() > 0, "{path}");
            let is_upstreams = matches!(channel.name, "claude" | "kimi");
            let counted = files.upstreams.records().len() - calls;
            assert_eq!(counted, usize::from(is_upstreams), "{channel:?} {path}");
        }
    }
}

#[test]
fn tokens_are_estimated_where_kimi_does_not_count() {
    for status in [404, 405, 501] {
        let files = started(KIMI, "", &[EMAIL]);
        let script = Script::always(Step::status(status));
        files.upstreams.script(EMAIL, script);
        let said = json!([{"role": "user", "content": "hello"}]);
        for (path, body) in [
            ("/v1/messages/count_tokens", json!({"messages": said})),
            ("/v1/responses/input_tokens", json!({"input": said})),
        ] {
            let mut body = body;
            body["model"] = json!(KIMI.model);
            let answer = post(&files, path, &[], &body);
            assert_eq!(answer.status(), 200, "{path} {}", answer.text());
            assert!(answer.json()["input_tokens"].as_u64().unwrap() > 0);
        }
        let generated = asked(&files, Dialect::Chat, KIMI.model, false);
        assert_ne!(generated.status(), 200);
    }
}

#[test]
fn other_accounts_serve_what_one_cannot() {
    type Headers = &'static [(&'static str, &'static str)];
    let rows: [(Channel, u16, Headers, Value); 6] = [
        (
            CLAUDE,
            429,
            &[
                ("anthropic-ratelimit-unified-status", "rejected"),
                ("anthropic-ratelimit-unified-5h-status", "rejected"),
                ("retry-after", "5400"),
            ],
            json!({"type": "error", "error": {"type": "rate_limit_error", "message": "limit"}}),
        ),
        (
            CLAUDE,
            400,
            &[],
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": "Your credit balance is too low"}}),
        ),
        (
            CODEX,
            429,
            &[],
            json!({"error": {"type": "usage_limit_reached", "message": "The usage limit has been reached", "plan_type": "plus", "resets_in_seconds": 5400}}),
        ),
        (
            CODEX,
            402,
            &[],
            json!({"detail": {"code": "deactivated_workspace"}}),
        ),
        (
            KIMI,
            403,
            &[],
            json!({"error": {"type": "access_terminated_error", "message": "You've reached your usage limit for this billing cycle."}}),
        ),
        (
            IFLOW,
            429,
            &[("retry-after", "600")],
            json!({"error": {"message": "too many requests"}}),
        ),
    ];
    for (channel, status, headers, body) in rows {
        for dialect in harness::ALL {
            let files = started(channel, "", &[EMAIL, OTHER]);
            let step = Step::Status {
                status,
                headers: headers
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect(),
                body: Some(body.to_string()),
            };
            files.upstreams.script(EMAIL, Script::always(step));
            for _ in 0..3 {
                let answer = asked(&files, dialect, channel.model, false);
                assert_eq!(answer.status(), 200, "{channel:?} {}", answer.text());
            }
            let called = files.called();
            let failed = called.iter().filter(|email| *email == EMAIL).count();
            assert!(failed <= 1, "{channel:?} {status}: {called:?}");
            assert_eq!(called.len(), failed + 3);
        }
    }
}

#[test]
fn the_user_agent_of_codex_logins_can_be_set() {
    let extra = "codex-header-defaults: {user-agent: set/1}";
    let files = started(CODEX, extra, &[EMAIL]);
    let body = json!({"model": CODEX.model, "messages": [{"role": "user", "content": "hello"}]});
    for (client, expected) in [
        (&[][..], "set/1"),
        (&[("User-Agent", "agent/1")], "agent/1"),
    ] {
        let answer = post(&files, "/v1/chat/completions", client, &body);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(last(&files).header("user-agent"), Some(expected));
    }
    let files = started(KIMI, extra, &[EMAIL]);
    let body = json!({"model": KIMI.model, "messages": [{"role": "user", "content": "hello"}]});
    post(&files, "/v1/chat/completions", &[], &body);
    let record = last(&files);
    let agent = record.header("user-agent").unwrap();
    assert!(agent.starts_with("holdfast/"), "{agent}");
}

#[test]
fn rules_about_errors_of_files_are_by_channel() {
    let rules =
        "oauth-request-scoped-errors: {kimi: [{status: 500, match: [special], action: stop}]}";
    let step = Step::Status {
        status: 500,
        headers: Vec::new(),
        body: Some(json!({"error": {"message": "a special case"}}).to_string()),
    };
    for (channel, calls) in [(KIMI, 1), (IFLOW, 2)] {
        let files = started(channel, rules, &[EMAIL, OTHER]);
        for email in [EMAIL, OTHER] {
            files.upstreams.script(email, Script::always(step.clone()));
        }
        let answer = asked(&files, Dialect::Chat, channel.model, false);
        assert!(answer.text().contains("special"), "{}", answer.text());
        assert_eq!(files.called().len(), calls, "{channel:?}");
    }
}
