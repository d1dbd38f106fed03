//! How upstreams are reached, across reloads.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use holdfast::provider::Variables;
use holdfast::{Gateway, Running};
use serde_json::json;

use super::client::Client;
use super::harness::{KEY, parse};

/// Something that listens, and how many connections it has got.
struct Counted {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Counted {
    fn start(serve: impl Fn(TcpStream) -> Option<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (count, serve) = (Arc::clone(&connections), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(stream));
            }
        });
        Self {
            address,
            connections,
        }
    }

    fn count(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// An upstream that answers every chat.
fn upstream() -> Counted {
    Counted::start(|mut stream| {
        loop {
            let head = head(&mut stream)?;
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))?;
            stream.read_exact(&mut vec![0; length.parse().ok()?]).ok()?;
            let answer = json!({"choices": [{"message": {"content": "x"}}]}).to_string();
            let length = answer.len();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            stream
                .write_all(format!("{head}{answer}").as_bytes())
                .ok()?;
        }
    })
}

/// A proxy that leads to `target` whatever it is asked for.
fn proxy(target: SocketAddr) -> Counted {
    Counted::start(move |mut client| {
        head(&mut client)?;
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
        let server = TcpStream::connect(target).ok()?;
        let (mut from, mut to) = (client.try_clone().ok()?, server.try_clone().ok()?);
        thread::spawn(move || std::io::copy(&mut from, &mut to));
        std::io::copy(&mut &server, &mut &client).ok()?;
        None
    })
}

fn config(base: &str, more: &str) -> holdfast::config::Config {
    parse(&format!(
        "host: 127.0.0.1\nport: 0\napi-keys: [{KEY}]\n{more}\nopenai-compatibility:\n- {{name: demo, \
         base-url: '{base}', api-key-entries: [{{api-key: k}}], models: [{{name: m}}]}}\n"
    ))
}

fn ask(gateway: &Running) -> u16 {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "x"}]}).to_string();
    let headers = [("X-Api-Key", KEY)];
    let path = "/v1/chat/completions";
    let mut client = Client::connect(gateway.address());
    client
        .call("POST", path, &headers, body.as_bytes())
        .status()
}

#[test]
fn connections_outlive_reloads_of_other_keys() {
    let upstream = upstream();
    let base = format!("http://{}", upstream.address);
    let gateway = Gateway::start(config(&base, "")).unwrap();
    for more in [
        "",
        "debug: true",
        "request-retry: 2",
        "passthrough-headers: true",
    ] {
        gateway.reload(config(&base, more));
        assert_eq!(ask(&gateway), 200, "{more}");
        assert_eq!(upstream.count(), 1, "{more}");
    }
    gateway.stop();
}

#[test]
fn the_proxy_of_all_is_live() {
    let upstream = upstream();
    let proxy = proxy(upstream.address);
    let base = "http://upstream.invalid:81";
    let through = format!("proxy-url: http://{}", proxy.address);
    let gateway = Gateway::start(config(base, "proxy-url: direct")).unwrap();
    assert_eq!(ask(&gateway), 502, "nobody knows the name");
    for _ in 0..3 {
        gateway.reload(config(base, &through));
        assert_eq!(ask(&gateway), 200);
    }
    assert_eq!((proxy.count(), upstream.count()), (1, 1));
    gateway.reload(config(base, "proxy-url: none"));
    assert_eq!(ask(&gateway), 502);
    gateway.stop();
}

#[test]
fn a_program_can_bring_its_own_environment() {
    let upstream = upstream();
    let proxy = proxy(upstream.address);
    let value = format!("http://{}", proxy.address);
    let variables = Variables::new(move |name| (name == "HTTP_PROXY").then(|| value.clone()));
    let gateway = Gateway::new(config("http://upstream.invalid:81", ""))
        .with_variables(variables)
        .run()
        .unwrap();
    assert_eq!(ask(&gateway), 200);
    assert_eq!(ask(&gateway), 200);
    assert_eq!((proxy.count(), upstream.count()), (1, 1));
    gateway.stop();
}
