//! Routing while credentials fail, recover and are removed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use holdfast::unversioned::demo::{Ending, Manner, Record, Script, Step};
use serde_json::{Value, json};

use super::harness::{ALL, Dialect, Options, PATIENCE, Setup};

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

pub fn session(id: &str) -> [(&'static str, &str); 1] {
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
fn an_account_without_credits_is_left_whatever_status_says_so() {
    for (dialect, status, error) in [
        (
            Dialect::Messages,
            400,
            json!({"type": "invalid_request_error",
                "message": "You have reached your specified API usage limits. You will regain access on 2026-04-01 at 00:00 UTC."}),
        ),
        (
            Dialect::Messages,
            429,
            json!({"type": "rate_limit_error", "message": "x", "details": {"error_code": "enforced_spend_limit_reached"}}),
        ),
        (
            Dialect::Responses,
            429,
            json!({"type": "insufficient_quota", "code": "credit_balance_exhausted", "message": "x"}),
        ),
        (
            Dialect::Gemini,
            429,
            json!({"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Your prepayment credits are depleted."}),
        ),
    ] {
        let setup = Setup::new();
        let refusal = status_with(status, &json!({"type": "error", "error": error}));
        let ask = || setup.ask_as(dialect, &["hello"], false, &session("s"));
        ask();
        let original = setup.records()[0].key.clone();
        setup
            .upstreams
            .script(&original, Script::once(refusal.clone()));
        assert_eq!(ask().status(), 200, "{dialect:?}");
        // It is not tried again soon.
        assert_eq!(ask().status(), 200, "{dialect:?}");
        let used: Vec<String> = setup
            .records()
            .into_iter()
            .map(|record| record.key)
            .collect();
        assert_eq!(
            used.iter().filter(|key| **key == original).count(),
            2,
            "{used:?}"
        );
        assert_eq!(used.len(), 4, "{used:?}");
        // With nobody left the client is told in words that agents know.
        setup.all_accounts(dialect, &refusal);
        let answer = setup.ask_as(dialect, &["hello"], false, &session("t"));
        assert_ne!(answer.status(), 200, "{dialect:?}");
        assert!(!answer.text().contains(&original), "{dialect:?}");
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
