//! As much of an HTTP/1.1 server as the upstreams need. It is no library because scripts decide about framing and about
//! the end of connections.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use socket2::SockRef;

/// Header lines of a request.
const HEADERS: usize = 128;
/// Bytes of a request's head.
const HEAD: usize = 256 * 1024;
/// Bytes read at once.
const READ: usize = 64 * 1024;
/// How long a wait goes on without looking whether the client is still there.
const SLICE: Duration = Duration::from_millis(100);

/// A connection of a client.
pub struct Connection {
    stream: TcpStream,
    /// Came, but not used yet.
    input: Vec<u8>,
}

/// A whole request.
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Connection {
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            input: Vec::new(),
        }
    }

    /// The next request; `None` when there is none, or none that can be understood.
    pub fn request(&mut self) -> Option<Request> {
        let (mut request, taken, length) = loop {
            if let Some(head) = head(&self.input)? {
                break head;
            }
            if self.input.len() > HEAD {
                return None;
            }
            self.read()?;
        };
        self.input.drain(..taken);
        while self.input.len() < length {
            self.read()?;
        }
        let rest = self.input.split_off(length);
        request.body = std::mem::replace(&mut self.input, rest);
        Some(request)
    }

    fn read(&mut self) -> Option<()> {
        let before = self.input.len();
        self.input.resize(before + READ, 0);
        let count = loop {
            match self.stream.read(self.input.get_mut(before..)?) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read.unwrap_or(0),
            }
        };
        self.input.truncate(before + count);
        (count > 0).then_some(())
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Waits. Whether the client is still there afterwards; ends early when it leaves.
    pub fn wait(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let slice = left.min(SLICE).max(Duration::from_millis(1));
            let _ = self.stream.set_read_timeout(Some(slice));
            let peeked = self.stream.peek(&mut [0]);
            let _ = self.stream.set_read_timeout(None);
            match peeked {
                // It has sent more already: it is there, and cannot be watched any further.
                Ok(1..) => std::thread::sleep(slice),
                Ok(0) => return false,
                Err(error)
                    if matches!(
                        error.kind(),
                        // The last one after the process was stopped and goes on (signal(7)).
                        io::ErrorKind::WouldBlock
                            | io::ErrorKind::TimedOut
                            | io::ErrorKind::Interrupted
                    ) => {}
                Err(_) => return false,
            }
        }
    }

    /// Has the client see a reset instead of an end.
    pub fn reset(self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }
}

/// The request without its body, the bytes of its head, and those of its body.
#[allow(clippy::type_complexity)]
fn head(bytes: &[u8]) -> Option<Option<(Request, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(taken) = parsed.parse(bytes).ok()? else {
        return Some(None);
    };
    let headers: Vec<(String, String)> = parsed
        .headers
        .iter()
        .map(|header| {
            let value = String::from_utf8_lossy(header.value).into_owned();
            (header.name.to_owned(), value)
        })
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(Some(0), |(_, value)| value.parse().ok())?;
    let request = Request {
        method: parsed.method?.to_owned(),
        path: parsed.path?.to_owned(),
        headers,
        body: Vec::new(),
    };
    Some(Some((request, taken, length)))
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The account: the key in any of the places where the vendors look for it.
    pub fn key(&self) -> String {
        let bearer = self
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        let query = self
            .path
            .split_once('?')
            .map_or("", |(_, query)| query)
            .split('&')
            .find_map(|pair| pair.strip_prefix("key="));
        bearer
            .or_else(|| self.header("x-api-key"))
            .or_else(|| self.header("x-goog-api-key"))
            .or(query)
            .unwrap_or_default()
            .to_owned()
    }
}
