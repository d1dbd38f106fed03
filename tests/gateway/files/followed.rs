//! Logins of the vendors' own programs, which stay where they are.

use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use holdfast::unversioned::demo::{Person, Vendor};
use serde_json::json;

use super::setup::{CLAUDE, Expiry, Files, seconds, wait_until};
use crate::harness::Dialect;

const EMAIL: &str = "a@demo.example";

/// What Claude Code writes. Its file names no upstream, so the demo's comes through a proxy in the tests of programs;
/// here the requests fail, and the condition tells.
fn claude_code(access: &str, refresh: &str, expiry: u64) -> String {
    json!({"claudeAiOauth": {
        "accessToken": access,
        "refreshToken": refresh,
        "expiresAt": expiry * 1000,
        "scopes": ["user:inference"],
        "subscriptionType": "max",
    }})
    .to_string()
}

fn codex(access: &str, refresh: &str, expiry: u64) -> String {
    let claims = json!({"exp": expiry, "access": access});
    let access = format!(
        "e30.{}.x",
        BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    json!({
        "OPENAI_API_KEY": null,
        "tokens": {"id_token": "", "access_token": access, "refresh_token": refresh, "account_id": "acc"},
        "last_refresh": "2026-04-17T10:30:00Z",
    })
    .to_string()
}

#[test]
fn logins_of_vendors_programs_are_followed() {
    let mut files = Files::new("");
    let elsewhere = files.folder.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let paths: [PathBuf; 2] = ["auth.json", ".credentials.json"].map(|name| elsewhere.join(name));
    fs::write(&paths[0], codex("one", "r", seconds() - 10)).unwrap();
    fs::write(&paths[1], claude_code("one", "r", seconds() + 600)).unwrap();
    // A proxy that answers nothing: no vendor is reached.
    let extra = format!(
        "cli-credentials:\n- cli: codex\n  path: {}\n  prefix: mine\n  excluded-models: [gpt-5.2]\n  priority: 1\n  note: n\n  proxy-url: http://127.0.0.1:9\n- {{cli: claude, path: {}, proxy-url: 'http://127.0.0.1:9'}}\n- {{cli: gemini, path: {}}}\n",
        paths[0].display(),
        paths[1].display(),
        elsewhere.join("missing").display(),
    );
    files.configure(&extra);
    let own = files.add(CLAUDE, EMAIL, Expiry::Later);
    files.start();
    let states = files.gateway().credential_files();
    let names: Vec<(&str, &str)> = states
        .iter()
        .map(|state| (&*state.name, state.condition.name()))
        .collect();
    let [
        (_, own_state),
        (codex_name, codex_state),
        (claude_name, claude_state),
    ] = names[..]
    else {
        panic!("{names:?}");
    };
    assert!(codex_name.starts_with("cli:codex:") && claude_name.starts_with("cli:claude:"));
    // The program has to renew its token; nobody else does.
    assert_eq!(
        [own_state, codex_state, claude_state],
        ["ok", "expired", "ok"]
    );
    let refused = files.ask(Dialect::Responses, "mine/gpt-5.5", "hello");
    assert_eq!(refused.status(), 503);
    assert!(
        refused.text().contains("run the program"),
        "{}",
        refused.text()
    );
    assert_eq!(
        files
            .ask(Dialect::Responses, "mine/gpt-5.2", "hello")
            .status(),
        404
    );
    let before = fs::read(&paths[0]).unwrap();
    let codex_name = codex_name.to_owned();
    fs::write(&paths[0], codex("two", "r2", seconds() + 6_000_000)).unwrap();
    wait_until("the new token", || files.condition(&codex_name) == "ok");
    // It is called now, through the proxy.
    wait_until("a call", || {
        let answer = files.ask(Dialect::Responses, "mine/gpt-5.5", "hello");
        answer.status() == 502
    });
    assert_ne!(before, fs::read(&paths[0]).unwrap());
    fs::remove_file(&paths[0]).unwrap();
    wait_until("the login is gone", || {
        files.condition(&codex_name) == "none"
    });
    assert_eq!(files.condition(&own), "ok");
    assert_eq!(files.token_calls(), 0);
    let left: Vec<_> = fs::read_dir(&elsewhere)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(left.len(), 1, "nothing was written beside them: {left:?}");
}

#[test]
fn geminis_login_is_renewed_in_memory_only() {
    let (client, secret) = Vendor::Google.client();
    let mut files = Files::new("");
    let tokens = files
        .authorization
        .issue(Vendor::Google, client, Person::new(EMAIL), None);
    let path = files.folder.join("oauth_creds");
    let content = json!({
        "access_token": tokens.access,
        "refresh_token": tokens.refresh,
        "expiry_date": (seconds() - 10) * 1000,
        "token_type": "Bearer",
    })
    .to_string();
    fs::write(&path, &content).unwrap();
    let extra = format!(
        "cli-credentials: [{{cli: gemini, path: {}}}]\noauth-clients: {{gemini-cli: {{client-id: {client}, client-secret: {}, token-uri: '{}'}}}}\n",
        path.display(),
        secret.unwrap(),
        files.authorization.token_uri(Vendor::Google),
    );
    files.configure(&extra);
    files.project = Some("demo-project".to_owned());
    files.start();
    let name = files.gateway().credential_files()[0].name.to_string();
    files.gateway().renew_credential_file(&name).unwrap();
    assert_eq!(files.token_calls(), 1);
    assert_eq!(files.condition(&name), "ok");
    assert_eq!(fs::read_to_string(&path).unwrap(), content);
}
