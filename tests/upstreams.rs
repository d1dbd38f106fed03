//! The embedded upstreams by themselves, byte for byte, as a vendor's client would meet them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "A test ends at the first thing that is not as it must be"
)]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use holdfast::unversioned::demo::{Ending, Outcome, Script, Step, Upstreams};
use serde_json::{Value, json};

const KEY: &str = "account-1";
const PATIENCE: Duration = Duration::from_secs(20);

/// Path for one JSON answer, path for a stream, and what ends a stream.
const DIALECTS: [(&str, &str, &str, &str); 4] = [
    (
        "chat",
        "/v1/chat/completions",
        "/v1/chat/completions",
        "data: [DONE]\n\n",
    ),
    (
        "responses",
        "/v1/responses",
        "/v1/responses",
        "event: response.completed\n",
    ),
    (
        "messages",
        "/v1/messages",
        "/v1/messages",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    ),
    (
        "gemini",
        "/v1beta/models/m:generateContent",
        "/v1beta/models/m:streamGenerateContent?alt=sse",
        "\"finishReason\":\"STOP\"",
    ),
];

fn body(dialect: &str, turns: &[&str], streams: bool) -> String {
    let turns: Vec<Value> = turns
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let role = if index % 2 == 0 { "user" } else { "model" };
            match dialect {
                "gemini" => json!({"role": role, "parts": [{"text": text}]}),
                _ => json!({"role": role.replace("model", "assistant"), "content": text}),
            }
        })
        .collect();
    match dialect {
        "gemini" => json!({"contents": turns}),
        "responses" => json!({"model": "m", "stream": streams, "input": turns}),
        _ => json!({"model": "m", "stream": streams, "max_tokens": 100, "messages": turns}),
    }
    .to_string()
}

/// Everything that comes back until the connection ends, and how it ends.
fn exchange(upstreams: &Upstreams, path: &str, key: &str, body: &str) -> (String, io::Result<()>) {
    let mut stream = TcpStream::connect(upstreams.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nx-goog-api-key: {key}\r\nAuthorization: Bearer {key}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    let end = loop {
        match stream.read(&mut piece) {
            Ok(0) => break Ok(()),
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            Err(error) => break Err(error),
        }
        if bytes.ends_with(b"0\r\n\r\n") || is_whole(&bytes) {
            break Ok(());
        }
    };
    (String::from_utf8(bytes).unwrap(), end)
}

/// Whether `bytes` are an answer as long as it says.
fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    head.lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .is_some_and(|length| length.parse() == Ok(body.len()))
}

fn json_of(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// The bytes of a chunked body without the chunks.
fn events_of(answer: &str) -> String {
    let mut rest = answer.split_once("\r\n\r\n").unwrap().1;
    let mut events = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        let Some(chunk) = after.get(..size) else {
            break;
        };
        events.push_str(chunk);
        rest = after.get(size + 2..).unwrap_or_default();
    }
    events
}

/// Input tokens, and those of them that came from the cache.
fn usage(dialect: &str, answer: &Value) -> (u64, u64) {
    let usage = match dialect {
        "gemini" => &answer["usageMetadata"],
        _ => &answer["usage"],
    };
    let number = |path: &str| usage.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    match dialect {
        "chat" => (
            number("/prompt_tokens"),
            number("/prompt_tokens_details/cached_tokens"),
        ),
        "responses" => (
            number("/input_tokens"),
            number("/input_tokens_details/cached_tokens"),
        ),
        "messages" => {
            let cached = number("/cache_read_input_tokens");
            let written = number("/cache_creation_input_tokens");
            (number("/input_tokens") + cached + written, cached)
        }
        _ => (
            number("/promptTokenCount"),
            number("/cachedContentTokenCount"),
        ),
    }
}

#[test]
fn the_cache_of_an_account_knows_its_conversations() {
    let upstreams = Upstreams::start().unwrap();
    let long = "a sentence that takes some tokens ".repeat(20);
    for (dialect, path, _, _) in DIALECTS {
        let key = format!("{dialect}-cache");
        let ask = |key: &str, turns: &[&str]| {
            let (answer, _) = exchange(&upstreams, path, key, &body(dialect, turns, false));
            usage(dialect, &json_of(&answer))
        };
        let (first, cached) = ask(&key, &[&long]);
        assert!(first > 50 && cached == 0, "{dialect}: {first}, {cached}");
        let (second, cached) = ask(&key, &[&long, "yes", "more"]);
        assert!(second > first, "{dialect}");
        assert_eq!(cached, first, "{dialect}: all of the first turn");
        // Whole messages count: another beginning is another conversation, another key another account.
        let (_, cached) = ask(&key, &["else", "yes", "more"]);
        assert_eq!(cached, 0, "{dialect}");
        let (_, cached) = ask(&format!("{dialect}-else"), &[&long, "yes", "more"]);
        assert_eq!(cached, 0, "{dialect}");
    }
}

#[test]
fn streams_end_as_the_vendors_end_them() {
    let upstreams = Upstreams::start().unwrap();
    for (dialect, _, path, last) in DIALECTS {
        let (answer, end) = exchange(&upstreams, path, KEY, &body(dialect, &["hi"], true));
        end.unwrap();
        assert!(
            answer.contains("Content-Type: text/event-stream\r\n"),
            "{dialect}"
        );
        let events = events_of(&answer);
        let tail = events
            .rfind(last)
            .unwrap_or_else(|| panic!("{dialect}: {events}"));
        let after = &events[tail + last.len()..];
        assert!(
            !after.trim_end().contains("\n\n"),
            "{dialect}: {after} comes after the end"
        );
    }
}

#[test]
fn each_misbehaviour_is_seen_on_the_wire() {
    let upstreams = Upstreams::start().unwrap();
    for (dialect, _, path, last) in DIALECTS {
        let ask = |step: Step| {
            upstreams.script(KEY, Script::once(step));
            exchange(&upstreams, path, KEY, &body(dialect, &["hi"], true))
        };
        let (answer, _) = ask(Step::retry_after(7));
        assert!(answer.starts_with("HTTP/1.1 429 "), "{dialect}: {answer}");
        assert!(answer.contains("Retry-After: 7\r\n"), "{dialect}");
        assert!(
            json_of(&answer)["error"]["message"].is_string(),
            "{dialect}"
        );

        let (answer, end) = ask(Step::Reset);
        assert!(
            answer.is_empty() && end.is_err(),
            "{dialect}: {answer} {end:?}"
        );
        let (answer, end) = ask(Step::ending(Ending::Reset(1)));
        assert!(end.is_err(), "{dialect}");
        assert!(!answer.contains(last), "{dialect}");

        let (answer, end) = ask(Step::ending(Ending::TruncatedChunk(1)));
        end.unwrap();
        assert!(
            answer.ends_with("ffff\r\ndata: {\"half"),
            "{dialect}: {answer}"
        );

        let (answer, _) = ask(Step::ending(Ending::Cut(1)));
        assert!(
            answer.ends_with("0\r\n\r\n") && !answer.contains(last),
            "{dialect}: {answer}"
        );
        let (answer, _) = ask(Step::ending(Ending::Error(1)));
        assert!(
            events_of(&answer).contains("\"error\""),
            "{dialect}: {answer}"
        );

        let began = Instant::now();
        ask(Step::slow(Duration::from_millis(60))).1.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(60), "{dialect}");
        let (answer, _) = ask(Step::tools(&[("look", "{\"at\":1}")]));
        let events = events_of(&answer);
        assert!(
            events.contains("\"look\"") && events.contains("at"),
            "{dialect}: {events}"
        );

        // The script is over.
        let (answer, _) = exchange(&upstreams, path, KEY, &body(dialect, &["hi"], true));
        assert!(events_of(&answer).contains(last), "{dialect}");
    }
}

#[test]
fn what_was_asked_is_on_record() {
    let upstreams = Upstreams::start().unwrap();
    let (dialect, path, _, _) = DIALECTS[2];
    let text = body(dialect, &["hi"], false);
    exchange(&upstreams, path, KEY, &text).1.unwrap();
    let all_ended = |records: &[holdfast::unversioned::demo::Record]| {
        records
            .iter()
            .all(|record| record.outcome == Outcome::Answered)
    };
    assert!(upstreams.wait_for(PATIENCE, all_ended));
    let records = upstreams.records();
    assert_eq!(records.len(), 1);
    assert_eq!(
        (records[0].key.as_str(), records[0].dialect),
        (KEY, "messages")
    );
    assert_eq!(
        (records[0].model.as_str(), records[0].path.as_str()),
        ("m", path)
    );
    assert_eq!(records[0].body, text.as_bytes());

    // One that leaves while it waits is on record as gone.
    upstreams.script(KEY, Script::once(Step::slow(PATIENCE)));
    let mut stream = TcpStream::connect(upstreams.address()).unwrap();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: h\r\nx-api-key: {KEY}\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    )
    .unwrap();
    assert!(upstreams.wait_for(PATIENCE, |records| records.len() == 2));
    drop(stream);
    assert!(upstreams.wait_for(PATIENCE, |records| {
        matches!(records[1].outcome, Outcome::ClientGone(_))
    }));
}

#[test]
fn nonsense_is_refused_in_the_dialects_shape() {
    let upstreams = Upstreams::start().unwrap();
    for (dialect, path, _, _) in DIALECTS {
        let (answer, _) = exchange(&upstreams, path, KEY, "{");
        assert!(answer.starts_with("HTTP/1.1 400 "), "{dialect}: {answer}");
        let (answer, _) = exchange(&upstreams, path, "", &body(dialect, &["hi"], false));
        assert!(answer.starts_with("HTTP/1.1 401 "), "{dialect}: {answer}");
        let error = &json_of(&answer)["error"];
        let expected = match dialect {
            "messages" => json!("authentication_error"),
            "gemini" => json!("UNAUTHENTICATED"),
            _ => json!("invalid_request_error"),
        };
        let kind = if dialect == "gemini" {
            &error["status"]
        } else {
            &error["type"]
        };
        assert_eq!(kind, &expected, "{dialect}");
    }
}
