//! What keeps a stream alive while its upstream is silent.

use std::collections::VecDeque;
use std::io::{self, Cursor, Read};

use serde_json::Value;

use super::support::*;
use crate::budget::Budget;
use crate::provider::Answer;
use crate::relay::*;
use crate::translate::{Stream, TranslationContext};
use crate::wire::Dialect::{self, Chat, Gemini, Messages, Responses};

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
