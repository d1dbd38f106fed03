//! What makes requests belong to one session.

use std::collections::{BTreeMap, BTreeSet};

use holdfast::unversioned::demo::{Script, Step, Upstreams};
use serde_json::{Value, json};

use super::harness::{Dialect, Options, Setup, configuration};
use super::routing::session;

#[test]
fn conversations_without_id_branch_where_they_differ() {
    let setup = Setup::new();
    let opening = "You are given a long template that is the same for everybody, ".repeat(4);
    let mut homes = BTreeMap::new();
    for n in 0..9 {
        let first = format!("{opening} and then there is number {n}.");
        for turn in 1..=3 {
            let texts: Vec<&str> = [first.as_str(), "more", "and more"][..turn].to_vec();
            setup.ask(Dialect::Messages, &texts, false);
            let key = setup.records().last().unwrap().key.clone();
            assert_eq!(
                *homes.entry(n).or_insert_with(|| key.clone()),
                key,
                "{n} {turn}"
            );
        }
    }
    let mut spread: BTreeMap<String, usize> = BTreeMap::new();
    for original in homes.into_values() {
        *spread.entry(original).or_default() += 1;
    }
    assert_eq!(spread.into_values().collect::<Vec<_>>(), [3, 3, 3]);
}

#[test]
fn the_compatible_hash_can_be_configured() {
    let upstreams = Upstreams::start().unwrap();
    let text = configuration(upstreams.address(), &Options::default()).replace(
        "session-affinity: true",
        "session-affinity: true\n  session-affinity-mode: hash",
    );
    let setup = Setup::configured(upstreams, &text);
    let opening = "You are given a long template that is the same for everybody, ".repeat(4);
    for n in 0..9 {
        setup.ask(
            Dialect::Messages,
            &[&format!("{opening} number {n}.")],
            false,
        );
    }
    let keys: BTreeSet<String> = setup
        .records()
        .into_iter()
        .map(|record| record.key)
        .collect();
    assert_eq!(keys.len(), 1, "the first hundred bytes are the same");
}

#[test]
fn subagents_have_their_own_sessions() {
    for (more, expected) in [("", 5), ("\n  session-affinity-subagents: true", 1)] {
        let upstreams = Upstreams::start().unwrap();
        let options = Options {
            accounts: 5,
            ..Options::default()
        };
        let text = configuration(upstreams.address(), &options).replace(
            "session-affinity: true",
            &format!("session-affinity: true{more}"),
        );
        let setup = Setup::configured(upstreams, &text);
        for agent in 0..50 {
            let agent = agent.to_string();
            let mut headers = vec![("X-Claude-Code-Session-Id", "the-run")];
            if agent != "0" {
                headers.push(("X-Claude-Code-Agent-Id", agent.as_str()));
            }
            setup.ask_as(Dialect::Messages, &["hello"], false, &headers);
        }
        let mut spread: BTreeMap<String, usize> = BTreeMap::new();
        for record in setup.records() {
            *spread.entry(record.key).or_default() += 1;
        }
        assert_eq!(spread.len(), expected, "{spread:?}");
        assert!(
            spread.values().all(|count| *count == 50 / expected),
            "{spread:?}"
        );
    }
}

#[test]
fn a_suffix_changes_neither_session_nor_model() {
    let setup = Setup::new();
    let ask = |model: &str| {
        let mut body: Value =
            serde_json::from_slice(&Dialect::Messages.body(&["hello"], false)).unwrap();
        body["model"] = model.into();
        body["max_tokens"] = 30_000.into();
        let answer = setup.client().call(
            "POST",
            "/v1/messages",
            &[
                ("Authorization", "Bearer client-key"),
                ("X-Session-ID", "s"),
            ],
            body.to_string().as_bytes(),
        );
        assert_eq!(answer.status(), 200, "{}", answer.text());
        setup.records().last().unwrap().key.clone()
    };
    let original = ask("my-messages");
    assert_eq!(ask("my-messages(high)"), original);
    setup
        .upstreams
        .script(&original, Script::once(Step::status(503)));
    let standby = ask("my-messages(high)");
    assert_ne!(standby, original);
    assert_eq!(ask("my-messages"), standby, "both see the block");
}

#[test]
fn a_previous_response_selects_its_credential() {
    let setup = Setup::new();
    for streams in [false, true] {
        let mut homes = BTreeSet::new();
        for n in 0..6 {
            let text = format!("question {n} {streams}");
            let answer = setup.ask(Dialect::Responses, &[&text], streams);
            let original = setup.records().last().unwrap().key.clone();
            let id = match streams {
                false => answer.json()["id"].as_str().unwrap().to_owned(),
                true => {
                    let data = answer.data();
                    let last: Value = serde_json::from_str(data.last().unwrap()).unwrap();
                    last["response"]["id"].as_str().unwrap().to_owned()
                }
            };
            let body = json!({"model": "my-responses", "previous_response_id": id,
                "input": format!("something quite different {n}"), "stream": streams});
            setup.client().call(
                "POST",
                "/v1/responses",
                &[("Authorization", "Bearer client-key")],
                body.to_string().as_bytes(),
            );
            assert_eq!(
                setup.records().last().unwrap().key,
                original,
                "{n} {streams}"
            );
            homes.insert(original);
        }
        assert_eq!(homes.len(), 3);
    }
}

#[test]
fn debug_headers_show_the_credential_and_session() {
    let answer = Setup::new().ask_as(Dialect::Chat, &["hello"], false, &session("s"));
    assert_eq!(answer.header("x-holdfast-credential"), None);
    let setup = Setup::with(Options {
        more: "debug: true",
        ..Options::default()
    });
    for streams in [false, true] {
        let answer = setup.ask_as(Dialect::Chat, &["hello"], streams, &session("s"));
        let credential = answer.header("x-holdfast-credential").unwrap().to_owned();
        assert_eq!(answer.header("x-holdfast-session"), Some("header:s"));
        let key = &setup.records()[0].key;
        assert!(!answer.text().contains(key.as_str()) && !credential.contains(key.as_str()));
        assert_eq!(Some(credential), setup.reports(1)[0].credential);
    }
}

#[test]
fn sessions_survive_a_restart() {
    let folder = std::env::temp_dir().join(format!("holdfast-restart-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("sessions");
    let upstreams = Upstreams::start().unwrap();
    let options = Options::default();
    let text = configuration(upstreams.address(), &options).replace(
        "session-affinity: true",
        &format!(
            "session-affinity: true\n  session-affinity-file: {}",
            file.display()
        ),
    );
    let mut setup = Setup::configured(upstreams, &text);
    let ask = |setup: &Setup, n: usize, turns: usize| {
        let name = format!("conversation {n}");
        let texts: Vec<&str> = [name.as_str(), "more", "and more"][..turns].to_vec();
        match n % 2 {
            0 => setup.ask_as(Dialect::Chat, &texts, false, &session(&name)),
            _ => setup.ask(Dialect::Chat, &texts, false),
        };
        setup.records().last().unwrap().key.clone()
    };
    let homes: Vec<String> = (0..7).map(|n| ask(&setup, n, 1)).collect();
    for turns in 2..=3 {
        setup.restart(&text);
        let kept = std::fs::read_to_string(&file).unwrap();
        assert!(
            !kept.contains("conversation") && !kept.contains("account"),
            "{kept}"
        );
        let now: Vec<String> = (0..7).rev().map(|n| ask(&setup, n, turns)).collect();
        assert!(now.iter().eq(homes.iter().rev()), "{turns}");
    }
    // A damaged line loses one session.
    setup.stop_gateway();
    let kept = std::fs::read(&file).unwrap();
    let mut lines: Vec<Vec<u8>> = kept.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    assert_eq!(lines.len(), 9, "a first line and the end of the last one");
    lines[3][40] = 0xff;
    std::fs::write(&file, lines.join(&b'\n')).unwrap();
    setup.restart(&text);
    let decided = |setup: &Setup, n: usize| {
        let asked = setup.records().len();
        ask(setup, n, 3);
        setup.reports(asked + 1)[asked].decision
    };
    let decisions: Vec<&str> = (0..7).map(|n| decided(&setup, n)).collect();
    let lost = decisions.iter().filter(|decision| **decision == "new");
    assert_eq!(lost.count(), 1, "{decisions:?}");
    // An invalid file does not prevent the start.
    setup.stop_gateway();
    std::fs::write(&file, b"\xff\x00 what is this").unwrap();
    setup.restart(&text);
    ask(&setup, 0, 1);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn auto_is_the_newest_available_model() {
    let upstreams = Upstreams::start().unwrap();
    let address = upstreams.address();
    let text = format!(
        "host: 127.0.0.1\nport: 0\napi-keys: [client-key]\nclaude-api-key:\n  \
         - {{api-key: old, base-url: 'http://{address}', models: [{{name: claude-3-5-haiku-20241022}}]}}\n  \
         - {{api-key: new, base-url: 'http://{address}', models: [{{name: claude-opus-4-6}}]}}\n"
    );
    let setup = Setup::configured(upstreams, &text);
    let ask = || {
        let body = json!({"model": "auto", "max_tokens": 10, "messages": [{"role": "user", "content": "hello"}]});
        let headers = [("Authorization", "Bearer client-key")];
        let client = &mut setup.client();
        let answer = client.call(
            "POST",
            "/v1/messages",
            &headers,
            body.to_string().as_bytes(),
        );
        (
            answer.status(),
            setup.records().last().map(|record| record.model.clone()),
        )
    };
    assert_eq!(ask(), (200, Some("claude-opus-4-6".to_owned())));
    setup
        .upstreams
        .script("new", Script::always(Step::retry_after(60)));
    assert_eq!(ask().0, 429, "it was well until then");
    assert_eq!(ask(), (200, Some("claude-3-5-haiku-20241022".to_owned())));
}
