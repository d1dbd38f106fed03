//! Tokens of credential files in everything that the program says.

use std::fs;

use holdfast::unversioned::demo::{
    Authorization, Person, Script, Step, TokenScript, TokenStep, Upstreams, Vendor,
};
use serde_json::json;

use super::harness::{Folder, Program, call, command, eventually};

const EMAIL: &str = "a@demo.example";
const CHANNELS: [(&str, Vendor, &str, &str); 4] = [
    ("claude", Vendor::Claude, "", "claude-sonnet-4-6"),
    ("codex", Vendor::Codex, "/backend-api/codex", "gpt-5.5"),
    ("gemini", Vendor::Google, "", "gemini-2.5-pro"),
    ("kimi", Vendor::Kimi, "/coding", "kimi-k2.5"),
];

#[test]
fn no_token_is_ever_said() {
    for (kind, vendor, base, model) in CHANNELS {
        let upstreams = Upstreams::start().unwrap();
        let server = Authorization::start().unwrap();
        upstreams.require_tokens(server.tokenry());
        let (client, secret) = vendor.client();
        let tokens = server.issue(vendor, client, Person::new(EMAIL), None);
        let folder = Folder::new();
        fs::create_dir(folder.path().join("auth")).unwrap();
        let file = json!({
            "type": kind,
            "email": EMAIL,
            "project_id": "demo-project",
            "access_token": tokens.access,
            "refresh_token": tokens.refresh,
            "id_token": tokens.id_token,
            "expired": "2099-01-01T00:00:00Z",
            "client_id": client,
            "client_secret": secret,
            "token_uri": server.token_uri(vendor),
            "base_url": format!("http://{}{base}", upstreams.address()),
        });
        folder.write("auth/a.json", &file.to_string());
        let config = folder.write(
            "config.yaml",
            &format!(
                "host: 127.0.0.1\nport: 0\napi-keys: [client-key]\nauth-dir: {}\ndebug: true\nrequest-log: true\nusage-statistics-enabled: true\n",
                folder.path().join("auth").display()
            ),
        );
        let program = Program::spawn(&mut command(&[
            "--config",
            config.to_str().unwrap(),
            "--local-model",
        ]));
        let mut said = Vec::new();
        let mut ask = || {
            let body = json!({"model": model, "messages": [{"role": "user", "content": "hello"}]});
            let (status, answer) = call(
                program.address(),
                "POST",
                "/v1/chat/completions",
                "client-key",
                &body.to_string(),
            );
            said.push(answer);
            status
        };
        assert_eq!(ask(), 200, "{kind}");
        server.expire(EMAIL);
        assert_eq!(ask(), 200, "{kind}");
        // The upstream repeats the token.
        let now = fs::read_to_string(folder.path().join("auth/a.json")).unwrap();
        let now: serde_json::Value = serde_json::from_str(&now).unwrap();
        let echo = |status| Step::Status {
            status,
            headers: vec![("X-Echo".to_owned(), now["access_token"].to_string())],
            body: Some(json!({"error": {"message": now["access_token"]}}).to_string()),
        };
        let steps = Script::once(echo(400)).then(echo(500)).then(echo(429));
        upstreams.script(EMAIL, steps);
        ask();
        ask();
        ask();
        // The token endpoint repeats the refresh token.
        let echo = json!({"error": "invalid_grant", "error_description": now["refresh_token"], "hint": now});
        server.revoke_access(EMAIL);
        server.script(
            EMAIL,
            TokenScript::always(TokenStep::status(400, &echo.to_string())),
        );
        upstreams.script(EMAIL, Script::default());
        eventually(
            || {
                let body =
                    json!({"model": model, "messages": [{"role": "user", "content": "hello"}]});
                let (_, answer) = call(
                    program.address(),
                    "POST",
                    "/v1/chat/completions",
                    "client-key",
                    &body.to_string(),
                );
                program.printed().contains("no longer accepted") && !answer.is_empty()
            },
            || program.printed(),
        );
        program.signal("TERM");
        program.expect("stopping");
        let logs = program.logs();
        assert!(logs.len() > 3, "{kind}: {} logs", logs.len());
        said.extend(logs.into_iter().map(|(_, text)| text));
        said.push(program.printed());
        let secrets = server.secrets();
        assert!(secrets.len() >= 4, "{kind}: {}", secrets.len());
        for text in &said {
            for secret in &secrets {
                assert!(
                    !text.contains(secret.as_str()),
                    "{kind}: {secret} in\n{text}"
                );
            }
        }
    }
}
