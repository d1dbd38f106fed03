//! Calls of upstreams and what is relayed of their answers, against small scripted upstreams.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "A test ends at the first thing that is not as it must be"
)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Cursor, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use holdfast::budget::Budget;
use holdfast::config::Secret;
use holdfast::credential::UpstreamKind;
use holdfast::exchange::Waiter;
use holdfast::failure::{Failure, FailureKind, Headers};
use holdfast::json::Span;
use holdfast::provider::{
    Action, Answer, Call, ProxySetting, Settings, Stored, Target, Upstream, Verb,
};
use holdfast::relay::{
    Chunks, Ended, ExpectedAnswer, Framing, Opened, Relayed, Rename, Style, stream, whole,
};
use holdfast::sse::MAX_EVENT;
use holdfast::wire::Dialect;

mod clients;
mod compressed;
mod lists;
mod network;
mod proxies;
mod tls;

/// A request as it arrived.
#[derive(Clone, Debug)]
struct Seen {
    head: String,
    body: Vec<u8>,
}

impl Seen {
    fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        lines
            .find(|line| line.0.eq_ignore_ascii_case(name))
            .map(|line| line.1)
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// An upstream that does what a test says.
struct Server {
    address: SocketAddr,
    seen: Receiver<Seen>,
}

impl Server {
    /// Answers each connection on a thread of its own. `behave` is called for each request with the number
    /// of its connection, and says whether to read another.
    fn start(behave: impl Fn(usize, &mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (report, seen) = mpsc::channel();
        let behave = Arc::new(behave);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (mut stream, report, behave) =
                    (stream.unwrap(), report.clone(), behave.clone());
                thread::spawn(move || {
                    while let Some(seen) = read_request(&mut stream) {
                        if report.send(seen).is_err() || !behave(number, &mut stream) {
                            break;
                        }
                    }
                });
            }
        });
        Self { address, seen }
    }

    /// Gives every request the same answer.
    fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |_, stream| stream.write_all(&answer).is_ok())
    }

    /// Gives every request the same answer and hangs up.
    fn answering_once(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |_, stream| stream.write_all(&answer).is_err())
    }

    fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    fn next(&self) -> Seen {
        self.seen.recv_timeout(Duration::from_secs(5)).unwrap()
    }
}

fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let mut seen = Seen {
        head: String::from_utf8(head).unwrap(),
        body: Vec::new(),
    };
    let length = seen
        .header("content-length")
        .map_or(0, |value| value.parse().unwrap());
    seen.body = vec![0; length];
    stream.read_exact(&mut seen.body).ok()?;
    Some(seen)
}

/// Has the connection reset when it is closed.
fn reset_on_close(stream: &TcpStream) {
    socket2::SockRef::from(stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
}

fn json_answer(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

fn chunk(payload: &str) -> String {
    format!("{:x}\r\n{payload}\r\n", payload.len())
}

fn stream_answer(events: &[&str]) -> String {
    let chunks: String = events.iter().map(|event| chunk(event)).collect();
    format!("{STREAM_HEAD}{chunks}0\r\n\r\n")
}

const BODY: &str =
    r#"{"model": "m", "messages":[{"role":"user","content":"\u00e9  "}], "seed": 1.50}"#;

fn key() -> &'static Secret {
    static KEY: std::sync::LazyLock<Secret> = std::sync::LazyLock::new(|| Secret::new("k-123"));
    &KEY
}

/// Waits for no client.
fn alone() -> &'static Waiter {
    Box::leak(Box::default())
}

fn call<'a>(kind: UpstreamKind, base_url: &'a str, body: &'a str) -> Call<'a> {
    let model_span = body.find("\"model\"").map(|at| {
        let start = at + 7 + body[at + 7..].find('"').unwrap();
        let end = start + 2 + body[start + 1..].find('"').unwrap();
        Span { start, end }
    });
    Call {
        target: Target {
            kind,
            base_url,
            key: Some(key()),
            headers: &[],
            defaults: &[],
            proxy: ProxySetting::Direct,
        },
        model: "m",
        action: Action::Generate,
        stream: false,
        body: body.as_bytes(),
        model_span,
        client_headers: &[],
        alt: None,
        is_flavoured: false,
        waiter: alone(),
    }
}

fn streaming(base: &str) -> Call<'_> {
    Call {
        stream: true,
        ..call(UpstreamKind::Compat, base, BODY)
    }
}

fn settings() -> Settings {
    Settings {
        workers: 8,
        connect_timeout: Duration::from_secs(5),
        head_timeout: Duration::from_secs(5),
        silence: Duration::from_secs(5),
        ..Settings::default()
    }
}

fn upstream() -> Upstream {
    Upstream::new(settings())
}

fn text(mut answer: Answer) -> String {
    let mut text = String::new();
    answer.body.read_to_string(&mut text).unwrap();
    text
}

fn failed(call: &Call) -> Failure {
    upstream().call(call).err().expect("a failure")
}

const STYLE: Style = Style {
    framing: Framing::Events,
    rename: None,
    keep_alive: None,
    is_codex: false,
    model: "m",
};

/// A body that comes in the given parts and then ends or breaks.
struct Parts {
    parts: VecDeque<Vec<u8>>,
    breaks: bool,
}

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.parts.front_mut() {
            Some(part) => {
                let count = part.len().min(buffer.len());
                buffer[..count].copy_from_slice(&part[..count]);
                part.drain(..count);
                if part.is_empty() {
                    self.parts.pop_front();
                }
                Ok(count)
            }
            None if self.breaks => Err(io::ErrorKind::ConnectionReset.into()),
            None => Ok(0),
        }
    }
}

fn answer_in(parts: &[&[u8]], breaks: bool) -> Answer {
    let parts = parts.iter().filter(|part| !part.is_empty());
    let parts = parts.map(|part| part.to_vec()).collect();
    Answer {
        status: 200,
        headers: Headers::default(),
        body: Box::new(Parts { parts, breaks }),
        waiter: Waiter::alone(),
        redaction: Default::default(),
    }
}

/// What was asked for, where it matters little.
fn asked(dialect: Dialect, event_bytes: usize) -> ExpectedAnswer<'static> {
    static BUDGET: LazyLock<Budget> = LazyLock::new(Budget::unlimited);
    ExpectedAnswer {
        dialect,
        model: "big-1",
        is_generation: true,
        event_bytes,
        budget: &BUDGET,
    }
}

/// The payload of a chunked body; `None` if its end is missing.
fn dechunk(mut bytes: &[u8]) -> Option<String> {
    let mut payload = Vec::new();
    loop {
        let line = bytes.windows(2).position(|pair| pair == b"\r\n")?;
        let length = usize::from_str_radix(str::from_utf8(&bytes[..line]).ok()?, 16).ok()?;
        bytes = bytes.get(line + 2..)?;
        payload.extend_from_slice(bytes.get(..length)?);
        bytes = bytes[length..].strip_prefix(b"\r\n")?;
        if length == 0 {
            assert!(bytes.is_empty());
            return String::from_utf8(payload).ok();
        }
    }
}

fn opened(answer: Answer, dialect: Dialect) -> holdfast::relay::Primed {
    match stream::open(answer, &asked(dialect, MAX_EVENT)) {
        Ok(Opened::Events(primed)) => *primed,
        Ok(Opened::Whole(_)) => panic!("a body in place of a stream"),
        Err(failure) => panic!("{failure}"),
    }
}

fn relay(answer: Answer, dialect: Dialect, style: Style) -> Result<(String, Relayed), Failure> {
    let Opened::Events(primed) = stream::open(answer, &asked(dialect, MAX_EVENT))? else {
        panic!("a body in place of a stream");
    };
    let mut lane = Vec::new();
    let relayed = primed.pump(Chunks::new(&mut lane), style, &mut |_| {});
    Ok((dechunk(&lane).expect("a whole body"), relayed))
}

fn relay_text(text: &str, dialect: Dialect) -> (String, Relayed) {
    relay(answer_in(&[text.as_bytes()], false), dialect, STYLE).unwrap()
}

mod requests {
    use super::*;

    #[test]
    fn a_request_goes_out_byte_for_byte() {
        let server = Server::answering(json_answer("{}"));
        for (kind, path) in [
            (UpstreamKind::Compat, "/chat/completions"),
            (UpstreamKind::Claude, "/v1/messages"),
            (UpstreamKind::Gemini, "/v1beta/models/m:generateContent"),
            (
                UpstreamKind::Vertex,
                "/v1/publishers/google/models/m:generateContent",
            ),
        ] {
            let base = server.base();
            assert_eq!(
                text(upstream().call(&call(kind, &base, BODY)).unwrap()),
                "{}"
            );
            let seen = server.next();
            assert_eq!(seen.line(), format!("POST {path} HTTP/1.1"));
            assert_eq!(seen.text(), BODY);
            assert_eq!(seen.header("content-type"), Some("application/json"));
            assert_eq!(seen.header("accept"), Some("application/json"));
            assert_eq!(seen.header("accept-encoding"), Some("identity"));
            assert_eq!(
                seen.header("host"),
                Some(server.address.to_string().as_str())
            );
            assert_eq!(seen.header("transfer-encoding"), None);
        }
    }

    #[test]
    fn only_the_models_name_is_changed() {
        let server = Server::answering(json_answer("{}"));
        let base = server.base();
        for kind in [UpstreamKind::Compat, UpstreamKind::Claude] {
            let call = Call {
                model: "vendor/m \"1\"",
                ..call(kind, &base, BODY)
            };
            upstream().call(&call).unwrap();
            assert_eq!(
                server.next().text(),
                BODY.replace("\"m\"", r#""vendor/m \"1\"""#)
            );
        }
    }

    #[test]
    fn keys_go_where_each_kind_wants_them() {
        let server = Server::answering(json_answer("{}"));
        let base = server.base();
        for kind in [
            UpstreamKind::Gemini,
            UpstreamKind::Vertex,
            UpstreamKind::Claude,
            UpstreamKind::Compat,
        ] {
            let client = [
                ("Authorization", "Bearer client"),
                ("X-Api-Key", "client"),
                ("x-goog-api-key", "client"),
                ("Cookie", "client"),
                ("X-Forwarded-For", "client"),
                ("Accept-Encoding", "gzip"),
                ("x-holdfast-lane-peer", "client"),
            ];
            let call = Call {
                client_headers: &client,
                ..call(kind, &base, BODY)
            };
            upstream().call(&call).unwrap();
            let seen = server.next();
            assert!(!seen.head.contains("client"), "{}", seen.head);
            assert_eq!(seen.header("accept-encoding"), Some("identity"));
            let (google, bearer) = match kind {
                UpstreamKind::Gemini | UpstreamKind::Vertex => (Some("k-123"), None),
                _ => (None, Some("Bearer k-123")),
            };
            assert_eq!(seen.header("x-goog-api-key"), google);
            assert_eq!(seen.header("authorization"), bearer);
            assert_eq!(seen.header("x-api-key"), None);
        }
    }

    #[test]
    fn the_clients_own_headers_reach_their_vendor() {
        let server = Server::answering(json_answer("{}"));
        let base = server.base();
        let client = [
            ("User-Agent", "client/1"),
            ("anthropic-version", "2099-01-01"),
            ("anthropic-beta", "a, b"),
            ("anthropic-beta", "b,c"),
            ("X-Stainless-Os", "Linux"),
            ("x-goog-api-client", "gl"),
            ("originator", "o"),
        ];
        let claude = Call {
            client_headers: &client,
            ..call(
                UpstreamKind::Claude,
                &base,
                r#"{"betas":["c","d"],"model":"m"}"#,
            )
        };
        upstream().call(&claude).unwrap();
        let seen = server.next();
        assert_eq!(seen.header("user-agent"), Some("client/1"));
        assert_eq!(seen.header("anthropic-version"), Some("2099-01-01"));
        assert_eq!(seen.header("anthropic-beta"), Some("a,b,c,d"));
        assert_eq!(seen.header("x-stainless-os"), Some("Linux"));
        assert_eq!(seen.header("originator"), None);
        assert_eq!(seen.text(), r#"{"model":"m"}"#);

        let gemini = Call {
            client_headers: &client,
            ..call(UpstreamKind::Gemini, &base, "{}")
        };
        upstream().call(&gemini).unwrap();
        let seen = server.next();
        assert_eq!(seen.header("x-goog-api-client"), Some("gl"));
        assert_eq!(seen.header("anthropic-version"), None);

        upstream()
            .call(&call(UpstreamKind::Claude, &base, BODY))
            .unwrap();
        let seen = server.next();
        assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"));
        assert_eq!(seen.header("anthropic-beta"), None);
        let product = format!("holdfast/{}", env!("CARGO_PKG_VERSION"));
        assert_eq!(seen.header("user-agent"), Some(product.as_str()));
    }

    #[test]
    fn a_credentials_headers_win_but_cannot_frame() {
        let server = Server::answering(stream_answer(&["data: {}\n\n"]));
        let base = server.base();
        let own = [
            ("Authorization", "Basic own"),
            ("user-agent", "own"),
            ("X-Extra", "yes"),
            ("Host", "evil"),
            ("content-length", "3"),
            ("Transfer-Encoding", "chunked"),
            ("Connection", "close"),
            ("Accept", "own"),
            ("Accept-Encoding", "gzip"),
            ("bad name", "x"),
            ("x-bad-value", "a\nb"),
        ];
        let mut call = streaming(&base);
        call.target.headers = &own;
        call.client_headers = &[("User-Agent", "client")];
        upstream().call(&call).unwrap();
        let seen = server.next();
        assert_eq!(seen.header("authorization"), Some("Basic own"));
        assert_eq!(seen.header("user-agent"), Some("own"));
        assert_eq!(seen.header("x-extra"), Some("yes"));
        assert_eq!(
            seen.header("host"),
            Some(server.address.to_string().as_str())
        );
        assert_eq!(seen.header("transfer-encoding"), None);
        assert_eq!(seen.header("connection"), None);
        assert_eq!(seen.header("accept"), Some("text/event-stream"));
        assert_eq!(seen.header("cache-control"), Some("no-cache"));
        assert_eq!(seen.header("accept-encoding"), Some("identity"));
        assert_eq!(seen.text(), BODY);
    }

    #[test]
    fn header_defaults_are_for_clients_that_say_nothing() {
        let server = Server::answering(json_answer("{}"));
        let base = server.base();
        let defaults = [
            ("user-agent", "default/1.0".to_owned()),
            ("x-stainless-os", "Default  OS".to_owned()),
            ("x-stainless-arch", "default".to_owned()),
            ("x-stainless-timeout", "600".to_owned()),
        ];
        let mut call = call(UpstreamKind::Claude, &base, BODY);
        call.target.defaults = &defaults;
        call.target.headers = &[("X-Stainless-Timeout", "own")];
        call.client_headers = &[("X-Stainless-Arch", "client")];
        upstream().call(&call).unwrap();
        let seen = server.next();
        assert_eq!(seen.header("user-agent"), Some("default/1.0"));
        assert_eq!(seen.header("x-stainless-os"), Some("Default  OS"));
        assert_eq!(seen.header("x-stainless-arch"), Some("client"));
        assert_eq!(seen.header("x-stainless-timeout"), Some("own"));

        call.client_headers = &[("User-Agent", "client/2")];
        upstream().call(&call).unwrap();
        assert_eq!(server.next().header("user-agent"), Some("client/2"));

        call.target.defaults = &[];
        call.client_headers = &[];
        upstream().call(&call).unwrap();
        let seen = server.next();
        let product = concat!("holdfast/", env!("CARGO_PKG_VERSION"));
        assert_eq!(seen.header("user-agent"), Some(product));
        assert_eq!(seen.header("x-stainless-os"), None);
    }

    #[test]
    fn urls_are_built_from_parts() {
        let server = Server::answering(json_answer("{}"));
        let base = format!("{}/in/here/", server.base());
        let google = |action, stream, alt| Call {
            action,
            stream,
            alt,
            model: "a/b c",
            ..call(UpstreamKind::Gemini, &base, "{}")
        };
        for (call, method) in [
            (google(Action::Generate, false, None), "generateContent"),
            (
                google(Action::Generate, true, None),
                "streamGenerateContent?alt=sse",
            ),
            (
                google(Action::Generate, true, Some("json")),
                "streamGenerateContent?alt=sse",
            ),
            (
                google(Action::Generate, false, Some("a&b")),
                "generateContent?$alt=a%26b",
            ),
            (google(Action::Count, false, Some("json")), "countTokens"),
        ] {
            upstream().call(&call).unwrap();
            let expected = format!("POST /in/here/v1beta/models/a/b%20c:{method} HTTP/1.1");
            assert_eq!(server.next().line(), expected);
        }
        let count = Call {
            action: Action::Count,
            ..call(UpstreamKind::Claude, &base, BODY)
        };
        upstream().call(&count).unwrap();
        assert_eq!(
            server.next().line(),
            "POST /in/here/v1/messages/count_tokens HTTP/1.1"
        );
    }

    #[test]
    fn gemini_bodies_lose_only_their_session_id() {
        let server = Server::answering(json_answer("{}"));
        let base = server.base();
        let body = r#"{"contents":[{"session_id":1}],"session_id":"s","model":"models/x"}"#;
        let call = Call {
            model: "gemini-y",
            ..call(UpstreamKind::Gemini, &base, body)
        };
        upstream().call(&call).unwrap();
        let expected = r#"{"contents":[{"session_id":1}],"model":"models/gemini-y"}"#;
        assert_eq!(server.next().text(), expected);
    }

    #[test]
    fn what_a_kind_cannot_do_is_said_without_a_call() {
        for (kind, action) in [
            (UpstreamKind::Gemini, Action::Compact),
            (UpstreamKind::Vertex, Action::Compact),
            (UpstreamKind::Claude, Action::Compact),
            (UpstreamKind::Compat, Action::Count),
        ] {
            let call = Call {
                action,
                ..call(kind, "http://127.0.0.1:1", BODY)
            };
            let failure = failed(&call);
            assert_eq!(failure.kind, FailureKind::Unsupported);
            assert_eq!(failure.status, Some(501));
        }
    }
}

const COMPLETED: &str = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"output\":[],\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}}\n\n";
const CREATED: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\n\n";
const ITEM: &str = "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":{\"n\": 1}}\n\n";
const FIRST_ITEM: &str = "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"n\":0}}\n\n";

mod codex {
    use super::*;

    #[test]
    fn it_gets_its_flavour() {
        let server = Server::answering(stream_answer(&[COMPLETED]));
        let base = format!("{}/backend-api/codex", server.base());
        let body = r#"{"model":"m","input":"hi \"you\"","temperature":1,"top_p":null,"user":"u",
            "stream":false,"store":true,"instructions":null,"service_tier":"flex",
            "prompt_cache_key":"c-1","include":["x"],"metadata":{"user":"kept"},"max_output_tokens":5}"#;
        upstream()
            .call(&call(UpstreamKind::Codex, &base, body))
            .unwrap();
        let seen = server.next();
        assert_eq!(seen.line(), "POST /backend-api/codex/responses HTTP/1.1");
        assert_eq!(seen.header("accept"), Some("text/event-stream"));
        assert_eq!(seen.header("session_id"), Some("c-1"));
        let sent: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
        let expected = serde_json::json!({
            "model": "m",
            "input": [{"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "hi \"you\""}
            ]}],
            "stream": true,
            "store": false,
            "instructions": "",
            "prompt_cache_key": "c-1",
            "include": ["x", "reasoning.encrypted_content"],
            "metadata": {"user": "kept"},
            "parallel_tool_calls": true,
        });
        assert_eq!(sent, expected);
    }

    #[test]
    fn a_proper_body_is_left_alone() {
        let server = Server::answering(stream_answer(&[COMPLETED]));
        let base = format!("{}/backend-api/codex", server.base());
        let body = r#"{"model":"m", "input" : [], "stream":true, "store":false, "instructions":"i",
            "include":["reasoning.encrypted_content"], "parallel_tool_calls":false, "service_tier":"priority"}"#;
        let call = Call {
            stream: true,
            ..call(UpstreamKind::Codex, &base, body)
        };
        upstream().call(&call).unwrap();
        assert_eq!(server.next().text(), body);
    }

    #[test]
    fn a_body_that_is_no_object_is_the_clients_fault() {
        let base = "http://127.0.0.1:1/backend-api/codex";
        let failure = failed(&call(UpstreamKind::Codex, base, "[]"));
        assert_eq!(failure.kind, FailureKind::Request);
        assert_eq!(failure.status, Some(400));
    }

    /// Every member that the backend of ChatGPT does not get.
    const FULL: &str = r#"{"model":"other", "input":"hi","previous_response_id":"resp_1","max_output_tokens":5,
            "temperature":1,"top_p":0.5,"truncation":"auto","user":"u","store":true,"stream":false,
            "prompt_cache_key":"c-1","safety_identifier":"s","service_tier":"flex","background":true}"#;

    #[test]
    fn other_upstreams_get_the_clients_bytes() {
        let server = Server::answering(json_answer("{}"));
        let span = FULL.find("\"other\"").unwrap();
        for below in ["", "/v1", "/openai/v1?api-version=1"] {
            for stream in [false, true] {
                let base = format!("{}{below}", server.base());
                let call = Call {
                    stream,
                    model: "m",
                    model_span: Some(Span {
                        start: span,
                        end: span + 7,
                    }),
                    ..call(UpstreamKind::Codex, &base, FULL)
                };
                upstream().call(&call).unwrap();
                let seen = server.next();
                assert_eq!(seen.text(), FULL.replace("other", "m"), "{below}");
                assert_eq!(seen.header("session_id"), None);
                let accepted = match stream {
                    true => "text/event-stream",
                    false => "application/json",
                };
                assert_eq!(seen.header("accept"), Some(accepted));
            }
        }
    }

    #[test]
    fn tokens_are_counted_by_whoever_can() {
        let server = Server::answering(json_answer("{\"input_tokens\":3}"));
        let base = server.base();
        let count = Call {
            action: Action::Count,
            ..call(UpstreamKind::Codex, &base, BODY)
        };
        upstream().call(&count).unwrap();
        assert_eq!(
            server.next().line(),
            "POST /responses/input_tokens HTTP/1.1"
        );
    }

    #[test]
    fn kept_answers_are_asked_about_without_a_body() {
        let server = Server::answering(json_answer("{}"));
        let base = format!("{}/v1", server.base());
        for (verb, path, line) in [
            (
                Verb::Get,
                "resp_1?include=x",
                "GET /v1/responses/resp_1?include=x HTTP/1.1",
            ),
            (
                Verb::Delete,
                "resp_1",
                "DELETE /v1/responses/resp_1 HTTP/1.1",
            ),
            (
                Verb::Post,
                "resp_1/cancel",
                "POST /v1/responses/resp_1/cancel HTTP/1.1",
            ),
        ] {
            let call = Call {
                action: Action::Stored(Stored { verb, path }),
                ..call(UpstreamKind::Codex, &base, "")
            };
            assert_eq!(text(upstream().call(&call).unwrap()), "{}");
            let seen = server.next();
            assert_eq!(seen.line(), line);
            assert_eq!(seen.header("authorization"), Some("Bearer k-123"));
            let length = (verb == Verb::Post).then_some("0");
            assert_eq!(seen.header("content-length"), length, "{line}");
        }
    }

    #[test]
    fn compaction_is_not_streamed() {
        let server = Server::answering(json_answer("{\"output\":[]}"));
        let base = format!("{}/backend-api/codex", server.base());
        let compact = Call {
            action: Action::Compact,
            ..call(
                UpstreamKind::Codex,
                &base,
                r#"{"model":"m","stream":false,"input":[]}"#,
            )
        };
        assert_eq!(text(upstream().call(&compact).unwrap()), "{\"output\":[]}");
        let seen = server.next();
        assert_eq!(
            seen.line(),
            "POST /backend-api/codex/responses/compact HTTP/1.1"
        );
        assert_eq!(seen.header("accept"), Some("application/json"));
        assert_eq!(seen.text(), r#"{"model":"m","input":[],"instructions":""}"#);
        let streamed = Call {
            stream: true,
            ..compact
        };
        assert_eq!(failed(&streamed).status, Some(400));
    }

    fn collected(events: &[&str]) -> Result<String, Failure> {
        let server = Server::answering(stream_answer(events));
        let base = format!("{}/backend-api/codex", server.base());
        let answer = upstream().call(&call(UpstreamKind::Codex, &base, BODY))?;
        let whole = whole::open(answer, &asked(Dialect::Responses, MAX_EVENT), None)?;
        Ok(String::from_utf8(whole.held().to_vec()).unwrap())
    }

    #[test]
    fn a_stream_becomes_one_answer() {
        let usage = r#""usage":{"input_tokens":3,"output_tokens":2}"#;
        let expected = format!(r#"{{"id":"r","output":[{{"n":0}},{{"n": 1}}],{usage}}}"#);
        assert_eq!(
            collected(&[CREATED, ITEM, FIRST_ITEM, COMPLETED]).unwrap(),
            expected
        );
        let full = COMPLETED.replace("[]", "[7]");
        let expected = format!(r#"{{"id":"r","output":[7],{usage}}}"#);
        assert_eq!(collected(&[ITEM, &full]).unwrap(), expected);
        let bare = "data: {\"type\":\"response.incomplete\",\"response\":{\"id\":\"r\",\"status\":\"incomplete\"}}\n\n";
        assert_eq!(
            collected(&[ITEM, bare]).unwrap(),
            r#"{"id":"r","status":"incomplete","output":[{"n": 1}]}"#
        );
        assert_eq!(
            collected(&[bare.trim_end()]).unwrap(),
            r#"{"id":"r","status":"incomplete"}"#
        );
    }

    #[test]
    fn a_stream_that_fails_is_a_failure() {
        let error = r#"{"code":"rate_limit_exceeded","message":"slow"}"#;
        let failed = format!(
            "data: {{\"type\":\"response.failed\",\"response\":{{\"error\":{error}}}}}\n\n"
        );
        let failure = collected(&[ITEM, &failed]).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Status);
        assert_eq!(failure.status, Some(429));
        assert_eq!(failure.body, format!("{{\"error\":{error}}}").as_bytes());
        let failure = collected(&[ITEM]).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Broken);
        assert_eq!(failure.status, Some(408));
        assert!(failure.message.contains("before response.completed"));
    }
}

mod failures {
    use super::*;

    #[test]
    fn an_error_answer_is_a_failure_with_all_it_said() {
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
    fn no_connection_is_a_connect_failure() {
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
    fn a_plain_server_is_not_a_tls_one() {
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
    fn the_head_is_waited_for_no_shorter() {
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
    fn a_pooled_connection_is_used_again() {
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
}

const PART: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n";
const FINISH: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";
const SAID: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n";

/// A stream of one event that then says nothing more.
fn falls_silent() -> Server {
    Server::start(|_, stream| {
        let _ = stream.write_all(format!("{STREAM_HEAD}{}", chunk(PART)).as_bytes());
        stream.read(&mut [0]).is_err()
    })
}

mod clients_that_go {
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
}

mod streams {
    use super::*;

    #[test]
    fn pass_as_they_came() {
        let crlf = "event: message_start\r\ndata: {\"type\":\"message_start\",\"x\": 1.0}\r\n\r\nevent: odd\r\ndata: ?\r\n\r\nevent: ping\r\ndata: {\"type\": \"ping\"}\r\n\r\n: note\r\n\r\nevent: content_block_delta\r\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\r\n\r\nevent: message_stop\r\ndata: {\"type\":\"message_stop\"}\r\n\r\n";
        let gemini = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n\ndata: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n";
        for (dialect, stream) in [
            (Dialect::Chat, format!(": hello\n\n{PART}{FINISH}{DONE}")),
            (Dialect::Responses, format!("{CREATED}{COMPLETED}")),
            (Dialect::Messages, crlf.to_owned()),
            (Dialect::Gemini, gemini.to_owned()),
        ] {
            let (text, relayed) = relay_text(&stream, dialect);
            assert_eq!(text, stream);
            assert_eq!(relayed.ended, Ended::Terminal);
            assert_eq!(relayed.bytes, stream.len() as u64);
        }
    }

    #[test]
    fn have_nothing_behind_their_end() {
        let (text, relayed) = relay_text(&format!("{PART}{DONE}{PART}"), Dialect::Chat);
        assert_eq!(text, format!("{PART}{DONE}"));
        assert_eq!(relayed.events, 2);
        let (text, _) = relay_text(&format!("{COMPLETED}{ITEM}"), Dialect::Responses);
        assert_eq!(text, COMPLETED);
    }

    #[test]
    fn get_the_end_their_upstream_owes() {
        let whole = format!("{PART}{FINISH}{DONE}");
        assert_eq!(
            relay_text(&format!("{PART}{FINISH}"), Dialect::Chat).0,
            whole
        );
        let unclosed = format!("{PART}{FINISH}data: [DONE]");
        assert_eq!(relay_text(&unclosed, Dialect::Chat).0, whole);
        assert_eq!(
            relay_text(COMPLETED.trim_end(), Dialect::Responses).0,
            COMPLETED
        );
        let delta = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n";
        let stop = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
        assert_eq!(
            relay_text(&format!("{SAID}{delta}"), Dialect::Messages).0,
            format!("{SAID}{delta}{stop}")
        );
        let error = "data: {\"error\":{\"message\":\"late\"}}\n\n";
        let (text, relayed) = relay_text(&format!("{PART}{FINISH}{error}"), Dialect::Chat);
        assert_eq!(text, format!("{PART}{FINISH}{error}"));
        assert_eq!(relayed.ended, Ended::UpstreamError);
        let said = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"STOP\"}]}\n\n";
        let (text, relayed) = relay_text(&format!("{said}{error}"), Dialect::Gemini);
        assert_eq!(text, said);
        assert_eq!(relayed.ended, Ended::Terminal);
    }

    #[test]
    fn without_an_end_get_an_error() {
        for (dialect, part, error) in [
            (Dialect::Chat, PART, "data: {\"error\":{"),
            (
                Dialect::Responses,
                ITEM,
                "\nevent: error\ndata: {\"type\":\"error\",\"code\":\"internal_server_error\"",
            ),
            (
                Dialect::Messages,
                SAID,
                "event: error\ndata: {\"type\":\"error\",\"error\":{",
            ),
            (
                Dialect::Gemini,
                "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n\n",
                "data: {\"error\":{\"code\":502",
            ),
        ] {
            for (breaks, ended) in [(false, Ended::NoTerminal), (true, Ended::Broken)] {
                let torn = format!("{part}data: {{\"torn");
                let answer = answer_in(&[torn.as_bytes()], breaks);
                let (text, relayed) = relay(answer, dialect, STYLE).unwrap();
                assert_eq!(relayed.ended, ended);
                let rest = text.strip_prefix(part).unwrap();
                assert!(rest.starts_with(error), "{rest}");
                assert!(!rest.contains("torn") && !rest.contains("[DONE]"), "{rest}");
                let end = match dialect {
                    Dialect::Gemini => "}\r\n\r\n",
                    _ => "}\n\n",
                };
                assert!(rest.ends_with(end), "{rest:?}");
            }
        }
    }

    #[test]
    fn tell_a_codex_in_its_own_way() {
        let style = Style {
            is_codex: true,
            ..STYLE
        };
        let answer = answer_in(&[ITEM.as_bytes()], false);
        let (text, _) = relay(answer, Dialect::Responses, style).unwrap();
        let error = text.strip_prefix(ITEM).unwrap();
        let data = error
            .strip_prefix("\nevent: response.failed\ndata: ")
            .unwrap();
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["type"], "response.failed");
        assert_eq!(data["sequence_number"], 1);
        assert_eq!(data["response"]["status"], "failed");
        assert_eq!(data["response"]["error"]["code"], "server_error");
        assert_eq!(data["response"]["model"], "m");
    }

    #[test]
    fn pass_an_upstreams_error_on_once() {
        let error = "data: {\"error\":{\"code\":503,\"message\":\"m\"}}\n\n";
        let (text, relayed) = relay_text(&format!("{PART}{error}{error}{DONE}"), Dialect::Chat);
        assert_eq!(text, format!("{PART}{error}"));
        assert_eq!(relayed.ended, Ended::UpstreamError);
        assert_eq!(relayed.failure.unwrap().status, Some(503));
    }

    fn refused(text: &str, dialect: Dialect) -> Failure {
        let answer = answer_in(&[text.as_bytes()], false);
        stream::open(answer, &asked(dialect, MAX_EVENT))
            .err()
            .expect("a failure")
    }

    #[test]
    fn that_fail_before_their_first_payload_are_failures() {
        for text in ["", ": note\n\n", "\n\n\n", DONE, "data: {\"torn"] {
            let failure = refused(text, Dialect::Chat);
            assert_eq!(failure.kind, FailureKind::Broken, "{text:?}");
            assert!(failure.message.starts_with("empty_stream"));
        }
        let error = "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}";
        for end in ["\n\n", ""] {
            let failure = refused(
                &format!("event: error\ndata: {error}{end}"),
                Dialect::Messages,
            );
            assert_eq!(failure.kind, FailureKind::Status);
            assert_eq!(failure.status, Some(529));
            assert_eq!(failure.body, error.as_bytes());
        }
        let broken = answer_in(&[b": note\n\n"], true);
        let failure = stream::open(broken, &asked(Dialect::Chat, MAX_EVENT))
            .err()
            .unwrap();
        assert_eq!(failure.kind, FailureKind::Broken);
    }

    #[test]
    fn may_turn_out_to_be_bodies() {
        let failure = refused(" {\"error\":{\"code\":429}}", Dialect::Gemini);
        assert_eq!(failure.status, Some(429));
        let body = br#"{"choices":[{"message":{"content":"a"}}]}"#;
        let answer = answer_in(&[&body[..3], &body[3..]], false);
        let Ok(Opened::Whole(whole)) = stream::open(answer, &asked(Dialect::Chat, MAX_EVENT))
        else {
            panic!("a stream in place of a body");
        };
        let mut lane = Vec::new();
        assert_eq!(whole.pump(&mut lane, &mut |_| {}).ended, Ended::Terminal);
        assert_eq!(lane, body);
    }

    #[test]
    fn break_at_an_event_past_the_limit() {
        let long = format!("{PART}data: \"{}\"\n\n", "x".repeat(200_000));
        let parts: Vec<&[u8]> = long.as_bytes().chunks(1000).collect();
        let answer = answer_in(&parts, false);
        let Ok(Opened::Events(primed)) = stream::open(answer, &asked(Dialect::Chat, 100_000))
        else {
            panic!("a failure");
        };
        let mut lane = Vec::new();
        let relayed = primed.pump(Chunks::new(&mut lane), STYLE, &mut |_| {});
        assert_eq!(relayed.ended, Ended::Broken);
        assert!(dechunk(&lane).unwrap().contains("more than 100000 bytes"));
    }

    #[test]
    fn have_their_alias_put_back() {
        let style = Style {
            rename: Some(Rename {
                upstream: "big-1",
                client: "alias",
            }),
            ..STYLE
        };
        let event = "data: {\"model\":\"big-1\",\"choices\":[{\"delta\":{\"content\":\"big-1\"},\"finish_reason\":\"stop\"}]}\n\n";
        let answer = answer_in(&[event.as_bytes(), DONE.as_bytes()], false);
        let (text, _) = relay(answer, Dialect::Chat, style).unwrap();
        assert_eq!(
            text,
            format!("{}{DONE}", event.replacen("big-1", "alias", 1))
        );
    }

    #[test]
    fn have_their_output_filled_in() {
        let style = Style {
            rename: Some(Rename {
                upstream: "big-1",
                client: "alias",
            }),
            ..STYLE
        };
        let end = COMPLETED.replace("\"id\"", "\"model\":\"big-1\",\"id\"");
        let stream = format!("{ITEM}{FIRST_ITEM}{end}");
        let answer = answer_in(&[stream.as_bytes()], false);
        let (text, relayed) = relay(answer, Dialect::Responses, style).unwrap();
        let end = end
            .replace("big-1", "alias")
            .replace("[]", "[{\"n\":0},{\"n\": 1}]");
        assert_eq!(text, format!("{ITEM}{FIRST_ITEM}{end}"));
        assert_eq!(relayed.ended, Ended::Terminal);
    }

    #[test]
    fn become_an_array() {
        let style = Style {
            framing: Framing::Array,
            ..STYLE
        };
        let one = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n\n";
        let end = "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n";
        let answer = answer_in(&[one.as_bytes(), b": note\n\n", end.as_bytes()], false);
        let (text, _) = relay(answer, Dialect::Gemini, style).unwrap();
        assert_eq!(
            text,
            "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]},\n{\"candidates\":[{\"finishReason\":\"STOP\"}]}]"
        );
        let answer = answer_in(&[one.as_bytes()], false);
        let (text, _) = relay(answer, Dialect::Gemini, style).unwrap();
        let elements: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(elements.len(), 2);
        assert_eq!(elements[1]["error"]["code"], 502);
    }

    #[test]
    fn are_flushed_event_by_event() {
        struct Writes(Rc<RefCell<Vec<String>>>);
        impl Write for Writes {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let text = String::from_utf8(bytes.to_vec()).unwrap();
                self.0.borrow_mut().push(text);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (half, other) = PART.as_bytes().split_at(PART.len() / 2);
        let parts = [
            PART.as_bytes(),
            half,
            other,
            FINISH.as_bytes(),
            DONE.as_bytes(),
        ];
        let primed = opened(answer_in(&parts, false), Dialect::Chat);
        let writes = Rc::new(RefCell::new(Vec::new()));
        primed.pump(Chunks::new(Writes(writes.clone())), STYLE, &mut |_| {});
        // The end of the body goes out with the last event.
        let mut expected = [PART, PART, FINISH, DONE].map(chunk);
        expected[3].push_str("0\r\n\r\n");
        assert_eq!(*writes.borrow(), expected);
    }

    #[test]
    fn that_fall_silent_get_an_error() {
        let server = falls_silent();
        let base = server.base();
        let upstream = Upstream::new(Settings {
            silence: Duration::from_millis(400),
            ..settings()
        });
        let answer = upstream.call(&streaming(&base)).unwrap();
        let (text, relayed) = relay(answer, Dialect::Chat, STYLE).unwrap();
        assert_eq!(relayed.ended, Ended::Broken);
        assert_eq!(relayed.failure.unwrap().kind, FailureKind::Timeout);
        assert!(
            text.starts_with(&format!("{PART}data: {{\"error\":")),
            "{text}"
        );
    }

    #[test]
    fn show_signs_of_life_while_nothing_comes() {
        let (go, gone) = mpsc::channel::<()>();
        let gone = std::sync::Mutex::new(gone);
        let server = Server::start(move |_, stream| {
            let _ = stream.write_all(format!("{STREAM_HEAD}{}", chunk(PART)).as_bytes());
            let _ = gone.lock().unwrap().recv();
            let rest = format!("{}{}0\r\n\r\n", chunk(FINISH), chunk(DONE));
            stream.write_all(rest.as_bytes()).is_ok()
        });
        /// Lets the upstream go on after some signs of life.
        struct Lane(Vec<u8>, Option<mpsc::Sender<()>>);
        impl Write for &mut Lane {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.extend_from_slice(bytes);
                let text = String::from_utf8_lossy(&self.0);
                if text.matches(": keep-alive").count() == 2 {
                    self.1 = None;
                }
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let base = server.base();
        let primed = opened(upstream().call(&streaming(&base)).unwrap(), Dialect::Chat);
        let mut lane = Lane(Vec::new(), Some(go));
        let style = Style {
            keep_alive: Some(Duration::from_millis(300)),
            ..STYLE
        };
        let started = Instant::now();
        let relayed = primed.pump(Chunks::new(&mut lane), style, &mut |_| {});
        assert!(started.elapsed() >= Duration::from_millis(600));
        assert_eq!(relayed.ended, Ended::Terminal);
        let alive = ": keep-alive\n\n";
        let expected = format!("{PART}{alive}{alive}{FINISH}{DONE}");
        assert_eq!(dechunk(&lane.0).unwrap(), expected);
    }

    /// A short stream of each dialect, and what ends it.
    /// Streams, the event that makes each of them an answer, and what ends it.
    fn short_streams() -> [(Dialect, String, usize, &'static str); 4] {
        let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":4}}}\n\n";
        let end = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
        let gemini = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\r\n\r\ndata: {\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":3}}\r\n\r\n";
        [
            (Dialect::Chat, format!("{PART}{FINISH}{DONE}"), 1, "[DONE]"),
            (
                Dialect::Responses,
                format!("{CREATED}{COMPLETED}"),
                2,
                "event: response.completed",
            ),
            (
                Dialect::Messages,
                format!("{start}{SAID}{end}"),
                2,
                "event: message_stop",
            ),
            (Dialect::Gemini, gemini.to_owned(), 1, "finishReason"),
        ]
    }

    #[test]
    fn are_the_same_however_they_are_cut() {
        for (dialect, stream, ..) in short_streams() {
            let (_, whole) = relay_text(&stream, dialect);
            assert!(whole.usage.is_some() || dialect == Dialect::Chat);
            for cut in 0..=stream.len() {
                let (before, after) = stream.as_bytes().split_at(cut);
                let answer = answer_in(&[before, after], false);
                let (text, relayed) = relay(answer, dialect, STYLE).unwrap();
                assert_eq!(text, stream);
                assert_eq!(relayed.ended, Ended::Terminal);
                assert_eq!((relayed.usage, relayed.events), (whole.usage, whole.events));
            }
        }
    }

    #[test]
    fn torn_at_any_byte_have_one_end() {
        for (dialect, stream, count, end) in short_streams() {
            let mut ends = stream
                .match_indices("\n\n")
                .chain(stream.match_indices("\r\n\r\n"));
            let first = ends.nth(count - 1).unwrap().0;
            let cuts = (0..stream.len()).flat_map(|cut| [(cut, false), (cut, true)]);
            for (cut, breaks) in cuts {
                let torn = &stream.as_bytes()[..cut];
                let Ok((text, relayed)) = relay(answer_in(&[torn], breaks), dialect, STYLE) else {
                    assert!(cut <= first + 3);
                    continue;
                };
                let is_error = |event: &str| {
                    let mut lines = event.lines().filter_map(|line| line.strip_prefix("data: "));
                    lines.any(|data| {
                        serde_json::from_str::<serde_json::Value>(data).is_ok_and(|data| {
                            data.get("error").is_some() || data["type"] == "error"
                        })
                    })
                };
                let normal = text.replace("\r\n", "\n");
                assert!(normal.ends_with("\n\n"), "{text}");
                let errors = normal.split("\n\n").filter(|event| is_error(event)).count();
                let ends = normal.matches(end).count();
                assert_eq!(ends + errors, 1, "{cut} {breaks} {text}");
                assert_eq!(relayed.ended == Ended::Terminal, errors == 0);
            }
        }
    }

    #[test]
    fn whose_answer_is_torn_at_any_byte_never_look_whole() {
        let answer = stream_answer(&[PART, FINISH, DONE]);
        let cut = Arc::new(AtomicUsize::new(0));
        let (all, at) = (answer.clone(), cut.clone());
        let server = Server::start(move |_, stream| {
            let _ = stream.write_all(&all.as_bytes()[..at.load(Ordering::SeqCst)]);
            false
        });
        let base = server.base();
        let upstream = upstream();
        let finished = STREAM_HEAD.len() + chunk(PART).len() + chunk(FINISH).len() - 2;
        for at in 0..=answer.len() {
            cut.store(at, Ordering::SeqCst);
            let answer = upstream.call(&streaming(&base));
            match answer.and_then(|answer| relay(answer, Dialect::Chat, STYLE)) {
                Err(failure) => assert_eq!(failure.kind, FailureKind::Broken, "{at}: {failure}"),
                Ok((text, relayed)) => {
                    let is_whole = text == format!("{PART}{FINISH}{DONE}");
                    assert!(is_whole != text.contains("\"error\":{"), "{at}: {text}");
                    assert_eq!(is_whole, relayed.ended == Ended::Terminal);
                    assert_eq!(is_whole, at >= finished, "{at}: {text}");
                }
            }
        }
    }
}

mod bodies {
    use super::*;

    type Pumped = (Option<u64>, Vec<u8>, Relayed);

    fn pump(server: &Server, rename: Option<Rename>) -> Result<Pumped, Failure> {
        let base = server.base();
        let answer = upstream().call(&call(UpstreamKind::Compat, &base, BODY))?;
        let whole = whole::open(answer, &asked(Dialect::Chat, MAX_EVENT), rename)?;
        let (length, mut lane) = (whole.length(), Vec::new());
        let relayed = whole.pump(&mut lane, &mut |_| {});
        Ok((length, lane, relayed))
    }

    #[test]
    fn pass_as_they_came() {
        let body = r#"{"model":"big-1","choices":[{"text":"a"}], "usage":{"prompt_tokens":7}}"#;
        for answer in [json_answer(body), stream_answer(&[body])] {
            let server = Server::answering(answer);
            let (length, lane, relayed) = pump(&server, None).unwrap();
            assert_eq!(length, Some(body.len() as u64));
            assert_eq!(lane, body.as_bytes());
            assert_eq!(relayed.usage.unwrap().input, 7);
            let rename = Rename {
                upstream: "big-1",
                client: "alias",
            };
            let (length, lane, _) = pump(&server, Some(rename)).unwrap();
            let renamed = body.replace("big-1", "alias");
            assert_eq!(length, Some(renamed.len() as u64));
            assert_eq!(lane, renamed.as_bytes());
        }
    }

    fn long() -> String {
        format!("{{\"choices\":[\"{}\"]}}", "x".repeat(3 << 20))
    }

    #[test]
    fn are_streamed_when_they_are_long() {
        let body = long();
        let server = Server::answering(json_answer(&body));
        let (length, lane, relayed) = pump(&server, None).unwrap();
        assert_eq!(length, Some(body.len() as u64));
        assert!(lane == body.as_bytes());
        assert_eq!(relayed.bytes, body.len() as u64);
        let server = Server::answering(stream_answer(&[&body]));
        let (length, lane, _) = pump(&server, None).unwrap();
        assert_eq!(length, None);
        assert!(dechunk(&lane).unwrap() == body);
    }

    #[test]
    fn may_be_errors_in_spite_of_their_status() {
        for (body, status) in [
            ("{\"error\":{\"code\":403,\"message\":\"m\"}}", 403),
            ("{\"code\":1,\"msg\":\"m\"}", 502),
        ] {
            let failure = pump(&Server::answering(json_answer(body)), None).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Status);
            assert_eq!(failure.status, Some(status));
            assert_eq!(failure.body, body.as_bytes());
        }
    }

    #[test]
    fn that_break_off_are_failures_or_lack_their_end() {
        let answer = json_answer("{\"choices\":[]}");
        let server = Server::answering_once(&answer[..answer.len() - 1]);
        assert_eq!(pump(&server, None).unwrap_err().kind, FailureKind::Broken);
        let answer = json_answer(&long());
        let server = Server::answering_once(&answer[..answer.len() - 6]);
        let (length, lane, relayed) = pump(&server, None).unwrap();
        assert_eq!(relayed.ended, Ended::Broken);
        assert_eq!(length, Some(lane.len() as u64 + 6));
        let answer = stream_answer(&[&long()]);
        let server = Server::answering_once(&answer[..answer.len() - 6]);
        let (_, lane, relayed) = pump(&server, None).unwrap();
        assert_eq!(relayed.ended, Ended::Broken);
        assert!(dechunk(&lane).is_none());
    }

    #[test]
    fn without_length_do_not_end_with_a_reset() {
        let body = r#"{"choices":[{"text":"a"}]}"#;
        let resets = Arc::new(AtomicBool::new(false));
        let (go, gone) = mpsc::channel::<()>();
        let (flag, gone) = (resets.clone(), std::sync::Mutex::new(gone));
        let server = Server::start(move |_, stream| {
            let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n\r\n{body}").as_bytes());
            if flag.load(Ordering::SeqCst) {
                // A reset takes what has not been read with it.
                let _ = gone.lock().unwrap().recv();
                reset_on_close(stream);
            }
            false
        });
        assert_eq!(pump(&server, None).unwrap().1, body.as_bytes());
        resets.store(true, Ordering::SeqCst);
        let base = server.base();
        let mut answer = upstream()
            .call(&call(UpstreamKind::Compat, &base, BODY))
            .unwrap();
        let mut start = vec![0; body.len()];
        answer.body.read_exact(&mut start).unwrap();
        drop(go);
        let rest = answer.body.read(&mut start).unwrap_err();
        assert_eq!(Failure::of_read(&rest).kind, FailureKind::Broken);
    }

    #[test]
    fn made_here_are_read_like_those_that_came() {
        let mut made = answer_in(&[], false);
        made.body = Box::new(Cursor::new(b"{}"));
        assert_eq!(
            whole::open(
                made,
                &ExpectedAnswer {
                    is_generation: false,
                    ..asked(Dialect::Chat, MAX_EVENT)
                },
                None
            )
            .unwrap()
            .length(),
            Some(2)
        );
    }
}
