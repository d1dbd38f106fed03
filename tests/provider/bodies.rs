//! Relaying whole answers.

use super::*;

type Pumped = (Option<u64>, Vec<u8>, Relayed);

fn pump(server: &Server, rename: Option<Rename>) -> Result<Pumped, Failure> {
    let base = server.base();
    let answer = upstream().call(&call(UpstreamKind::Compat, &base, BODY))?;
    let whole = whole::open(answer, &asked(Dialect::Chat, MAX_EVENT), rename)?;
    let (length, mut lane) = (whole.length(), Vec::new());
    let relayed = whole.pump(&mut lane, &mut |_| {});
    Ok((length, lane, relayed))
}

#[test]
fn whole_answers_are_unchanged() {
    let body = r#"{"model":"big-1","choices":[{"text":"a"}], "usage":{"prompt_tokens":7}}"#;
    for answer in [json_answer(body), stream_answer(&[body])] {
        let server = Server::answering(answer);
        let (length, lane, relayed) = pump(&server, None).unwrap();
        assert_eq!(length, Some(body.len() as u64));
        assert_eq!(lane, body.as_bytes());
        assert_eq!(relayed.usage.unwrap().input, 7);
        let rename = Rename {
            upstream: "big-1",
            client: "alias",
        };
        let (length, lane, _) = pump(&server, Some(rename)).unwrap();
        let renamed = body.replace("big-1", "alias");
        assert_eq!(length, Some(renamed.len() as u64));
        assert_eq!(lane, renamed.as_bytes());
    }
}

fn long() -> String {
    format!("{{\"choices\":[\"{}\"]}}", "x".repeat(3 << 20))
}

#[test]
fn long_answers_are_relayed_in_pieces() {
    let body = long();
    let server = Server::answering(json_answer(&body));
    let (length, lane, relayed) = pump(&server, None).unwrap();
    assert_eq!(length, Some(body.len() as u64));
    assert!(lane == body.as_bytes());
    assert_eq!(relayed.bytes, body.len() as u64);
    let server = Server::answering(stream_answer(&[&body]));
    let (length, lane, _) = pump(&server, None).unwrap();
    assert_eq!(length, None);
    assert!(dechunk(&lane).unwrap() == body);
}

#[test]
fn errors_with_status_200_are_failures() {
    for (body, status) in [
        ("{\"error\":{\"code\":403,\"message\":\"m\"}}", 403),
        ("{\"code\":1,\"msg\":\"m\"}", 502),
    ] {
        let failure = pump(&Server::answering(json_answer(body)), None).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Status);
        assert_eq!(failure.status, Some(status));
        assert_eq!(failure.body, body.as_bytes());
    }
}

#[test]
fn answers_that_break_off_are_failures_or_incomplete() {
    let answer = json_answer("{\"choices\":[]}");
    let server = Server::answering_once(&answer[..answer.len() - 1]);
    assert_eq!(pump(&server, None).unwrap_err().kind, FailureKind::Broken);
    let answer = json_answer(&long());
    let server = Server::answering_once(&answer[..answer.len() - 6]);
    let (length, lane, relayed) = pump(&server, None).unwrap();
    assert_eq!(relayed.ended, Ended::Broken);
    assert_eq!(length, Some(lane.len() as u64 + 6));
    let answer = stream_answer(&[&long()]);
    let server = Server::answering_once(&answer[..answer.len() - 6]);
    let (_, lane, relayed) = pump(&server, None).unwrap();
    assert_eq!(relayed.ended, Ended::Broken);
    assert!(dechunk(&lane).is_none());
}

#[test]
fn a_reset_does_not_end_an_answer_without_length() {
    let body = r#"{"choices":[{"text":"a"}]}"#;
    let resets = Arc::new(AtomicBool::new(false));
    let (go, gone) = mpsc::channel::<()>();
    let (flag, gone) = (resets.clone(), std::sync::Mutex::new(gone));
    let server = Server::start(move |_, stream| {
        let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n\r\n{body}").as_bytes());
        if flag.load(Ordering::SeqCst) {
            // A reset takes what has not been read with it.
            let _ = gone.lock().unwrap().recv();
            reset_on_close(stream);
        }
        false
    });
    assert_eq!(pump(&server, None).unwrap().1, body.as_bytes());
    resets.store(true, Ordering::SeqCst);
    let base = server.base();
    let mut answer = upstream()
        .call(&call(UpstreamKind::Compat, &base, BODY))
        .unwrap();
    let mut start = vec![0; body.len()];
    answer.body.read_exact(&mut start).unwrap();
    drop(go);
    let rest = answer.body.read(&mut start).unwrap_err();
    assert_eq!(Failure::of_read(&rest).kind, FailureKind::Broken);
}

#[test]
fn generated_answers_are_read_like_relayed_ones() {
    let mut made = answer_in(&[], false);
    made.body = Box::new(Cursor::new(b"{}"));
    assert_eq!(
        whole::open(
            made,
            &ExpectedAnswer {
                is_generation: false,
                ..asked(Dialect::Chat, MAX_EVENT)
            },
            None
        )
        .unwrap()
        .length(),
        Some(2)
    );
}
