//! Requests with the tokens of credential files, and to Kimi and iFlow.

use holdfast::unversioned::credential::Account;
use serde_json::{Value, json};

use super::*;

fn account() -> Account {
    Account {
        email: Some("someone@example.com".to_owned()),
        id: Some("account-7".to_owned()),
        plan: Some("plus".to_owned()),
        ..Account::default()
    }
}

fn as_login<'a>(call: Call<'a>, account: &'a Account) -> Call<'a> {
    let target = Target {
        account: Some(account),
        ..call.target
    };
    Call { target, ..call }
}

fn sent(server: &Server) -> Value {
    serde_json::from_slice(&server.next().body).unwrap()
}

#[test]
fn chatgpt_is_told_which_account_is_meant() {
    let server = Server::answering(stream_answer(&[COMPLETED]));
    let base = format!("{}/backend-api/codex", server.base());
    let account = account();
    let nameless = Account::default();
    let client = [
        ("User-Agent", "codex_cli/1"),
        ("chatgpt-account-id", "theirs"),
        ("session_id", "s-1"),
    ];
    for action in [
        Action::Generate,
        Action::Compact,
        Action::Stored(Stored {
            verb: Verb::Get,
            path: "resp_1",
        }),
    ] {
        for (account, expected) in [(Some(&account), Some("account-7")), (Some(&nameless), None)] {
            let mut call = Call {
                action,
                client_headers: &client,
                ..call(UpstreamKind::Codex, &base, r#"{"model":"m","input":[]}"#)
            };
            call.target.account = account;
            upstream().call(&call).unwrap();
            let seen = server.next();
            assert_eq!(seen.header("chatgpt-account-id"), expected, "{action:?}");
            assert_eq!(seen.header("authorization"), Some("Bearer k-123"));
            assert_eq!(seen.header("user-agent"), Some("codex_cli/1"));
            assert_eq!(seen.header("session_id"), Some("s-1"));
            assert!(!seen.head.contains("example.com"), "{}", seen.head);
        }
    }
}

#[test]
fn values_below_the_top_level_are_those_of_chatgpt() {
    let server = Server::answering(stream_answer(&[COMPLETED]));
    let base = format!("{}/backend-api/codex", server.base());
    let body = json!({
        "model": "m",
        "stream": true,
        "input": [
            {"role": "system", "content": "rules"},
            {"role": "user", "content": [
                {"type": "input_text", "text": "hi", "prompt_cache_breakpoint": {"mode": "explicit"}},
            ]},
        ],
        "tools": [{"type": "web_search_preview_2025_03_11"}, {"type": "function", "name": "f"}],
        "tool_choice": {"type": "web_search_preview"},
    })
    .to_string();
    for action in [Action::Generate, Action::Compact] {
        let call = Call {
            action,
            ..call(UpstreamKind::Codex, &base, &body)
        };
        upstream().call(&call).unwrap();
        let sent = sent(&server);
        let input = json!([
            {"role": "developer", "content": "rules"},
            {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        ]);
        assert_eq!(sent["input"], input, "{action:?}");
        let tools = json!([{"type": "web_search"}, {"type": "function", "name": "f"}]);
        assert_eq!(sent["tools"], tools);
        assert_eq!(sent["tool_choice"], json!({"type": "web_search"}));
    }
    let other = server.base();
    upstream()
        .call(&call(UpstreamKind::Codex, &other, &body))
        .unwrap();
    assert_eq!(server.next().text(), body, "only there");
}

#[test]
fn claude_logins_are_bearer_tokens_of_this_client() {
    let server = Server::answering(json_answer("{}"));
    let base = server.base();
    let account = account();
    let client = [
        ("User-Agent", "claude-cli/2"),
        ("x-app", "cli"),
        ("x-stainless-os", "Linux"),
        ("anthropic-version", "2023-06-02"),
        ("anthropic-beta", "mine"),
        ("x-api-key", "client"),
        ("Authorization", "Bearer client"),
    ];
    for action in [Action::Generate, Action::Count] {
        let call = Call {
            action,
            client_headers: &client,
            ..call(UpstreamKind::Claude, &base, BODY)
        };
        upstream().call(&as_login(call, &account)).unwrap();
        let seen = server.next();
        assert_eq!(seen.text(), BODY, "nothing is injected");
        assert_eq!(seen.header("authorization"), Some("Bearer k-123"));
        assert_eq!(seen.header("x-api-key"), None);
        assert_eq!(seen.header("user-agent"), Some("claude-cli/2"));
        assert_eq!(seen.header("x-app"), Some("cli"));
        assert_eq!(seen.header("x-stainless-os"), Some("Linux"));
        assert_eq!(seen.header("anthropic-version"), Some("2023-06-02"));
        // Not at the vendor's host.
        assert_eq!(seen.header("anthropic-beta"), Some("mine"));
    }
    let plain = as_login(call(UpstreamKind::Claude, &base, BODY), &account);
    upstream().call(&plain).unwrap();
    let seen = server.next();
    let agent = seen.header("user-agent").unwrap();
    assert!(agent.starts_with("holdfast/"), "{agent}");
    assert_eq!(seen.header("x-app"), None);
}

#[test]
fn kimi_has_two_apis() {
    let server = Server::answering(json_answer("{}"));
    let base = format!("{}/coding", server.base());
    let account = account();
    let (chat, messages) = (UpstreamKind::Kimi, UpstreamKind::KimiMessages);
    for (kind, action, line) in [
        (
            chat,
            Action::Generate,
            "POST /coding/v1/chat/completions HTTP/1.1",
        ),
        (
            messages,
            Action::Generate,
            "POST /coding/v1/messages HTTP/1.1",
        ),
        (
            messages,
            Action::Count,
            "POST /coding/v1/messages/count_tokens HTTP/1.1",
        ),
    ] {
        let client = [
            ("User-Agent", "agent/1"),
            ("anthropic-beta", "mine"),
            ("x-msh-device-id", "client"),
        ];
        let call = Call {
            action,
            model: "kimi-k2.5",
            client_headers: &client,
            ..call(kind, &base, BODY)
        };
        upstream().call(&as_login(call, &account)).unwrap();
        let seen = server.next();
        assert_eq!(seen.line(), line);
        assert_eq!(seen.text(), BODY.replace("\"m\"", "\"k2.5\""));
        assert_eq!(seen.header("authorization"), Some("Bearer k-123"));
        assert_eq!(seen.header("user-agent"), Some("agent/1"));
        assert_eq!(seen.header("x-api-key"), None);
        assert_eq!(seen.header("x-msh-device-id"), None);
        let betas = (kind == messages).then_some("mine");
        assert_eq!(seen.header("anthropic-beta"), betas);
    }
    let refused = [Action::Count, Action::Compact].map(|action| (chat, action));
    for (kind, action) in [refused[0], refused[1], (messages, Action::Compact)] {
        let call = Call {
            action,
            ..call(kind, &base, BODY)
        };
        assert_eq!(failed(&call).status, Some(501));
    }
}

#[test]
fn kimis_names_are_used_whoever_wrote_the_body() {
    let server = Server::answering(json_answer("{}"));
    let base = server.base();
    for kind in [UpstreamKind::Kimi, UpstreamKind::KimiMessages] {
        // Written before, with the name of the call.
        let call = Call {
            model: "kimi-k2.7-code[1m]",
            model_span: None,
            ..call(
                kind,
                &base,
                r#"{"x":1,"model":"kimi-k2.7-code[1m]","messages":[]}"#,
            )
        };
        upstream().call(&call).unwrap();
        assert_eq!(
            server.next().text(),
            r#"{"x":1,"model":"kimi-for-coding","messages":[]}"#
        );
    }
}

#[test]
fn kimi_gets_reasoning_with_calls_and_ids_with_results() {
    let server = Server::answering(json_answer("{}"));
    let base = server.base();
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "I look.", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ]},
        {"role": "tool", "content": "found"},
    ]})
    .to_string();
    upstream()
        .call(&call(UpstreamKind::Kimi, &base, &body))
        .unwrap();
    let kimis = sent(&server);
    assert_eq!(kimis["messages"][1]["reasoning_content"], "I look.");
    assert_eq!(kimis["messages"][2]["tool_call_id"], "c1");
    for kind in [UpstreamKind::Iflow, UpstreamKind::Compat] {
        upstream().call(&call(kind, &base, &body)).unwrap();
        assert_eq!(server.next().text(), body, "only Kimi");
    }
}

#[test]
fn iflow_gets_no_empty_list_of_tools() {
    let server = Server::answering(json_answer("{}"));
    let base = format!("{}/v1", server.base());
    let account = account();
    for (tools, expected) in [
        (r#","tools":[]"#, ""),
        (", \"tools\" : [ \n ]", ""),
        (r#","tools":[{}]"#, r#","tools":[{}]"#),
        (r#","tools":null"#, r#","tools":null"#),
        (r#","x":{"tools":[]}"#, r#","x":{"tools":[]}"#),
    ] {
        let body = format!(r#"{{"model":"m","messages":[]{tools}}}"#);
        let call = as_login(call(UpstreamKind::Iflow, &base, &body), &account);
        upstream().call(&call).unwrap();
        let seen = server.next();
        assert_eq!(seen.line(), "POST /v1/chat/completions HTTP/1.1");
        assert_eq!(seen.header("authorization"), Some("Bearer k-123"));
        assert_eq!(
            seen.text(),
            format!(r#"{{"model":"m","messages":[]{expected}}}"#)
        );
    }
    for action in [Action::Count, Action::Compact] {
        let call = Call {
            action,
            ..call(UpstreamKind::Iflow, &base, BODY)
        };
        assert_eq!(failed(&call).status, Some(501));
    }
}

#[test]
fn kimi_lists_its_models() {
    let list = r#"{"object":"list","data":[{"id":"kimi-for-coding","display_name":"Kimi","context_length":262144,"supports_reasoning":true},{"id":"k3"}]}"#;
    let server = Server::answering(json_answer(list));
    let base = format!("{}/coding/", server.base());
    let target = call(UpstreamKind::Kimi, &base, "").target;
    let list = upstream().models(target, alone()).unwrap();
    assert_eq!(server.next().line(), "GET /coding/v1/models HTTP/1.1");
    let names: Vec<_> = list.models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(names, ["kimi-for-coding", "k3"]);
    assert_eq!(list.models[0].context, Some(262_144));
}
