//! Limits of memory, time and connections.

use std::sync::atomic::Ordering;
use std::time::Duration;

use holdfast::unversioned::budget::Budget;
use holdfast::unversioned::edge::Limits;

use super::harness::{LARGE, Setup, Wire, eventually, limits};

const POST: &str = "POST /echo HTTP/1.1\r\nHost: h\r\n";

#[test]
fn unfinished_bodies_occupy_no_worker() {
    let setup = Setup::new(limits());
    let mut slow: Vec<_> = (0..50).map(|_| setup.client()).collect();
    for client in &mut slow {
        client.send(format!("{POST}Content-Length: 2\r\n\r\na"));
    }
    eventually(|| setup.shared.admitted.load(Ordering::Acquire) == 50);
    assert_eq!(setup.client().get("/echo").status, 200);
    eventually(|| setup.edge().active() == 0);
    for client in &mut slow {
        client.send("b");
    }
    for client in &mut slow {
        assert!(client.answer().body.ends_with("\n\nab"));
    }
}

#[test]
fn unauthorized_requests_are_refused_by_their_head() {
    let setup = Setup::new(limits());
    for framing in ["Content-Length: 1000000", "Transfer-Encoding: chunked"] {
        let mut client = setup.client();
        client.send(format!(
            "POST /closed HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n"
        ));
        let answer = client.answer();
        assert_eq!((answer.status, answer.body.as_str()), (401, "no"));
        assert!(answer.head.contains("Connection: close"));
        assert!(client.is_closed());
    }
    // Received data is discarded.
    let mut client = setup.client();
    for _ in 0..3 {
        client.send("POST /closed HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
        assert_eq!(client.answer().status, 401);
    }
    assert_eq!(client.get("/echo").status, 200);
    assert_eq!(setup.shared.admitted.load(Ordering::Acquire), 1);
}

#[test]
fn refused_requests_get_no_100_continue() {
    let setup = Setup::new(limits());
    let expect = "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let mut client = setup.client();
    client.send(format!("POST /closed HTTP/1.1\r\nHost: h\r\n{expect}"));
    assert_eq!(client.answer().status, 401);
}

#[test]
fn bodies_have_a_deadline() {
    let setup = Setup::new(Limits {
        body_timeout: Duration::from_millis(300),
        ..limits()
    });
    let mut client = setup.client();
    client.send(format!("{POST}Content-Length: 9\r\n\r\n"));
    client.send("a");
    let answered = client.answer();
    assert_eq!(answered.status, 408);
    assert_eq!(setup.edge().refused(408), 1);
}

#[test]
fn bodies_have_a_minimum_rate() {
    let setup = Setup::new(Limits {
        body_grace: Duration::from_millis(100),
        body_rate: 1_000_000,
        ..limits()
    });
    let mut client = setup.client();
    client.send(format!("{POST}Content-Length: 9\r\n\r\na"));
    assert_eq!(client.answer().status, 408);
}

#[test]
fn memory_is_limited() {
    let setup = Setup::within(
        Limits {
            queue_timeout: Duration::from_millis(300),
            ..limits()
        },
        Budget::new(1 << 20),
    );
    let half = "x".repeat(600_000);
    let mut first = setup.client();
    first.send(format!("{POST}Content-Length: 700000\r\n\r\n{half}"));
    eventually(|| setup.budget.used() >= 600_000);
    // The budget does not allow both.
    let mut second = setup.client();
    second.send(format!("{POST}Content-Length: 600000\r\n\r\n{half}"));
    let answer = second.answer();
    assert_eq!(answer.status, 503);
    assert!(
        answer.head.contains("Retry-After: 1\r\n"),
        "{}",
        answer.head
    );
    // Its reservation is released, and small requests need none.
    eventually(|| setup.budget.used() <= 700_000);
    assert_eq!(setup.client().get("/echo").status, 200);
    first.send("y".repeat(100_000));
    assert!(first.answer().body.ends_with('y'));
    eventually(|| setup.budget.used() == 0);
}

#[test]
fn released_memory_goes_to_waiting_requests() {
    let setup = Setup::within(limits(), Budget::new(1 << 20));
    let body = "x".repeat(700_000);
    let mut held = setup.client();
    held.send(format!(
        "POST /hold HTTP/1.1\r\nHost: h\r\nContent-Length: 700000\r\n\r\n{body}"
    ));
    eventually(|| setup.shared.holding.load(Ordering::Acquire) == 1);
    let mut waiting = setup.client();
    waiting.send(format!("{POST}Content-Length: 700000\r\n\r\n{body}"));
    eventually(|| setup.shared.admitted.load(Ordering::Acquire) == 2);
    setup.release();
    assert_eq!(held.answer().status, 200);
    assert_eq!(waiting.answer().status, 200);
    eventually(|| setup.budget.used() == 0);
}

#[test]
fn connections_of_one_address_are_limited() {
    let setup = Setup::new(Limits {
        connections_per_address: Some(3),
        ..limits()
    });
    let mut clients: Vec<_> = (0..3).map(|_| setup.client()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/echo").status, 200);
    }
    let mut more = std::net::TcpStream::connect(setup.address).unwrap();
    assert!(matches!(
        std::io::Read::read(&mut more, &mut [0]),
        Ok(0) | Err(_)
    ));
    clients.pop();
    eventually(|| setup.edge().connections() == 2);
    assert_eq!(setup.client().get("/echo").status, 200);
}

#[test]
fn connections_with_unfinished_heads_are_closed_at_the_limit() {
    let setup = Setup::new(Limits {
        connections: 5,
        ..limits()
    });
    let mut partial: Vec<_> = (0..5).map(|_| setup.client()).collect();
    for client in &mut partial {
        client.send("GET /echo HT");
    }
    eventually(|| setup.edge().connections() == 5);
    for _ in 0..3 {
        assert_eq!(setup.client().get("/cheap").status, 200);
    }
    assert!(setup.edge().connections() <= 5);
}

#[test]
fn a_slow_reader_of_a_whole_answer_occupies_no_worker() {
    let setup = Setup::new(Limits {
        workers: 1,
        spare_threads: 1,
        ..limits()
    });
    let mut slow: Vec<_> = (0..3).map(|_| setup.client()).collect();
    for client in &mut slow {
        client.send("GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    eventually(|| setup.shared.served.load(Ordering::Acquire) == 3);
    assert_eq!(setup.client().get("/echo").status, 200);
    assert!(setup.budget.used() > LARGE);
    eventually(|| setup.edge().active() == 3);
    for client in &mut slow {
        assert_eq!(client.answer().body.len(), LARGE);
    }
    eventually(|| setup.budget.used() == 0);
    assert_eq!(slow[0].get("/echo").status, 200);
}

#[test]
fn a_client_that_does_not_read_is_disconnected() {
    let setup = Setup::new(Limits {
        write_stall: Duration::from_millis(200),
        ..limits()
    });
    for path in ["/large", "/stream/20000000"] {
        let mut client = setup.client();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        eventually(|| setup.edge().active() == 1);
        eventually(|| setup.edge().active() == 0);
        eventually(|| setup.edge().connections() == 0);
    }
    assert_eq!(setup.budget.used(), 0);
}

#[test]
fn a_half_closed_client_gets_its_answer() {
    let setup = Setup::new(limits());
    let half_closed = |request: &str| {
        let mut client = setup.client();
        client.send(request);
        client
            .stream
            .get_ref()
            .tcp()
            .shutdown(std::net::Shutdown::Write)
            .unwrap();
        client
    };
    let mut quick = half_closed("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(quick.answer().status, 200);
    assert!(quick.is_closed());
    let mut slow = half_closed("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    // Meanwhile the edge probes whether it still reads.
    assert_eq!(slow.answer().status, 100);
    let mut stream = half_closed("GET /drip HTTP/1.1\r\nHost: h\r\n\r\n");
    stream.skip_to("first");
    stream.skip_to("1");
    let mut old = half_closed("GET /hold HTTP/1.0\r\n\r\n");
    setup.release();
    assert_eq!(slow.answer().status, 200);
    stream.skip_to("second");
    assert_eq!(
        old.answer().status,
        200,
        "HTTP/1.0 knows no interim answers"
    );
    eventually(|| setup.edge().connections() == 0);
}

#[test]
fn pipelined_requests_before_a_half_close_are_all_answered() {
    let setup = Setup::new(limits());
    let mut client = setup.client();
    // As long as the following ones, so that a read of 4 KiB ends at the end of a request.
    let hold = "GET /hold HTTP/1.1\r\nHost: hh\r\n\r\n";
    let count = 1000;
    let ahead = "GET /cheap HTTP/1.1\r\nHost: h\r\n\r\n".repeat(count);
    client.send(format!("{hold}{ahead}"));
    let tcp = client.stream.get_ref().tcp();
    tcp.shutdown(std::net::Shutdown::Write).unwrap();
    // The end arrives while the first request is served.
    assert_eq!(client.answer().status, 100);
    setup.release();
    assert_eq!(client.answer().status, 200);
    for _ in 0..count {
        assert_eq!(client.answer().body, "cheap");
    }
    assert!(client.is_closed());
}

#[test]
fn a_panicking_request_is_answered() {
    let setup = Setup::new(limits());
    for _ in 0..10 {
        let mut client = setup.client();
        let answer = client.get("/panic");
        assert_eq!(answer.status, 500);
        assert!(client.is_closed());
    }
    assert_eq!(setup.client().get("/echo").status, 200);
    eventually(|| setup.edge().active() == 0);
}

#[test]
fn a_drain_closes_unfinished_requests() {
    let setup = Setup::new(limits());
    let mut unfinished = setup.client();
    unfinished.send(format!("{POST}Content-Length: 9\r\n\r\nabc"));
    let mut partial = setup.client();
    partial.send("GET /echo HT");
    eventually(|| setup.shared.admitted.load(Ordering::Acquire) == 1);
    eventually(|| setup.edge().connections() == 2);
    setup.edge().drain();
    assert!(unfinished.is_closed());
    assert!(partial.is_closed());
    eventually(|| setup.edge().active() == 0 && setup.edge().connections() == 0);
}

#[test]
fn threads_are_started_on_demand_and_end_when_idle() {
    let setup = Setup::new(Limits {
        workers: 64,
        thread_idle: Duration::from_millis(100),
        ..limits()
    });
    let mut clients: Vec<_> = (0..64).map(|_| setup.client()).collect();
    for client in &mut clients {
        client.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    eventually(|| setup.shared.holding.load(Ordering::Acquire) == 64);
    assert!(setup.edge().threads() >= 64);
    setup.release();
    for client in &mut clients {
        assert_eq!(client.answer().status, 200);
    }
    eventually(|| setup.edge().threads() <= 4);
    assert_eq!(setup.client().get("/echo").status, 200);
}
