//! Failures of calls.

use super::*;

#[test]
fn an_error_answer_is_a_failure_with_its_body() {
    let server = Server::answering(
        "HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nx-note: n\r\nContent-Length: 5\r\n\r\nsorry",
    );
    let failure = failed(&call(UpstreamKind::Compat, &server.base(), BODY));
    assert_eq!(failure.kind, FailureKind::Status);
    assert_eq!(failure.status, Some(429));
    assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(failure.headers.get("X-Note"), Some("n"));
    assert_eq!(failure.body, b"sorry");
}

#[test]
fn a_redirect_is_not_followed() {
    let server = Server::answering(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\nno",
    );
    let failure = failed(&call(UpstreamKind::Compat, &server.base(), BODY));
    assert_eq!(failure.kind, FailureKind::Status);
    assert_eq!(failure.status, Some(302));
    assert_eq!(failure.body, b"no");
}

#[test]
fn an_errors_body_is_read_up_to_its_limit() {
    let server = Server::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n");
        let piece = chunk(&"x".repeat(64 * 1024));
        while stream.write_all(piece.as_bytes()).is_ok() {}
        false
    });
    let failure = failed(&call(UpstreamKind::Compat, &server.base(), BODY));
    assert_eq!(failure.status, Some(500));
    assert_eq!(failure.body.len(), 1024 * 1024);
}

#[test]
fn a_refused_connection_is_a_connect_failure() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let base = format!("http://user:secret@{gone}/x?key=secret");
    for base in [
        &base,
        "http://no-such-host.invalid",
        "",
        "nonsense",
        "ftp://h",
    ] {
        let failure = failed(&call(UpstreamKind::Compat, base, BODY));
        assert_eq!(failure.kind, FailureKind::Connect, "{base}: {failure}");
        assert!(!failure.message.contains("secret"), "{failure}");
    }
}

#[test]
fn a_plain_server_is_a_tls_failure() {
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("https://{}", plain.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = plain.accept().unwrap();
        let _ = stream.write_all(b"HTTP/1.1 400 Bad\r\n\r\n");
        let _ = stream.read(&mut [0; 4096]);
    });
    let failure = failed(&call(UpstreamKind::Compat, &base, BODY));
    assert_eq!(failure.kind, FailureKind::Connect, "{failure}");
}

#[test]
fn a_connection_that_breaks_before_the_head_is_broken() {
    let halves = Server::answering_once("HTTP/1.1 200 OK\r\nContent-");
    let resets = Server::start(|_, stream| {
        reset_on_close(stream);
        false
    });
    let talks = Server::answering("SSH-2.0-nope\r\n\r\n");
    for server in [halves, resets, talks] {
        let failure = failed(&call(UpstreamKind::Compat, &server.base(), BODY));
        assert_eq!(failure.kind, FailureKind::Broken, "{failure}");
    }
}

#[test]
fn the_head_timeout_is_not_shortened() {
    let server = Server::start(|_, stream| stream.read(&mut [0]).is_err());
    let base = server.base();
    let upstream = Upstream::new(Settings {
        head_timeout: Duration::from_millis(600),
        ..settings()
    });
    let started = Instant::now();
    let failure = upstream
        .call(&call(UpstreamKind::Compat, &base, BODY))
        .err()
        .unwrap();
    let waited = started.elapsed();
    assert_eq!(failure.kind, FailureKind::Timeout, "{failure}");
    assert!(waited >= Duration::from_millis(590), "{waited:?}");
}

#[test]
fn a_pooled_connection_is_reused() {
    let server = Server::start(|number, stream| {
        stream
            .write_all(json_answer(&number.to_string()).as_bytes())
            .is_ok()
    });
    let base = server.base();
    let upstream = upstream();
    for _ in 0..3 {
        let answer = upstream
            .call(&call(UpstreamKind::Compat, &base, BODY))
            .unwrap();
        assert_eq!(text(answer), "0");
    }
}

#[test]
fn a_pooled_connection_that_dies_at_once_is_replaced() {
    // The first connection answers once, and resets when it sees the second request.
    let first = AtomicUsize::new(0);
    let server = Server::start(move |number, stream| {
        if number == 0 && first.fetch_add(1, Ordering::SeqCst) == 1 {
            reset_on_close(stream);
            return false;
        }
        stream
            .write_all(json_answer(&number.to_string()).as_bytes())
            .is_ok()
    });
    let base = server.base();
    let upstream = upstream();
    for expected in ["0", "1", "1"] {
        let answer = upstream
            .call(&call(UpstreamKind::Compat, &base, BODY))
            .unwrap();
        assert_eq!(text(answer), expected);
    }
}
