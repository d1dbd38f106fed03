//! Small scripted upstreams, and calls to them.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use holdfast::config::Secret;
use holdfast::unversioned::budget::Budget;
use holdfast::unversioned::credential::UpstreamKind;
use holdfast::unversioned::exchange::Waiter;
use holdfast::unversioned::failure::{Failure, Headers};
use holdfast::unversioned::json::Span;
use holdfast::unversioned::provider::{
    Action, Answer, Call, ProxySetting, Settings, Target, Upstream,
};
use holdfast::unversioned::relay::{
    Chunks, ExpectedAnswer, Framing, Opened, Relayed, Style, stream,
};
use holdfast::unversioned::sse::MAX_EVENT;
use holdfast::unversioned::wire::Dialect;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub head: String,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        lines
            .find(|line| line.0.eq_ignore_ascii_case(name))
            .map(|line| line.1)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// A scripted upstream.
pub struct Server {
    pub address: SocketAddr,
    pub seen: Receiver<Seen>,
}

impl Server {
    /// Answers each connection on a thread of its own. `behave` is called for each request with the number
    /// of its connection, and says whether to read another.
    pub fn start(behave: impl Fn(usize, &mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
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
    pub fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |_, stream| stream.write_all(&answer).is_ok())
    }

    /// Gives every request the same answer and closes the connection.
    pub fn answering_once(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |_, stream| stream.write_all(&answer).is_err())
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn next(&self) -> Seen {
        self.seen.recv_timeout(Duration::from_secs(5)).unwrap()
    }
}

pub fn read_request(stream: &mut TcpStream) -> Option<Seen> {
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
pub fn reset_on_close(stream: &TcpStream) {
    socket2::SockRef::from(stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
}

pub fn json_answer(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

pub fn status_answer(status: u16, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// An upstream that gives each request the next of these answers, then the last again and again.
pub fn in_turn(answers: Vec<String>) -> Server {
    let asked = AtomicUsize::new(0);
    Server::start(move |_, stream| {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        let answer = answers.get(number).or(answers.last()).unwrap();
        stream.write_all(answer.as_bytes()).is_ok()
    })
}

pub const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

pub fn chunk(payload: &str) -> String {
    format!("{:x}\r\n{payload}\r\n", payload.len())
}

pub fn stream_answer(events: &[&str]) -> String {
    let chunks: String = events.iter().map(|event| chunk(event)).collect();
    format!("{STREAM_HEAD}{chunks}0\r\n\r\n")
}

pub const BODY: &str =
    r#"{"model": "m", "messages":[{"role":"user","content":"\u00e9  "}], "seed": 1.50}"#;

pub fn key() -> &'static Secret {
    static KEY: std::sync::LazyLock<Secret> = std::sync::LazyLock::new(|| Secret::new("k-123"));
    &KEY
}

/// A waiter without a client.
pub fn alone() -> &'static Waiter {
    Box::leak(Box::default())
}

pub fn call<'a>(kind: UpstreamKind, base_url: &'a str, body: &'a str) -> Call<'a> {
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
            account: None,
            headers: &[],
            defaults: &[],
            proxy: ProxySetting::Direct,
        },
        model: "m",
        action: Action::Generate,
        stream: false,
        body: body.as_bytes(),
        model_span,
        session: None,
        credits: false,
        client_headers: &[],
        alt: None,
        is_flavoured: false,
        is_translated: false,
        waiter: alone(),
    }
}

pub fn streaming(base: &str) -> Call<'_> {
    Call {
        stream: true,
        ..call(UpstreamKind::Compat, base, BODY)
    }
}

pub fn settings() -> Settings {
    Settings {
        workers: 8,
        connect_timeout: Duration::from_secs(5),
        head_timeout: Duration::from_secs(5),
        silence: Duration::from_secs(5),
        ..Settings::default()
    }
}

pub fn upstream() -> Upstream {
    Upstream::new(settings())
}

pub fn text(mut answer: Answer) -> String {
    let mut text = String::new();
    answer.body.read_to_string(&mut text).unwrap();
    text
}

pub fn failed(call: &Call) -> Failure {
    upstream().call(call).err().expect("a failure")
}

pub const STYLE: Style = Style {
    framing: Framing::Events,
    rename: None,
    keep_alive: None,
    is_codex: false,
    model: "m",
};

/// A body that comes in the given parts and then ends or breaks.
pub struct Parts {
    pub parts: VecDeque<Vec<u8>>,
    pub breaks: bool,
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

pub fn answer_in(parts: &[&[u8]], breaks: bool) -> Answer {
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

/// A default expected answer.
pub fn asked(dialect: Dialect, event_bytes: usize) -> ExpectedAnswer<'static> {
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
pub fn dechunk(mut bytes: &[u8]) -> Option<String> {
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

pub fn opened(answer: Answer, dialect: Dialect) -> holdfast::unversioned::relay::Primed {
    match stream::open(answer, &asked(dialect, MAX_EVENT)) {
        Ok(Opened::Events(primed)) => *primed,
        Ok(Opened::Whole(_)) => panic!("a body in place of a stream"),
        Err(failure) => panic!("{failure}"),
    }
}

pub fn relay(answer: Answer, dialect: Dialect, style: Style) -> Result<(String, Relayed), Failure> {
    let Opened::Events(primed) = stream::open(answer, &asked(dialect, MAX_EVENT))? else {
        panic!("a body in place of a stream");
    };
    let mut lane = Vec::new();
    let relayed = primed.pump(Chunks::new(&mut lane), style, &mut |_| {});
    Ok((dechunk(&lane).expect("a whole body"), relayed))
}

pub fn relay_text(text: &str, dialect: Dialect) -> (String, Relayed) {
    relay(answer_in(&[text.as_bytes()], false), dialect, STYLE).unwrap()
}

pub const COMPLETED: &str = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"output\":[],\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}}\n\n";

pub const CREATED: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\n\n";

pub const ITEM: &str = "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":{\"n\": 1}}\n\n";

pub const FIRST_ITEM: &str = "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"n\":0}}\n\n";

pub const PART: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n";
pub const FINISH: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
pub const DONE: &str = "data: [DONE]\n\n";
pub const SAID: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n";

/// A stream of one event that then says nothing more.
pub fn falls_silent() -> Server {
    Server::start(|_, stream| {
        let _ = stream.write_all(format!("{STREAM_HEAD}{}", chunk(PART)).as_bytes());
        stream.read(&mut [0]).is_err()
    })
}
