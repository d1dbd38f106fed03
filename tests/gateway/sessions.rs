//! Session affinity.

use std::collections::{BTreeMap, BTreeSet};

use holdfast::unversioned::demo::{Script, Step};

use super::harness::{ALL, Dialect, Options, Setup, configuration, parse};

fn keys(setup: &Setup) -> Vec<String> {
    setup
        .records()
        .into_iter()
        .map(|record| record.key)
        .collect()
}

#[test]
fn a_named_session_keeps_its_credential_in_every_dialect() {
    let setup = Setup::new();
    for dialect in ALL {
        setup.upstreams.clear_records();
        for turn in 0..6 {
            let texts: Vec<String> = (0..=turn).map(|n| format!("text {n}")).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let answer = setup.ask_as(dialect, &texts, turn % 2 == 0, &[("X-Session-ID", "mine")]);
            assert_eq!(answer.status(), 200);
        }
        let keys: BTreeSet<String> = keys(&setup).into_iter().collect();
        assert_eq!(keys.len(), 1, "{keys:?}");
        let cached: Vec<u64> = setup.records().iter().map(|r| r.cached_tokens).collect();
        assert_eq!(cached[0], 0);
        assert!(
            cached.windows(2).all(|pair| pair[1] > pair[0]),
            "{cached:?}"
        );
    }
    // The report of a stream may follow that of the next request.
    let reports = setup.reports(24);
    let count = |decision| {
        let decisions = reports.iter().map(|report| report.decision);
        decisions.filter(|found| *found == decision).count()
    };
    assert_eq!((count("new"), count("sticky")), (4, 20));
    let cached = reports
        .iter()
        .filter(|report| report.cached.unwrap_or(0) > 0);
    assert_eq!(cached.count(), 20);
}

#[test]
fn a_conversation_without_id_is_recognized_by_its_prefix() {
    let setup = Setup::new();
    let mut texts = vec!["tell me a story"];
    for more in ["go on", "and then?", "the end?"] {
        setup.ask(Dialect::Chat, &texts, false);
        texts.push(more);
    }
    let keys = keys(&setup);
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    let ways: Vec<_> = setup
        .reports(3)
        .iter()
        .map(|report| report.decision)
        .collect();
    assert_eq!(ways, ["new", "sticky", "sticky"]);
}

#[test]
fn new_sessions_are_distributed_round_robin() {
    let setup = Setup::new();
    for n in 0..9 {
        setup.ask(Dialect::Messages, &[&format!("conversation {n}")], false);
    }
    let mut counts = BTreeMap::new();
    for key in keys(&setup) {
        *counts.entry(key).or_insert(0) += 1;
    }
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [3, 3, 3]);
}

#[test]
fn fill_first_uses_the_first_credential() {
    let setup = Setup::with(Options {
        strategy: "fill-first",
        ..Options::default()
    });
    for n in 0..5 {
        setup.ask(Dialect::Chat, &[&format!("conversation {n}")], false);
    }
    let keys: BTreeSet<String> = keys(&setup).into_iter().collect();
    assert_eq!(keys.len(), 1);
}

#[test]
fn sessions_of_different_clients_are_different() {
    let setup = Setup::new();
    let body = Dialect::Chat.body(&["hello"], false);
    for key in ["client-key", "other-key"] {
        let bearer = format!("Bearer {key}");
        let headers = [("Authorization", bearer.as_str()), ("X-Session-ID", "same")];
        setup
            .client()
            .call("POST", "/v1/chat/completions", &headers, &body);
    }
    let reports = setup.reports(2);
    assert_eq!(reports[1].decision, "new");
    assert_ne!(reports[0].credential, reports[1].credential);
}

#[test]
fn a_session_fails_over_while_its_credential_fails() {
    let setup = Setup::new();
    let ask = || {
        setup.ask_as(
            Dialect::Messages,
            &["hello"],
            false,
            &[("X-Session-ID", "s")],
        )
    };
    ask();
    let first = setup.records()[0].key.clone();
    setup
        .upstreams
        .script(&first, Script::once(Step::status(503)));
    assert_eq!(ask().status(), 200);
    assert_eq!(ask().status(), 200);
    let keys = keys(&setup);
    assert_eq!(keys[1], first);
    assert_ne!(keys[2], first);
    assert_eq!(keys[3], keys[2]);
    let ways: Vec<_> = setup
        .reports(3)
        .iter()
        .map(|report| (report.decision, report.attempts))
        .collect();
    assert_eq!(ways, [("new", 1), ("failover", 2), ("failover", 1)]);
}

#[test]
fn a_reload_keeps_the_sessions_of_credentials_that_stay() {
    let setup = Setup::new();
    let ask = |session: &str| {
        let before = setup.records().len();
        setup.ask_as(
            Dialect::Chat,
            &["hello"],
            false,
            &[("X-Session-ID", session)],
        );
        setup.records()[before].key.clone()
    };
    let places: Vec<(String, String)> = (0..6)
        .map(|n| {
            let session = format!("s{n}");
            let key = ask(&session);
            (session, key)
        })
        .collect();
    let fewer = configuration(
        setup.upstreams.address(),
        &Options {
            accounts: 2,
            ..Options::default()
        },
    );
    assert!(setup.gateway().reload(parse(&fewer)).is_empty());
    for (session, key) in &places {
        let now = ask(session);
        if *key == Dialect::Chat.account(3) {
            assert_ne!(now, *key);
        } else {
            assert_eq!(now, *key);
        }
    }
}

#[test]
fn without_affinity_sessions_have_no_credential() {
    let upstreams = holdfast::unversioned::demo::Upstreams::start().unwrap();
    let text = configuration(upstreams.address(), &Options::default())
        .replace("session-affinity: true", "session-affinity: false");
    let setup = Setup::configured(upstreams, &text);
    for _ in 0..3 {
        setup.ask_as(Dialect::Chat, &["hello"], false, &[("X-Session-ID", "s")]);
    }
    let keys: BTreeSet<String> = keys(&setup).into_iter().collect();
    assert_eq!(keys.len(), 3);
    assert_eq!(setup.reports(1)[0].decision, "unbound");
}

#[test]
fn parallel_first_requests_of_a_session_use_one_credential() {
    let setup = Setup::new();
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope
                .spawn(|| setup.ask_as(Dialect::Chat, &["hello"], false, &[("X-Session-ID", "s")]));
        }
    });
    let keys: BTreeSet<String> = keys(&setup).into_iter().collect();
    assert_eq!(keys.len(), 1);
}

#[test]
fn a_session_expires() {
    let setup = Setup::with(Options {
        more: "",
        ..Options::default()
    });
    let text = configuration(setup.upstreams.address(), &Options::default()).replace(
        "session-affinity: true",
        "session-affinity: true\n  session-affinity-ttl: 1ms",
    );
    setup.gateway().reload(parse(&text));
    let count = std::cell::Cell::new(0);
    super::harness::eventually(|| {
        let session = format!("s{}", count.get());
        for _ in 0..2 {
            setup.ask_as(
                Dialect::Chat,
                &["hello"],
                false,
                &[("X-Session-ID", &session)],
            );
        }
        count.set(count.get() + 2);
        setup.reports(count.get())[count.get() - 1].decision == "new"
    });
}

#[test]
fn the_number_of_stored_prefixes_is_limited() {
    let upstreams = holdfast::unversioned::demo::Upstreams::start().unwrap();
    let text = configuration(upstreams.address(), &Options::default()).replace(
        "session-affinity: true",
        "session-affinity: true\n  session-affinity-names: 1024",
    );
    let setup = Setup::configured(upstreams, &text);
    let mut asked = 0;
    let mut decision = |texts: &[&str]| {
        setup.ask(Dialect::Chat, texts, false);
        asked += 1;
        setup.reports(asked)[asked - 1].decision
    };
    let first = ["a first word", "an answer", "and another"];
    assert_eq!(decision(&first[..1]), "new");
    assert_eq!(decision(&first), "sticky");
    for n in 0..1_100 {
        decision(&[&format!("something else {n}")]);
    }
    assert_eq!(decision(&first), "new");
}

#[test]
fn a_session_moves_to_a_higher_priority_if_configured() {
    for (more, expected) in [
        ("", Dialect::Messages.account(1)),
        (
            "\n  session-affinity-priority-failback: true",
            "better".to_owned(),
        ),
    ] {
        let setup = Setup::with(Options {
            accounts: 1,
            ..Options::default()
        });
        let ask = || {
            let headers = [("X-Session-ID", "s")];
            setup.ask_as(Dialect::Messages, &["hello"], false, &headers);
            keys(&setup).pop().unwrap()
        };
        assert_eq!(ask(), Dialect::Messages.account(1));
        let address = setup.upstreams.address();
        let options = Options {
            accounts: 1,
            ..Options::default()
        };
        let text = configuration(address, &options)
            .replace("session-affinity: true", &format!("session-affinity: true{more}"))
            .replace("claude-api-key:\n", &format!("claude-api-key:\n  - {{api-key: better, priority: 9, base-url: \"http://{address}\", models: [{{name: demo-messages, alias: {}}}]}}\n", Dialect::Messages.model()));
        setup.gateway().reload(parse(&text));
        assert_eq!(ask(), expected, "{more}");
    }
}

#[test]
fn one_client_cannot_evict_the_sessions_of_another() {
    let upstreams = holdfast::unversioned::demo::Upstreams::start().unwrap();
    let text = configuration(upstreams.address(), &Options::default()).replace(
        "session-affinity: true",
        "session-affinity: true\n  session-affinity-names: 1024",
    );
    let setup = Setup::configured(upstreams, &text);
    let mut asked = 0;
    let mut decision = |key: &str, texts: &[&str]| {
        let body = Dialect::Chat.body(texts, false);
        let bearer = format!("Bearer {key}");
        let headers = [("Authorization", bearer.as_str())];
        let answer = setup
            .client()
            .call("POST", "/v1/chat/completions", &headers, &body);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        asked += 1;
        setup.reports(asked)[asked - 1].decision
    };
    let first = ["a first word", "an answer", "and another"];
    assert_eq!(decision("other-key", &first[..1]), "new");
    for n in 0..1_100 {
        decision("client-key", &[&format!("something else {n}")]);
    }
    assert_eq!(decision("other-key", &first), "sticky");
}
