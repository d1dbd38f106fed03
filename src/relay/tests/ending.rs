//! The end of an answer: who is told of it, and what comes behind it.

use std::cell::Cell;
use std::io::{self, Cursor, Read};

use serde_json::{Value, json};

use super::support::*;
use crate::budget::Budget;
use crate::exchange::Waiter;
use crate::provider::Answer;
use crate::relay::*;
use crate::translate::{Stream, TranslationContext};
use crate::wire::Dialect::{self, Chat, Gemini, Messages, Responses};

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
    source::drain(&mut std::io::empty(), &waiter);
    assert!(client.0.borrow().is_empty());
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
