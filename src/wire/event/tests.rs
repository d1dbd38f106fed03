use super::*;
use crate::sse::{MAX_EVENT, Splitter};

fn of(dialect: Dialect, event: &str) -> Meaning {
    let mut splitter = Splitter::new(MAX_EVENT);
    splitter.push(event.as_bytes()).unwrap();
    splitter.push(b"\n\n").unwrap();
    let event = splitter.next_event().unwrap();
    meaning(dialect, &event, event.data().as_deref())
}

#[test]
fn chat() {
    use Meaning::*;
    for (data, expected) in [
        (
            r#"{"choices":[{"delta":{"content":"a"},"finish_reason":null}]}"#,
            Part,
        ),
        (
            r#"{"choices":[{"delta":{"content":"\"finish_reason\":\"x\""}}]}"#,
            Part,
        ),
        (
            r#"{"choices":[{"delta":{},"finish_reason" : "stop"}]}"#,
            Finish,
        ),
        ("[DONE]", End),
        (r#"{"error":{"message":"m"}}"#, Error),
        (r#"{"choices":[],"error":null}"#, Part),
        (r#"{"choices":[{"delta":{"x":{"error":1}}}]}"#, Part),
        (
            r#"{"choices":[{"delta":{"x":{"finish_reason":"stop"}},"finish_reason":null}]}"#,
            Part,
        ),
        (r#"{"choices":[{"delta":{},"finish_reason":""}]}"#, Part),
        (r#"{"x":{"choices":[{"finish_reason":"stop"}]}}"#, Part),
        (
            r#"{"choices":[{"error":{"code":502},"finish_reason":"error"}]}"#,
            Error,
        ),
        (
            r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"error"}]}"#,
            Error,
        ),
        (
            r#"{"choices":[{"error":null,"finish_reason":"stop"}]}"#,
            Finish,
        ),
    ] {
        assert_eq!(
            of(Dialect::Chat, &format!("data: {data}")),
            expected,
            "{data}"
        );
    }
    assert_eq!(of(Dialect::Chat, ": OPENROUTER PROCESSING"), Idle);
    assert_eq!(of(Dialect::Chat, "event: error\ndata: {}"), Error);
}

#[test]
fn responses() {
    use Meaning::*;
    for (kind, expected) in [
        ("response.created", Part),
        ("response.output_text.delta", Part),
        ("response.completed", End),
        ("response.incomplete", End),
        ("response.failed", Error),
        ("error", Error),
    ] {
        let data =
            format!(r#"data: {{"sequence_number":1,"type":"{kind}","response":{{"error":null}}}}"#);
        assert_eq!(of(Dialect::Responses, &data), expected, "{kind}");
        let named = format!("event: {kind}\n{data}");
        assert_eq!(of(Dialect::Responses, &named), expected, "{kind}");
    }
    assert_eq!(
        of(Dialect::Responses, r#"data: {"error":{"code":"x"}}"#),
        Error
    );
    let nested =
        r#"data: {"type":"response.output_item.added","item":{"x":{"type":"response.completed"}}}"#;
    assert_eq!(of(Dialect::Responses, nested), Part);
}

#[test]
fn messages() {
    use Meaning::*;
    for (data, expected) in [
        (
            r#"{"type":"message_start","message":{"stop_reason":null}}"#,
            Part,
        ),
        (r#"{"type":"ping"}"#, Idle),
        (
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
            Finish,
        ),
        (
            r#"{"type":"message_delta","delta":{"stop_reason":null}}"#,
            Part,
        ),
        (
            r#"{"type":"message_delta","delta":{"stop_reason":null,"x":{"stop_reason":"a"}}}"#,
            Part,
        ),
        (
            r#"{"type":"content_block_start","content_block":{"input":{"type":"message_stop"}}}"#,
            Part,
        ),
        (
            r#"{"type":"content_block_start","content_block":{"input":{"type":"error","error":{}}}}"#,
            Part,
        ),
        (r#"{"type":"message_stop"}"#, End),
        (
            r#"{"type":"error","error":{"type":"overloaded_error"}}"#,
            Error,
        ),
    ] {
        assert_eq!(
            of(Dialect::Messages, &format!("data: {data}")),
            expected,
            "{data}"
        );
    }
}

#[test]
fn gemini() {
    use Meaning::*;
    for (data, expected) in [
        (r#"{"candidates":[{"content":{}}]}"#, Part),
        (r#"{"candidates":[{"finishReason":"STOP"}]}"#, Finish),
        (r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#, Finish),
        (
            r#"{"response":{"candidates":[{"finishReason":"STOP"}]}}"#,
            Finish,
        ),
        (
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"args":{"finishReason":"STOP",
                "blockReason":"x","error":{"code":1},"promptFeedback":{"blockReason":"x"}}}}]}}]}"#,
            Part,
        ),
        (r#"{"error":{"code":503}}"#, Error),
    ] {
        assert_eq!(
            of(Dialect::Gemini, &format!("data: {data}")),
            expected,
            "{data}"
        );
    }
}

#[test]
fn answers_side_by_side_finish_together() {
    let chat = |index: u32, finish: &str| {
        let finish = if finish.is_empty() {
            "null"
        } else {
            "\"stop\""
        };
        format!(r#"{{"choices":[{{"index":{index},"delta":{{}},"finish_reason":{finish}}}]}}"#)
    };
    let gemini = |index: u32, finish: &str| {
        let index = if index == 0 {
            String::new()
        } else {
            format!(r#""index":{index},"#)
        };
        let finish = if finish.is_empty() {
            String::new()
        } else {
            r#","finishReason":"STOP""#.to_owned()
        };
        format!(r#"{{"candidates":[{{{index}"content":{{"parts":[]}}{finish}}}]}}"#)
    };
    let usage = |_: u32, _: &str| r#"{"choices":[],"usage":{}}"#.to_owned();
    type Write<'w> = &'w dyn Fn(u32, &str) -> String;
    for (dialect, write) in [
        (Dialect::Chat, &chat as Write<'_>),
        (Dialect::Gemini, &gemini),
    ] {
        for (events, expected) in [
            (&[(0, ""), (0, "stop")][..], true),
            (&[(0, ""), (1, ""), (0, "stop")], false),
            (&[(0, ""), (1, ""), (1, "stop")], false),
            (&[(0, ""), (1, ""), (1, "stop"), (0, "stop")], true),
            (&[(0, "stop"), (1, "")], false),
            (&[(0, ""), (200, ""), (0, "stop"), (200, "stop")], true),
        ] {
            let mut choices = Choices::default();
            for (index, finish) in events {
                choices.see(dialect, write(*index, finish).as_bytes());
            }
            choices.see(dialect, usage(0, "").as_bytes());
            assert_eq!(choices.are_finished(), expected, "{dialect:?} {events:?}");
        }
    }
    let mut choices = Choices::default();
    choices.see(
        Dialect::Gemini,
        br#"{"promptFeedback":{"blockReason":"SAFETY"}}"#,
    );
    assert!(choices.are_finished());
}

#[test]
fn errors_have_a_status() {
    for (json, expected) in [
        (r#"{"error":{"code":503,"status":"UNAVAILABLE"}}"#, 503),
        (r#"{"error":{"code":"429","message":"m"}}"#, 429),
        (
            r#"{"type":"error","error":{"type":"overloaded_error"}}"#,
            529,
        ),
        (r#"{"type":"error","code":"rate_limit_exceeded"}"#, 429),
        (
            r#"{"response":{"error":{"code":"server_is_overloaded"}}}"#,
            503,
        ),
        (
            r#"{"error":{"code":"what","type":"rate_limit_error"}}"#,
            429,
        ),
        (r#"{"error":{"code":200}}"#, 502),
        (r#"{"error":"text"}"#, 502),
        ("no json", 502),
    ] {
        assert_eq!(error_status(json.as_bytes()), expected, "{json}");
    }
}

#[test]
fn bodies_can_be_errors() {
    let is = |body: &str| is_error_body(Dialect::Chat, body.as_bytes());
    assert!(is(r#"{"error":{"message":"m"}}"#));
    assert!(is(r#"{"code":10004,"msg":"m"}"#));
    assert!(!is(r#"{"choices":[],"code":1,"msg":"m"}"#));
    assert!(!is(r#"{"choices":[],"error":null}"#));
    assert!(is(r#"{"code":1,"msg":"m","data":{"choices":[]}}"#));
    let response = br#"{"id":"r","error":null,"output":[{"arguments":{"error":1}}]}"#;
    assert!(!is_error_body(Dialect::Responses, response));
    assert!(!is_error_body(
        Dialect::Responses,
        br#"{"code":1,"message":"m"}"#
    ));
}
