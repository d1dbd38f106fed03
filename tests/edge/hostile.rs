//! Invalid and hostile requests.

use std::sync::atomic::Ordering;
use std::time::Duration;

use holdfast::unversioned::edge::Limits;

use super::harness::{Setup, eventually, limits};

/// The status of the answer to `text`.
fn refused(setup: &Setup, text: impl AsRef<[u8]>) -> u16 {
    let mut client = setup.client();
    client.send(text);
    let answer = client.answer();
    assert!(answer.head.contains("Connection: close"), "{}", answer.head);
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert!(body["error"]["message"].is_string());
    assert!(client.is_closed());
    answer.status
}

#[test]
fn ambiguous_framing_is_refused() {
    let setup = Setup::new(limits());
    for (text, status) in [
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
            400,
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
            400,
        ),
        ("GET /echo HTTP/1.1\nHost: h\n\n", 400),
        ("GET /echo HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400),
        ("GET /echo HTTP/1.1\r\n\r\n", 400),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n",
            501,
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            400,
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: gold\r\n\r\n",
            417,
        ),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("CONNECT x:1 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ] {
        assert_eq!(refused(&setup, text), status, "{text:?}");
    }
    assert_eq!(setup.shared.served.load(Ordering::Acquire), 0);
    assert_eq!(setup.client().get("/echo").status, 200);
}

#[test]
fn a_huge_content_length_allocates_nothing() {
    let setup = Setup::new(limits());
    let text = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4611686018427387904\r\n\r\nab";
    assert_eq!(refused(&setup, text), 413);
    assert_eq!(setup.client().get("/echo").status, 200);
}

#[test]
fn bodies_above_the_limit_are_refused_with_and_without_length() {
    let setup = Setup::new(Limits {
        body_bytes: 1000,
        ..limits()
    });
    let head = "POST /echo HTTP/1.1\r\nHost: h\r\n";
    assert_eq!(
        refused(&setup, format!("{head}Content-Length: 1001\r\n\r\n")),
        413
    );
    let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
    let body = chunk.repeat(3);
    assert_eq!(
        refused(
            &setup,
            format!("{head}Transfer-Encoding: chunked\r\n\r\n{body}")
        ),
        413
    );
    let mut client = setup.client();
    client.send(format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        chunk.repeat(2)
    ));
    assert_eq!(client.answer().status, 200);
}

#[test]
fn heads_above_the_limits_are_refused() {
    let setup = Setup::new(limits());
    let head = "GET /echo HTTP/1.1\r\nHost: h\r\n";
    let long = format!("{head}X: {}\r\n\r\n", "a".repeat(70_000));
    assert_eq!(refused(&setup, long), 431);
    assert_eq!(
        refused(&setup, format!("{head}{}\r\n", "X: a\r\n".repeat(128))),
        431
    );
    let mut client = setup.client();
    client.send(format!("{head}{}\r\n", "X: a\r\n".repeat(127)));
    assert_eq!(client.answer().status, 200);
}

#[test]
fn slow_heads_and_bodies_time_out() {
    let setup = Setup::new(Limits {
        head_timeout: Duration::from_millis(500),
        body_idle: Duration::from_millis(50),
        ..limits()
    });
    assert_eq!(refused(&setup, "GET /echo HT"), 408);
    assert_eq!(
        refused(
            &setup,
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc"
        ),
        408
    );
    assert_eq!(setup.client().get("/echo").status, 200);
}

#[test]
fn a_client_that_disconnects_is_detected() {
    let setup = Setup::new(limits());
    for (number, more) in [
        "",
        "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n",
        &"x".repeat(100_000),
    ]
    .into_iter()
    .enumerate()
    {
        let mut client = setup.client();
        client.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
        eventually(|| setup.shared.holding.load(Ordering::Acquire) == 1);
        // Pipelined data must not hide the disconnect.
        let _ = std::io::Write::write(client.stream.get_mut(), more.as_bytes());
        drop(client);
        eventually(|| setup.shared.seen_gone.load(Ordering::Acquire) == number + 1);
        eventually(|| setup.shared.holding.load(Ordering::Acquire) == 0);
    }
    assert_eq!(setup.client().get("/echo").status, 200);
}

#[test]
fn idle_connections_are_closed_at_the_limit() {
    let setup = Setup::new(Limits {
        connections: 3,
        ..limits()
    });
    let mut idle: Vec<_> = (0..3).map(|_| setup.client()).collect();
    for client in &mut idle {
        assert_eq!(client.get("/echo").status, 200);
    }
    assert_eq!(setup.client().get("/echo").status, 200);
    assert!(idle[0].is_closed());
    eventually(|| setup.edge().connections() == 2);
}
