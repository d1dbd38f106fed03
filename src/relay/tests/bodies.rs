//! Answers in another form than was asked for, and long ones.

use serde_json::{Value, json};

use super::support::*;
use crate::budget::Budget;
use crate::failure::{FailureKind, Headers};
use crate::provider::Answer;
use crate::relay::*;
use crate::translate::{Stream, TranslationContext};
use crate::wire::Dialect::{self, Chat, Gemini, Responses};

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
