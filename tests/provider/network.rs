//! HTTP/1.1 with upstreams: heads, framing, reuse of connections.

use std::cell::Cell;
use std::sync::Mutex;

use crate::*;

fn with_head_timeout(milliseconds: u64) -> Upstream {
    Upstream::new(Settings {
        head_timeout: Duration::from_millis(milliseconds),
        ..settings()
    })
}

/// The result of a call to an upstream that gives this answer.
fn received(answer: impl Into<Vec<u8>>) -> Result<String, Failure> {
    let server = Server::answering_once(answer);
    let mut answer = upstream().call(&call(UpstreamKind::Compat, &server.base(), BODY))?;
    let mut text = String::new();
    let read = answer.body.read_to_string(&mut text);
    read.map(|_| text).map_err(|error| Failure::of_read(&error))
}

/// A head with a header of `length` bytes, its name and what is around it included.
fn long_head(length: usize) -> String {
    let value = "v".repeat(length - "x-long: \r\n".len());
    format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-long: {value}\r\n\r\n")
}

#[test]
fn long_headers_go_out() {
    let server = Server::answering(json_answer("{}"));
    let base = server.base();
    for length in [5_000, 60 * 1024] {
        let key = Secret::new("k".repeat(length));
        let long = "v".repeat(length);
        let headers = [("x-long", long.as_str())];
        let mut call = call(UpstreamKind::Compat, &base, BODY);
        call.target.key = Some(&key);
        call.target.headers = &headers;
        assert_eq!(text(upstream().call(&call).unwrap()), "{}");
        let seen = server.next();
        assert_eq!(seen.header("authorization").unwrap().len(), 7 + length);
        assert_eq!(seen.header("x-long"), Some(long.as_str()));
        assert_eq!(seen.text(), BODY);
    }
}

#[test]
fn long_heads_come_in_up_to_a_limit() {
    for (length, fits) in [
        (5_000, true),
        (64 * 1024 - 100, true),
        (64 * 1024, false),
        (1024 * 1024, false),
    ] {
        let body = format!("{}{{}}", long_head(length));
        match received(body) {
            Ok(text) => assert!(fits && text == "{}", "{length}"),
            Err(failure) => {
                assert!(!fits, "{length}: {failure}");
                assert_eq!(failure.kind, FailureKind::Broken);
            }
        }
    }
}

#[test]
fn a_limited_number_of_informational_answers_is_skipped() {
    let early = "HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    let answer = json_answer("{}");
    assert_eq!(received(format!("{early}{early}{answer}")).unwrap(), "{}");

    let flood = Server::start(|_, stream| {
        while stream.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").is_ok() {}
        false
    });
    let (base, certificate) = tls::in_front_of(flood.address);
    let authority = tls::Authority::new(&certificate);
    let upstream = with_head_timeout(200);
    upstream.trust(Some(&authority.0));
    for base in [flood.base(), base] {
        let mut call = call(UpstreamKind::Compat, &base, BODY);
        let failure = upstream.call(&call).err().unwrap();
        assert_eq!(failure.kind, FailureKind::Timeout, "{failure}");
        assert!(
            failure
                .message
                .ends_with("the upstream did not answer in time"),
            "{failure}"
        );

        let (waiter, other) = clients::hanging_up();
        drop(other);
        call.waiter = &waiter;
        let failure = upstream.call(&call).err().unwrap();
        assert_eq!(failure.kind, FailureKind::ClientGone, "{failure}");
    }
}

#[test]
fn an_incomplete_head_times_out() {
    let server = Server::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le");
        stream.read(&mut [0]).is_err()
    });
    let failure = with_head_timeout(200)
        .call(&call(UpstreamKind::Compat, &server.base(), BODY))
        .err()
        .unwrap();
    assert_eq!(failure.kind, FailureKind::Timeout, "{failure}");
}

#[test]
fn heads_are_read_in_any_pieces() {
    let answer = format!(
        "HTTP/1.1 100 Continue\r\n\r\n{}",
        stream_answer(&["one", "two"])
    );
    let (cut, at) = (answer.clone(), Arc::new(AtomicUsize::new(0)));
    let position = at.clone();
    let server = Server::start(move |_, stream| {
        let (before, after) = cut.as_bytes().split_at(position.load(Ordering::SeqCst));
        let _ = stream.set_nodelay(true);
        stream.write_all(before).is_ok() && stream.write_all(after).is_ok()
    });
    let base = server.base();
    let upstream = upstream();
    for position in 0..=answer.len() {
        at.store(position, Ordering::SeqCst);
        let answer = upstream.call(&streaming(&base)).unwrap();
        assert_eq!(text(answer), "onetwo", "{position}");
    }
}

#[test]
fn invalid_answers_are_failures() {
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 20",
        "HTTP/3 200 OK\r\n\r\n",
        "HTTP/1.1 099 No\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n{}\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    ] {
        let failure = received(answer).expect_err(answer);
        assert_eq!(failure.kind, FailureKind::Broken, "{answer}: {failure}");
    }
}

#[test]
fn trailers_are_skipped_up_to_a_limit() {
    let start = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\n";
    let answer = format!("{start}x-one: 1\r\nx-two: {}\r\n\r\n", "2".repeat(5_000));
    let server = Server::start(move |number, stream| {
        stream.write_all(answer.as_bytes()).is_ok() && number == 0
    });
    let base = server.base();
    let upstream = upstream();
    for _ in 0..3 {
        let answer = upstream
            .call(&call(UpstreamKind::Compat, &base, BODY))
            .unwrap();
        assert_eq!(text(answer), "{}");
    }
    for trailer in ["x: y\r\n", "x-without-an-end"] {
        let endless = Server::start(move |_, stream| {
            let _ = stream.write_all(start.as_bytes());
            while stream.write_all(trailer.as_bytes()).is_ok() {}
            false
        });
        let base = endless.base();
        let call = call(UpstreamKind::Compat, &base, BODY);
        let mut answer = upstream.call(&call).unwrap();
        let error = answer.body.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(Failure::of_read(&error).kind, FailureKind::Broken);
        assert!(answer.body.read(&mut [0]).is_err(), "it stays broken");
    }
}

/// Which connection each of a number of calls in a row is made on, when `answer` is given to all.
fn connections(answer: &'static str, calls: usize) -> Vec<usize> {
    let (report, numbers) = mpsc::channel();
    let server = Server::start(move |number, stream| {
        let _ = report.send(number);
        stream.write_all(answer.as_bytes()).is_ok()
            && !answer.contains("close")
            && !answer.starts_with("HTTP/1.0 200 OK\r\n\r\n")
    });
    let base = server.base();
    let upstream = upstream();
    for _ in 0..calls {
        match upstream.call(&call(UpstreamKind::Compat, &base, BODY)) {
            Ok(answer) => assert_eq!(text(answer), "{}"),
            Err(failure) => assert_eq!(failure.kind, FailureKind::Status, "{failure}"),
        }
    }
    numbers.try_iter().collect()
}

#[test]
fn only_reusable_connections_are_pooled() {
    for (answer, is_kept) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", true),
        ("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", true),
        ("HTTP/1.1 304 Same\r\n\r\n", true),
        (
            "HTTP/1.1 302 There\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
            true,
        ),
        (
            "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\n{}",
            true,
        ),
        ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}", false),
        ("HTTP/1.0 200 OK\r\n\r\n{}", false),
        (
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}",
            false,
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}{", false),
        ("HTTP/1.1 101 Switch\r\n\r\n", false),
    ] {
        let expected: Vec<usize> = match is_kept {
            true => vec![0, 0, 0],
            false => vec![0, 1, 2],
        };
        assert_eq!(connections(answer, 3), expected, "{answer}");
    }
}

#[test]
fn the_most_recent_connection_is_reused() {
    let server = Server::start(|number, stream| {
        stream
            .write_all(json_answer(&number.to_string()).as_bytes())
            .is_ok()
    });
    let base = server.base();
    let upstream = upstream();
    let call = call(UpstreamKind::Compat, &base, BODY);
    let mut answers = [(); 3].map(|()| Some(upstream.call(&call).unwrap()));
    let mut last = String::new();
    for at in [1, 2, 0] {
        last = text(answers[at].take().unwrap());
    }
    for _ in 0..3 {
        assert_eq!(text(upstream.call(&call).unwrap()), last);
    }
}

#[test]
fn idle_connections_time_out() {
    let (report, closed) = mpsc::channel();
    let server = Server::start(move |_, stream| {
        let _ = stream.write_all(json_answer("{}").as_bytes());
        let _ = report.send(stream.read(&mut [0]).unwrap_or(1));
        false
    });
    let upstream = upstream();
    let answer = upstream.call(&call(UpstreamKind::Compat, &server.base(), BODY));
    assert_eq!(text(answer.unwrap()), "{}");
    let now = Instant::now();
    upstream.sweep(now);
    assert!(closed.try_recv().is_err());
    upstream.sweep(now + Duration::from_secs(90));
    assert_eq!(closed.recv_timeout(Duration::from_secs(5)), Ok(0));
}

#[test]
fn a_stale_connection_is_replaced() {
    // The first two connections answer once each, and reset when they see another request.
    let counts = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let server = Server::start(move |number, stream| {
        if let Some(count) = counts.get(number)
            && count.fetch_add(1, Ordering::SeqCst) == 1
        {
            reset_on_close(stream);
            return false;
        }
        stream
            .write_all(json_answer(&number.to_string()).as_bytes())
            .is_ok()
    });
    let base = server.base();
    let upstream = upstream();
    let call = call(UpstreamKind::Compat, &base, BODY);
    let both = [(); 2].map(|()| upstream.call(&call).unwrap());
    let both = both.map(text);
    assert_eq!(both, ["0", "1"]);
    assert_eq!(text(upstream.call(&call).unwrap()), "2");
}

#[test]
fn a_call_that_breaks_off_in_its_answer_is_not_repeated() {
    let server = Server::start(|_, stream| {
        let is_first = stream.write_all(json_answer("{}").as_bytes()).is_ok();
        let again = is_first && read_request(stream).is_some();
        let _ = stream.write_all(b"HTTP/1.1 200");
        !again
    });
    let base = server.base();
    let upstream = upstream();
    let call = call(UpstreamKind::Compat, &base, BODY);
    assert_eq!(text(upstream.call(&call).unwrap()), "{}");
    let failure = upstream.call(&call).err().unwrap();
    assert_eq!(failure.kind, FailureKind::Broken, "{failure}");
    assert_eq!(server.seen.try_iter().count(), 1);
}

#[test]
fn long_bodies_pass_whole_in_both_directions() {
    let long = format!("{{\"model\": \"m\", \"x\": \"{}\"}}", "y".repeat(300_000));
    let answer = json_answer(&long);
    let server = Server::answering(answer);
    let (base, certificate) = tls::in_front_of(server.address);
    let plain = server.base();
    let upstream = tls::trusting(certificate);
    for base in [&plain, &base] {
        let mut call = call(UpstreamKind::Compat, base, &long);
        call.model = "other";
        assert!(text(upstream.call(&call).unwrap()) == long, "{base}");
        assert!(server.next().text() == long.replace("\"m\"", "\"other\""));
    }
}

#[test]
fn a_body_without_length_ends_with_tls() {
    let server = Server::answering_once("HTTP/1.1 200 OK\r\n\r\n{}");
    let (base, certificate) = tls::in_front_of(server.address);
    let upstream = tls::trusting(certificate);
    let answer = upstream.call(&call(UpstreamKind::Compat, &base, BODY));
    assert_eq!(text(answer.unwrap()), "{}");
}

#[test]
fn keep_alives_are_written_before_the_head() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let server = Server::start(move |_, stream| {
        let gone = gone.lock().unwrap();
        gone.recv().unwrap();
        gone.recv().unwrap();
        stream.write_all(json_answer("{}").as_bytes()).is_ok()
    });
    let waiter = Waiter::alone();
    let due = Cell::new(Instant::now());
    waiter.keep_alive(Some(Rc::new(move |now| {
        if due.get() <= now {
            let _ = go.send(());
            due.set(now + Duration::from_millis(5));
        }
        Some(due.get())
    })));
    let base = server.base();
    let call = Call {
        waiter: &waiter,
        ..call(UpstreamKind::Compat, &base, BODY)
    };
    assert_eq!(text(upstream().call(&call).unwrap()), "{}");
}

mod hanging_up {
    use super::*;

    /// An upstream or a proxy that reads once, lets the client disconnect, and sends nothing more than `said`.
    fn reads_once(said: &'static [u8], client: std::os::unix::net::UnixStream) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(said);
            drop(client);
            // Until the other end closes.
            while stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {}
        });
        address
    }

    #[test]
    fn ends_every_wait_before_the_body() {
        for (scheme, proxy, said) in [
            ("http", None, &b""[..]),
            ("http", None, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 O"),
            ("https", None, b""),
            ("http", Some("http"), b""),
            ("http", Some("http"), b"HTTP/1.1 200 OK\r\n"),
            ("http", Some("https"), b""),
            ("http", Some("socks5"), b""),
            ("http", Some("socks5"), &[5]),
            ("https", Some("socks5h"), &[5, 0]),
        ] {
            let (waiter, other) = clients::hanging_up();
            let address = reads_once(said, other);
            let (base, url) = match proxy {
                None => (format!("{scheme}://{address}"), None),
                Some(proxy) => (
                    format!("{scheme}://upstream.invalid"),
                    Some(format!("{proxy}://{address}")),
                ),
            };
            let mut call = call(UpstreamKind::Compat, &base, BODY);
            call.waiter = &waiter;
            if let Some(url) = &url {
                call.target.proxy = ProxySetting::Url(url);
            }
            let failure = failed(&call);
            assert_eq!(failure.kind, FailureKind::ClientGone, "{base} {url:?}");
        }
    }

    #[test]
    fn ends_the_wait_for_a_connection() {
        let (waiter, other) = clients::hanging_up();
        drop(other);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let mut call = call(UpstreamKind::Compat, &base, BODY);
        call.waiter = &waiter;
        assert_eq!(failed(&call).kind, FailureKind::ClientGone);
    }

    #[test]
    fn ends_the_body_and_an_errors_body() {
        for status in ["200 OK", "500 No"] {
            let (waiter, other) = clients::hanging_up();
            let other = Mutex::new(Some(other));
            let server = Server::start(move |_, stream| {
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: 9\r\n\r\nab");
                let _ = stream.write_all(head.as_bytes());
                drop(other.lock().unwrap().take());
                stream.read(&mut [0]).is_err()
            });
            let base = server.base();
            let mut call = call(UpstreamKind::Compat, &base, BODY);
            call.waiter = &waiter;
            let failure = match upstream().call(&call) {
                Err(failure) => failure,
                Ok(mut answer) => {
                    let read = answer.body.read_to_end(&mut Vec::new());
                    Failure::of_read(&read.unwrap_err())
                }
            };
            assert_eq!(failure.kind, FailureKind::ClientGone, "{status}: {failure}");
        }
    }
}
