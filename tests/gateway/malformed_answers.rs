//! Upstream answers that are malformed or not in the requested form.

use holdfast::unversioned::demo::{Manner, Script, Step};

use super::client::Answer;
use super::harness::{ALL, Dialect, Options, Setup};

const TEXT: &str = "This is turn 1. You said: hello";

fn setup() -> Setup {
    // Without cooldowns, so that all credentials are available to each request.
    Setup::with(Options {
        more: "disable-cooling: true",
        ..Options::default()
    })
}

/// An answer with these bytes, which may be fewer than its `Content-Length`.
fn raw(kind: &str, body: &str, length: usize) -> Step {
    Step::Answer(Manner {
        raw: Some(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        )),
        ..Manner::default()
    })
}

/// A whole answer and a stream in the dialect of their upstream.
fn forms(setup: &Setup, dialect: Dialect) -> (String, String) {
    let [whole, stream] = [false, true].map(|streams| {
        let answer = setup.ask(dialect, &["hello"], streams);
        assert_eq!(answer.status(), 200);
        answer.text().to_owned()
    });
    (whole, stream)
}

/// Requests a model of `upstream` in the dialect of `client`.
fn ask(setup: &Setup, client: Dialect, upstream: Dialect, streams: bool) -> Answer {
    let body = String::from_utf8(client.body(&["hello"], streams)).unwrap();
    let [path, body] =
        [client.path(streams), body].map(|text| text.replace(&client.model(), &upstream.model()));
    let key = [("Authorization", "Bearer client-key")];
    setup.client().call("POST", &path, &key, body.as_bytes())
}

fn text(client: Dialect, answer: &Answer, streams: bool) -> String {
    match streams {
        true => client.streamed_text(&answer.data()),
        false => client.text(&answer.json()),
    }
}

#[test]
fn a_malformed_answer_is_retried() {
    let setup = setup();
    for dialect in ALL {
        let (whole, _) = forms(&setup, dialect);
        let empty = match dialect {
            Dialect::Chat => r#"{"choices":[]}"#,
            Dialect::Responses => r#"{"status":"completed","output":[]}"#,
            Dialect::Messages => r#"{"type":"message","content":[],"stop_reason":"end_turn"}"#,
            Dialect::Gemini => r#"{"candidates":[]}"#,
        };
        let cut = &whole[..whole.len() - 1];
        let kinds = [
            ("", 0),
            ("[]", 2),
            ("null", 4),
            ("{}", 2),
            (empty, empty.len()),
            (cut, cut.len()),
            (&whole[..], whole.len() + 9),
            ("<html>Welcome</html>", 20),
            ("all is well", 11),
        ];
        for streams in [false, true] {
            for (body, length) in kinds {
                let what = format!("{dialect:?} {streams} {length} {body}");
                let session = [("X-Session-ID", what.as_str())];
                let ask = || setup.ask_as(dialect, &["hello"], streams, &session);
                setup.upstreams.clear_records();
                ask();
                let first = setup.records()[0].key.clone();
                let step = raw("application/json", body, length);
                setup.upstreams.script(&first, Script::once(step));
                let answer = ask();
                assert_eq!(answer.status(), 200, "{what}: {}", answer.text());
                assert_eq!(text(dialect, &answer, streams), TEXT, "{what}");
                let records = setup.records();
                assert_eq!(records.len(), 3, "{what}");
                assert_eq!(records[1].key, first, "{what}");
                assert_ne!(records[2].key, first, "{what}");
            }
        }
    }
}

#[test]
fn the_client_gets_the_requested_form() {
    let setup = setup();
    for upstream in ALL {
        let (whole, stream) = forms(&setup, upstream);
        for streams in [false, true] {
            let (kind, other) = match streams {
                true => ("application/json", &whole),
                false => ("text/event-stream", &stream),
            };
            setup.all_accounts(upstream, &raw(kind, other, other.len()));
            for client in ALL {
                let answer = ask(&setup, client, upstream, streams);
                let what = format!("{client:?} at {upstream:?} {streams}: {}", answer.text());
                assert_eq!(answer.status(), 200, "{what}");
                assert!(answer.complete, "{what}");
                let kind = answer.header("content-type").unwrap();
                assert_eq!(kind.contains("event-stream"), streams, "{what}");
                assert_eq!(text(client, &answer, streams), TEXT, "{what}");
                assert!(!answer.text().contains("demo-"), "{what}");
            }
        }
    }
    assert!(setup.reports(24).iter().all(|report| report.attempts == 1));
}

#[test]
fn an_answer_that_exceeds_the_memory_budget_is_no_failure_of_the_credential() {
    let setup = Setup::with(Options {
        more: "limits: {memory: 1MiB}",
        ..Options::default()
    });
    for dialect in ALL {
        let (whole, _) = forms(&setup, dialect);
        let long = whole.replace("hello", &"x".repeat(2 << 20));
        setup.all_accounts(dialect, &raw("application/json", &long, long.len()));
        for client in ALL {
            for streams in [false, true] {
                setup.upstreams.clear_records();
                let answer = ask(&setup, client, dialect, streams);
                let what = format!("{client:?} at {dialect:?} {streams}: {}", answer.text());
                assert_eq!(answer.status(), 503, "{what}");
                assert_eq!(answer.header("retry-after"), Some("1"));
                assert_eq!(setup.records().len(), 1, "another would not help");
            }
        }
        for n in 1..=3 {
            setup
                .upstreams
                .script(&dialect.account(n), Script::default());
        }
        assert_eq!(setup.ask(dialect, &["hello"], false).status(), 200);
    }
}
