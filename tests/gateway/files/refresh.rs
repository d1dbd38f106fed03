//! Renewing tokens.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;

use holdfast::unversioned::demo::{Bearer, Gate, TokenScript, TokenStep};
use serde_json::json;

use super::setup::{
    ALL, ANTIGRAVITY, CLAUDE, CODEX, Expiry, Files, KIMI, ask, seconds, wait_until,
};
use crate::harness::{Dialect, KEY};

#[test]
fn parallel_requests_at_expiry_renew_once() {
    for channel in ALL {
        let mut files = Files::new("");
        let name = files.add(*channel, "a@demo.example", Expiry::Expired);
        fs::set_permissions(files.folder.join(&name), fs::Permissions::from_mode(0o644)).unwrap();
        let gate = Gate::default();
        let held = TokenScript::once(TokenStep::held(&gate));
        files.authorization.script("a@demo.example", held);
        files.start();
        let gateway = files.gateway();
        thread::scope(|scope| {
            let asked: Vec<_> = (0..50)
                .map(|n| {
                    let text = format!("question {n}");
                    scope.spawn(move || ask(gateway, Dialect::Messages, channel.model, &text))
                })
                .collect();
            wait_until("a token call", || files.token_calls() == 1);
            gate.open();
            for asked in asked {
                let answer = asked.join().unwrap();
                assert_eq!(answer.status(), 200, "{channel:?}: {}", answer.text());
            }
        });
        assert_eq!(files.token_calls(), 1, "{channel:?}");
        assert_eq!(files.called(), vec!["a@demo.example"; 50]);
        assert_eq!(files.mode(&name), 0o600);
        let content = files.read(&name);
        assert_eq!(content["mine"], json!({"kept": [1, 2]}), "{channel:?}");
        assert_ne!(content["expired"], json!(1_000_000_000));
    }
}

#[test]
fn a_login_lives_through_expiry_and_renewal_until_it_is_revoked() {
    for channel in ALL {
        let mut files = Files::new("");
        let name = files.add(*channel, "a@demo.example", Expiry::Later);
        files.start();
        let asked = |expected: u16, when: &str| {
            let answer = files.ask(Dialect::Chat, channel.model, "hello");
            let text = answer.text();
            assert_eq!(answer.status(), expected, "{channel:?} {when}: {text}");
            answer
        };
        asked(200, "after the login");
        assert_eq!(files.token_calls(), 0, "{channel:?}");
        let before = files.read(&name);
        files.authorization.expire("a@demo.example");
        asked(200, "after its expiry");
        assert_eq!(files.token_calls(), 1, "{channel:?}");
        let after = files.read(&name);
        assert_ne!(before["access_token"], after["access_token"]);
        files.authorization.revoke_access("a@demo.example");
        asked(200, "after the token was revoked");
        assert_eq!(files.token_calls(), 2, "{channel:?}");
        assert_eq!(files.condition(&name), "ok");
        files.authorization.revoke("a@demo.example");
        let refused = asked(503, "after the login was revoked");
        assert!(refused.text().contains("no longer accepted"));
        assert_eq!(files.condition(&name), "needs_login");
        let calls = files.token_calls();
        asked(503, "again");
        assert_eq!(files.token_calls(), calls, "{channel:?}: no further call");
        // A new login in the same file.
        files.write(
            &name,
            &files.login(*channel, "a@demo.example", Expiry::Later),
        );
        wait_until("the new login", || files.condition(&name) == "ok");
        wait_until("an answer", || {
            files.ask(Dialect::Chat, channel.model, "hello").status() == 200
        });
        assert_eq!(files.token_calls(), calls, "{channel:?}");
    }
}

#[test]
fn what_an_answer_leaves_out_stays() {
    for channel in ALL {
        let mut files = Files::new("");
        let name = files.add(*channel, "a@demo.example", Expiry::Expired);
        let before = files.read(&name);
        let text = fs::read_to_string(files.folder.join(&name)).unwrap();
        let script = TokenStep::without(&["refresh_token", "id_token", "account"]);
        files
            .authorization
            .script("a@demo.example", TokenScript::always(script));
        files.start();
        let answer = files.ask(Dialect::Chat, channel.model, "hello");
        assert_eq!(answer.status(), 200, "{channel:?}: {}", answer.text());
        let after = files.read(&name);
        for key in ["refresh_token", "id_token", "email", "mine", "client_id"] {
            assert_eq!(before[key], after[key], "{channel:?} {key}");
        }
        assert_ne!(before["access_token"], after["access_token"]);
        let after = fs::read_to_string(files.folder.join(&name)).unwrap();
        // Order and indentation too: each line begins with the same name.
        let names = |text: &str| -> Vec<String> {
            let lines = text.lines().map(|line| line.split(':').next());
            lines.flatten().map(str::to_owned).collect()
        };
        let (before, after) = (names(&text), names(&after));
        assert_eq!(
            after.get(..before.len() - 1),
            before.get(..before.len() - 1)
        );
    }
}

#[test]
fn another_credential_serves_while_a_login_is_lost() {
    let mut files = Files::new("");
    let lost = files.add(CLAUDE, "a@demo.example", Expiry::Expired);
    files.add(CLAUDE, "b@demo.example", Expiry::Later);
    files.authorization.revoke("a@demo.example");
    files.start();
    for n in 0..6 {
        let text = format!("question {n}");
        let answer = files.ask(Dialect::Messages, CLAUDE.model, &text);
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    assert_eq!(files.called(), vec!["b@demo.example"; 6]);
    assert_eq!(files.token_calls(), 1);
    assert_eq!(files.condition(&lost), "needs_login");
}

#[test]
fn tokens_that_another_process_has_renewed_are_taken_over() {
    for channel in ALL {
        let mut files = Files::new("");
        let name = files.add(*channel, "a@demo.example", Expiry::Expired);
        files.start();
        // The other process renews while this one still asks.
        let gate = Gate::default();
        let refusal = TokenStep::status(400, r#"{"error":"invalid_grant"}"#);
        let script = TokenScript::once(refusal.behind(&gate));
        files.authorization.script("a@demo.example", script);
        let gateway = files.gateway();
        thread::scope(|scope| {
            let asked =
                scope.spawn(move || ask(gateway, Dialect::Chat, channel.model, "hello").status());
            wait_until("a token call", || files.token_calls() == 1);
            files.write(
                &name,
                &files.login(*channel, "a@demo.example", Expiry::Later),
            );
            gate.open();
            assert_eq!(asked.join().unwrap(), 200, "{channel:?}");
        });
        assert_eq!(files.token_calls(), 1, "{channel:?}");
        assert_eq!(files.condition(&name), "ok");
    }
}

#[test]
fn a_hanging_token_endpoint_delays_no_valid_token() {
    let mut files = Files::new("auth-auto-refresh-workers: 8");
    let gate = Gate::default();
    let held = TokenScript::always(TokenStep::held(&gate));
    files.authorization.script("", held);
    for n in 0..20 {
        files.add(
            CLAUDE,
            &format!("expired-{n}@demo.example"),
            Expiry::Expired,
        );
    }
    files.add(CODEX, "valid@demo.example", Expiry::Later);
    files.start();
    let gateway = files.gateway();
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..8)
            .map(|n| {
                let text = format!("question {n}");
                scope.spawn(move || ask(gateway, Dialect::Messages, CLAUDE.model, &text).status())
            })
            .collect();
        wait_until("token calls", || files.token_calls() >= 4);
        for _ in 0..5 {
            assert_eq!(files.ask(Dialect::Chat, CODEX.model, "hello").status(), 200);
        }
        assert_eq!(files.authorization.most_at_once(), 4);
        gate.open();
        for waiting in waiting {
            assert_eq!(waiting.join().unwrap(), 200);
        }
    });
    assert!(files.authorization.most_at_once() <= 4);
}

#[test]
fn tokens_that_cannot_be_written_are_kept_and_written_later() {
    let mut files = Files::new("");
    let name = files.add(CLAUDE, "a@demo.example", Expiry::Expired);
    let path = files.folder.join(&name);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    files.start();
    assert_eq!(
        files.ask(Dialect::Chat, CLAUDE.model, "hello").status(),
        200
    );
    assert_eq!(files.condition(&name), "unsaved");
    assert_eq!(
        files.ask(Dialect::Chat, CLAUDE.model, "hello").status(),
        200
    );
    assert_eq!(files.token_calls(), 1);
    let before = files.read(&name);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    wait_until("the file", || files.condition(&name) == "ok");
    let after = files.read(&name);
    assert_ne!(before["refresh_token"], after["refresh_token"]);
    assert_eq!(
        files.ask(Dialect::Chat, CLAUDE.model, "hello").status(),
        200
    );
    assert_eq!(files.token_calls(), 1);
}

#[test]
fn a_failed_renewal_pauses_and_the_old_token_is_used_meanwhile() {
    let mut files = Files::new("");
    let mut content = files.login(CLAUDE, "a@demo.example", Expiry::Later);
    // Due for a renewal, but valid.
    content["expired"] = json!(seconds() + 600);
    files.write("claude.json", &content);
    let failing = TokenScript::always(TokenStep::status(500, "<html>"));
    files.authorization.script("a@demo.example", failing);
    files.start();
    wait_until("a renewal", || files.token_calls() == 1);
    for _ in 0..3 {
        assert!(
            files
                .gateway()
                .renew_credential_file("claude.json")
                .is_err()
        );
        let answer = files.ask(Dialect::Chat, CLAUDE.model, "hello");
        assert_eq!(answer.status(), 200);
    }
    assert_eq!(files.token_calls(), 1);
    assert_eq!(files.condition("claude.json"), "ok");
}

#[test]
fn a_file_without_a_client_serves_until_it_expires() {
    let mut files = Files::new("");
    for (name, email, expiry) in [
        ("old.json", "old@demo.example", Expiry::Expired),
        ("new.json", "new@demo.example", Expiry::Later),
    ] {
        let mut content = files.login(CLAUDE, email, expiry);
        content["client_id"] = json!("");
        files.write(name, &content);
    }
    files.start();
    for n in 0..4 {
        let text = format!("question {n}");
        assert_eq!(files.ask(Dialect::Chat, CLAUDE.model, &text).status(), 200);
    }
    assert_eq!(files.called(), vec!["new@demo.example"; 4]);
    assert_eq!(files.condition("old.json"), "needs_client");
    assert_eq!(files.condition("new.json"), "ok");
    assert_eq!(files.token_calls(), 0);
    // The configuration names one: both can be renewed.
    let mut config = crate::harness::parse(&format!(
        "port: 0\napi-keys: [{KEY}]\nauth-dir: {}\noauth-clients: {{claude: {{client-id: demo-claude}}}}\n",
        files.folder.display()
    ));
    config.host = "127.0.0.1".to_owned();
    files.gateway().reload(config);
    assert_eq!(files.condition("old.json"), "ok");
    wait_until("the renewal", || files.token_calls() == 1);
    wait_until("an answer", || {
        let text = format!("question {}", files.called().len());
        files.ask(Dialect::Chat, CLAUDE.model, &text);
        files.called().contains(&"old@demo.example".to_owned())
    });
}

#[test]
fn two_gateways_with_one_directory_renew_once() {
    for channel in [CLAUDE, CODEX] {
        let mut files = Files::new("");
        let name = files.add(channel, "a@demo.example", Expiry::Expired);
        let gate = Gate::default();
        let held = TokenScript::once(TokenStep::held(&gate));
        files.authorization.script("a@demo.example", held);
        files.start();
        let other = files.another();
        thread::scope(|scope| {
            let asked = [files.gateway(), &other].map(|gateway| {
                scope.spawn(move || ask(gateway, Dialect::Chat, channel.model, "hello").status())
            });
            wait_until("a token call", || files.token_calls() == 1);
            gate.open();
            assert_eq!(asked.map(|asked| asked.join().unwrap()), [200, 200]);
        });
        assert_eq!(files.token_calls(), 1, "{channel:?}");
        assert_eq!(files.condition(&name), "ok");
        other.stop();
    }
}

#[test]
fn a_login_that_is_written_during_a_renewal_stays() {
    for channel in ALL {
        let mut files = Files::new("");
        let name = files.add(*channel, "a@demo.example", Expiry::Expired);
        let gate = Gate::default();
        let held = TokenScript::once(TokenStep::held(&gate));
        files.authorization.script("a@demo.example", held);
        files.start();
        let gateway = files.gateway();
        let new = files.login(*channel, "b@demo.example", Expiry::Later);
        thread::scope(|scope| {
            let asked =
                scope.spawn(move || ask(gateway, Dialect::Chat, channel.model, "hello").status());
            wait_until("a token call", || files.token_calls() == 1);
            files.write(&name, &new);
            gate.open();
            assert_eq!(asked.join().unwrap(), 200, "{channel:?}");
        });
        assert_eq!(files.read(&name), new, "{channel:?}");
        wait_until("the new login is used", || {
            files.upstreams.clear_records();
            files.ask(Dialect::Chat, channel.model, "hello");
            files.called() == ["b@demo.example"]
        });
    }
}

#[test]
fn tokens_that_were_not_written_are_not_lost_by_the_next_renewal() {
    let mut files = Files::new("");
    let name = files.add(CLAUDE, "a@demo.example", Expiry::Expired);
    let path = files.folder.join(&name);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    // The second answer leaves out the refresh token that the first one has changed.
    let script = TokenScript::default()
        .then(TokenStep::default())
        .then(TokenStep::without(&["refresh_token"]));
    files.authorization.script("a@demo.example", script);
    files.start();
    assert_eq!(files.ask(Dialect::Chat, CLAUDE.model, "one").status(), 200);
    assert_eq!(files.condition(&name), "unsaved");
    files.authorization.revoke_access("a@demo.example");
    assert_eq!(files.ask(Dialect::Chat, CLAUDE.model, "two").status(), 200);
    assert_eq!(files.token_calls(), 2);
    let before = files.read(&name);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    wait_until("the file", || files.condition(&name) == "ok");
    let after = files.read(&name);
    assert_ne!(before["refresh_token"], after["refresh_token"]);
    let access = after["access_token"].as_str().unwrap();
    let worth = files.authorization.bearer(access);
    assert!(matches!(worth, Some(Bearer::Valid(_))), "{access}");
}

#[test]
fn a_lost_login_is_tried_again_when_its_file_is_touched() {
    let mut files = Files::new("");
    let name = files.add(CLAUDE, "a@demo.example", Expiry::Expired);
    let refusal = TokenStep::status(400, r#"{"error":"invalid_grant"}"#);
    files
        .authorization
        .script("a@demo.example", TokenScript::once(refusal));
    files.start();
    assert_eq!(files.ask(Dialect::Chat, CLAUDE.model, "one").status(), 503);
    assert_eq!(files.condition(&name), "needs_login");
    files.write(&name, &files.read(&name));
    wait_until("a renewal", || files.condition(&name) == "ok");
    wait_until("an answer", || {
        files.ask(Dialect::Chat, CLAUDE.model, "two").status() == 200
    });
    assert_eq!(files.token_calls(), 2);
}

#[test]
fn an_interval_longer_than_a_tokens_life_does_not_renew_all_the_time() {
    let mut files = Files::new("");
    let mut content = files.login(KIMI, "a@demo.example", Expiry::Expired);
    content["refresh_interval"] = json!("30m");
    files.write("kimi.json", &content);
    files.start();
    assert_eq!(files.ask(Dialect::Chat, KIMI.model, "one").status(), 200);
    // Several looks of the gateway later.
    for n in 0..3 {
        let late = files.add(CLAUDE, &format!("{n}@demo.example"), Expiry::Later);
        wait_until("the next look", || files.condition(&late) == "ok");
    }
    assert_eq!(files.token_calls(), 1);
}

#[test]
fn a_project_is_found_without_an_oauth_client() {
    let mut files = Files::new("");
    let mut content = files.login(ANTIGRAVITY, "a@demo.example", Expiry::Later);
    for key in ["client_id", "client_secret", "project_id"] {
        content.as_object_mut().unwrap().remove(key);
    }
    files.write("a.json", &content);
    files.start();
    let answer = files.ask(Dialect::Gemini, ANTIGRAVITY.model, "hello");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(files.token_calls(), 0);
}

#[test]
fn copies_of_a_file_are_renewed_together() {
    for channel in ALL {
        let mut files = Files::new("");
        let content = files.login(*channel, "a@demo.example", Expiry::Expired);
        for name in ["one", "two"] {
            let mut content = content.clone();
            content["prefix"] = json!(name);
            files.write(&format!("{name}.json"), &content);
        }
        files.start();
        let gateway = files.gateway();
        thread::scope(|scope| {
            let asked = ["one", "two"].map(|prefix| {
                let model = format!("{prefix}/{}", channel.model);
                scope.spawn(move || ask(gateway, Dialect::Chat, &model, "hello").status())
            });
            assert_eq!(asked.map(|asked| asked.join().unwrap()), [200, 200]);
        });
        assert_eq!(files.token_calls(), 1, "{channel:?}");
        let [one, two] = ["one.json", "two.json"].map(|name| files.read(name));
        assert_eq!(one["access_token"], two["access_token"], "{channel:?}");
        assert_eq!(one["refresh_token"], two["refresh_token"], "{channel:?}");
        assert_ne!(one["access_token"], content["access_token"]);
    }
}
