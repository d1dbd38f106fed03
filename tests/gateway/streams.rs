//! Slow streams, and other requests meanwhile.

use std::time::Duration;

use holdfast::unversioned::demo::Step;

use super::harness::{Dialect, KEY, Options, PATIENCE, Setup};

#[test]
fn events_arrive_one_by_one() {
    let setup = Setup::new();
    setup.all_accounts(Dialect::Chat, &Step::trickle(5, Duration::from_millis(60)));
    let mut client = setup.client();
    client.send(
        "POST",
        "/v1/chat/completions",
        &[("Authorization", "Bearer client-key")],
        &Dialect::Chat.body(&["hello"], true),
    );
    assert_eq!(client.head().status, 200);
    let mut chunks = Vec::new();
    while let Some(chunk) = client.chunk().unwrap() {
        chunks.push(chunk);
    }
    // The role with the first of five pieces, then the others, finish, usage, [DONE]: none of them waits for
    // the next.
    assert_eq!(chunks.len(), 8);
    assert!(chunks.iter().all(|chunk| chunk.ends_with(b"\n\n")));
}

#[test]
fn health_is_answered_while_all_workers_stream() {
    let setup = Setup::with(Options {
        more: "limits: {workers: 2, queue-timeout: 200ms}",
        ..Options::default()
    });
    setup.all_accounts(Dialect::Chat, &Step::trickle(100, Duration::from_secs(60)));
    let streams: Vec<_> = (0..2)
        .map(|n| {
            let mut client = setup.client();
            client.send(
                "POST",
                "/v1/chat/completions",
                &[("Authorization", "Bearer client-key")],
                &Dialect::Chat.body(&[&format!("conversation {n}")], true),
            );
            assert_eq!(client.head().status, 200);
            client
        })
        .collect();
    for path in ["/healthz", "/v1/models"] {
        let answer = setup.client().call("GET", path, &[("X-Api-Key", KEY)], b"");
        assert_eq!(answer.status(), 200);
    }
    let answer = setup.ask(Dialect::Messages, &["hello"], false);
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    drop(streams);
    assert!(setup.upstreams.wait_for(PATIENCE, |records| {
        records
            .iter()
            .all(|r| r.outcome != holdfast::unversioned::demo::Outcome::UnderWay)
    }));
    super::harness::eventually(|| setup.gateway().active() == 0);
    assert_eq!(
        setup.ask(Dialect::Messages, &["hello"], false).status(),
        200
    );
}

#[test]
fn many_streams_run_in_parallel() {
    let setup = Setup::new();
    setup.all_accounts(
        Dialect::Messages,
        &Step::trickle(5, Duration::from_millis(20)),
    );
    let mut clients: Vec<_> = (0..100).map(|_| setup.client()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(
            "POST",
            "/v1/messages",
            &[("X-Api-Key", KEY)],
            &Dialect::Messages.body(&[&format!("conversation {n}")], true),
        );
    }
    for client in &mut clients {
        let answer = client.answer();
        assert_eq!(answer.status(), 200);
        assert!(answer.complete);
        assert!(
            answer
                .text()
                .ends_with("data: {\"type\":\"message_stop\"}\n\n")
        );
    }
}

#[test]
fn keep_alives_fill_pauses_if_configured() {
    let setup = Setup::with(Options {
        more: "streaming: {keepalive-seconds: 1}",
        ..Options::default()
    });
    setup.all_accounts(
        Dialect::Chat,
        &Step::trickle(2, Duration::from_millis(2_500)),
    );
    let mut client = setup.client();
    client.send(
        "POST",
        "/v1/chat/completions",
        &[("Authorization", "Bearer client-key")],
        &Dialect::Chat.body(&["hello"], true),
    );
    assert_eq!(client.head().status, 200);
    let mut seen = Vec::new();
    while !seen.contains(&b": keep-alive\n\n".to_vec()) {
        seen.push(client.chunk().unwrap().expect("the stream goes on"));
    }
    assert!(seen.len() >= 2, "a first event comes before");
}
