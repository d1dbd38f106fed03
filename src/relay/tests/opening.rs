//! What is no answer: bodies and streams that say nothing, errors within them.

use serde_json::{Value, json};

use super::support::*;
use crate::budget::Budget;
use crate::failure::FailureKind;
use crate::relay::*;
use crate::translate::{Stream, TranslationContext};
use crate::wire::Dialect::{self, Chat, Gemini, Messages, Responses};

#[test]
fn an_answer_that_says_nothing_is_a_failure() {
    let html = "<html><body>Welcome</body></html>";
    for dialect in Dialect::ALL {
        let cut = body(dialect).to_string();
        let own = match dialect {
            Chat => r#"{"choices":[]}"#,
            Responses => r#"{"status":"completed","output":[]}"#,
            Messages => r#"{"type":"message","content":[],"stop_reason":"end_turn"}"#,
            Gemini => r#"{"candidates":[]}"#,
        };
        for body in [
            "",
            " \n",
            "[]",
            "null",
            "{}",
            "7",
            "text",
            html,
            own,
            &cut[..cut.len() - 1],
        ] {
            let whole = open_whole(dialect, body).err();
            let failure = whole.unwrap_or_else(|| panic!("{dialect:?} {body}"));
            assert_eq!(failure.kind, FailureKind::Broken, "{dialect:?} {body}");
            let stream = open_stream(dialect, body).err();
            let failure = stream.unwrap_or_else(|| panic!("{dialect:?} stream {body}"));
            assert_eq!(failure.kind, FailureKind::Broken, "{dialect:?} {body}");
        }
        let budget = Budget::unlimited();
        let count = ExpectedAnswer {
            is_generation: false,
            ..asked(dialect, &budget)
        };
        assert!(whole::open(answer(r#"{"input_tokens":1}"#), &count, None).is_ok());
    }
}

#[test]
fn a_stream_that_says_nothing_is_a_failure() {
    let stream = |events: &[&str]| -> String {
        let lines = events.iter().map(|data| format!("data: {data}\n\n"));
        lines.collect()
    };
    for dialect in Dialect::ALL {
        for data in ["", "x", "null", "[]", "7", "{}", r#"{"object":"x"}"#] {
            for events in [&[data][..], &[data, data], &[data, "[DONE]"]] {
                let failure = open_stream(dialect, stream(events)).err();
                let failure = failure.unwrap_or_else(|| panic!("{dialect:?} {events:?}"));
                assert_eq!(failure.kind, FailureKind::Broken, "{dialect:?} {events:?}");
            }
        }
        // What comes before the answer is passed on with it.
        let late = stream(&["{}", ""]) + &events(dialect);
        let opened = open_stream(dialect, late).unwrap();
        let (text, relayed, _) = pump_opened(dialect, opened, end_mark(dialect));
        assert_eq!(relayed.ended, Ended::Terminal, "{dialect:?} {text}");
    }
    let start = r#"{"type":"message_start","message":{}}"#;
    let item = r#"{"type":"message","content":[{"type":"output_text","text":""}]}"#;
    let added = format!(r#"{{"type":"response.output_item.added","item":{item}}}"#);
    let completed = format!(r#"{{"type":"response.completed","response":{{"output":[{item}]}}}}"#);
    for (dialect, events) in [
        (Messages, &[start, r#"{"type":"message_stop"}"#][..]),
        (
            Messages,
            &[
                start,
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}"#,
                r#"{"type":"content_block_stop","index":0}"#,
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":0}}"#,
                r#"{"type":"message_stop"}"#,
            ],
        ),
        (Responses, &[r#"{"type":"response.completed"}"#]),
        (
            Responses,
            &[r#"{"type":"response.completed","response":{}}"#],
        ),
        (Responses, &[&added, &completed]),
        (Chat, &[r#"{"choices":null}"#, "[DONE]"]),
        (
            Chat,
            &[
                r#"{"choices":[{"text":""}]}"#,
                r#"{"choices":[],"usage":{"completion_tokens":0}}"#,
                "[DONE]",
            ],
        ),
        (Gemini, &[r#"{"usageMetadata":{}}"#, r#"{"candidates":[]}"#]),
    ] {
        let failure = open_stream(dialect, stream(events)).err();
        assert!(failure.is_some(), "{dialect:?} {events:?}");
    }
}

#[test]
fn what_is_legal_without_content_passes() {
    for (dialect, body) in [
        // After the result of a tool.
        (
            Messages,
            json!({"content": [], "stop_reason": "end_turn", "usage": {"output_tokens": 3}}),
        ),
        (Messages, json!({"content": [], "stop_reason": "refusal"})),
        (Responses, json!({"status": "queued", "output": []})),
        (
            Chat,
            json!({"choices": [{"message": {"content": ""}, "finish_reason": "length"}]}),
        ),
        (Gemini, json!({"promptFeedback": {"blockReason": "SAFETY"}})),
    ] {
        assert!(open_whole(dialect, body.to_string()).is_ok(), "{body}");
    }
}

#[test]
fn errors_in_choices_and_behind_the_finish_are_told() {
    let stop = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let error = json!({"code": 429, "message": "too hot", "metadata": {"provider_name": "p"}});
    let in_choice = json!({"choices": [{"index": 0, "delta": {"content": ""},
        "finish_reason": "error", "error": error}]});
    let alone =
        json!({"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]});
    let on_top = json!({"choices": [], "error": error});
    for (events, message) in [
        (vec![in_choice.clone()], "too hot"),
        (vec![alone.clone()], "has ended its answer with an error"),
        (vec![alone, on_top.clone()], "with an error"),
        (vec![stop.clone(), on_top.clone()], "too hot"),
        (vec![stop.clone(), in_choice.clone()], "too hot"),
    ] {
        for client in Dialect::ALL {
            let what = format!("{client:?} {events:?}");
            let opened = open_stream(Chat, chat_with(&events)).unwrap();
            let (text, relayed, _) = match client {
                Chat => pump_opened(Chat, opened, "[DONE]"),
                _ => {
                    let stream = Stream::new(TranslationContext::between(Chat, client, "m"), false);
                    let crossing = Translation::new(opened, stream, &Budget::unlimited());
                    pumped("too hot", |out, on_end| {
                        crossing.pump(Chunks::new(out), None, on_end)
                    })
                }
            };
            assert_eq!(relayed.ended, Ended::UpstreamError, "{what}: {text}");
            assert!(
                text.contains("hello") && text.contains(message),
                "{what}: {text}"
            );
            assert!(!text.contains("[DONE]"), "{what}: {text}");
            let mut lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
            let last: Value = serde_json::from_str(lines.next_back().unwrap()).unwrap();
            let told = match client {
                Responses if last["type"] == "response.failed" => &last["response"]["error"],
                Responses => &last,
                _ => &last["error"],
            };
            let told = told["message"].as_str().unwrap();
            assert!(told.contains(message), "{what}: {text}");
        }
    }
    // Where nothing has been said, another upstream is asked.
    let alone = format!("data: {in_choice}\n\n");
    let failure = open_stream(Chat, alone).err().unwrap();
    assert_eq!(
        (failure.kind, failure.status),
        (FailureKind::Status, Some(429))
    );
    let body = String::from_utf8_lossy(&failure.body);
    assert!(body.contains("too hot"), "{body}");
    let whole = json!({"choices": [{"message": {"content": "half"}, "finish_reason": "error", "error": error}]});
    for body in [
        whole.to_string(),
        chat_with(&[in_choice]),
        chat_with(&[stop, on_top]),
    ] {
        let failure = open_whole(Chat, body).err().unwrap();
        assert_eq!(
            (failure.kind, failure.status),
            (FailureKind::Status, Some(429))
        );
    }
}

#[cfg(feature = "compression")]
#[test]
fn compression_that_nobody_announced_is_undone() {
    use std::io::Write;

    let gzip = |text: String| {
        let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        coder.write_all(text.as_bytes()).unwrap();
        coder.finish().unwrap()
    };
    for dialect in Dialect::ALL {
        let opened = open_stream(dialect, gzip(events(dialect))).unwrap();
        let (text, relayed, _) = pump_opened(dialect, opened, "0\r\n\r\n");
        assert_eq!(relayed.ended, Ended::Terminal);
        assert!(text.contains("hel"), "{text}");
        let whole = open_whole(dialect, gzip(body(dialect).to_string())).unwrap();
        assert_eq!(whole.held(), body(dialect).to_string().as_bytes());
    }
}

#[test]
fn a_translated_stream_that_begins_with_a_failure_is_one() {
    let opening = r#"data: {"candidates":[{"content":{"role":"model"}}],"responseId":"r"}"#;
    for failure in [
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
    ] {
        let first = format!(r#"data: {{"candidates":[{{"finishReason":"{failure}"}}]}}"#);
        for text in [format!("{first}\n\n"), format!("{opening}\n\n{first}\n\n")] {
            for client in Dialect::ALL {
                let opened = open_stream(Gemini, &text).unwrap();
                let stream = Stream::new(TranslationContext::between(Gemini, client, "m"), false);
                let failed = Translation::new(opened, stream, &Budget::unlimited())
                    .failure()
                    .unwrap();
                assert_eq!(failed.status, Some(502));
                assert!(String::from_utf8_lossy(&failed.body).contains(failure));
                let body = first.strip_prefix("data: ").unwrap();
                let context = TranslationContext::between(Gemini, client, "m");
                let budget = Budget::unlimited();
                let whole = translation::whole(answer(body), context, &asked(Gemini, &budget));
                assert_eq!(
                    whole.err().unwrap().status,
                    failed.status,
                    "as a whole answer"
                );
            }
        }
    }
    let good = open_stream(Gemini, events(Gemini)).unwrap();
    let stream = Stream::new(TranslationContext::between(Gemini, Chat, "m"), false);
    assert!(
        Translation::new(good, stream, &Budget::unlimited())
            .failure()
            .is_none()
    );
}
