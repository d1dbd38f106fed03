//! Keep-alives before the answer.

use std::time::Duration;

use holdfast::unversioned::demo::{Manner, Outcome, Script, Step};

use super::client::{Answer, Client};
use super::grammar::{self, End};
use super::harness::{ALL, Dialect, KEY, Options, PATIENCE, Setup, eventually};

const ON: &str = "streaming: {early-keepalive-seconds: 50ms}\nnonstream-keepalive-interval: 50ms";
/// Longer than several intervals.
const DELAY: Duration = Duration::from_millis(600);
const SAID: &str = "This is turn 1. You said: hello";

fn setup() -> Setup {
    setup_of(3)
}

fn setup_of(accounts: usize) -> Setup {
    Setup::with(Options {
        accounts,
        more: ON,
        ..Options::default()
    })
}

fn keep_alive(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Messages => "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        Dialect::Chat | Dialect::Responses => ": keep-alive\n\n",
        // In the line of the next event.
        Dialect::Gemini => " ",
    }
}

/// The text after the leading keep-alives, of which there must be some.
fn after_keep_alives<'t>(text: &'t str, keep_alive: &str) -> &'t str {
    let text = match keep_alive {
        " " => text.strip_prefix("data: ").unwrap(),
        _ => text,
    };
    let mut rest = text;
    while let Some(next) = rest.strip_prefix(keep_alive) {
        rest = next;
    }
    assert!(
        rest.len() + keep_alive.len() < text.len(),
        "no keep-alives: {text}"
    );
    rest
}

/// Checks a stream by the vendor's grammar. Returns how it ends.
fn end(dialect: Dialect, answer: &Answer) -> End {
    assert!(answer.complete, "{dialect:?}: {}", answer.text());
    let kind = holdfast::unversioned::wire::Dialect::ALL
        .into_iter()
        .find(|known| known.name() == dialect.name())
        .unwrap();
    // The grammar is stricter than the vendors.
    let text = answer
        .text()
        .replace("\r\n", "\n")
        .replace(",\"refusal\":null", "");
    grammar::check(kind, text.as_bytes())
        .unwrap_or_else(|complaint| panic!("{dialect:?}: {complaint} in {text}"))
}

/// A delayed answer with these bytes.
fn late(raw: String) -> Step {
    Step::Answer(Manner {
        before_head: DELAY,
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

/// Runs a test for all dialects in parallel.
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
        setup.all_accounts(dialect, &Step::slow(DELAY));
        let answer = setup.ask(dialect, &["hello"], true);
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        assert!(answer.header("x-request-id").is_some());
        after_keep_alives(answer.text(), keep_alive(dialect));
        assert_eq!(end(dialect, &answer), End::Good);
        assert_eq!(dialect.streamed_text(&answer.data()), SAID);
    });
    assert!(setup.reports(4).iter().all(|report| report.status == 200));
}

#[test]
fn a_translated_stream_begins_before_its_upstream_answers() {
    let setup = setup();
    for upstream in ALL {
        setup.all_accounts(upstream, &Step::slow(DELAY));
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
        after_keep_alives(answer.text(), keep_alive(client));
        assert_eq!(end(client, &answer), End::Good);
        assert_eq!(client.streamed_text(&answer.data()), SAID);
    });
}

#[test]
fn a_stream_begins_while_its_first_events_are_held_back() {
    let setup = setup();
    let step = Step::trickle(1, Duration::from_millis(200));
    setup.all_accounts(Dialect::Messages, &step);
    let answer = setup.ask(Dialect::Messages, &["hello"], true);
    after_keep_alives(answer.text(), keep_alive(Dialect::Messages));
    assert_eq!(end(Dialect::Messages, &answer), End::Good);
}

#[test]
fn a_whole_answer_begins_with_blank_lines() {
    let setup = setup();
    with_each(|dialect| {
        setup.all_accounts(dialect, &Step::slow(DELAY));
        let answer = setup.ask(dialect, &["hello"], false);
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert!(answer.complete);
        after_keep_alives(answer.text(), "\n");
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
        after_keep_alives(answer.text(), "\n");
        assert!(answer.json().is_object(), "{path}");
    }
}

#[test]
fn token_counts_have_no_keep_alives() {
    let setup = setup();
    setup.all_accounts(Dialect::Messages, &Step::slow(DELAY));
    let body = Dialect::Messages.body(&["hello"], false);
    let answer = send(&setup, "/v1/messages/count_tokens", &[], &body).answer();
    assert_eq!(answer.status(), 200);
    assert!(answer.header("content-length").is_some());
    assert!(answer.text().starts_with('{'));
}

#[test]
fn another_credential_is_tried_after_keep_alives() {
    let setup = setup();
    with_each(|dialect| {
        for streams in [true, false] {
            let session = format!("{dialect:?} {streams}");
            let ask = || setup.ask_as(dialect, &["hello"], streams, &[("X-Session-ID", &session)]);
            let own =
                |record: &holdfast::unversioned::demo::Record| record.dialect == dialect.name();
            assert_eq!(ask().status(), 200);
            let first = setup.records().into_iter().rfind(own).unwrap().key;
            setup
                .upstreams
                .script(&first, Script::once(late_status(503)));
            let answer = ask();
            assert_eq!(answer.status(), 200);
            assert_ne!(setup.records().into_iter().rfind(own).unwrap().key, first);
            if streams {
                after_keep_alives(answer.text(), keep_alive(dialect));
                assert_eq!(end(dialect, &answer), End::Good);
                assert_eq!(dialect.streamed_text(&answer.data()), SAID);
            } else {
                after_keep_alives(answer.text(), "\n");
                assert_eq!(dialect.text(&answer.json()), SAID);
            }
        }
    });
    let reports = setup.reports(16);
    assert_eq!(reports.iter().filter(|r| r.attempts == 2).count(), 8);
    assert!(reports.iter().all(|report| report.status == 200));
}

#[test]
fn keep_alives_continue_while_a_cooldown_is_awaited() {
    let setup = Setup::with(Options {
        accounts: 1,
        more: "streaming: {early-keepalive-seconds: 50ms}\nrequest-retry: 1\nmax-retry-interval: 30s\ntransient-error-cooldown-seconds: 1",
        ..Options::default()
    });
    setup
        .upstreams
        .script(&Dialect::Chat.account(1), Script::once(Step::status(503)));
    let answer = setup.ask(Dialect::Chat, &["hello"], true);
    after_keep_alives(answer.text(), keep_alive(Dialect::Chat));
    assert_eq!(end(Dialect::Chat, &answer), End::Good);
    assert_eq!(setup.records().len(), 2);
}

#[test]
fn an_error_after_keep_alives_is_in_the_body() {
    for (upstream, status) in [(400, 400), (503, 503), (401, 503)] {
        let setup = setup_of(1);
        with_each(|dialect| {
            setup.all_accounts(dialect, &late_status(upstream));
            let answer = setup.ask(dialect, &["hello"], true);
            assert_eq!(answer.status(), 200);
            after_keep_alives(answer.text(), keep_alive(dialect));
            assert_eq!(end(dialect, &answer), End::Error, "{}", answer.text());
            assert_eq!(
                answer.text().contains("The demo regrets."),
                upstream == status
            );

            // The credential of the first request is in its cooldown, so this is a new gateway.
            let setup = setup_of(1);
            setup.all_accounts(dialect, &late_status(upstream));
            let answer = setup.ask(dialect, &["hello"], false);
            assert_eq!(answer.status(), 200);
            assert!(answer.complete);
            after_keep_alives(answer.text(), "\n");
            assert!(answer.json()["error"]["message"].is_string());
            assert_eq!(setup.reports(1)[0].status, status);
        });
        assert!(
            setup
                .reports(4)
                .iter()
                .all(|report| report.status == status)
        );
    }
}

#[test]
fn codex_gets_a_failed_event() {
    let setup = setup();
    setup.all_accounts(Dialect::Responses, &late_status(400));
    let answer = send(
        &setup,
        "/v1/responses",
        &[("User-Agent", "codex_cli_rs/1.0")],
        &Dialect::Responses.body(&["hello"], true),
    )
    .answer();
    after_keep_alives(answer.text(), keep_alive(Dialect::Responses));
    assert!(answer.text().contains("event: response.failed"));
}

#[test]
fn a_whole_answer_is_converted_to_a_stream() {
    let setup = setup();
    with_each(|dialect| {
        let whole = setup.ask(dialect, &["hello"], false);
        setup.all_accounts(dialect, &late_json(200, whole.text()));
        let answer = setup.ask(dialect, &["hello"], true);
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        after_keep_alives(answer.text(), keep_alive(dialect));
        assert_eq!(end(dialect, &answer), End::Good);
        assert_eq!(dialect.streamed_text(&answer.data()), SAID);
    });
}

#[test]
fn a_client_that_disconnects_ends_its_upstream_call() {
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
fn an_array_has_no_keep_alives() {
    let setup = setup();
    setup.all_accounts(Dialect::Gemini, &Step::slow(DELAY));
    let path = Dialect::Gemini.path(true).replace("alt=sse", "alt=json");
    let body = Dialect::Gemini.body(&["hello"], true);
    let answer = send(&setup, &path, &[], &body).answer();
    assert_eq!(answer.status(), 200);
    assert!(answer.text().starts_with('['), "{}", answer.text());
    assert!(answer.json().is_array());
}

#[test]
fn there_are_no_keep_alives_by_default() {
    let setup = Setup::new();
    with_each(|dialect| {
        setup.all_accounts(dialect, &Step::slow(DELAY));
        let answer = setup.ask(dialect, &["hello"], true);
        let spaced = format!("data: {}", keep_alive(Dialect::Gemini));
        assert!(!answer.text().starts_with(keep_alive(dialect)));
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
fn a_fast_answer_is_unchanged() {
    // Without lengths and ids, which differ between answers.
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
    let with = Setup::with(Options {
        more: "streaming: {early-keepalive-seconds: 600}\nnonstream-keepalive-interval: 600",
        ..Options::default()
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
