//! Workers and the queue for them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use holdfast::unversioned::edge::Limits;

use super::harness::{Client, Setup, eventually, limits};

fn hold(setup: &Setup, count: usize) -> Vec<Client> {
    let clients = (0..count)
        .map(|_| {
            let mut client = setup.client();
            client.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
            client
        })
        .collect();
    eventually(|| setup.shared.holding.load(Ordering::Acquire) == count);
    clients
}

#[test]
fn a_burst_of_connections_is_served() {
    let setup = Setup::new(Limits {
        workers: 32,
        ..limits()
    });
    let mut clients: Vec<_> = (0..300).map(|_| setup.client()).collect();
    for client in &mut clients {
        client.send("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    for client in &mut clients {
        assert_eq!(client.answer().status, 200);
    }
    for client in &mut clients {
        assert_eq!(client.get("/echo").status, 200);
    }
}

#[test]
fn immediate_answers_need_no_worker() {
    let setup = Setup::new(limits());
    let mut busy = hold(&setup, 4);
    assert_eq!(setup.client().get("/cheap").status, 200);
    let mut waiting = setup.client();
    waiting.send("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(setup.client().get("/cheap").status, 200);
    assert_eq!(setup.shared.served.load(Ordering::Acquire), 4);
    setup.release();
    assert_eq!(waiting.answer().status, 200);
    for client in &mut busy {
        assert_eq!(client.answer().status, 200);
    }
}

#[test]
fn waiting_for_a_worker_times_out() {
    let setup = Setup::new(Limits {
        queue_timeout: Duration::from_millis(50),
        ..limits()
    });
    let mut busy = hold(&setup, 4);
    let answer = setup.client().get("/echo");
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("Retry-After: 1\r\n"));
    setup.release();
    for client in &mut busy {
        assert_eq!(client.answer().status, 200);
    }
    assert_eq!(setup.client().get("/echo").status, 200);
}

#[test]
fn a_waiting_client_can_disconnect() {
    let setup = Setup::new(limits());
    let mut busy = hold(&setup, 4);
    for _ in 0..20 {
        let mut client = setup.client();
        client.send("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    eventually(|| setup.shared.admitted.load(Ordering::Acquire) == 24);
    eventually(|| setup.edge().connections() == 4);
    let served = setup.shared.served.load(Ordering::Acquire);
    setup.release();
    for client in &mut busy {
        assert_eq!(client.answer().status, 200);
    }
    assert_eq!(setup.client().get("/echo").status, 200);
    assert_eq!(setup.shared.served.load(Ordering::Acquire), served + 1);
}
