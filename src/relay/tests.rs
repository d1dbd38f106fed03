//! Answers of every dialect, streams and bodies, and what becomes of those that are not what was asked for.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, Cursor, Read, Write};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use crate::budget::Budget;
use crate::exchange::Waiter;
use crate::failure::{Failure, FailureKind, Headers};
use crate::provider::Answer;
use crate::sse::MAX_EVENT;
use crate::translate::{Stream, TranslationContext};
use crate::wire::Dialect::{self, Chat, Gemini, Messages, Responses};

const STYLE: Style<'static> = Style {
    framing: Framing::Events,
    rename: None,
    keep_alive: None,
    is_codex: false,
    model: "m",
};

/// Gives its pieces one by one.
struct Pieces(VecDeque<Vec<u8>>);

impl Read for Pieces {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let Some(mut piece) = self.0.pop_front() else {
            return Ok(0);
        };
        let count = piece.len().min(room.len());
        room[..count].copy_from_slice(&piece[..count]);
        if count < piece.len() {
            self.0.push_front(piece.split_off(count));
        }
        Ok(count)
    }
}

fn answer(body: impl AsRef<[u8]>) -> Answer {
    Answer {
        status: 200,
        headers: Headers::default(),
        body: Box::new(Cursor::new(body.as_ref().to_vec())),
        waiter: Waiter::alone(),
        redaction: Default::default(),
    }
}

fn asked(dialect: Dialect, budget: &Budget) -> ExpectedAnswer<'_> {
    ExpectedAnswer {
        dialect,
        model: "m",
        is_generation: true,
        event_bytes: MAX_EVENT,
        budget,
    }
}

fn open_whole(dialect: Dialect, body: impl AsRef<[u8]>) -> Result<Whole, Failure> {
    whole::open(answer(body), &asked(dialect, &Budget::unlimited()), None)
}

fn open_stream(dialect: Dialect, body: impl AsRef<[u8]>) -> Result<Opened, Failure> {
    stream::open(answer(body), &asked(dialect, &Budget::unlimited()))
}

/// A small whole answer.
fn body(dialect: Dialect) -> Value {
    match dialect {
        Chat => {
            json!({"id": "chat-1", "object": "chat.completion", "model": "m", "choices": [{"index": 0,
            "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2}})
        }
        Responses => {
            json!({"id": "resp_1", "object": "response", "status": "completed", "model": "m",
            "output": [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "hello", "annotations": []}]}],
            "usage": {"input_tokens": 5, "output_tokens": 2}})
        }
        Messages => json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn",
            "usage": {"input_tokens": 5, "output_tokens": 2}}),
        Gemini => {
            json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "hello"}]},
            "finishReason": "STOP"}], "modelVersion": "m",
            "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2}})
        }
    }
}

/// The same as a stream.
fn events(dialect: Dialect) -> String {
    let events = match dialect {
        Chat => vec![
            json!({"id": "chat-1", "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant"}}]}),
            json!({"id": "chat-1", "model": "m", "choices": [{"index": 0, "delta": {"content": "hello"}}]}),
            json!({"id": "chat-1", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
            json!({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}),
        ],
        Responses => vec![
            json!({"type": "response.created", "response": {"id": "resp_1", "output": []}}),
            json!({"type": "response.output_item.added", "output_index": 0,
                "item": {"type": "message", "id": "msg_1"}}),
            json!({"type": "response.output_text.delta", "output_index": 0, "item_id": "msg_1", "delta": "hello"}),
            json!({"type": "response.completed", "response": body(Responses)}),
        ],
        Messages => vec![
            json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "model": "m",
                "content": [], "usage": {"input_tokens": 5, "output_tokens": 1}}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}),
            json!({"type": "message_stop"}),
        ],
        Gemini => vec![
            json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "hel"}]}}], "modelVersion": "m"}),
            json!({"candidates": [{"content": {"parts": [{"text": "lo"}]}, "finishReason": "STOP"}],
                "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2}}),
        ],
    };
    let mut text: String = events
        .iter()
        .map(|event| format!("data: {event}\n\n"))
        .collect();
    if dialect == Chat {
        text += "data: [DONE]\n\n";
    }
    text
}

/// What a whole answer says.
fn said(dialect: Dialect, json: &Value) -> &Value {
    match dialect {
        Chat => &json["choices"][0]["message"]["content"],
        Responses => &json["output"][0]["content"][0]["text"],
        Messages => &json["content"][0]["text"],
        Gemini => &json["candidates"][0]["content"]["parts"][0]["text"],
    }
}

/// The mark of a stream's end.
fn end_mark(dialect: Dialect) -> &'static str {
    match dialect {
        Chat => "[DONE]",
        Responses => "response.completed",
        Messages => "message_stop",
        Gemini => "finishReason",
    }
}

/// Takes what is written, and notes whether the end was settled before it was.
#[derive(Default)]
struct Lane {
    written: Vec<u8>,
    /// How much had been written when all was settled.
    settled_at: Cell<Option<usize>>,
}

/// Pumps to an end, and checks that it was settled before the client could see `mark`.
fn pumped(
    mark: &str,
    pump: impl FnOnce(&mut dyn Write, OnEnd<'_>) -> Relayed,
) -> (String, Relayed, Option<String>) {
    struct Shared<'l>(&'l std::cell::RefCell<Lane>);
    impl Write for Shared<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().written.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let out = std::cell::RefCell::new(Lane::default());
    let mut response = None;
    let mut times = 0;
    let relayed = pump(&mut Shared(&out), &mut |end| {
        times += 1;
        response = end.response.map(str::to_owned);
        let out = out.borrow();
        out.settled_at.set(Some(out.written.len()));
    });
    let out = out.into_inner();
    let text = String::from_utf8(out.written).unwrap();
    let shown: String = text.chars().rev().take(2000).collect();
    let shown: String = shown.chars().rev().collect();
    assert_eq!(times, 1, "{shown}");
    let before = out.settled_at.get().unwrap();
    assert!(!text[..before].contains(mark), "{shown}");
    (text, relayed, response)
}

fn pump_opened(dialect: Dialect, opened: Opened, mark: &str) -> (String, Relayed, Option<String>) {
    pumped(mark, |out, on_end| match opened {
        Opened::Events(primed) => primed.pump(Chunks::new(out), STYLE, on_end),
        Opened::Whole(whole) => {
            let stream = Stream::new(TranslationContext::straight(dialect, "m", "seed", 1), false);
            Translation::new(Opened::Whole(whole), stream, &Budget::unlimited()).pump(
                Chunks::new(out),
                None,
                on_end,
            )
        }
    })
}

#[test]
fn all_is_settled_before_the_client_knows_the_end() {
    for dialect in Dialect::ALL {
        let expected = (dialect == Responses).then(|| "resp_1".to_owned());
        let whole = open_whole(dialect, body(dialect).to_string()).unwrap();
        let (_, relayed, response) = pumped("hello", |out, on_end| whole.pump(out, on_end));
        assert_eq!(
            (relayed.ended, response),
            (Ended::Terminal, expected.clone())
        );
        // Byte by byte, and without the end.
        for (text, mark, ended) in [
            (events(dialect), end_mark(dialect), Ended::Terminal),
            (
                events(dialect).replace(end_mark(dialect), "other"),
                "\"error\"",
                Ended::NoTerminal,
            ),
        ] {
            // What ends a Gemini stream is only the end of its body.
            let mark = match (dialect, ended) {
                (Gemini, Ended::Terminal) => "0\r\n\r\n",
                _ => mark,
            };
            if dialect == Chat && ended == Ended::NoTerminal {
                continue;
            }
            let pieces = text.bytes().map(|byte| vec![byte]).collect();
            let answer = Answer {
                body: Box::new(Pieces(pieces)),
                ..answer("")
            };
            let opened = stream::open(answer, &asked(dialect, &Budget::unlimited())).unwrap();
            let (text, relayed, response) = pump_opened(dialect, opened, mark);
            if ended == Ended::Terminal {
                assert_eq!(relayed.ended, ended, "{dialect:?} {text}");
                assert_eq!(response, expected, "{dialect:?}");
            }
        }
    }
}

/// The whole answer that the end of a stream for a client of `client` tells of.
fn whole_told(
    upstream: Dialect,
    client: Dialect,
    events: String,
    budget: &Budget,
) -> Option<Value> {
    let mut whole = None;
    let mut on_end = |end: &AnswerEnd<'_>| {
        assert_eq!(end.ended, Ended::Terminal);
        whole = end
            .whole
            .map(|whole| serde_json::from_slice(whole).unwrap());
    };
    let opened = stream::open(answer(events), &asked(upstream, budget)).unwrap();
    match opened {
        Opened::Events(primed) if upstream == client => {
            primed.pump(Chunks::new(io::sink()), STYLE, &mut on_end);
        }
        opened => {
            let context = TranslationContext::between(upstream, client, "m");
            let stream = Stream::new(context, false);
            Translation::new(opened, stream, budget).pump(
                Chunks::new(io::sink()),
                None,
                &mut on_end,
            );
        }
    }
    whole
}

#[test]
fn the_end_of_responses_tells_of_the_whole_answer() {
    let budget = Budget::unlimited();
    for upstream in Dialect::ALL {
        let whole = whole_told(upstream, Responses, events(upstream), &budget).unwrap();
        assert_eq!(said(Responses, &whole), "hello", "{upstream:?}");
        assert!(whole["id"].is_string(), "{upstream:?}");
        for client in [Chat, Messages, Gemini] {
            let whole = whole_told(upstream, client, events(upstream), &budget);
            assert_eq!(whole, None, "{upstream:?} {client:?}");
        }
    }
    let whole = open_whole(Responses, body(Responses).to_string()).unwrap();
    let mut told = None;
    whole.pump(io::sink(), &mut |end| told = end.whole.map(<[u8]>::to_vec));
    assert_eq!(told, Some(body(Responses).to_string().into_bytes()));
    // Told item by item only, and without room for the items.
    let item = body(Responses)["output"][0].clone();
    let done = json!({"type": "response.output_item.done", "output_index": 0, "item": item});
    let mut bare = body(Responses);
    bare["output"] = json!([]);
    let completed = json!({"type": "response.completed", "response": bare});
    let text = format!("data: {done}\n\ndata: {completed}\n\n");
    let whole = whole_told(Responses, Responses, text.clone(), &budget).unwrap();
    assert_eq!(said(Responses, &whole), "hello");
    let whole = whole_told(Responses, Responses, text, &Budget::new(10));
    assert_eq!(whole, None);
    assert_eq!(budget.used(), 0);
}

#[test]
fn what_a_translated_stream_keeps_is_counted() {
    let piece = |text: &str| {
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "choices":
            [{"index": 0, "delta": {"content": text}, "finish_reason": null}]});
        format!("data: {chunk}\n\n")
    };
    let text: String = (0..64).map(|_| piece(&"a".repeat(1024))).collect();
    let text = text + &events(Chat);
    for (limit, ended) in [(1024 * 1024, Ended::Terminal), (48 * 1024, Ended::Broken)] {
        let budget = Budget::new(limit);
        let opened = stream::open(answer(text.clone()), &asked(Chat, &budget)).unwrap();
        let stream = Stream::new(TranslationContext::between(Chat, Responses, "m"), false);
        let crossing = Translation::new(opened, stream, &budget);
        let mut out = Vec::new();
        let relayed = crossing.pump(Chunks::new(&mut out), None, &mut |end| {
            assert_eq!(end.ended, ended);
            // Of what is told, 64 KiB are text.
            let counted = budget.used();
            assert!(ended == Ended::Broken || counted > 64 * 1024, "{counted}");
        });
        assert_eq!(relayed.ended, ended);
        let is_told = String::from_utf8_lossy(&out).contains("response.failed");
        assert_eq!(is_told, ended == Ended::Broken);
        assert_eq!(budget.used(), 0);
    }
}

#[test]
fn translated_streams_end_at_the_upstreams_end() {
    for upstream in [Chat, Responses, Messages] {
        for client in Dialect::ALL {
            // Whatever comes behind it.
            let late = events(upstream).replace("hello", "late");
            let text = format!("{}{late}", events(upstream));
            let opened = open_stream(upstream, text).unwrap();
            let context = TranslationContext::between(upstream, client, "m");
            let stream = Stream::new(context, false);
            let mark = match client {
                Gemini => "0\r\n\r\n",
                client => end_mark(client),
            };
            let (text, relayed, _) = pumped(mark, |out, on_end| {
                Translation::new(opened, stream, &Budget::unlimited()).pump(
                    Chunks::new(out),
                    None,
                    on_end,
                )
            });
            assert_eq!(relayed.ended, Ended::Terminal, "{upstream:?} {client:?}");
            assert!(text.contains("hello") && !text.contains("late"), "{text}");
            assert_eq!(relayed.usage.unwrap().output, 2);
        }
    }
}

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

/// A stream of a chat that says `hello` and goes on with these events.
fn chat_with(more: &[Value]) -> String {
    let mut lines = String::from(
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hello\"}}]}\n\n",
    );
    for data in more {
        lines += &format!("data: {data}\n\n");
    }
    lines + "data: [DONE]\n\n"
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

#[test]
fn events_in_place_of_a_body_become_one() {
    for dialect in Dialect::ALL {
        for end in ["", "data: {\"late\":1}\n\n"] {
            let whole = open_whole(dialect, format!(": note\n\n{}{end}", events(dialect))).unwrap();
            let json: Value = serde_json::from_slice(whole.held()).unwrap();
            assert_eq!(said(dialect, &json), "hello", "{json}");
            let (_, relayed, response) = pumped("hello", |out, on_end| whole.pump(out, on_end));
            assert_eq!(
                relayed.usage.map(|usage| (usage.input, usage.output)),
                Some((5, 2))
            );
            assert_eq!(response.is_some(), dialect == Responses);
        }
        let torn = events(dialect);
        let torn = &torn[..torn.find("hel").unwrap()];
        let failure = open_whole(dialect, torn).err().unwrap();
        assert_eq!(failure.kind, FailureKind::Broken, "{dialect:?}");
        let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"code\":429}}\n\n";
        assert_eq!(
            open_whole(dialect, error).err().unwrap().status,
            Some(429),
            "{dialect:?}"
        );
    }
    let array = format!("[{}\n]", body(Gemini));
    let whole = open_whole(Gemini, array).unwrap();
    let json: Value = serde_json::from_slice(whole.held()).unwrap();
    assert_eq!(said(Gemini, &json), "hello");
}

#[test]
fn a_body_in_place_of_events_becomes_some() {
    for dialect in Dialect::ALL {
        let pretty = serde_json::to_string_pretty(&body(dialect)).unwrap();
        let opened = open_stream(dialect, pretty).unwrap();
        let mark = match dialect {
            Gemini => "0\r\n\r\n",
            dialect => end_mark(dialect),
        };
        let (text, relayed, response) = pump_opened(dialect, opened, mark);
        assert_eq!(relayed.ended, Ended::Terminal, "{text}");
        assert!(text.contains("data: ") && text.contains("hello"), "{text}");
        assert!(text.contains(end_mark(dialect)), "{text}");
        assert_eq!(
            relayed.usage.map(|usage| (usage.input, usage.output)),
            Some((5, 2))
        );
        assert_eq!(response.is_some(), dialect == Responses);
        let error = r#"{"error":{"code":429}}"#;
        assert_eq!(open_stream(dialect, error).err().unwrap().status, Some(429));
    }
    let array = format!("[{},\n{}]", body(Gemini), body(Gemini));
    let (text, ..) = pump_opened(Gemini, open_stream(Gemini, array).unwrap(), "0\r\n\r\n");
    assert_eq!(text.matches("data: ").count(), 2);
}

#[test]
fn long_answers_are_looked_at_while_they_pass() {
    for dialect in Dialect::ALL {
        let long = "x".repeat(3 << 20);
        let text = body(dialect).to_string().replace("hello", &long);
        for length in [None, Some(text.len())] {
            let headers: Headers = length
                .map(|length| ("content-length", length.to_string()))
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let open = |body: &str| {
                let answer = Answer {
                    headers: headers.clone(),
                    ..answer(body)
                };
                whole::open(answer, &asked(dialect, &Budget::unlimited()), None).unwrap()
            };
            let mark = if length.is_some() {
                "usage"
            } else {
                "\r\n0\r\n"
            };
            let (written, relayed, response) =
                pumped(mark, |out, on_end| open(&text).pump(out, on_end));
            assert_eq!(relayed.ended, Ended::Terminal);
            assert_eq!(
                relayed.usage.map(|usage| (usage.input, usage.output)),
                Some((5, 2))
            );
            assert_eq!(
                response,
                (dialect == Responses).then(|| "resp_1".to_owned())
            );
            if length.is_some() {
                assert!(written == text, "as it came");
            }
        }
        let cut = open_whole(dialect, &text[..text.len() - 1]).unwrap();
        let (_, relayed, _) = pumped("\r\n0\r\n", |out, on_end| cut.pump(out, on_end));
        assert_eq!((relayed.ended, relayed.is_whole), (Ended::Broken, false));
        let failed = format!(r#"{{"x":"{long}","error":{{"code":429}}}}"#);
        let failed = open_whole(dialect, failed).unwrap();
        let (_, relayed, _) = pumped("\r\n0\r\n", |out, on_end| failed.pump(out, on_end));
        assert_eq!(relayed.ended, Ended::UpstreamError);
        assert_eq!(relayed.failure.unwrap().status, Some(429));
    }
}

#[test]
fn streams_with_several_answers_end_with_the_last() {
    let chat = |index: u32, finish: Value| {
        json!({"choices": [{"index": index,
        "delta": {"content": "a"}, "finish_reason": finish}]})
    };
    let gemini = |index: u32, finish: Value| {
        json!({"candidates": [{"index": index,
        "content": {"parts": [{"text": "a"}]}, "finishReason": finish}]})
    };
    type Write<'w> = &'w dyn Fn(u32, Value) -> Value;
    for (dialect, write, stop) in [
        (Chat, &chat as Write<'_>, "stop"),
        (Gemini, &gemini as Write<'_>, "STOP"),
    ] {
        let all = [
            write(0, Value::Null),
            write(1, Value::Null),
            write(0, stop.into()),
            write(1, stop.into()),
        ];
        for (count, ended) in [(3, Ended::NoTerminal), (4, Ended::Terminal)] {
            let text: String = all[..count]
                .iter()
                .map(|event| format!("data: {event}\n\n"))
                .collect();
            let (_, relayed, _) =
                pump_opened(dialect, open_stream(dialect, &text).unwrap(), "0\r\n\r\n");
            assert_eq!(relayed.ended, ended, "{dialect:?} {count}");
            let stream = Stream::new(TranslationContext::between(dialect, Messages, "m"), false);
            let crossing = Translation::new(
                open_stream(dialect, &text).unwrap(),
                stream,
                &Budget::unlimited(),
            );
            let (_, relayed, _) = pumped("0\r\n\r\n", |out, on_end| {
                crossing.pump(Chunks::new(out), None, on_end)
            });
            assert_eq!(relayed.ended == Ended::Terminal, ended == Ended::Terminal);
        }
    }
}

#[test]
fn comments_are_not_for_gemini_clients() {
    for dialect in Dialect::ALL {
        let text = format!(
            ": before\n\n{}",
            events(dialect).replace("\n\n", "\n\n: between\n\n")
        );
        let text = text.replacen("data:", ": within\ndata:", 1);
        let (text, ..) = pump_opened(dialect, open_stream(dialect, text).unwrap(), "0\r\n\r\n");
        for comment in ["before", "between", "within"] {
            assert_eq!(
                text.contains(comment),
                dialect != Gemini,
                "{dialect:?} {text}"
            );
        }
    }
}

#[test]
fn the_budget_bounds_what_is_held() {
    let budget = Budget::new(100_000);
    let long = |dialect| {
        body(dialect)
            .to_string()
            .replace("hello", &"x".repeat(200_000))
    };
    for dialect in Dialect::ALL {
        let events = events(dialect).replace("hel", &"x".repeat(200_000));
        let stream = stream::open(answer(long(dialect)), &asked(dialect, &budget)).err();
        let bodies = [long(dialect), events];
        let wholes =
            bodies.map(|body| whole::open(answer(body), &asked(dialect, &budget), None).err());
        for failure in wholes.into_iter().chain([stream]) {
            let failure = failure.unwrap();
            assert_eq!(
                (failure.kind, failure.status),
                (FailureKind::Memory, Some(503))
            );
            assert!(failure.retry_after.is_some());
            assert_eq!(budget.used(), 0);
        }
        let whole = whole::open(
            answer(body(dialect).to_string()),
            &asked(dialect, &budget),
            None,
        );
        let whole = whole.unwrap();
        assert_eq!(budget.used(), whole.held().len());
        drop(whole);
        assert_eq!(budget.used(), 0);
    }
}

#[cfg(feature = "compression")]
#[test]
fn compression_that_nobody_announced_is_undone() {
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

/// A client that remembers what it is to be probed with.
struct Probed(std::cell::RefCell<Vec<u8>>, std::os::unix::net::UnixStream);

impl crate::exchange::Client for Probed {
    fn fd(&self) -> std::os::fd::BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.1)
    }
    fn interest(&self) -> rustix::event::PollFlags {
        rustix::event::PollFlags::empty()
    }
    fn ready(&self, _: rustix::event::PollFlags) -> Result<(), crate::exchange::Gone> {
        Ok(())
    }
    fn due(&self) -> Option<std::time::Instant> {
        None
    }
    fn tick(&self, _: std::time::Instant) -> Result<(), crate::exchange::Gone> {
        Ok(())
    }
    fn is_gone(&self) -> bool {
        false
    }
    fn send(&self, _: &[u8]) -> std::io::Result<()> {
        Ok(())
    }
    fn probe_with(&self, bytes: &[u8]) {
        self.0.replace(bytes.to_vec());
    }
}

#[test]
fn nothing_is_written_behind_the_end_of_a_stream() {
    let (near, _far) = std::os::unix::net::UnixStream::pair().unwrap();
    let client = std::rc::Rc::new(Probed(b"a comment".to_vec().into(), near));
    let waiter = Waiter::of(std::rc::Rc::clone(&client) as _);
    super::source::drain(&mut std::io::empty(), &waiter);
    assert!(client.0.borrow().is_empty());
}

/// Gives its pieces one by one; `None` is a silence. The first one is met by the look for more that may have come already.
struct Pausing(VecDeque<Option<String>>);

impl Read for Pausing {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if room.is_empty() {
            return Ok(0);
        }
        match self.0.pop_front() {
            None => Ok(0),
            Some(None) => Err(io::Error::other(crate::exchange::Interruption::Awake)),
            Some(Some(piece)) => Cursor::new(piece).read(room),
        }
    }
}

/// What Google's SDKs can read: lines of data, each with one blank line behind it.
fn lines_of_data(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n");
    let events = text.strip_suffix("\n\n").expect("an end");
    events
        .split("\n\n")
        .map(|event| {
            let data = event.strip_prefix("data: ");
            let data = data.unwrap_or_else(|| panic!("{event:?} in {text:?}"));
            assert!(!data.contains('\n'), "{event:?}");
            data.to_owned()
        })
        .collect()
}

/// The payload of a chunked body.
fn unchunked(mut body: &str) -> String {
    let mut payload = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        payload += &rest[..size];
        body = &rest[size + 2..];
    }
    payload
}

#[test]
fn streams_are_kept_alive_with_what_their_clients_ignore() {
    let last =
        r#"data: {"candidates":[{"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"}]}"#;
    let error = r#"{"error":{"code":503,"message":"down","status":"UNAVAILABLE"}}"#;
    for (behind, ended) in [
        (format!("{last}\n\n"), Ended::Terminal),
        (format!("{last}\r\n\r\n"), Ended::Terminal),
        (
            format!("event: message\n: comment\nid: 1\n{last}\n\n"),
            Ended::Terminal,
        ),
        (format!(": comment\n\n\n\n{last}\n\n"), Ended::Terminal),
        (
            last.replace("\"finish", "\ndata: \"finish") + "\n\n",
            Ended::Terminal,
        ),
        (last.replace("data: ", "data:"), Ended::Terminal),
        (
            format!("event: error\ndata: {error}\n\n"),
            Ended::UpstreamError,
        ),
        (format!("data: {error}\n\n"), Ended::UpstreamError),
        (String::new(), Ended::NoTerminal),
    ] {
        let first = r#"data: {"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#;
        let pieces = [
            Some(format!("{first}\n\n")),
            None,
            None,
            None,
            Some(behind.clone()),
            None,
        ];
        let answer = Answer {
            body: Box::new(Pausing(pieces.into())),
            ..answer("")
        };
        let opened = stream::open(answer, &asked(Gemini, &Budget::unlimited())).unwrap();
        let Opened::Events(primed) = opened else {
            panic!("a stream")
        };
        let style = Style {
            keep_alive: Some(std::time::Duration::from_secs(600)),
            ..STYLE
        };
        let (text, relayed, _) = pumped("0\r\n\r\n", |out, on_end| {
            primed.pump(Chunks::new(out), style, on_end)
        });
        assert_eq!(relayed.ended, ended, "{behind:?} {text:?}");
        assert!(
            text.contains("7\r\ndata:  \r\n") || text.contains("6\r\ndata: \r\n1\r\n \r\n"),
            "{text:?}"
        );
        let text = unchunked(&text).replace("\r\n", "\n");
        let events = lines_of_data(&text);
        assert_eq!(events.len(), 2, "{text:?}");
        let json: Vec<Value> = events
            .iter()
            .map(|data| serde_json::from_str(data).unwrap())
            .collect();
        assert_eq!(json[1]["error"].is_object(), ended != Ended::Terminal);
    }
    // From every other dialect.
    for upstream in [Chat, Responses, Messages] {
        let text = events(upstream);
        // In the middle of the answer.
        let middle = text.match_indices("data: ").nth(2).unwrap().0;
        let (one, two) = text.split_at(middle);
        let pieces = [
            Some(one.to_owned()),
            None,
            None,
            None,
            Some(two.to_owned()),
            None,
        ];
        let pieces = pieces.into();
        let answer = Answer {
            body: Box::new(Pausing(pieces)),
            ..answer("")
        };
        let opened = stream::open(answer, &asked(upstream, &Budget::unlimited())).unwrap();
        let stream = Stream::new(TranslationContext::between(upstream, Gemini, "m"), false);
        let every = Some(std::time::Duration::from_secs(600));
        let (text, relayed, _) = pumped("0\r\n\r\n", |out, on_end| {
            Translation::new(opened, stream, &Budget::unlimited()).pump(
                Chunks::new(out),
                every,
                on_end,
            )
        });
        assert_eq!(relayed.ended, Ended::Terminal, "{text}");
        let text = unchunked(&text);
        assert!(
            lines_of_data(&text)
                .iter()
                .all(|data| serde_json::from_str::<Value>(data).is_ok())
        );
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

/// An upstream that holds its connection open behind the end of its answer: reading on is noted.
struct Holding(Cursor<Vec<u8>>, std::rc::Rc<Cell<bool>>);

impl Read for Holding {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(room)?;
        self.1.set(self.1.get() || count == 0 && !room.is_empty());
        Ok(count)
    }
}

#[test]
fn an_answer_does_not_wait_for_what_is_behind_its_end() {
    for upstream in [Chat, Responses, Messages] {
        let holding = || {
            let is_waited_for = std::rc::Rc::new(Cell::new(false));
            let body = Holding(
                Cursor::new(events(upstream).into_bytes()),
                is_waited_for.clone(),
            );
            let answer = Answer {
                body: Box::new(body),
                ..answer("")
            };
            (answer, is_waited_for)
        };
        let budget = Budget::unlimited();
        let asked = asked(upstream, &budget);
        // Events in place of a body.
        let (answer, is_waited_for) = holding();
        let whole = whole::open(answer, &asked, None).unwrap();
        assert!(!is_waited_for.get(), "{upstream:?}");
        whole.pump(io::sink(), &mut |_| assert!(!is_waited_for.get()));
        assert!(
            is_waited_for.get(),
            "so that its connection can be used again"
        );
        for client in Dialect::ALL {
            let context = || TranslationContext::between(upstream, client, "m");
            let (answer, is_waited_for) = holding();
            let whole = translation::whole(answer, context(), &asked).unwrap();
            assert!(!is_waited_for.get(), "{upstream:?} {client:?}");
            drop(whole);
            let (answer, is_waited_for) = holding();
            let opened = stream::open(answer, &asked).unwrap();
            let crossing =
                Translation::new(opened, Stream::new(context(), false), &Budget::unlimited());
            crossing.pump(Chunks::new(io::sink()), None, &mut |_| {
                assert!(!is_waited_for.get(), "{upstream:?} {client:?}");
            });
            assert!(is_waited_for.get());
        }
    }
}

/// Gives what has arrived without waiting; a wait for the next arrival ends as those of a socket do.
struct Arrivals {
    waiter: Waiter,
    here: Vec<u8>,
    later: VecDeque<Vec<u8>>,
}

impl Read for Arrivals {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.here.is_empty() {
            let limit = Instant::now() + Duration::from_millis(1);
            self.waiter.wait(None, Some(limit))?;
            self.here = self.later.pop_front().unwrap_or_default();
        }
        let count = room.len().min(self.here.len());
        room[..count].copy_from_slice(&self.here[..count]);
        self.here.drain(..count);
        Ok(count)
    }
}

/// Keeps its writes apart.
struct Writes(Vec<Vec<u8>>);

impl Write for &mut Writes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(bytes.to_vec());
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn chat_event(text: &str) -> String {
    let event = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]});
    format!("data: {event}\n\n")
}

/// The writes in which a stream of chat goes out, as it is or by way of a translation.
fn writes(answer: Answer, is_crossing: bool) -> Vec<Vec<u8>> {
    let opened = stream::open(answer, &asked(Chat, &Budget::unlimited())).unwrap();
    let mut out = Writes(Vec::new());
    let on_end: OnEnd<'_> = &mut |_| {};
    let relayed = match opened {
        opened if is_crossing => {
            let stream = Stream::new(TranslationContext::straight(Chat, "m", "seed", 1), false);
            Translation::new(opened, stream, &Budget::unlimited()).pump(
                Chunks::new(&mut out),
                None,
                on_end,
            )
        }
        Opened::Events(primed) => primed.pump(Chunks::new(&mut out), STYLE, on_end),
        Opened::Whole(_) => panic!("a stream"),
    };
    assert_ne!(relayed.ended, Ended::ClientGone);
    out.0
}

#[test]
fn what_has_come_together_goes_out_in_one_write_and_before_anything_is_waited_for() {
    let long = "x".repeat(30_000);
    for arrivals in [
        vec![chat_event("one").repeat(100), chat_event("two")],
        vec![
            chat_event("one"),
            chat_event(&long) + &chat_event("two"),
            chat_event("three"),
        ],
        // An event in two parts goes out when it is whole.
        vec![chat_event("one") + "data: {\"id", "\":1}\n\n".to_owned()],
    ] {
        for is_crossing in [false, true] {
            let waiter = Waiter::alone();
            let arrivals = arrivals.iter().map(|text| text.as_bytes().to_vec());
            let mut later: VecDeque<_> = arrivals.collect();
            let count = later.len();
            later
                .back_mut()
                .unwrap()
                .extend_from_slice(b"data: [DONE]\n\n");
            let body = Arrivals {
                waiter: waiter.clone(),
                here: Vec::new(),
                later,
            };
            let answer = Answer {
                body: Box::new(body),
                waiter,
                ..answer("")
            };
            let writes = writes(answer, is_crossing);
            assert_eq!(writes.len(), count, "{is_crossing}");
            assert!(writes.last().unwrap().ends_with(b"0\r\n\r\n"));
        }
    }
}

#[test]
fn what_has_come_together_is_not_gathered_without_bound() {
    let events = chat_event("one").repeat(10_000) + "data: [DONE]\n\n";
    for is_crossing in [false, true] {
        let writes = writes(answer(&events), is_crossing);
        let longest = writes.iter().map(Vec::len).max();
        assert!(
            longest < Some(2 * super::event_loop::TOGETHER),
            "{longest:?}"
        );
    }
}
