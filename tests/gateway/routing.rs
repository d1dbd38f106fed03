//! Routing while credentials fail, recover and are removed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use holdfast::unversioned::demo::{Ending, Manner, Record, Script, Step, Upstreams};
use serde_json::{Value, json};

use super::harness::{ALL, Dialect, Options, PATIENCE, Setup, configuration};

fn status_with(status: u16, body: &Value) -> Step {
    Step::Status {
        status,
        headers: Vec::new(),
        body: Some(body.to_string()),
    }
}

/// A stream of these events.
fn raw_stream(events: &[&str]) -> Step {
    let body: String = events.iter().map(|event| format!("{event}\n\n")).collect();
    Step::Answer(Manner {
        raw: Some(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )),
        ..Manner::default()
    })
}

fn session(id: &str) -> [(&'static str, &str); 1] {
    [("X-Session-ID", id)]
}

#[test]
fn an_overload_after_the_first_event_is_retried() {
    let openings: [(Dialect, &[&str]); 4] = [
        (
            Dialect::Messages,
            &[
                "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"output_tokens\":1}}}",
                "event: ping\ndata: {\"type\":\"ping\"}",
                "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}",
            ],
        ),
        (
            Dialect::Responses,
            &[
                "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}",
                "event: response.in_progress\ndata: {\"type\":\"response.in_progress\",\"response\":{\"id\":\"r\"}}",
                "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_is_overloaded\",\"message\":\"busy\"}}}",
            ],
        ),
        (
            Dialect::Chat,
            &[
                "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}",
                "data: {\"error\":{\"message\":\"busy\",\"code\":503}}",
            ],
        ),
        (
            Dialect::Gemini,
            &[
                "data: {\"candidates\":[{\"content\":{\"role\":\"model\"}}],\"usageMetadata\":{\"promptTokenCount\":1}}",
                "data: {\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\",\"message\":\"busy\"}}",
            ],
        ),
    ];
    for (dialect, events) in openings {
        let setup = Setup::new();
        let ask = || setup.ask_as(dialect, &["hello"], true, &session("s"));
        ask();
        // The report of a stream follows its end.
        setup.reports(1);
        let original = setup.records()[0].key.clone();
        setup
            .upstreams
            .script(&original, Script::once(raw_stream(events)));
        let answer = ask();
        assert_eq!(answer.status(), 200);
        let text = answer.text();
        assert!(!text.contains("busy"), "{dialect:?}: {text}");
        assert_eq!(
            dialect.streamed_text(&answer.data()),
            "This is turn 1. You said: hello"
        );
        setup.reports(2);
        ask();
        let reports = setup.reports(3);
        assert_eq!((reports[1].decision, reports[1].attempts), ("failover", 2));
        assert_eq!((reports[2].decision, reports[2].attempts), ("failover", 1));
    }
}

#[test]
fn an_empty_answer_is_retried() {
    let silent: [(Dialect, &[&str], Value); 4] = [
        (
            Dialect::Messages,
            &[
                "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}",
                "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":0}}",
                "event: message_stop\ndata: {\"type\":\"message_stop\"}",
            ],
            json!({"type": "message", "content": [], "stop_reason": "end_turn", "usage": {"output_tokens": 0}}),
        ),
        (
            Dialect::Responses,
            &[
                "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{}}",
                "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"output\":[]}}",
            ],
            json!({"status": "completed", "output": []}),
        ),
        (
            Dialect::Chat,
            &[
                "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}",
                "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}",
                "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":0}}",
                "data: [DONE]",
            ],
            json!({"choices": [{"message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}]}),
        ),
        (
            Dialect::Gemini,
            &["data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}"],
            json!({"candidates": [{"content": {"role": "model"}, "finishReason": "STOP"}]}),
        ),
    ];
    for (dialect, events, body) in silent {
        for streams in [true, false] {
            // The Codex backend only streams.
            let step = match streams || dialect == Dialect::Responses {
                true => raw_stream(events),
                false => status_with(200, &body),
            };
            let setup = Setup::new();
            let ask = || setup.ask_as(dialect, &["hello"], streams, &session("s"));
            ask();
            let original = setup.records()[0].key.clone();
            setup.upstreams.script(&original, Script::once(step));
            let answer = ask();
            assert_eq!(answer.status(), 200, "{dialect:?}: {}", answer.text());
            assert_eq!(setup.records().len(), 3, "{dialect:?} {streams}");
            let text = match streams {
                true => dialect.streamed_text(&answer.data()),
                false => dialect.text(&answer.json()),
            };
            assert!(text.contains("You said: hello"), "{text}");
        }
    }
}

#[test]
fn signatures_that_another_credential_refuses_are_removed_once() {
    let refusals = [
        (
            Dialect::Messages,
            "messages.1.content.0: Invalid `data` in `redacted_thinking` block",
        ),
        (
            Dialect::Responses,
            "The encrypted content could not be verified.",
        ),
        (Dialect::Gemini, "Corrupted thought signature."),
    ];
    for (dialect, message) in refusals {
        let setup = Setup::new();
        let body = match dialect {
            Dialect::Messages => json!({"model": dialect.model(), "max_tokens": 10, "messages": [
                {"role": "user", "content": "one"},
                {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "of-another"}, {"type": "text", "text": "a"}]},
                {"role": "user", "content": "two"}]}),
            Dialect::Responses => json!({"model": dialect.model(), "input": [
                {"role": "user", "content": "one"},
                {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "of-another"},
                {"role": "assistant", "content": "a"},
                {"role": "user", "content": "two"}]}),
            _ => json!({"contents": [
                {"role": "user", "parts": [{"text": "one"}]},
                {"role": "model", "parts": [{"text": "a", "thoughtSignature": "of-another"}]},
                {"role": "user", "parts": [{"text": "two"}]}]}),
        };
        let refusal = status_with(400, &json!({"error": {"message": message}}));
        for n in 1..=3 {
            let script = Script::once(refusal.clone());
            setup.upstreams.script(&dialect.account(n), script);
        }
        let answer = setup.client().call(
            "POST",
            &dialect.path(false),
            &[("Authorization", "Bearer client-key")],
            body.to_string().as_bytes(),
        );
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let records = setup.records();
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].key, records[1].key);
        let sent = |record: &Record| String::from_utf8_lossy(&record.body).into_owned();
        assert!(sent(&records[0]).contains("of-another"));
        assert!(
            !sent(&records[1]).contains("of-another"),
            "{}",
            sent(&records[1])
        );
        assert!(sent(&records[1]).contains("two"));
        // The second refusal is passed on to the client.
        setup.all_accounts(dialect, &refusal);
        let answer = setup.client().call(
            "POST",
            &dialect.path(false),
            &[("Authorization", "Bearer client-key")],
            body.to_string().as_bytes(),
        );
        assert_eq!(answer.status(), 400);
        assert_eq!(setup.records().len(), 4);
    }
}

/// A gateway whose credentials recover within a second.
fn quick(accounts: usize) -> Setup {
    Setup::with(Options {
        accounts,
        more: "transient-error-cooldown-seconds: 1",
        ..Options::default()
    })
}

/// The credentials that answered the last turn of each conversation.
fn answered(records: &[Record], turn: usize, conversations: usize) -> Vec<BTreeSet<String>> {
    (0..conversations)
        .map(|conversation| {
            let said = format!("conversation {conversation} turn {turn}.");
            records
                .iter()
                .filter(|record| {
                    let body = String::from_utf8_lossy(&record.body).into_owned();
                    let next = format!("conversation {conversation} turn {}.", turn + 1);
                    body.contains(&said) && !body.contains(&next)
                })
                .map(|record| record.key.clone())
                .collect()
        })
        .collect()
}

#[test]
fn fifty_conversations_survive_failures() {
    const CONVERSATIONS: usize = 50;
    const TURNS: usize = 6;
    for dialect in ALL {
        let setup = quick(5);
        let account = |n| dialect.account(n);
        let barrier = Barrier::new(CONVERSATIONS + 1);
        std::thread::scope(|scope| {
            for conversation in 0..CONVERSATIONS {
                let (setup, barrier) = (&setup, &barrier);
                scope.spawn(move || {
                    let id = format!("s{conversation}");
                    // Half of the clients send session ids.
                    let headers: &[(&str, &str)] = match conversation % 2 {
                        0 => &[("X-Session-ID", id.as_str())],
                        _ => &[],
                    };
                    let mut said = Vec::new();
                    for turn in 1..=TURNS {
                        said.push(format!("conversation {conversation} turn {turn}."));
                        let texts: Vec<&str> = said.iter().map(String::as_str).collect();
                        barrier.wait();
                        let streams = (conversation + turn) % 3 == 0;
                        let answer = setup.ask_as(dialect, &texts, streams, headers);
                        let what = format!("{dialect:?} {conversation} {turn}");
                        assert_eq!(answer.status(), 200, "{what}: {}", answer.text());
                        let text = match streams {
                            true => dialect.streamed_text(&answer.data()),
                            false => dialect.text(&answer.json()),
                        };
                        assert!(
                            text.contains(&format!("This is turn {turn}.")),
                            "{what}: {text}"
                        );
                        barrier.wait();
                    }
                });
            }
            for turn in 1..=TURNS {
                match turn {
                    2 => {
                        setup
                            .upstreams
                            .script(&account(1), Script::always(Step::Reset));
                        setup
                            .upstreams
                            .script(&account(2), Script::always(Step::retry_after(1)));
                    }
                    3 => {
                        setup.upstreams.script(&account(1), Script::default());
                        setup.upstreams.script(&account(2), Script::default());
                        setup
                            .upstreams
                            .script(&account(3), Script::always(Step::status(401)));
                    }
                    4 => setup
                        .upstreams
                        .script(&account(4), Script::always(Step::ending(Ending::Error(0)))),
                    5 => setup.upstreams.script(&account(4), Script::default()),
                    _ => {}
                }
                barrier.wait();
                barrier.wait();
            }
        });
        let records = setup.records();
        let homes: Vec<String> = answered(&records, 1, CONVERSATIONS)
            .into_iter()
            .map(|keys| keys.into_iter().next().unwrap())
            .collect();
        let mut spread: BTreeMap<&String, usize> = BTreeMap::new();
        for original in &homes {
            *spread.entry(original).or_default() += 1;
        }
        assert!(
            spread.values().all(|count| *count == 10),
            "{dialect:?} {spread:?}"
        );
        for turn in 1..=TURNS {
            for (conversation, keys) in answered(&records, turn, CONVERSATIONS).iter().enumerate() {
                let what = format!("{dialect:?} {conversation} {turn}: {keys:?}");
                assert!(!keys.is_empty(), "{what}");
                // The credential that never failed kept all its sessions.
                if homes[conversation] == account(5) {
                    assert_eq!(*keys, BTreeSet::from([account(5)]), "{what}");
                }
                // The credential with the refused key gets no further requests.
                if turn > 3 {
                    assert!(!keys.contains(&account(3)), "{what}");
                }
            }
        }
    }
}

#[test]
fn sessions_return_when_their_credential_recovers() {
    for dialect in ALL {
        let setup = quick(3);
        let ask = || {
            let before = setup.records().len();
            assert_eq!(
                setup
                    .ask_as(dialect, &["hello"], false, &session("s"))
                    .status(),
                200
            );
            setup.records()[before..].last().unwrap().key.clone()
        };
        let original = ask();
        setup
            .upstreams
            .script(&original, Script::once(Step::status(503)));
        let standby = ask();
        assert_ne!(standby, original);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = ask();
            if now == original {
                break;
            }
            assert_eq!(now, standby, "the standby is always the same");
            assert!(Instant::now() < deadline, "the session did not return");
        }
        assert_eq!(ask(), original);
    }
}

#[test]
fn a_quota_is_awaited_if_configured() {
    let setup = Setup::with(Options {
        accounts: 1,
        more: "request-retry: 1\nmax-retry-interval: 5s",
        ..Options::default()
    });
    let key = Dialect::Chat.account(1);
    setup
        .upstreams
        .script(&key, Script::once(Step::retry_after(1)));
    let asked = Instant::now();
    let answer = setup.ask(Dialect::Chat, &["hello"], false);
    assert_eq!(answer.status(), 200);
    assert!(
        asked.elapsed() >= Duration::from_secs(1),
        "not before it is due"
    );
    assert_eq!(setup.records().len(), 2);
    // A client that disconnects while it waits is detected, and the credential is not called again.
    setup
        .upstreams
        .script(&key, Script::once(Step::retry_after(4)));
    let mut client = setup.client();
    client.send(
        "POST",
        "/v1/chat/completions",
        &[("Authorization", "Bearer client-key")],
        &Dialect::Chat.body(&["hello"], false),
    );
    assert!(
        setup
            .upstreams
            .wait_for(PATIENCE, |records| records.len() == 3)
    );
    drop(client);
    assert_eq!(setup.reports(2)[1].status, 499);
    assert_eq!(setup.records().len(), 3);
}

#[test]
fn retry_after_is_sent_when_all_quotas_are_used_up() {
    let setup = Setup::new();
    setup.all_accounts(Dialect::Messages, &Step::retry_after(90));
    setup.upstreams.script(
        &Dialect::Messages.account(2),
        Script::always(Step::retry_after(65)),
    );
    let first = setup.ask(Dialect::Messages, &["hello"], false);
    assert_eq!(
        (first.status(), first.header("retry-after")),
        (429, Some("65"))
    );
    assert_eq!(setup.records().len(), 3);
    let second = setup.ask(Dialect::Messages, &["hello"], false);
    assert_eq!(setup.records().len(), 3, "nobody is asked in vain");
    assert_eq!(second.status(), 429);
    let seconds: u64 = second.header("retry-after").unwrap().parse().unwrap();
    assert!((60..=65).contains(&seconds));
    assert!(
        second.text().contains("cooling down via provider claude"),
        "{}",
        second.text()
    );
    let other = setup.ask(Dialect::Chat, &["hello"], false);
    assert_eq!(
        other.status(),
        200,
        "another model's credentials are not concerned"
    );
}

#[test]
fn a_client_that_disconnects_is_no_failure_of_its_credential() {
    let setup = Setup::new();
    for dialect in ALL {
        let id = format!("{dialect:?}");
        setup.ask_as(dialect, &["hello"], true, &session(&id));
        let original = setup.records().last().unwrap().key.clone();
        setup.upstreams.script(
            &original,
            Script::once(Step::trickle(50, Duration::from_secs(60))),
        );
        let mut client = setup.client();
        client.send(
            "POST",
            &dialect.path(true),
            &[
                ("Authorization", "Bearer client-key"),
                ("X-Session-ID", &id),
            ],
            &dialect.body(&["hello"], true),
        );
        assert_eq!(client.head().status, 200);
        client.chunk().unwrap();
        drop(client);
        assert!(setup.upstreams.wait_for(PATIENCE, |records| {
            let is_over = |r: &Record| {
                matches!(
                    r.outcome,
                    holdfast::unversioned::demo::Outcome::ClientGone(_)
                )
            };
            records.last().is_some_and(is_over)
        }));
        setup.ask_as(dialect, &["hello"], false, &session(&id));
        assert_eq!(setup.records().last().unwrap().key, original);
    }
    assert_eq!(setup.reports(12).last().unwrap().decision, "sticky");
}

#[test]
fn a_broken_answer_is_a_failure_of_its_credential() {
    let setup = Setup::new();
    setup.ask_as(Dialect::Messages, &["hello"], true, &session("s"));
    let original = setup.records()[0].key.clone();
    setup
        .upstreams
        .script(&original, Script::once(Step::ending(Ending::Reset(4))));
    setup.ask_as(Dialect::Messages, &["hello"], true, &session("s"));
    setup.ask_as(Dialect::Messages, &["hello"], true, &session("s"));
    let decisions: Vec<_> = setup
        .reports(3)
        .iter()
        .map(|report| report.decision)
        .collect();
    assert_eq!(decisions, ["new", "sticky", "failover"]);
}

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
