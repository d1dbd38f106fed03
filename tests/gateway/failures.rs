//! Failures before and during answers, and retries with other credentials.

use std::io::Read;
use std::time::Duration;

use holdfast::unversioned::demo::{Ending, Manner, Outcome, Script, Step, Upstreams};

use super::harness::{ALL, Dialect, Options, PATIENCE, Setup, configuration, eventually};

#[test]
fn another_credential_is_tried_before_the_first_byte() {
    let failures = [
        Step::status(401),
        Step::status(402),
        Step::status(403),
        Step::status(408),
        Step::retry_after(7),
        Step::status(500),
        Step::status(503),
        Step::status(529),
        Step::Reset,
    ];
    // Without cooldowns, so that all credentials are available to each request.
    let setup = Setup::with(Options {
        more: "disable-cooling: true",
        ..Options::default()
    });
    for dialect in ALL {
        for streams in [false, true] {
            for failure in &failures {
                let session = format!("{dialect:?} {streams} {failure:?}");
                let ask =
                    || setup.ask_as(dialect, &["hello"], streams, &[("X-Session-ID", &session)]);
                setup.upstreams.clear_records();
                ask();
                let first = setup.records()[0].key.clone();
                // Twice: a connection that had been used and is reset may just have been old, so the
                // same credential is asked once more.
                let script = Script::once(failure.clone()).then(failure.clone());
                setup.upstreams.script(&first, script);
                let answer = ask();
                assert_eq!(answer.status(), 200, "{session}: {}", answer.text());
                let records = setup.records();
                let last = records.last().unwrap();
                assert_ne!(last.key, first, "{session}");
                let failed: Vec<_> = records[1..records.len() - 1].iter().collect();
                assert!(failed.iter().all(|record| record.key == first));
                assert!(failed.iter().all(|record| record.body == last.body));
                let expected = if matches!(failure, Step::Reset) {
                    1..=2
                } else {
                    1..=1
                };
                assert!(expected.contains(&failed.len()), "{session}");
                setup.upstreams.script(&first, Script::default());
            }
        }
    }
}

#[test]
fn a_stream_that_fails_before_its_first_event_is_retried() {
    let setup = Setup::new();
    for dialect in ALL {
        for ending in [
            Ending::Reset(0),
            Ending::Cut(0),
            Ending::TruncatedChunk(0),
            Ending::Error(0),
        ] {
            setup.upstreams.clear_records();
            let session = format!("{dialect:?} {ending:?}");
            let ask = || setup.ask_as(dialect, &["hello"], true, &[("X-Session-ID", &session)]);
            ask();
            let first = setup.records()[0].key.clone();
            setup
                .upstreams
                .script(&first, Script::once(Step::ending(ending)));
            let answer = ask();
            assert_eq!(answer.status(), 200, "{session}");
            assert_eq!(
                dialect.streamed_text(&answer.data()),
                "This is turn 1. You said: hello",
                "{session}"
            );
            assert_eq!(setup.records().len(), 3, "{session}");
        }
    }
}

#[test]
fn an_unreachable_upstream_is_skipped() {
    // A port without a listener.
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let upstreams = holdfast::unversioned::demo::Upstreams::start().unwrap();
    let text = configuration(
        upstreams.address(),
        &Options {
            accounts: 1,
            ..Options::default()
        },
    )
    .replace(
        "claude-api-key:\n",
        &format!("claude-api-key:\n  - {{api-key: dead, base-url: \"http://{closed}\", priority: 9, models: [{{name: demo-messages, alias: my-messages}}]}}\n"),
    );
    let setup = Setup::configured(upstreams, &text);
    let answer = setup.ask(Dialect::Messages, &["hello"], false);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(setup.reports(1)[0].attempts, 2);
}

#[test]
fn an_invalid_request_is_not_retried() {
    let setup = Setup::new();
    for dialect in ALL {
        setup.upstreams.clear_records();
        setup.all_accounts(dialect, &Step::status(400));
        let answer = setup.ask(dialect, &["hello"], false);
        assert_eq!(answer.status(), 400);
        assert_eq!(setup.records().len(), 1);
        let error = &answer.json()["error"];
        assert_eq!(error["message"], "The demo says 400.", "{error}");
    }
}

#[test]
fn when_all_fail_the_client_gets_the_most_useful_error() {
    let setup = Setup::new();
    setup.all_accounts(Dialect::Messages, &Step::status(503));
    setup.upstreams.script(
        &Dialect::Messages.account(2),
        Script::always(Step::retry_after(42)),
    );
    let answer = setup.ask(Dialect::Messages, &["hello"], true);
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.header("retry-after"), Some("42"));
    let body = answer.json();
    assert_eq!(body["type"], "error");
    assert_eq!(body["error"]["type"], "rate_limit_error");
    assert_eq!(setup.records().len(), 3);
    assert_eq!(setup.reports(1)[0].attempts, 3);
}

#[test]
fn a_refused_upstream_credential_is_not_a_401_for_the_client() {
    // 402 is passed on in OpenAI's format; clients do not log out on it.
    for (status, told) in [(401, 503), (402, 429), (403, 503)] {
        let setup = Setup::new();
        setup.all_accounts(Dialect::Chat, &Step::status(status));
        let answer = setup.ask(Dialect::Chat, &["hello"], false);
        assert_eq!(answer.status(), told);
        let message = answer.json()["error"]["message"].to_string();
        assert!(message.contains("3 of 3"), "{message}");
        assert!(message.contains(&status.to_string()), "{message}");
        // All credentials are in their cooldown, and the client gets its length.
        let answer = setup.ask(Dialect::Chat, &["hello"], false);
        assert_eq!((answer.status(), setup.records().len()), (told, 3));
        assert!(
            answer.text().contains("3 candidates: 3 "),
            "{}",
            answer.text()
        );
        assert_eq!(answer.header("retry-after"), Some("1800"));
    }
}

#[test]
fn a_refused_credential_with_another_status_is_not_passed_on() {
    for (dialect, status, told, body) in [
        (
            Dialect::Gemini,
            400,
            503,
            r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}"#,
        ),
        (
            Dialect::Messages,
            400,
            402,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}"#,
        ),
        (
            Dialect::Chat,
            429,
            429,
            r#"{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}"#,
        ),
    ] {
        let setup = Setup::new();
        let step = Step::Status {
            status,
            headers: Vec::new(),
            body: Some(body.to_owned()),
        };
        setup.all_accounts(dialect, &step);
        let answer = setup.ask(dialect, &["hello"], false);
        assert_eq!(answer.status(), told, "{}", answer.text());
        assert_eq!(setup.records().len(), 3);
        assert!(
            answer.text().contains("refused 3 of 3"),
            "{}",
            answer.text()
        );
    }
}

#[test]
fn an_error_during_a_stream_has_the_clients_dialect() {
    let setup = Setup::new();
    for dialect in ALL {
        for ending in [Ending::Reset(5), Ending::TruncatedChunk(5), Ending::Cut(5)] {
            setup.all_accounts(dialect, &Step::ending(ending));
            let answer = setup.ask(dialect, &["some more words than four"], true);
            assert_eq!(answer.status(), 200);
            assert!(answer.complete, "{dialect:?} {ending:?}");
            let data = answer.data();
            let last: serde_json::Value = serde_json::from_str(data.last().unwrap()).unwrap();
            let is_error = match dialect {
                Dialect::Chat | Dialect::Gemini => last["error"]["message"].is_string(),
                Dialect::Responses => last["type"] == "error",
                Dialect::Messages => {
                    last["type"] == "error" && last["error"]["type"] == "api_error"
                }
            };
            assert!(is_error, "{dialect:?} {ending:?}: {last}");
            assert!(!answer.text().contains("[DONE]"));
            assert_eq!(
                answer.text().matches("some").count(),
                0,
                "only what came was passed on"
            );
        }
        setup.upstreams.clear_records();
        setup.all_accounts(dialect, &Step::ending(Ending::Error(5)));
        let answer = setup.ask(dialect, &["some more words than four"], true);
        assert_eq!(answer.text().matches("The demo has had enough.").count(), 1);
        assert_eq!(
            setup.records().len(),
            1,
            "what has begun is not begun again"
        );
    }
}

#[test]
fn a_long_answer_that_breaks_off_is_incomplete_for_the_client() {
    // With an alias it would be held back until the model's name is found.
    let upstreams = Upstreams::start().unwrap();
    let text = configuration(upstreams.address(), &Options::default()).replace("my-", "demo-");
    let setup = Setup::configured(upstreams, &text);
    let body = String::from_utf8(Dialect::Chat.body(&["hello"], false)).unwrap();
    let asked = body.replace("my-", "demo-");
    let start = format!("{{\"choices\":[{{\"text\":\"{}", "x".repeat(2 << 20));
    for framing in ["Content-Length: 3000000", "Transfer-Encoding: chunked"] {
        let body = match framing.starts_with("Content") {
            true => start.clone(),
            false => format!("{:x}\r\n{start}\r\n", start.len()),
        };
        let raw =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{framing}\r\n\r\n{body}");
        let manner = Manner {
            raw: Some(raw),
            ..Manner::default()
        };
        setup.all_accounts(Dialect::Chat, &Step::Answer(manner));
        let mut client = setup.client();
        client.send(
            "POST",
            &Dialect::Chat.path(false),
            &[("Authorization", "Bearer client-key")],
            asked.as_bytes(),
        );
        let mut all = Vec::new();
        client.stream.read_to_end(&mut all).expect("an end in time");
        assert!(all.len() > 2 << 20, "{framing}: {} bytes", all.len());
        assert!(!all.ends_with(b"0\r\n\r\n"), "{framing}");
        assert_eq!(setup.reports(1)[0].status, 502);
    }
}

#[test]
fn a_client_that_disconnects_ends_its_upstream_call() {
    let setup = Setup::new();
    for dialect in ALL {
        for (streams, step) in [
            (false, Step::slow(Duration::from_secs(60))),
            (true, Step::slow(Duration::from_secs(60))),
            (true, Step::trickle(100, Duration::from_secs(60))),
        ] {
            setup.upstreams.clear_records();
            setup.all_accounts(dialect, &step);
            let mut client = setup.client();
            client.send(
                "POST",
                &dialect.path(streams),
                &[("Authorization", "Bearer client-key")],
                &dialect.body(&["hello"], streams),
            );
            assert!(
                setup
                    .upstreams
                    .wait_for(PATIENCE, |records| records.len() == 1)
            );
            drop(client);
            let is_over = |outcome: Outcome| matches!(outcome, Outcome::ClientGone(_));
            assert!(setup.upstreams.wait_for(PATIENCE, |records| {
                records.iter().all(|r| is_over(r.outcome))
            }));
            assert_eq!(setup.records().len(), 1, "nobody else is asked");
        }
    }
    eventually(|| setup.gateway().active() == 0);
    assert!(setup.reports(12).iter().all(|report| report.status == 499));
}

#[test]
fn errors_contain_no_secrets() {
    let setup = Setup::new();
    setup.all_accounts(
        Dialect::Chat,
        &Step::Status {
            status: 400,
            headers: Vec::new(),
            body: Some("{\"error\":{\"message\":\"bad key sk-proj-abcdefghijklmnop1234567890\",\"type\":\"x\"}}".to_owned()),
        },
    );
    let answer = setup.ask(Dialect::Chat, &["hello"], false);
    assert_eq!(answer.status(), 400);
    assert!(
        !answer.text().contains("abcdefghijklmnop"),
        "{}",
        answer.text()
    );
}
