//! Calls whose client disconnects.

use super::*;

const DELAY: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(20);

fn ends_with_its_client(call: &Call) {
    let waiter = clients::going_after(DELAY);
    let call = Call {
        waiter: &waiter,
        ..*call
    };
    assert_eq!(failed(&call).kind, FailureKind::ClientGone);
    assert!(waiter.is_client_gone());
}

#[test]
fn a_disconnect_ends_the_wait_for_the_head() {
    let (report, ended) = mpsc::channel();
    let server = Server::start(move |_, stream| {
        let _ = report.send(stream.read(&mut [0]).unwrap_or(0));
        false
    });
    ends_with_its_client(&call(UpstreamKind::Compat, &server.base(), BODY));
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(0));
}

#[test]
fn a_disconnect_ends_the_wait_for_a_connection() {
    // A listener with a full queue does not answer.
    let (domain, kind) = (socket2::Domain::IPV4, socket2::Type::STREAM);
    let listener = socket2::Socket::new(domain, kind, None).unwrap();
    listener
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        queue.push(stream);
        assert!(queue.len() < 100);
    }
    let base = format!("http://{address}");
    let call = call(UpstreamKind::Compat, &base, BODY);
    ends_with_its_client(&call);
    let upstream = Upstream::new(Settings {
        connect_timeout: Duration::from_millis(700),
        ..settings()
    });
    let started = Instant::now();
    let failure = upstream.call(&call).err().unwrap();
    assert_eq!(failure.kind, FailureKind::Connect, "{failure}");
    assert!(started.elapsed() >= Duration::from_millis(690));
}

/// A listener that accepts connections without reading, and a body larger than the socket buffers.
fn full_pipe() -> (TcpListener, String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let filler = "x".repeat(32 * 1024 * 1024);
    (
        listener,
        base,
        format!("{{\"model\":\"m\",\"x\":\"{filler}\"}}"),
    )
}

#[test]
fn a_disconnect_ends_a_stalled_upload() {
    let (_listener, base, body) = full_pipe();
    ends_with_its_client(&call(UpstreamKind::Compat, &base, &body));
}

#[test]
fn a_stalled_upload_times_out() {
    let (_listener, base, body) = full_pipe();
    let upstream = Upstream::new(Settings {
        silence: Duration::from_millis(500),
        ..settings()
    });
    let failure = upstream
        .call(&call(UpstreamKind::Compat, &base, &body))
        .err()
        .unwrap();
    assert_eq!(failure.kind, FailureKind::Timeout, "{failure}");
}

#[test]
fn a_disconnect_ends_the_body() {
    let server = falls_silent();
    let base = server.base();
    let (waiter, other) = clients::hanging_up();
    let call = Call {
        waiter: &waiter,
        ..streaming(&base)
    };
    let primed = opened(upstream().call(&call).unwrap(), Dialect::Chat);
    drop(other);
    let mut lane = Vec::new();
    let relayed = primed.pump(Chunks::new(&mut lane), STYLE, &mut |_| {});
    assert_eq!(relayed.ended, Ended::ClientGone);
    assert_eq!(lane, chunk(PART).as_bytes());
}

#[test]
fn a_failed_write_is_a_disconnect() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let stream = format!("{PART}{DONE}");
    let primed = opened(answer_in(&[stream.as_bytes()], false), Dialect::Chat);
    assert_eq!(
        primed.pump(Chunks::new(Broken), STYLE, &mut |_| {}).ended,
        Ended::ClientGone
    );
}
