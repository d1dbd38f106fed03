//! Answers of every dialect, and what becomes of them.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, Cursor, Read, Write};

use serde_json::{Value, json};

use crate::budget::Budget;
use crate::exchange::Waiter;
use crate::failure::{Failure, Headers};
use crate::provider::Answer;
use crate::relay::*;
use crate::sse::MAX_EVENT;
use crate::translate::{Stream, TranslationContext};
use crate::wire::Dialect::{self, Chat, Gemini, Messages, Responses};

pub(super) const STYLE: Style<'static> = Style {
    framing: Framing::Events,
    rename: None,
    keep_alive: None,
    is_codex: false,
    model: "m",
};

/// Gives its pieces one by one.
pub(super) struct Pieces(pub VecDeque<Vec<u8>>);

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

pub(super) fn answer(body: impl AsRef<[u8]>) -> Answer {
    Answer {
        status: 200,
        headers: Headers::default(),
        body: Box::new(Cursor::new(body.as_ref().to_vec())),
        waiter: Waiter::alone(),
        redaction: Default::default(),
    }
}

pub(super) fn asked(dialect: Dialect, budget: &Budget) -> ExpectedAnswer<'_> {
    ExpectedAnswer {
        dialect,
        model: "m",
        is_generation: true,
        event_bytes: MAX_EVENT,
        budget,
    }
}

pub(super) fn open_whole(dialect: Dialect, body: impl AsRef<[u8]>) -> Result<Whole, Failure> {
    whole::open(answer(body), &asked(dialect, &Budget::unlimited()), None)
}

pub(super) fn open_stream(dialect: Dialect, body: impl AsRef<[u8]>) -> Result<Opened, Failure> {
    stream::open(answer(body), &asked(dialect, &Budget::unlimited()))
}

/// A small whole answer.
pub(super) fn body(dialect: Dialect) -> Value {
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
pub(super) fn events(dialect: Dialect) -> String {
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
pub(super) fn said(dialect: Dialect, json: &Value) -> &Value {
    match dialect {
        Chat => &json["choices"][0]["message"]["content"],
        Responses => &json["output"][0]["content"][0]["text"],
        Messages => &json["content"][0]["text"],
        Gemini => &json["candidates"][0]["content"]["parts"][0]["text"],
    }
}

/// The mark of a stream's end.
pub(super) fn end_mark(dialect: Dialect) -> &'static str {
    match dialect {
        Chat => "[DONE]",
        Responses => "response.completed",
        Messages => "message_stop",
        Gemini => "finishReason",
    }
}

/// Takes what is written, and notes whether the end was settled before it was.
#[derive(Default)]
pub(super) struct Recorded {
    written: Vec<u8>,
    /// How much had been written when all was settled.
    settled_at: Cell<Option<usize>>,
}

/// Pumps to an end, and checks that it was settled before the client could see `mark`.
pub(super) fn pumped(
    mark: &str,
    pump: impl FnOnce(&mut dyn Write, OnEnd<'_>) -> Relayed,
) -> (String, Relayed, Option<String>) {
    struct Shared<'l>(&'l std::cell::RefCell<Recorded>);
    impl Write for Shared<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().written.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let out = std::cell::RefCell::new(Recorded::default());
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

pub(super) fn pump_opened(
    dialect: Dialect,
    opened: Opened,
    mark: &str,
) -> (String, Relayed, Option<String>) {
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

/// The whole answer that the end of a stream for a client of `client` tells of.
pub(super) fn whole_told(
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

/// A stream of a chat that says `hello` and goes on with these events.
pub(super) fn chat_with(more: &[Value]) -> String {
    let mut lines = String::from(
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hello\"}}]}\n\n",
    );
    for data in more {
        lines += &format!("data: {data}\n\n");
    }
    lines + "data: [DONE]\n\n"
}

pub(super) fn chat_event(text: &str) -> String {
    let event = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]});
    format!("data: {event}\n\n")
}
