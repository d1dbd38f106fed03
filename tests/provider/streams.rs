//! Relaying streams.

use super::*;

#[test]
fn streams_are_unchanged() {
    let crlf = "event: message_start\r\ndata: {\"type\":\"message_start\",\"x\": 1.0}\r\n\r\nevent: odd\r\ndata: ?\r\n\r\nevent: ping\r\ndata: {\"type\": \"ping\"}\r\n\r\n: note\r\n\r\nevent: content_block_delta\r\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\r\n\r\nevent: message_stop\r\ndata: {\"type\":\"message_stop\"}\r\n\r\n";
    let gemini = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n\ndata: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n";
    for (dialect, stream) in [
        (Dialect::Chat, format!(": hello\n\n{PART}{FINISH}{DONE}")),
        (Dialect::Responses, format!("{CREATED}{COMPLETED}")),
        (Dialect::Messages, crlf.to_owned()),
        (Dialect::Gemini, gemini.to_owned()),
    ] {
        let (text, relayed) = relay_text(&stream, dialect);
        assert_eq!(text, stream);
        assert_eq!(relayed.ended, Ended::Terminal);
        assert_eq!(relayed.bytes, stream.len() as u64);
    }
}

#[test]
fn nothing_follows_the_end_of_a_stream() {
    let (text, relayed) = relay_text(&format!("{PART}{DONE}{PART}"), Dialect::Chat);
    assert_eq!(text, format!("{PART}{DONE}"));
    assert_eq!(relayed.events, 2);
    let (text, _) = relay_text(&format!("{COMPLETED}{ITEM}"), Dialect::Responses);
    assert_eq!(text, COMPLETED);
}

#[test]
fn a_missing_end_is_added() {
    let whole = format!("{PART}{FINISH}{DONE}");
    assert_eq!(
        relay_text(&format!("{PART}{FINISH}"), Dialect::Chat).0,
        whole
    );
    let unclosed = format!("{PART}{FINISH}data: [DONE]");
    assert_eq!(relay_text(&unclosed, Dialect::Chat).0, whole);
    assert_eq!(
        relay_text(COMPLETED.trim_end(), Dialect::Responses).0,
        COMPLETED
    );
    let delta = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n";
    let stop = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    assert_eq!(
        relay_text(&format!("{SAID}{delta}"), Dialect::Messages).0,
        format!("{SAID}{delta}{stop}")
    );
    let error = "data: {\"error\":{\"message\":\"late\"}}\n\n";
    let (text, relayed) = relay_text(&format!("{PART}{FINISH}{error}"), Dialect::Chat);
    assert_eq!(text, format!("{PART}{FINISH}{error}"));
    assert_eq!(relayed.ended, Ended::UpstreamError);
    let said = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"STOP\"}]}\n\n";
    let (text, relayed) = relay_text(&format!("{said}{error}"), Dialect::Gemini);
    assert_eq!(text, said);
    assert_eq!(relayed.ended, Ended::Terminal);
}

#[test]
fn a_stream_that_breaks_off_ends_with_an_error() {
    for (dialect, part, error) in [
        (Dialect::Chat, PART, "data: {\"error\":{"),
        (
            Dialect::Responses,
            ITEM,
            "\nevent: error\ndata: {\"type\":\"error\",\"code\":\"internal_server_error\"",
        ),
        (
            Dialect::Messages,
            SAID,
            "event: error\ndata: {\"type\":\"error\",\"error\":{",
        ),
        (
            Dialect::Gemini,
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n\n",
            "data: {\"error\":{\"code\":502",
        ),
    ] {
        for (breaks, ended) in [(false, Ended::NoTerminal), (true, Ended::Broken)] {
            let torn = format!("{part}data: {{\"torn");
            let answer = answer_in(&[torn.as_bytes()], breaks);
            let (text, relayed) = relay(answer, dialect, STYLE).unwrap();
            assert_eq!(relayed.ended, ended);
            let rest = text.strip_prefix(part).unwrap();
            assert!(rest.starts_with(error), "{rest}");
            assert!(!rest.contains("torn") && !rest.contains("[DONE]"), "{rest}");
            let end = match dialect {
                Dialect::Gemini => "}\r\n\r\n",
                _ => "}\n\n",
            };
            assert!(rest.ends_with(end), "{rest:?}");
        }
    }
}

#[test]
fn codex_gets_its_own_error_event() {
    let style = Style {
        is_codex: true,
        ..STYLE
    };
    let answer = answer_in(&[ITEM.as_bytes()], false);
    let (text, _) = relay(answer, Dialect::Responses, style).unwrap();
    let error = text.strip_prefix(ITEM).unwrap();
    let data = error
        .strip_prefix("\nevent: response.failed\ndata: ")
        .unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["type"], "response.failed");
    assert_eq!(data["sequence_number"], 1);
    assert_eq!(data["response"]["status"], "failed");
    assert_eq!(data["response"]["error"]["code"], "server_error");
    assert_eq!(data["response"]["model"], "m");
}

#[test]
fn an_upstream_error_is_passed_on_once() {
    let error = "data: {\"error\":{\"code\":503,\"message\":\"m\"}}\n\n";
    let (text, relayed) = relay_text(&format!("{PART}{error}{error}{DONE}"), Dialect::Chat);
    assert_eq!(text, format!("{PART}{error}"));
    assert_eq!(relayed.ended, Ended::UpstreamError);
    assert_eq!(relayed.failure.unwrap().status, Some(503));
}

fn refused(text: &str, dialect: Dialect) -> Failure {
    let answer = answer_in(&[text.as_bytes()], false);
    stream::open(answer, &asked(dialect, MAX_EVENT))
        .err()
        .expect("a failure")
}

#[test]
fn streams_that_fail_before_their_first_payload_are_failures() {
    for text in ["", ": note\n\n", "\n\n\n", DONE, "data: {\"torn"] {
        let failure = refused(text, Dialect::Chat);
        assert_eq!(failure.kind, FailureKind::Broken, "{text:?}");
        assert!(failure.message.starts_with("empty_stream"));
    }
    let error = "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}";
    for end in ["\n\n", ""] {
        let failure = refused(
            &format!("event: error\ndata: {error}{end}"),
            Dialect::Messages,
        );
        assert_eq!(failure.kind, FailureKind::Status);
        assert_eq!(failure.status, Some(529));
        assert_eq!(failure.body, error.as_bytes());
    }
    let broken = answer_in(&[b": note\n\n"], true);
    let failure = stream::open(broken, &asked(Dialect::Chat, MAX_EVENT))
        .err()
        .unwrap();
    assert_eq!(failure.kind, FailureKind::Broken);
}

#[test]
fn a_whole_answer_instead_of_a_stream_is_accepted() {
    let failure = refused(" {\"error\":{\"code\":429}}", Dialect::Gemini);
    assert_eq!(failure.status, Some(429));
    let body = br#"{"choices":[{"message":{"content":"a"}}]}"#;
    let answer = answer_in(&[&body[..3], &body[3..]], false);
    let Ok(Opened::Whole(whole)) = stream::open(answer, &asked(Dialect::Chat, MAX_EVENT)) else {
        panic!("a stream in place of a body");
    };
    let mut lane = Vec::new();
    assert_eq!(whole.pump(&mut lane, &mut |_| {}).ended, Ended::Terminal);
    assert_eq!(lane, body);
}

#[test]
fn an_event_above_the_limit_is_an_error() {
    let long = format!("{PART}data: \"{}\"\n\n", "x".repeat(200_000));
    let parts: Vec<&[u8]> = long.as_bytes().chunks(1000).collect();
    let answer = answer_in(&parts, false);
    let Ok(Opened::Events(primed)) = stream::open(answer, &asked(Dialect::Chat, 100_000)) else {
        panic!("a failure");
    };
    let mut lane = Vec::new();
    let relayed = primed.pump(Chunks::new(&mut lane), STYLE, &mut |_| {});
    assert_eq!(relayed.ended, Ended::Broken);
    assert!(dechunk(&lane).unwrap().contains("more than 100000 bytes"));
}

#[test]
fn the_alias_replaces_the_model_name() {
    let style = Style {
        rename: Some(Rename {
            upstream: "big-1",
            client: "alias",
        }),
        ..STYLE
    };
    let event = "data: {\"model\":\"big-1\",\"choices\":[{\"delta\":{\"content\":\"big-1\"},\"finish_reason\":\"stop\"}]}\n\n";
    let answer = answer_in(&[event.as_bytes(), DONE.as_bytes()], false);
    let (text, _) = relay(answer, Dialect::Chat, style).unwrap();
    assert_eq!(
        text,
        format!("{}{DONE}", event.replacen("big-1", "alias", 1))
    );
}

#[test]
fn a_missing_output_is_filled_in() {
    let style = Style {
        rename: Some(Rename {
            upstream: "big-1",
            client: "alias",
        }),
        ..STYLE
    };
    let end = COMPLETED.replace("\"id\"", "\"model\":\"big-1\",\"id\"");
    let stream = format!("{ITEM}{FIRST_ITEM}{end}");
    let answer = answer_in(&[stream.as_bytes()], false);
    let (text, relayed) = relay(answer, Dialect::Responses, style).unwrap();
    let end = end
        .replace("big-1", "alias")
        .replace("[]", "[{\"n\":0},{\"n\": 1}]");
    assert_eq!(text, format!("{ITEM}{FIRST_ITEM}{end}"));
    assert_eq!(relayed.ended, Ended::Terminal);
}

#[test]
fn streams_are_converted_to_arrays() {
    let style = Style {
        framing: Framing::Array,
        ..STYLE
    };
    let one = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n\n";
    let end = "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n";
    let answer = answer_in(&[one.as_bytes(), b": note\n\n", end.as_bytes()], false);
    let (text, _) = relay(answer, Dialect::Gemini, style).unwrap();
    assert_eq!(
        text,
        "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]},\n{\"candidates\":[{\"finishReason\":\"STOP\"}]}]"
    );
    let answer = answer_in(&[one.as_bytes()], false);
    let (text, _) = relay(answer, Dialect::Gemini, style).unwrap();
    let elements: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(elements.len(), 2);
    assert_eq!(elements[1]["error"]["code"], 502);
}

#[test]
fn every_event_is_flushed() {
    struct Writes(Rc<RefCell<Vec<String>>>);
    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            self.0.borrow_mut().push(text);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (half, other) = PART.as_bytes().split_at(PART.len() / 2);
    let parts = [
        PART.as_bytes(),
        half,
        other,
        FINISH.as_bytes(),
        DONE.as_bytes(),
    ];
    let primed = opened(answer_in(&parts, false), Dialect::Chat);
    let writes = Rc::new(RefCell::new(Vec::new()));
    primed.pump(Chunks::new(Writes(writes.clone())), STYLE, &mut |_| {});
    // The end of the body goes out with the last event.
    let mut expected = [PART, PART, FINISH, DONE].map(chunk);
    expected[3].push_str("0\r\n\r\n");
    assert_eq!(*writes.borrow(), expected);
}

#[test]
fn a_silent_stream_ends_with_an_error() {
    let server = falls_silent();
    let base = server.base();
    let upstream = Upstream::new(Settings {
        silence: Duration::from_millis(400),
        ..settings()
    });
    let answer = upstream.call(&streaming(&base)).unwrap();
    let (text, relayed) = relay(answer, Dialect::Chat, STYLE).unwrap();
    assert_eq!(relayed.ended, Ended::Broken);
    assert_eq!(relayed.failure.unwrap().kind, FailureKind::Timeout);
    assert!(
        text.starts_with(&format!("{PART}data: {{\"error\":")),
        "{text}"
    );
}

#[test]
fn keep_alives_fill_pauses() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let server = Server::start(move |_, stream| {
        let _ = stream.write_all(format!("{STREAM_HEAD}{}", chunk(PART)).as_bytes());
        let _ = gone.lock().unwrap().recv();
        let rest = format!("{}{}0\r\n\r\n", chunk(FINISH), chunk(DONE));
        stream.write_all(rest.as_bytes()).is_ok()
    });
    /// Lets the upstream continue after some keep-alives.
    struct Lane(Vec<u8>, Option<mpsc::Sender<()>>);
    impl Write for &mut Lane {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.extend_from_slice(bytes);
            let text = String::from_utf8_lossy(&self.0);
            if text.matches(": keep-alive").count() == 2 {
                self.1 = None;
            }
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let base = server.base();
    let primed = opened(upstream().call(&streaming(&base)).unwrap(), Dialect::Chat);
    let mut lane = Lane(Vec::new(), Some(go));
    let style = Style {
        keep_alive: Some(Duration::from_millis(300)),
        ..STYLE
    };
    let started = Instant::now();
    let relayed = primed.pump(Chunks::new(&mut lane), style, &mut |_| {});
    assert!(started.elapsed() >= Duration::from_millis(600));
    assert_eq!(relayed.ended, Ended::Terminal);
    let alive = ": keep-alive\n\n";
    let expected = format!("{PART}{alive}{alive}{FINISH}{DONE}");
    assert_eq!(dechunk(&lane.0).unwrap(), expected);
}

/// Streams, the event that makes each of them an answer, and what ends it.
fn short_streams() -> [(Dialect, String, usize, &'static str); 4] {
    let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":4}}}\n\n";
    let end = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let gemini = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\r\n\r\ndata: {\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":3}}\r\n\r\n";
    [
        (Dialect::Chat, format!("{PART}{FINISH}{DONE}"), 1, "[DONE]"),
        (
            Dialect::Responses,
            format!("{CREATED}{COMPLETED}"),
            2,
            "event: response.completed",
        ),
        (
            Dialect::Messages,
            format!("{start}{SAID}{end}"),
            2,
            "event: message_stop",
        ),
        (Dialect::Gemini, gemini.to_owned(), 1, "finishReason"),
    ]
}

#[test]
fn streams_are_the_same_in_any_pieces() {
    for (dialect, stream, ..) in short_streams() {
        let (_, whole) = relay_text(&stream, dialect);
        assert!(whole.usage.is_some() || dialect == Dialect::Chat);
        for cut in 0..=stream.len() {
            let (before, after) = stream.as_bytes().split_at(cut);
            let answer = answer_in(&[before, after], false);
            let (text, relayed) = relay(answer, dialect, STYLE).unwrap();
            assert_eq!(text, stream);
            assert_eq!(relayed.ended, Ended::Terminal);
            assert_eq!((relayed.usage, relayed.events), (whole.usage, whole.events));
        }
    }
}

#[test]
fn a_stream_truncated_at_any_byte_has_one_end() {
    for (dialect, stream, count, end) in short_streams() {
        let mut ends = stream
            .match_indices("\n\n")
            .chain(stream.match_indices("\r\n\r\n"));
        let first = ends.nth(count - 1).unwrap().0;
        let cuts = (0..stream.len()).flat_map(|cut| [(cut, false), (cut, true)]);
        for (cut, breaks) in cuts {
            let torn = &stream.as_bytes()[..cut];
            let Ok((text, relayed)) = relay(answer_in(&[torn], breaks), dialect, STYLE) else {
                assert!(cut <= first + 3);
                continue;
            };
            let is_error = |event: &str| {
                let mut lines = event.lines().filter_map(|line| line.strip_prefix("data: "));
                lines.any(|data| {
                    serde_json::from_str::<serde_json::Value>(data)
                        .is_ok_and(|data| data.get("error").is_some() || data["type"] == "error")
                })
            };
            let normal = text.replace("\r\n", "\n");
            assert!(normal.ends_with("\n\n"), "{text}");
            let errors = normal.split("\n\n").filter(|event| is_error(event)).count();
            let ends = normal.matches(end).count();
            assert_eq!(ends + errors, 1, "{cut} {breaks} {text}");
            assert_eq!(relayed.ended == Ended::Terminal, errors == 0);
        }
    }
}

#[test]
fn an_answer_truncated_at_any_byte_never_looks_complete() {
    let answer = stream_answer(&[PART, FINISH, DONE]);
    let cut = Arc::new(AtomicUsize::new(0));
    let (all, at) = (answer.clone(), cut.clone());
    let server = Server::start(move |_, stream| {
        let _ = stream.write_all(&all.as_bytes()[..at.load(Ordering::SeqCst)]);
        false
    });
    let base = server.base();
    let upstream = upstream();
    let finished = STREAM_HEAD.len() + chunk(PART).len() + chunk(FINISH).len() - 2;
    for at in 0..=answer.len() {
        cut.store(at, Ordering::SeqCst);
        let answer = upstream.call(&streaming(&base));
        match answer.and_then(|answer| relay(answer, Dialect::Chat, STYLE)) {
            Err(failure) => assert_eq!(failure.kind, FailureKind::Broken, "{at}: {failure}"),
            Ok((text, relayed)) => {
                let is_whole = text == format!("{PART}{FINISH}{DONE}");
                assert!(is_whole != text.contains("\"error\":{"), "{at}: {text}");
                assert_eq!(is_whole, relayed.ended == Ended::Terminal);
                assert_eq!(is_whole, at >= finished, "{at}: {text}");
            }
        }
    }
}
