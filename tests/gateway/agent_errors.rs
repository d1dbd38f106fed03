//! Errors that coding agents act on.

use std::time::Duration;

use holdfast::unversioned::demo::{Manner, Script, Step};
use serde_json::{Value, json};

use super::client::Answer;
use super::harness::{ALL, Dialect, KEY, Options, Setup};

fn path(client: Dialect, upstream: Dialect, streams: bool) -> String {
    client
        .path(streams)
        .replace(&client.model(), &upstream.model())
}

fn body(client: Dialect, upstream: Dialect, streams: bool) -> Vec<u8> {
    let body = String::from_utf8(client.body(&["hello"], streams)).unwrap();
    body.replace(&client.model(), &upstream.model())
        .into_bytes()
}

fn ask(
    setup: &Setup,
    (client, upstream, streams): (Dialect, Dialect, bool),
    headers: &[(&str, &str)],
) -> Answer {
    let headers = [&[("X-Api-Key", KEY)], headers].concat();
    setup.client().call(
        "POST",
        &path(client, upstream, streams),
        &headers,
        &body(client, upstream, streams),
    )
}

fn all_pairs() -> impl Iterator<Item = (Dialect, Dialect, bool)> {
    ALL.into_iter().flat_map(|client| {
        ALL.into_iter()
            .flat_map(move |upstream| [false, true].map(|streams| (client, upstream, streams)))
    })
}

/// Without cooldowns, so that all credentials are available to each request.
fn setup() -> Setup {
    Setup::with(Options {
        accounts: 1,
        more: "disable-cooling: true",
        ..Options::default()
    })
}

fn failing(status: u16, body: &str) -> Step {
    Step::Status {
        status,
        headers: Vec::new(),
        body: Some(body.to_owned()),
    }
}

/// An error in the format of `upstream`.
fn error(upstream: Dialect, status: u16, message: &str) -> Value {
    match upstream {
        Dialect::Chat | Dialect::Responses => {
            json!({"error": {"message": message, "type": "invalid_request_error"}})
        }
        Dialect::Messages => {
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": message}})
        }
        Dialect::Gemini => {
            json!({"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT"}})
        }
    }
}

/// Whether clients recognize the error and compact: Claude Code, Gemini CLI, OpenCode.
fn is_too_long(client: Dialect, told: &str) -> bool {
    match client {
        Dialect::Chat | Dialect::Responses => told.contains("\"code\":\"context_length_exceeded\""),
        Dialect::Messages => told.contains("prompt is too long"),
        Dialect::Gemini => {
            let (_, rest) = told.split_once("input token count").unwrap_or_default();
            rest.contains("exceeds the maximum")
        }
    }
}

#[test]
fn a_context_that_is_too_long_makes_agents_compact() {
    let setup = setup();
    for way @ (client, upstream, _) in all_pairs() {
        for (status, message) in [
            (400, "Your request exceeded model token limit: 262144"),
            (413, "Please reduce the length of the messages"),
            (500, "the request exceeds the available context size"),
        ] {
            let body = error(upstream, status, message).to_string();
            setup.all_accounts(upstream, &failing(status, &body));
            setup.upstreams.clear_records();
            let answer = ask(&setup, way, &[]);
            let what = format!("{way:?} {status}: {}", answer.text());
            assert_eq!(answer.status(), 400, "{what}");
            assert!(is_too_long(client, answer.text()), "{what}");
            assert!(answer.text().contains(message), "{what}");
            assert_eq!(setup.records().len(), 1, "no other would take it: {what}");
        }
    }
}

#[test]
fn codex_gets_errors_as_events() {
    let setup = setup();
    let codex = [("User-Agent", "codex_cli_rs/0.171.0")];
    for upstream in ALL {
        for (status, message, code) in [
            (400, "prompt is too long", "context_length_exceeded"),
            (402, "no money", "insufficient_quota"),
        ] {
            let body = error(upstream, status, message).to_string();
            setup.all_accounts(upstream, &failing(status, &body));
            let answer = ask(&setup, (Dialect::Responses, upstream, true), &codex);
            assert_eq!(answer.status(), 200, "{}", answer.text());
            assert!(answer.complete);
            assert_eq!(answer.header("content-type"), Some("text/event-stream"));
            let event: Value = serde_json::from_str(&answer.data()[0]).unwrap();
            assert_eq!(event["type"], "response.failed");
            assert_eq!(event["response"]["error"]["code"], code, "{event}");
            // Not for whole answers, and not for other clients.
            let way = (Dialect::Responses, upstream, false);
            assert!(ask(&setup, way, &codex).status() >= 400);
            let way = (Dialect::Responses, upstream, true);
            assert!(ask(&setup, way, &[]).status() >= 400);
        }
    }
    let reports = setup.reports(24);
    assert!(reports.iter().all(|report| report.status >= 400));
}

#[test]
fn unpaid_accounts_are_reported_as_unpaid() {
    let setup = Setup::with(Options {
        accounts: 2,
        ..Options::default()
    });
    for upstream in ALL {
        setup.all_accounts(upstream, &Step::status(402));
        // First each credential is tried, then all are in their cooldown.
        for _ in 0..2 {
            for client in ALL {
                let answer = ask(&setup, (client, upstream, false), &[]);
                let error = &answer.json()["error"];
                let (status, key, word) = match client {
                    Dialect::Chat | Dialect::Responses => (429, "code", "insufficient_quota"),
                    Dialect::Messages => (402, "type", "billing_error"),
                    Dialect::Gemini => (400, "status", "FAILED_PRECONDITION"),
                };
                assert_eq!(answer.status(), status, "{client:?} {upstream:?} {error}");
                assert_eq!(error[key], word, "{error}");
                assert!(status != 429 || answer.header("retry-after").is_some());
            }
        }
    }
}

#[test]
fn every_429_has_retry_after() {
    for accounts in [1, 2] {
        let setup = Setup::with(Options {
            accounts,
            more: "disable-cooling: true",
            ..Options::default()
        });
        for way @ (client, upstream, _) in all_pairs() {
            for body in [r#"{"error":{"message":"slow"}}"#, "", "no JSON"] {
                setup.all_accounts(upstream, &failing(429, body));
                let answer = ask(&setup, way, &[]);
                let what = format!("{way:?} {body}: {}", answer.text());
                assert_eq!(answer.status(), 429, "{what}");
                let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
                assert!(after > 0, "{what}");
                let (key, word) = match client {
                    Dialect::Gemini => ("status", "RESOURCE_EXHAUSTED"),
                    _ => ("type", "rate_limit_error"),
                };
                let told = &answer.json()["error"][key];
                // An error in the client's dialect is passed on unchanged.
                assert!(told == word || told.is_null(), "{what}");
            }
        }
    }
}

#[test]
fn errors_during_a_stream_make_agents_compact() {
    let setup = setup();
    let message = "Your request exceeded model token limit: 262144";
    for (client, upstream) in ALL
        .into_iter()
        .flat_map(|client| ALL.map(|upstream| (client, upstream)))
    {
        setup.all_accounts(upstream, &Step::trickle(4, Duration::ZERO));
        let good = ask(&setup, (upstream, upstream, true), &[]);
        let begun: Vec<String> = good.data();
        // All events before the end, then the error.
        let events = begun.iter().take(begun.len() - 3);
        let events: String = events.map(|data| format!("data: {data}\n\n")).collect();
        let error = match upstream {
            Dialect::Responses => {
                json!({"type": "error", "code": null, "message": message, "sequence_number": 9})
            }
            upstream => error(upstream, 400, message),
        };
        let name = match upstream {
            Dialect::Gemini | Dialect::Chat => "",
            Dialect::Messages | Dialect::Responses => "event: error\n",
        };
        let body = format!("{events}{name}data: {error}\n\n");
        let raw = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let step = Step::Answer(Manner {
            raw: Some(raw),
            ..Manner::default()
        });
        let account = upstream.account(1);
        setup.upstreams.script(&account, Script::once(step));
        let answer = ask(&setup, (client, upstream, true), &[]);
        let what = format!("{client:?} {upstream:?}: {}", answer.text());
        assert_eq!(answer.status(), 200, "{what}");
        assert!(answer.complete, "{what}");
        assert!(is_too_long(client, answer.text()), "{what}");
    }
}

#[test]
fn a_stream_that_begins_with_a_model_failure_is_retried() {
    let setup = Setup::with(Options {
        more: "disable-cooling: true",
        ..Options::default()
    });
    for client in ALL.into_iter().filter(|client| *client != Dialect::Gemini) {
        for streams in [false, true] {
            let session = format!("{client:?} {streams}");
            let headers = [("X-Session-ID", session.as_str())];
            let way = (client, Dialect::Gemini, streams);
            setup.upstreams.clear_records();
            ask(&setup, way, &headers);
            let first = setup.records()[0].key.clone();
            let failed =
                r#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}],"responseId":"r"}"#;
            let body = match streams {
                true => format!("data: {failed}\n\n"),
                false => failed.to_owned(),
            };
            let kind = match streams {
                true => "text/event-stream",
                false => "application/json",
            };
            let raw = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let step = Step::Answer(Manner {
                raw: Some(raw),
                ..Manner::default()
            });
            setup.upstreams.script(&first, Script::once(step));
            let answer = ask(&setup, way, &headers);
            assert_eq!(answer.status(), 200, "{session}: {}", answer.text());
            let said = match streams {
                true => client.streamed_text(&answer.data()),
                false => client.text(&answer.json()),
            };
            assert_eq!(said, "This is turn 1. You said: hello", "{session}");
            let records = setup.records();
            assert_eq!(records.len(), 3, "{session}");
            assert_ne!(records[2].key, first, "{session}");
        }
    }
}
