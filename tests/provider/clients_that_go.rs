//! Calls whose client hangs up.

use super::*;

const A_WHILE: Duration = Duration::from_millis(100);
const A_SECOND: Duration = Duration::from_secs(1);

fn ends_at_once(call: &Call) {
    let waiter = clients::going_after(A_WHILE);
    let call = Call {
        waiter: &waiter,
        ..*call
    };
    assert_eq!(failed(&call).kind, FailureKind::ClientGone);
    assert!(waiter.is_client_gone());
}

#[test]
fn end_the_wait_for_the_head() {
    let (report, ended) = mpsc::channel();
    let server = Server::start(move |_, stream| {
        let _ = report.send(stream.read(&mut [0]).unwrap_or(0));
        false
    });
    ends_at_once(&call(UpstreamKind::Compat, &server.base(), BODY));
    assert_eq!(ended.recv_timeout(A_SECOND), Ok(0));
}

#[test]
fn end_the_wait_for_a_connection() {
    // A listener whose queue is full does not answer.
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
    ends_at_once(&call);
    let upstream = Upstream::new(Settings {
        connect_timeout: Duration::from_millis(700),
        ..settings()
    });
    let started = Instant::now();
    let failure = upstream.call(&call).err().unwrap();
    assert_eq!(failure.kind, FailureKind::Connect, "{failure}");
    assert!(started.elapsed() >= Duration::from_millis(690));
}

/// A listener that takes connections but reads nothing, and a body that it would have to read.
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
fn end_an_upload_that_stalls() {
    let (_listener, base, body) = full_pipe();
    ends_at_once(&call(UpstreamKind::Compat, &base, &body));
}

#[test]
fn an_upload_that_stalls_is_given_up_anyway() {
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
fn end_the_body() {
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
fn show_in_a_lane_that_breaks() {
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
