//! The requests and answers of the measurements.

use std::time::{SystemTime, UNIX_EPOCH};

use memchr::memmem;

/// Key the clients present to the gateway.
pub const CLIENT_KEY: &str = "figures-client";
/// The only model.
pub const MODEL: &str = "figures-model";
/// Path of every chat request, at the gateway and at the upstream.
pub const PATH: &str = "/v1/chat/completions";

/// Precedes the pace of a stream in its request.
const PACE_MARK: &[u8] = b"\"content\":\"Pace ";

/// How an upstream sends a stream.
#[derive(Clone, Copy)]
pub struct Pace {
    /// Events, without the closing one.
    pub events: usize,
    /// Shortest and longest pause between two events in milliseconds, so that streams are not synchronized. Without a
    /// pause, all events are sent in one write.
    pub pause: (u64, u64),
}

impl Pace {
    /// The pace that a request asks for; `None` if it asks for no stream.
    pub fn asked(body: &[u8]) -> Option<Self> {
        let at = memmem::find(body, PACE_MARK)? + PACE_MARK.len();
        let rest = body.get(at..)?;
        let words = rest.split(|byte| *byte == b'.').next()?;
        let mut numbers = std::str::from_utf8(words).ok()?.split(' ');
        let mut next = || numbers.next()?.parse::<u64>().ok();
        Some(Self {
            events: usize::try_from(next()?).ok()?,
            pause: (next()?, next()?),
        })
    }
}

/// Precedes the send time in the text of an event.
const SENT_MARK: &[u8] = b"\"content\":\"sent ";
/// Decimal digits of a send time, in nanoseconds since 1970.
const SENT_DIGITS: usize = 19;

/// The text of a long conversation: prose, or source code, in which about every tenth byte begins an escape and about
/// every seventh is not ASCII.
#[derive(Clone, Copy)]
pub enum Text {
    Prose,
    Code,
}

impl Text {
    fn words(self) -> &'static str {
        match self {
            Self::Prose => {
                "The quick brown fox jumps over the lazy dog, has a déjà vu,\\n\
                and says \\\"naïve\\\". "
            }
            Self::Code => {
                "fn grüße(an: &str) {\\n\\tlet text = \\\"välkommen\\\";\\n\\t\
                println!(\\\"{text}, {an}\\\"); // どうも\\n}\\n"
            }
        }
    }
}

/// A chat request whose body is `size` bytes long.
pub fn request(conversation: usize, size: usize, text: Text) -> Vec<u8> {
    post(&body(conversation, size, text))
}

/// The body of a chat request, `size` bytes long. Each `conversation` is a session of its own.
pub fn body(conversation: usize, size: usize, text: Text) -> String {
    let open = format!(
        "{{\"model\":\"{MODEL}\",\"messages\":[\
         {{\"role\":\"system\",\"content\":\"You are a careful assistant.\"}},\
         {{\"role\":\"user\",\"content\":\"Conversation {conversation}. "
    );
    turns(open, size, text.words(), "\"}]}")
}

/// A chat request for an event stream.
pub fn stream_request(conversation: usize, pace: Pace) -> Vec<u8> {
    let Pace { events, pause } = pace;
    let (shortest, longest) = pause;
    post(&format!(
        "{{\"model\":\"{MODEL}\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\
         \"content\":\"Pace {events} {shortest} {longest}. Stream {conversation}, please.\"}}]}}"
    ))
}

/// The head of a chat request that claims a body of `length` bytes, with the clients' key or without any.
pub fn head(length: usize, has_key: bool) -> Vec<u8> {
    let key = match has_key {
        true => format!("Authorization: Bearer {CLIENT_KEY}\r\n"),
        false => String::new(),
    };
    format!(
        "POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: figures/1\r\n\
         Accept: application/json\r\n{key}\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
    .into_bytes()
}

pub fn health_request() -> Vec<u8> {
    b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".to_vec()
}

/// The answer to requests without a stream.
pub fn answer() -> Vec<u8> {
    let body = format!(
        "{{\"id\":\"chatcmpl-figures\",\"object\":\"chat.completion\",\"created\":1,\
         \"model\":\"{MODEL}\",\"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\
         \"content\":\"A short answer.\"}},\"finish_reason\":\"stop\"}}],\
         \"usage\":{{\"prompt_tokens\":250,\"completion_tokens\":4,\"total_tokens\":254}}}}"
    );
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Head of a streamed answer; the body is chunked, an event a chunk.
pub const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
    Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n";

/// The end of a streamed answer.
pub const STREAM_END: &[u8] = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

/// One event, as a chunk, with the time of its creation.
pub fn stamped_event() -> Vec<u8> {
    let event = format!(
        "data: {{\"id\":\"chatcmpl-figures\",\"object\":\"chat.completion.chunk\",\"created\":1,\
         \"model\":\"{MODEL}\",\"choices\":[{{\"index\":0,\"delta\":\
         {{\"content\":\"sent {:0SENT_DIGITS$}\"}},\"finish_reason\":null}}]}}\n\n",
        now_nanos()
    );
    format!("{:x}\r\n{event}\r\n", event.len()).into_bytes()
}

/// The creation time of an event, if it has one.
pub fn stamp(event: &[u8]) -> Option<u64> {
    let at = memmem::find(event, SENT_MARK)? + SENT_MARK.len();
    let digits = event.get(at..at + SENT_DIGITS)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Nanoseconds since 1970, as a clock that two processes share.
pub fn now_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

/// Fills the last user message, then further turns, until the body has `size` bytes.
fn turns(open: String, size: usize, words: &str, close: &str) -> String {
    /// The length of a turn, bytes.
    const TURN: usize = 4096;
    const NEXT: [&str; 2] = [
        "\"},{\"role\":\"assistant\",\"content\":\"",
        "\"},{\"role\":\"user\",\"content\":\"",
    ];
    let mut body = open;
    let mut turn = 0;
    loop {
        let left = size.saturating_sub(body.len() + close.len());
        if left > TURN + 64 {
            body.push_str(&words.repeat(TURN / words.len()));
            body.push_str(NEXT[turn % 2]);
            turn += 1;
        } else {
            body.push_str(&words.repeat(left / words.len()));
            body.push_str(&".".repeat(left % words.len()));
            return body + close;
        }
    }
}

fn post(body: &str) -> Vec<u8> {
    let mut request = head(body.len(), true);
    request.extend_from_slice(body.as_bytes());
    request
}
