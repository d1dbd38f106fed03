//! `holdfast import`, `holdfast credentials` and `holdfast refresh`, with a home of their own.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use holdfast::unversioned::credential::file;
use holdfast::unversioned::demo::{Bearer, Person, Vendor};
use serde_json::{Value, json};

use super::harness::{Folder, Program, command, outcome};
use super::vendor::Vendors;

const KEY: &str = include_str!("../fixtures/service_account.pem");

fn jwt(claims: &Value) -> String {
    let claims = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("e30.{claims}.secret-signature")
}

/// A home in which all four programs are signed in.
fn home() -> Folder {
    let folder = Folder::new();
    let claims = json!({
        "email": "codex@example.com",
        "https://api.openai.com/auth": {"chatgpt_plan_type": "pro", "chatgpt_account_id": "account-1"},
    });
    let kimi = json!({"access_token": "secret-ka", "refresh_token": "secret-kr", "expires_at": 4_000_000_000.5});
    let claude = json!({"claudeAiOauth": {
        "accessToken": "secret-ca", "refreshToken": "secret-cr", "expiresAt": 4_000_000_000_000_u64,
        "subscriptionType": "max",
    }});
    for (name, content) in [
        (
            ".codex/auth.json",
            json!({"OPENAI_API_KEY": null, "tokens": {
                "id_token": jwt(&claims), "access_token": jwt(&json!({"exp": 4_000_000_000_u64})),
                "refresh_token": "secret-xr", "account_id": null,
            }}),
        ),
        (
            ".gemini/oauth_creds.json",
            json!({"access_token": "secret-ga", "refresh_token": "secret-gr", "expiry_date": 4_000_000_000_000.5}),
        ),
        (
            ".gemini/google_accounts.json",
            json!({"active": "gemini@example.com", "old": []}),
        ),
        (".kimi/credentials/kimi-code.json", kimi),
        (".claude/.credentials.json", claude),
        (
            ".claude.json",
            json!({"oauthAccount": {"emailAddress": "claude@example.com"}}),
        ),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content.to_string()).unwrap();
    }
    fs::write(folder.path().join(".kimi/device_id"), "device-1\n").unwrap();
    folder.write("config.yaml", "auth-dir: auth\n");
    folder
}

fn at(home: &Folder, arguments: &[&str]) -> Command {
    let mut command = command(arguments);
    command.current_dir(home.path()).env("HOME", home.path());
    command
}

/// Every file below a folder, with its content.
fn all_files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(all_files(&path)),
            false => files.push((path.display().to_string(), fs::read(&path).unwrap())),
        }
    }
    files.sort();
    files
}

#[test]
fn logins_of_other_programs_are_copied() {
    let home = home();
    let before = all_files(home.path());
    for (program, name, email, client) in [
        (
            "codex",
            "codex-codex@example.com-pro.json",
            Some("codex@example.com"),
            false,
        ),
        (
            "gemini",
            "gemini-gemini@example.com.json",
            Some("gemini@example.com"),
            true,
        ),
        ("kimi", "kimi-", None, false),
        (
            "claude",
            "claude-claude@example.com.json",
            Some("claude@example.com"),
            false,
        ),
    ] {
        for words in ["Wrote ", "Renewed "] {
            let (code, out, err) = outcome(&mut at(&home, &["import", program]));
            assert_eq!(code, Some(0), "{err}");
            assert!(out.starts_with(words), "{program}: {out}");
            assert!(!format!("{out}{err}").contains("secret"), "{out}{err}");
            assert_eq!(
                err.contains("same refresh token"),
                program != "gemini",
                "{err}"
            );
        }
        let files = all_files(&home.path().join("auth"));
        let found: Vec<_> = files
            .iter()
            .filter(|(path, _)| path.contains(&format!("auth/{name}")))
            .collect();
        let [(_, content)] = found.as_slice() else {
            panic!("{program}: {found:?}");
        };
        let file = file::read("x.json", content).unwrap();
        assert_eq!(file.settings.email.as_deref(), email);
        assert!(file.tokens.access.is_some() && file.tokens.refresh.is_some());
        assert!(file.tokens.expiry.is_some(), "{program}");
        assert_eq!(file.tokens.client.id.is_some(), client, "{program}");
        assert_eq!(file.tokens.device_id.is_some(), program == "kimi");
    }
    let others = |files: Vec<(String, Vec<u8>)>| -> Vec<(String, Vec<u8>)> {
        let is_other = |path: &str| !path.contains("/auth/");
        files
            .into_iter()
            .filter(|(path, _)| is_other(path))
            .collect()
    };
    assert_eq!(others(all_files(home.path())), others(before));
}

#[test]
fn without_a_terminal_what_is_found_is_told() {
    let home = home();
    let (code, out, err) = outcome(&mut at(&home, &["import"]));
    assert_eq!((code, out.as_str()), (Some(1), ""));
    for program in ["codex", "gemini", "kimi", "claude"] {
        assert!(
            err.contains(&format!("holdfast import {program} ")),
            "{err}"
        );
    }
    let empty = Folder::new();
    for (arguments, words) in [
        (&["import"][..], "found no login of Codex, Gemini CLI"),
        (&["import", "codex"], ".codex/auth.json exists"),
        (&["import", "claude"], "security find-generic-password"),
    ] {
        let (code, _, err) = outcome(&mut at(&empty, arguments));
        assert!(code == Some(1) && err.contains(words), "{err}");
    }
}

#[test]
fn files_elsewhere_and_standard_input_are_read() {
    let home = home();
    let path = home.path().join(".claude/.credentials.json");
    let (code, out, err) = outcome(
        at(&home, &["import", "claude", "-"]).stdin(Stdio::from(fs::File::open(&path).unwrap())),
    );
    assert!(code == Some(0) && out.starts_with("Wrote "), "{out}{err}");
    for (content, words) in [
        ("{\"OPENAI_API_KEY\": \"sk-secret\"}", "codex-api-key"),
        ("{\"OPENAI_API_KEY\": null}", "signed out"),
        ("{\"tokens\": \"secret\"}", "not of the form"),
        ("secret", "not of the form"),
        ("", "not of the form"),
    ] {
        let path = home.write("odd.json", content);
        let (code, out, err) =
            outcome(&mut at(&home, &["import", "codex", path.to_str().unwrap()]));
        assert_eq!((code, out.as_str()), (Some(1), ""), "{content}");
        assert!(err.contains(words) && !err.contains("secret"), "{err}");
    }
}

#[test]
fn keys_of_service_accounts_are_copied() {
    let home = home();
    let key = json!({
        "type": "service_account",
        "project_id": "project-1",
        "private_key_id": "k",
        "private_key": KEY,
        "client_email": "robot@project-1.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    });
    home.write("key.json", &key.to_string());
    for (arguments, name, location) in [
        (
            &["import", "--vertex", "key.json"][..],
            "vertex-project-1.json",
            "us-central1",
        ),
        (
            &[
                "-vertex-import",
                "key.json",
                "-vertex-import-prefix",
                "team",
            ],
            "vertex-team-project-1.json",
            "us-central1",
        ),
        (
            &[
                "import",
                "--vertex",
                "key.json",
                "--prefix",
                "eu",
                "--location",
                "europe-west4",
            ],
            "vertex-eu-project-1.json",
            "europe-west4",
        ),
    ] {
        let (code, out, err) = outcome(&mut at(&home, arguments));
        assert!(code == Some(0) && out.contains(name), "{out}{err}");
        let content = fs::read(home.path().join("auth").join(name)).unwrap();
        let file = file::read(name, &content).unwrap();
        assert_eq!(file.settings.unusable, None);
        assert_eq!(file.settings.location.as_deref(), Some(location));
        assert_eq!(file.settings.projects, ["project-1"]);
        assert!(file.tokens.service_account.is_some());
    }
    for (change, words) in [
        (
            json!({"private_key": "no key"}),
            "not the key of a service account",
        ),
        (
            json!({"client_email": null}),
            "not the key of a service account",
        ),
        (json!({"project_id": null}), "has no project_id"),
    ] {
        let mut odd = key.clone();
        for (name, value) in change.as_object().unwrap() {
            odd[name] = value.clone();
        }
        home.write("odd.json", &odd.to_string());
        let (code, _, err) = outcome(&mut at(&home, &["import", "--vertex", "odd.json"]));
        assert!(code == Some(1) && err.contains(words), "{err}");
        assert!(!err.contains("PRIVATE"), "{err}");
    }
    let arguments = ["import", "--vertex", "key.json", "--prefix", "a/b"];
    let (code, _, err) = outcome(&mut at(&home, &arguments));
    assert!(code == Some(1) && err.contains("without a slash"), "{err}");
}

#[test]
fn credentials_are_listed() {
    let home = home();
    home.write(
        "config.yaml",
        "auth-dir: auth\nclaude-api-key: [{api-key: sk-secret-0123456789}]\n",
    );
    fs::create_dir(home.path().join("auth")).unwrap();
    for (name, content) in [
        (
            "ok.json",
            json!({"type": "codex", "access_token": "secret-a", "refresh_token": "secret-b", "email": "a@example.com", "expired": "2099-01-01T00:00:00Z"}),
        ),
        (
            "off.json",
            json!({"type": "codex", "access_token": "secret-c", "disabled": true}),
        ),
        (
            "old.json",
            json!({"type": "antigravity", "access_token": "secret-d", "refresh_token": "secret-e", "expired": "2020-01-01T00:00:00Z"}),
        ),
        (
            "ended.json",
            json!({"type": "kimi", "access_token": "secret-f", "expired": "2020-01-01T00:00:00Z"}),
        ),
        (
            "other.json",
            json!({"type": "qwen", "access_token": "secret-g"}),
        ),
        ("broken.json", json!("secret-h")),
    ] {
        home.write(&format!("auth/{name}"), &content.to_string());
    }
    let (code, out, err) = outcome(&mut at(&home, &["credentials", "--json"]));
    assert_eq!(code, Some(0), "{err}");
    let rows: Vec<Value> = serde_json::from_str(&out).unwrap();
    let state = |id: &str| {
        let row = rows.iter().find(|row| row["id"] == id);
        row.unwrap_or_else(|| panic!("{id} in {out}"))["state"].clone()
    };
    for (name, expected) in [
        ("ok.json", "ok"),
        ("off.json", "disabled"),
        ("old.json", "needs_client"),
        ("ended.json", "expired"),
        ("other.json", "unsupported"),
        ("broken.json", "unreadable"),
    ] {
        assert_eq!(state(name), expected, "{name}");
    }
    assert_eq!(rows.len(), 7);
    assert!(
        rows.iter()
            .any(|row| row["channel"] == "claude" && row["source"] == "claude-api-key")
    );
    let (code, text, err) = outcome(&mut at(&home, &["credentials"]));
    assert_eq!(code, Some(0), "{err}");
    assert!(
        text.contains("a@example.com") && text.contains("cooldowns"),
        "{text}"
    );
    for printed in [out, text, err] {
        assert!(!printed.contains("secret-"), "{printed}");
    }
}

#[test]
fn a_file_is_renewed_on_request() {
    let vendors = Vendors::start();
    let client = Vendor::Codex.client().0;
    let tokens = vendors
        .server
        .issue(Vendor::Codex, client, Person::new("a@example.com"), Some(5));
    fs::create_dir(vendors.auth()).unwrap();
    let file = json!({
        "type": "codex", "email": "a@example.com",
        "access_token": tokens.access, "refresh_token": tokens.refresh,
    });
    vendors.folder.write("auth/a.json", &file.to_string());
    let refresh = |name: &str| {
        let mut program = Program::spawn(&mut vendors.command(&["refresh", name]));
        let code = program.wait().code();
        (code, program)
    };
    let (code, program) = refresh("a.json");
    assert_eq!(code, Some(0), "{}", program.printed());
    program.expect("Renewed a.json; it expires at ");
    vendors.assert_silent(&program.printed());
    let content = fs::read(vendors.auth().join("a.json")).unwrap();
    let file = file::read("a.json", &content).unwrap();
    let access = file.tokens.access.unwrap();
    assert_ne!(access.reveal(), tokens.access);
    assert!(matches!(
        vendors.server.bearer(access.reveal()),
        Some(Bearer::Valid(_))
    ));
    vendors.server.revoke("a@example.com");
    let (code, program) = refresh("a.json");
    assert_eq!(code, Some(1));
    program.expect("log in again");
    let (code, program) = refresh("b.json");
    assert_eq!(code, Some(1));
    program.expect("has no credential file b.json");
}

#[test]
fn cooldowns_that_a_gateway_has_saved_are_listed() {
    let home = home();
    home.write(
        "config.yaml",
        "auth-dir: auth\nsave-cooldown-status: true\nrouting: {session-affinity-file: state/sessions}\n",
    );
    fs::create_dir(home.path().join("auth")).unwrap();
    fs::create_dir(home.path().join("state")).unwrap();
    for name in ["a.json", "b.json", "g.json"] {
        let content = json!({"type": "codex", "access_token": "secret-a"});
        home.write(&format!("auth/{name}"), &content.to_string());
    }
    let saved = json!([
        {"credential": "a.json", "class": "quota", "until": 4_000_000_000_u64},
        {"credential": "g.json::one", "model": "m", "class": "quota", "until": 4_000_000_000_u64},
        {"credential": "b.json", "class": "quota", "until": 1_000_000_000_u64},
        {"credential": "gone.json", "class": "quota", "until": 4_000_000_000_u64},
    ]);
    home.write("state/cooldowns.json", &saved.to_string());
    let (code, out, err) = outcome(&mut at(&home, &["credentials", "--json"]));
    assert_eq!(code, Some(0), "{err}");
    let rows: Vec<Value> = serde_json::from_str(&out).unwrap();
    let counts: Vec<usize> = rows
        .iter()
        .map(|row| row["cooldowns"].as_array().unwrap().len())
        .collect();
    assert_eq!(counts, [1, 0, 1], "{out}");
    let (_, text, _) = outcome(&mut at(&home, &["credentials"]));
    let line = |id: &str| text.lines().find(|line| line.starts_with(id)).unwrap();
    assert!(line("a.json").contains("quota, in "), "{text}");
    assert!(line("g.json").contains("(m)"), "{text}");
    assert!(!line("b.json").contains("quota"), "{text}");
}
