//! The debug server, as an operator and a nuisance see it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "A test ends at the first thing that is not as it must be"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use holdfast::diagnostics::Diagnostics;

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
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"))
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
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
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
fn what_is_no_request_is_refused() {
    let server = Diagnostics::start("127.0.0.1:0").unwrap();
    let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(10_000));
    for (text, status) in [
        ("POST /debug/pprof/ HTTP/1.1\r\n\r\n", "405"),
        ("\0\r\n\r\n", "400"),
        (long.as_str(), "400"),
    ] {
        // The rest of a long one may meet a closed door, and take the answer with it.
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let _ = stream.write_all(text.as_bytes());
        let mut answer = Vec::new();
        if stream.read_to_end(&mut answer).is_ok() {
            let answer = String::from_utf8(answer).unwrap();
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{answer}"
            );
        }
    }
    assert!(get(server.address(), "/debug/pprof/").contains("200 OK"));
}

#[test]
fn one_that_says_nothing_holds_nobody_up() {
    let server = Diagnostics::start("127.0.0.1:0").unwrap();
    let mut silent = TcpStream::connect(server.address()).unwrap();
    silent.write_all(b"GET /debug").unwrap();
    assert!(get(server.address(), "/debug/pprof/").contains("200 OK"));
    assert!(matches!(silent.read(&mut [0]), Ok(0) | Err(_)));
    let _silent = TcpStream::connect(server.address()).unwrap();
    let begun = Instant::now();
    drop(server);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn many_that_say_nothing_hold_nobody_up() {
    let server = Diagnostics::start("127.0.0.1:0").unwrap();
    // More than are served at a time.
    let silent: Vec<TcpStream> = (0..100)
        .map(|n| {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            if n % 2 == 0 {
                stream.write_all(b"GET /debug").unwrap();
            }
            stream
        })
        .collect();
    assert!(get(server.address(), "/debug/pprof/").contains("200 OK"));
    // They do not stay.
    for mut stream in silent {
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        match stream.read(&mut [0]) {
            Ok(count) => assert_eq!(count, 0),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
}

#[test]
fn a_head_may_come_in_pieces() {
    let server = Diagnostics::start("127.0.0.1:0").unwrap();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in b"GET /debug/pprof/ HTTP/1.1\r\n\r\n" {
        stream.write_all(&[*byte]).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[test]
fn an_address_is_free_again_afterwards() {
    let server = Diagnostics::start("127.0.0.1:0").unwrap();
    let address = server.address();
    assert!(Diagnostics::start(&address.to_string()).is_err());
    drop(server);
    TcpListener::bind(address).unwrap();
}
