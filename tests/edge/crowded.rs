//! More connections than allowed, without TLS: with TLS the client gets no error.

use std::sync::atomic::Ordering;

use holdfast::unversioned::edge::Limits;

use super::harness::{Setup, eventually, limits};

#[test]
fn a_client_above_the_connection_limit_gets_an_error() {
    let setup = Setup::new(Limits {
        connections: 3,
        ..limits()
    });
    let mut busy: Vec<_> = (0..3).map(|_| setup.client()).collect();
    for client in &mut busy {
        client.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    eventually(|| setup.shared.holding.load(Ordering::Acquire) == 3);
    let mut refused = setup.client();
    assert_eq!(refused.answer().status, 503);
    assert!(refused.is_closed());
    setup.release();
    for client in &mut busy {
        assert_eq!(client.answer().status, 200);
    }
}
