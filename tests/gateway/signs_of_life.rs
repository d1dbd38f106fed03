//! What a client hears while nobody has answered it yet.

use std::time::Duration;

use holdfast::demo::{Manner, Outcome, Script, Step};

use super::client::{Answer, Client};
use super::grammar::{self, End};
use super::harness::{ALL, Dialect, KEY, PATIENCE, Setup, Wish, eventually};

const ON: &str = "streaming: {early-keepalive-seconds: 50ms}\nnonstream-keepalive-interval: 50ms";
/// Longer than several intervals.
const A_WHILE: Duration = Duration::from_millis(600);
const SAID: &str = "This is turn 1. You said: hello";

fn setup() -> Setup {
    setup_of(3)
}

fn setup_of(accounts: usize) -> Setup {
    Setup::with(Wish {
        accounts,
        more: ON,
        ..Wish::default()
    })
}

fn sign(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Messages => "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        Dialect::Chat | Dialect::Responses => ": keep-alive\n\n",
        // In the line of the next event.
        Dialect::Gemini => " ",
    }
}

/// What comes behind the signs of life at the beginning, of which there must be some.
fn behind<'t>(text: &'t str, sign: &str) -> &'t str {
    let text = match sign {
        " " => text.strip_prefix("data: ").unwrap(),
        _ => text,
    };
    let mut rest = text;
    while let Some(next) = rest.strip_prefix(sign) {
        rest = next;
    }
    assert!(rest.len() + sign.len() < text.len(), "no signs: {text}");
    rest
}

/// How a stream ends by the vendor's grammar.
fn end(dialect: Dialect, answer: &Answer) -> End {
    assert!(answer.complete, "{dialect:?}: {}", answer.text());
    let kind = holdfast::wire::Dialect::ALL
        .into_iter()
        .find(|known| known.name() == dialect.name())
        .unwrap();
    // The vendors are allowed more than the gateway writes itself.
    let text = answer
        .text()
        .replace("\r\n", "\n")
        .replace(",\"refusal\":null", "");
    grammar::check(kind, text.as_bytes())
        .unwrap_or_else(|complaint| panic!("{dialect:?}: {complaint} in {text}"))
}

/// An answer in these bytes, after a while.
fn late(raw: String) -> Step {
    Step::Answer(Manner {
        before_head: A_WHILE,
        raw: Some(raw),
        ..Manner::default()
    })
}

fn late_status(status: u16) -> Step {
    late_json(status, r#"{"error":{"message":"The demo regrets."}}"#)
}

fn late_json(status: u16, body: &str) -> Step {
    late(format!(
        "HTTP/1.1 {status} Late\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// The same for every dialect, side by side.
fn with_each(test: impl Fn(Dialect) + Sync) {
    std::thread::scope(|scope| {
        for dialect in ALL {
            let test = &test;
            scope.spawn(move || test(dialect));
        }
    });
}

fn send(setup: &Setup, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Client {
    let mut client = setup.client();
    let mut all = vec![("X-Api-Key", KEY)];
    all.extend_from_slice(headers);
    client.send("POST", path, &all, body);
    client
}

#[test]
fn a_stream_begins_before_its_upstream_answers() {
    let setup = setup();
    with_each(|dialect| {
        setup.all_accounts(dialect, &Step::slow(A_WHILE));
        let answer = setup.ask(dialect, &["hello"], true);
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        assert!(answer.header("x-request-id").is_some());
        behind(answer.text(), sign(dialect));
        assert_eq!(end(dialect, &answer), End::Good);
        assert_eq!(dialect.streamed_text(&answer.data()), SAID);
    });
    assert!(setup.reports(4).iter().all(|report| report.status == 200));
}

#[test]
fn so_does_one_from_another_dialect() {
    let setup = setup();
    for upstream in ALL {
        setup.all_accounts(upstream, &Step::slow(A_WHILE));
    }
    with_each(|client| {
        let upstream = match client {
            Dialect::Messages => Dialect::Chat,
            _ => Dialect::Messages,
        };
        let renamed = |text: String| text.replace(&client.model(), &upstream.model());
        let body = renamed(String::from_utf8(client.body(&["hello"], true)).unwrap());
        let path = renamed(client.path(true));
        let answer = send(&setup, &path, &[], body.as_bytes()).answer();
        behind(answer.text(), sign(client));
        assert_eq!(end(client, &answer), End::Good);
        assert_eq!(client.streamed_text(&answer.data()), SAID);
    });
}

#[test]
fn so_does_one_whose_opening_is_held_back() {
    let setup = setup();
    let step = Step::trickle(1, Duration::from_millis(200));
    setup.all_accounts(Dialect::Messages, &step);
    let answer = setup.ask(Dialect::Messages, &["hello"], true);
    behind(answer.text(), sign(Dialect::Messages));
    assert_eq!(end(Dialect::Messages, &answer), End::Good);
}

#[test]
fn an_answer_that_is_no_stream_begins_with_blank_lines() {
    let setup = setup();
    with_each(|dialect| {
        setup.all_accounts(dialect, &Step::slow(A_WHILE));
        let answer = setup.ask(dialect, &["hello"], false);
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert!(answer.complete);
        behind(answer.text(), "\n");
        assert_eq!(dialect.text(&answer.json()), SAID);
    });
    for (path, body) in [
        ("/v1/completions", r#"{"model":"my-chat","prompt":"hello"}"#),
        (
            "/v1/responses/compact",
            r#"{"model":"my-responses","input":"hello"}"#,
        ),
    ] {
        let answer = send(&setup, path, &[], body.as_bytes()).answer();
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        behind(answer.text(), "\n");
        assert!(answer.json().is_object(), "{path}");
    }
}

#[test]
fn counting_has_none() {
    let setup = setup();
    setup.all_accounts(Dialect::Messages, &Step::slow(A_WHILE));
    let body = Dialect::Messages.body(&["hello"], false);
    let answer = send(&setup, "/v1/messages/count_tokens", &[], &body).answer();
    assert_eq!(answer.status(), 200);
    assert!(answer.header("content-length").is_some());
    assert!(answer.text().starts_with('{'));
}

#[test]
fn behind_them_another_credential_is_found() {
    let setup = setup();
    with_each(|dialect| {
        for streams in [true, false] {
            let session = format!("{dialect:?} {streams}");
            let ask = || setup.ask_as(dialect, &["hello"], streams, &[("X-Session-ID", &session)]);
            let own = |record: &holdfast::demo::Record| record.dialect == dialect.name();
            assert_eq!(ask().status(), 200);
            let first = setup.records().into_iter().rfind(own).unwrap().key;
            setup
                .upstreams
                .script(&first, Script::once(late_status(503)));
            let answer = ask();
            assert_eq!(answer.status(), 200);
            assert_ne!(setup.records().into_iter().rfind(own).unwrap().key, first);
            if streams {
                behind(answer.text(), sign(dialect));
                assert_eq!(end(dialect, &answer), End::Good);
                assert_eq!(dialect.streamed_text(&answer.data()), SAID);
            } else {
                behind(answer.text(), "\n");
                assert_eq!(dialect.text(&answer.json()), SAID);
            }
        }
    });
    let reports = setup.reports(16);
    assert_eq!(reports.iter().filter(|r| r.attempts == 2).count(), 8);
    assert!(reports.iter().all(|report| report.status == 200));
}

#[test]
fn they_go_on_while_a_recovery_is_awaited() {
    let setup = Setup::with(Wish {
        accounts: 1,
        more: "streaming: {early-keepalive-seconds: 50ms}\nrequest-retry: 1\nmax-retry-interval: 30s\ntransient-error-cooldown-seconds: 1",
        ..Wish::default()
    });
    setup
        .upstreams
        .script(&Dialect::Chat.account(1), Script::once(Step::status(503)));
    let answer = setup.ask(Dialect::Chat, &["hello"], true);
    behind(answer.text(), sign(Dialect::Chat));
    assert_eq!(end(Dialect::Chat, &answer), End::Good);
    assert_eq!(setup.records().len(), 2);
}

#[test]
fn a_failure_behind_them_is_told_in_the_body() {
    for (upstream, status) in [(400, 400), (503, 503), (401, 503)] {
        let setup = setup_of(1);
        with_each(|dialect| {
            setup.all_accounts(dialect, &late_status(upstream));
            let answer = setup.ask(dialect, &["hello"], true);
            assert_eq!(answer.status(), 200);
            behind(answer.text(), sign(dialect));
            assert_eq!(end(dialect, &answer), End::Error, "{}", answer.text());
            assert_eq!(
                answer.text().contains("The demo regrets."),
                upstream == status
            );

            // Of the first one, nobody can be asked any more.
            let setup = setup_of(1);
            setup.all_accounts(dialect, &late_status(upstream));
            let answer = setup.ask(dialect, &["hello"], false);
            assert_eq!(answer.status(), 200);
            assert!(answer.complete);
            behind(answer.text(), "\n");
            assert!(answer.json()["error"]["message"].is_string());
            assert_eq!(setup.reports(1)[0].status, status);
        });
        assert!(setup.reports(4).iter().all(|told| told.status == status));
    }
}

#[test]
fn codex_hears_of_a_failure_in_its_own_words() {
    let setup = setup();
    setup.all_accounts(Dialect::Responses, &late_status(400));
    let answer = send(
        &setup,
        "/v1/responses",
        &[("User-Agent", "codex_cli_rs/1.0")],
        &Dialect::Responses.body(&["hello"], true),
    )
    .answer();
    behind(answer.text(), sign(Dialect::Responses));
    assert!(answer.text().contains("event: response.failed"));
}

#[test]
fn an_upstream_that_cannot_stream_is_made_to() {
    let setup = setup();
    with_each(|dialect| {
        let whole = setup.ask(dialect, &["hello"], false);
        setup.all_accounts(dialect, &late_json(200, whole.text()));
        let answer = setup.ask(dialect, &["hello"], true);
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        behind(answer.text(), sign(dialect));
        assert_eq!(end(dialect, &answer), End::Good);
        assert_eq!(dialect.streamed_text(&answer.data()), SAID);
    });
}

#[test]
fn a_client_that_leaves_meanwhile_ends_its_upstream_call() {
    let setup = setup();
    for streams in [true, false] {
        with_each(|dialect| {
            setup.all_accounts(dialect, &Step::slow(Duration::from_secs(600)));
            let body = dialect.body(&["hello"], streams);
            let mut client = send(&setup, &dialect.path(streams), &[], &body);
            assert_eq!(client.head().status, 200);
            assert!(client.chunk().unwrap().is_some());
        });
    }
    assert!(setup.upstreams.wait_for(PATIENCE, |records| {
        records.len() == 8
            && records
                .iter()
                .all(|record| matches!(record.outcome, Outcome::ClientGone(_)))
    }));
    eventually(|| setup.gateway().active() == 0);
    assert!(setup.reports(8).iter().all(|report| report.status == 499));
}

#[test]
fn what_is_no_event_stream_has_none() {
    let setup = setup();
    setup.all_accounts(Dialect::Gemini, &Step::slow(A_WHILE));
    let path = Dialect::Gemini.path(true).replace("alt=sse", "alt=json");
    let body = Dialect::Gemini.body(&["hello"], true);
    let answer = send(&setup, &path, &[], &body).answer();
    assert_eq!(answer.status(), 200);
    assert!(answer.text().starts_with('['), "{}", answer.text());
    assert!(answer.json().is_array());
}

#[test]
fn without_being_asked_for_there_are_none() {
    let setup = Setup::new();
    with_each(|dialect| {
        setup.all_accounts(dialect, &Step::slow(A_WHILE));
        let answer = setup.ask(dialect, &["hello"], true);
        let spaced = format!("data: {}", sign(Dialect::Gemini));
        assert!(!answer.text().starts_with(sign(dialect)));
        assert!(!answer.text().starts_with(&spaced));
        let answer = setup.ask(dialect, &["hello"], false);
        assert_eq!(
            answer.header("content-length"),
            Some(&*answer.body.len().to_string())
        );
        assert!(answer.text().starts_with('{'));
        setup.all_accounts(dialect, &late_status(400));
        for streams in [true, false] {
            assert_eq!(setup.ask(dialect, &["hello"], streams).status(), 400);
        }
    });
}

#[test]
fn a_quick_answer_is_as_without_them() {
    // Without what differs between any two answers: lengths and ids.
    let seen = |setup: &Setup, dialect: Dialect, streams| {
        let body = dialect.body(&["hello"], streams);
        let answer = send(setup, &dialect.path(streams), &[], &body).answer();
        let head = ["content-type", "transfer-encoding", "connection"]
            .map(|name| answer.header(name).map(str::to_owned));
        let words: Vec<String> = answer
            .text()
            .split('"')
            .filter(|word| !word.bytes().any(|byte| byte.is_ascii_digit()))
            .map(str::to_owned)
            .collect();
        (answer.status(), head, words)
    };
    let with = Setup::with(Wish {
        more: "streaming: {early-keepalive-seconds: 600}\nnonstream-keepalive-interval: 600",
        ..Wish::default()
    });
    let without = Setup::new();
    for dialect in ALL {
        for streams in [true, false] {
            assert_eq!(
                seen(&with, dialect, streams),
                seen(&without, dialect, streams)
            );
        }
    }
}
