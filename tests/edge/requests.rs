//! Valid requests.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::harness::{Setup, Wire, eventually, limits};

#[test]
fn a_connection_serves_many_requests() {
    let setup = Setup::new(limits());
    let mut client = setup.client();
    for n in 0..50 {
        let answer = client.get(&format!("/echo/{n}"));
        assert_eq!(answer.status, 200);
        assert!(answer.body.starts_with(&format!("GET /echo/{n}\n")));
    }
}

#[test]
fn the_service_gets_the_peer_and_no_connection_headers() {
    let setup = Setup::new(limits());
    let mut client = setup.client();
    let own = client.stream.get_ref().tcp().local_addr().unwrap();
    client.send("GET /echo HTTP/1.1\r\nHost: h\r\nConnection: X-A\r\nX-A: 1\r\n\r\n");
    let body = client.answer().body;
    assert!(body.contains(&format!("peer: {own}")), "{body}");
    assert!(!body.contains("X-A"), "{body}");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let setup = Setup::new(limits());
    let mut client = setup.client();
    let all: String = (0..30)
        .map(|n| format!("POST /echo/{n} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{n:02}"))
        .collect();
    client.send(&all);
    for n in 0..30 {
        let body = client.answer().body;
        assert!(body.starts_with(&format!("POST /echo/{n}\n")), "{body}");
        assert!(body.ends_with(&format!("\n\n{n:02}")), "{body}");
    }
}

#[test]
fn bodies_arrive_whole_with_any_framing() {
    let setup = Setup::new(limits());
    let mut client = setup.client();
    let body = "0123456789".repeat(100_000);
    client.send(format!(
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    assert!(client.answer().body.ends_with(&body));
    client.send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for piece in body.as_bytes().chunks(7_001) {
        client.send(format!("{:X};ext=1\r\n", piece.len()));
        client.send(piece);
        client.send("\r\n");
    }
    client.send("0\r\nTrailer: dropped\r\n\r\n");
    let answer = client.answer().body;
    assert!(answer.ends_with(&body));
    assert!(!answer.contains("dropped"));
    assert_eq!(client.get("/echo").status, 200);
}

#[test]
fn streams_arrive_in_pieces() {
    let setup = Setup::new(limits());
    let mut client = setup.client();
    let whole: String = (0..500).map(|n| format!("piece {n}\n")).collect();
    assert_eq!(client.get("/stream/500").body, whole);
    client.send("GET /stream/500 HTTP/1.0\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.body, whole);
    assert!(answer.head.contains("Connection: close"));
    assert!(!answer.head.contains("Transfer-Encoding"));
}

#[test]
fn pieces_of_a_stream_are_sent_immediately() {
    let setup = Setup::new(limits());
    let mut client = setup.client();
    client.send("GET /drip HTTP/1.1\r\nHost: h\r\n\r\n");
    client.skip_to("first");
    setup.release();
    client.skip_to("second");
}

#[test]
fn a_slow_reader_gets_the_whole_answer() {
    let setup = Setup::new(limits());
    let mut client = setup.client();
    client.send("GET /stream/200000 HTTP/1.1\r\nHost: h\r\n\r\n");
    // The client starts to read when the server has written everything, or cannot write more.
    eventually(|| setup.shared.served.load(Ordering::Acquire) == 1);
    assert_eq!(setup.client().get("/echo").status, 200);
    let body = client.answer().body;
    assert!(body.ends_with("piece 199999\n"));
}

#[test]
fn expect_100_continue_is_answered() {
    let setup = Setup::new(limits());
    let mut client = setup.client();
    client.send(
        "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
    );
    assert_eq!(client.answer().status, 100);
    client.send("abc");
    assert!(client.answer().body.ends_with("\n\nabc"));
}

#[test]
fn connection_close_is_answered_and_closes() {
    let setup = Setup::new(limits());
    let mut client = setup.client();
    client.send("GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let answer = client.answer();
    assert!(answer.head.contains("Connection: close"));
    assert!(client.is_closed());
}

#[test]
fn draining_finishes_running_requests() {
    let setup = Setup::new(limits());
    let mut idle = setup.client();
    assert_eq!(idle.get("/echo").status, 200);
    let mut busy = setup.client();
    busy.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    eventually(|| setup.shared.holding.load(Ordering::Acquire) == 1);
    setup.edge().drain();
    assert!(idle.is_closed());
    assert_eq!(setup.edge().active(), 1);
    eventually(|| std::net::TcpStream::connect(setup.address).is_err());
    setup.release();
    let answer = busy.answer();
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("Connection: close"), "{}", answer.head);
    assert!(busy.is_closed());
    eventually(|| setup.edge().active() == 0);
}

#[test]
fn idle_connections_time_out() {
    let setup = Setup::new(holdfast::unversioned::edge::Limits {
        idle: Duration::from_millis(500),
        ..limits()
    });
    let mut client = setup.client();
    assert_eq!(client.get("/echo").status, 200);
    assert!(client.is_closed());
}
