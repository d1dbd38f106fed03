//! The debug server.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "A test ends at the first thing that is not as it must be"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use holdfast::unversioned::diagnostics::Diagnostics;

fn ask(address: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(address: SocketAddr, path: &str) -> String {
    ask(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
    )
}

#[test]
fn every_page_says_what_it_can() {
    let server = Diagnostics::start("127.0.0.1:0").unwrap();
    for (path, status, what) in [
        ("/debug/pprof/", "200 OK", "/debug/pprof/threads"),
        ("/debug/pprof/cmdline", "200 OK", "diagnostics"),
        ("/debug/pprof/profile?seconds=5", "501 Not", "perf record"),
        ("/debug/pprof/goroutine", "501 Not", "perf record"),
        ("/", "404 Not", "/debug/pprof/"),
        ("/debug/pprofx", "404 Not", "/debug/pprof/"),
    ] {
        let answer = get(server.address(), path);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        assert!(body.contains(what), "{answer}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn threads_and_memory_are_those_of_the_process() {
    let server = Diagnostics::start("127.0.0.1:0").unwrap();
    let threads = get(server.address(), "/debug/pprof/threads");
    // The one that answers is running.
    let own = |line: &str| line.ends_with(" debug") && line.contains(" R ");
    assert!(threads.lines().any(own), "{threads}");
    let memory = get(server.address(), "/debug/pprof/heap");
    assert!(
        memory.contains("VmRSS:") && memory.contains("VmHWM:"),
        "{memory}"
    );
}

#[test]
fn what_is_no_request_for_a_page_is_refused() {
    let server = Diagnostics::start("127.0.0.1:0").unwrap();
    for (text, status) in [
        (
            "POST /debug/pprof/ HTTP/1.1\r\nConnection: close\r\n\r\n",
            "405",
        ),
        ("\0\r\n\r\n", "400"),
    ] {
        let answer = ask(server.address(), text);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
}

#[test]
fn clients_that_stay_silent_hold_nobody_up() {
    let server = Diagnostics::start("127.0.0.1:0").unwrap();
    // tiny_http has four threads at rest; in a burst of more connections some may wait for others.
    let _silent: Vec<TcpStream> = (0..3)
        .map(|n| {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            if n % 2 == 0 {
                stream.write_all(b"GET /debug").unwrap();
            }
            stream
        })
        .collect();
    assert!(get(server.address(), "/debug/pprof/").contains("200 OK"));
    let (ended, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        drop(server);
        let _ = ended.send(());
    });
    end.recv_timeout(Duration::from_secs(20))
        .expect("stopping does not wait for them");
}

#[test]
fn a_body_that_is_announced_and_not_sent_does_no_harm() {
    let server = Diagnostics::start("127.0.0.1:0").unwrap();
    let _waiting: Vec<TcpStream> = [2000, usize::MAX / 2, usize::MAX]
        .into_iter()
        .map(|length| {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            let head = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    assert!(get(server.address(), "/debug/pprof/").contains("200 OK"));
}

#[test]
fn large_bodies_cannot_use_up_the_connections_of_the_process() {
    let server = Diagnostics::start("127.0.0.1:0").unwrap();
    let post = || {
        let mut stream = TcpStream::connect(server.address())?;
        stream.write_all(b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n")?;
        Ok::<_, std::io::Error>(stream)
    };
    let mut open = Vec::new();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    // It stops listening after some, and the process goes on.
    while let Ok(stream) = post() {
        open.push(stream);
        assert!(std::time::Instant::now() < deadline, "{}", open.len());
        assert!(open.len() < 5_000);
    }
    assert!(open.len() >= 16, "{}", open.len());
}

#[test]
fn an_address_is_free_again_afterwards() {
    let server = Diagnostics::start("127.0.0.1:0").unwrap();
    let address = server.address();
    assert!(Diagnostics::start(&address.to_string()).is_err());
    drop(server);
    TcpListener::bind(address).unwrap();
}
