//! Connections to upstreams across reloads.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use holdfast::unversioned::provider::Variables;
use holdfast::{Gateway, Running};
use serde_json::json;

use super::client::{Answer, Client};
use super::harness::{Dialect, KEY, Options, Setup, parse};

/// A listener that counts its connections.
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
            let head = format!(
                "HTTP/1.1 200 OK\r\nX-Vendor: 1\r\nSet-Cookie: a=b\r\nConnection: keep-alive, X-Hop\r\n\
                 X-Hop: 1\r\nContent-Length: {length}\r\n\r\n"
            );
            stream
                .write_all(format!("{head}{answer}").as_bytes())
                .ok()?;
        }
    })
}

/// A proxy that connects to `target` whatever the requested address.
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
    answer(gateway).status()
}

fn answer(gateway: &Running) -> Answer {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "x"}]}).to_string();
    let headers = [("X-Api-Key", KEY)];
    let path = "/v1/chat/completions";
    let mut client = Client::connect(gateway.address());
    client.call("POST", path, &headers, body.as_bytes())
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
fn the_global_proxy_can_be_reloaded() {
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
fn an_embedding_program_can_set_the_environment() {
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

#[test]
fn passthrough_headers_reach_the_client() {
    let upstream = upstream();
    let base = format!("http://{}", upstream.address);
    let gateway = Gateway::start(config(&base, "")).unwrap();
    assert_eq!(answer(&gateway).header("x-vendor"), None);
    gateway.reload(config(&base, "passthrough-headers: true"));
    let passed = answer(&gateway);
    assert_eq!(passed.header("x-vendor"), Some("1"));
    assert_eq!(passed.header("set-cookie"), None);
    assert_eq!(passed.header("x-hop"), None);
    gateway.stop();
}

#[test]
fn header_defaults_are_for_claude_alone() {
    let setup = Setup::with(Options {
        more: "claude-header-defaults: {user-agent: 'default/1', os: MyOS, timeout: 600}",
        ..Options::default()
    });
    setup.ask(Dialect::Messages, &["a"], false);
    setup.ask_as(Dialect::Messages, &["a"], false, &[("User-Agent", "mine")]);
    setup.ask(Dialect::Chat, &["a"], false);
    let records = setup.records();
    let header = |at: usize, name| records[at].header(name).map(str::to_owned);
    assert_eq!(header(0, "user-agent").unwrap(), "default/1");
    assert_eq!(header(0, "x-stainless-os").unwrap(), "MyOS");
    assert_eq!(header(0, "x-stainless-timeout").unwrap(), "600");
    assert_eq!(header(0, "x-stainless-arch"), None);
    assert_eq!(header(1, "user-agent").unwrap(), "mine");
    assert_eq!(header(1, "x-stainless-os").unwrap(), "MyOS");
    let product = concat!("holdfast/", env!("CARGO_PKG_VERSION"));
    assert_eq!(header(2, "user-agent").unwrap(), product);
    assert_eq!(header(2, "x-stainless-os"), None);
    setup.stop();
}
