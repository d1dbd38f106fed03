//! The debug server: what an operator wants to know of the process, on an address of its own.
//!
//! One thread for a bounded number of connections, each with a limit to its time: it is for a person with a
//! browser, and must be no way to hurt the gateway.

mod pages;

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;

/// The time limit of a connection, so that stopping the server takes less than five seconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest request head, bytes.
const HEAD: usize = 8 * 1024;
/// The most header lines.
const HEADERS: usize = 64;

/// Concurrent connections; one more closes the oldest.
const CONNECTIONS: usize = 64;
/// The pause before retrying after a system error.
const AGAIN: Duration = Duration::from_millis(100);

const WAKER: Token = Token(0);
const LISTENER: Token = Token(1);
/// The number of the first connection's token.
const FIRST: usize = 2;

/// The running server. Dropping it ends it.
pub struct Diagnostics {
    address: SocketAddr,
    control: Arc<Control>,
    thread: Option<JoinHandle<()>>,
}

struct Control {
    waker: Waker,
    has_ended: AtomicBool,
}

impl Diagnostics {
    /// Serves at `address`, which is `host:port`.
    ///
    /// # Errors
    /// When the address cannot be listened on, or the system refuses a thread.
    pub fn start(address: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let mut listener = mio::net::TcpListener::from_std(listener);
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        let control = Arc::new(Control {
            waker: Waker::new(poll.registry(), WAKER)?,
            has_ended: AtomicBool::new(false),
        });
        let seen = Arc::clone(&control);
        let thread = thread::Builder::new()
            .name("debug".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || run(poll, &listener, &seen.has_ended))?;
        Ok(Self {
            address,
            control,
            thread: Some(thread),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Diagnostics {
    fn drop(&mut self) {
        self.control.has_ended.store(true, Ordering::Release);
        // It can fail only when the thread is gone.
        let _ = self.control.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(mut poll: Poll, listener: &mio::net::TcpListener, has_ended: &AtomicBool) {
    let mut events = Events::with_capacity(CONNECTIONS);
    let mut connections = Slab::with_capacity(CONNECTIONS);
    while !has_ended.load(Ordering::Acquire) {
        let has_all = accept(listener, &poll, &mut connections);
        let now = Instant::now();
        connections.retain(|_, connection| connection.until > now);
        let ends = connections.iter().map(|(_, connection)| connection.until);
        let next = ends.min().map(|until| until.saturating_duration_since(now));
        let pause = match has_all {
            true => next,
            // No more files, say: not again at once.
            false => Some(next.unwrap_or(AGAIN).min(AGAIN)),
        };
        if poll.poll(&mut events, pause).is_err() {
            // Interrupted; or there are no events to go by.
            events.clear();
        }
        for event in &events {
            let Some(key) = event.token().0.checked_sub(FIRST) else {
                continue;
            };
            let is_over = connections
                .get_mut(key)
                .is_some_and(|connection| !matches!(connection.go_on(), Ok(false)));
            if is_over {
                connections.remove(key);
            }
        }
    }
}

/// Takes all who have come. Returns whether that was possible.
fn accept(
    listener: &mio::net::TcpListener,
    poll: &Poll,
    connections: &mut Slab<Connection>,
) -> bool {
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        };
        if connections.len() >= CONNECTIONS {
            // Whoever has been silent the longest has least to say.
            let oldest = connections.iter().min_by_key(|(_, known)| known.until);
            if let Some(key) = oldest.map(|(key, _)| key) {
                connections.remove(key);
            }
        }
        let entry = connections.vacant_entry();
        let token = Token(FIRST + entry.key());
        let both = Interest::READABLE | Interest::WRITABLE;
        if poll.registry().register(&mut stream, token, both).is_ok() {
            entry.insert(Connection {
                stream,
                until: Instant::now() + PATIENCE,
                head: Vec::new(),
                answer: VecDeque::new(),
            });
        }
    }
}

/// Somebody who asks.
struct Connection {
    stream: TcpStream,
    until: Instant,
    head: Vec<u8>,
    /// What is still to be sent; empty until the head is whole.
    answer: VecDeque<u8>,
}

impl Connection {
    /// Reads and writes what can be without waiting. Returns whether the answer has been sent.
    ///
    /// # Errors
    /// Whoever breaks off gets no answer.
    fn go_on(&mut self) -> io::Result<bool> {
        match self.read().and_then(|()| self.write()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            done => done.map(|()| true),
        }
    }

    /// Reads until there is an answer.
    fn read(&mut self) -> io::Result<()> {
        while self.answer.is_empty() {
            let mut piece = [0; 1024];
            let count = self.stream.read(&mut piece)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let piece = piece.get(..count).unwrap_or_default();
            self.head.extend_from_slice(piece);
            self.answer.extend(answer(&self.head).into_iter().flatten());
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.answer.is_empty() {
            let count = self.stream.write(self.answer.as_slices().0)?;
            self.answer.drain(..count);
        }
        Ok(())
    }
}

/// The answer to a request, once its head is whole or can no more become one.
fn answer(head: &[u8]) -> Option<Vec<u8>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let (status, kind, body) = match request.parse(head) {
        Ok(httparse::Status::Complete(_)) => match (request.method, request.path) {
            (Some("GET"), Some(path)) => pages::answer(path),
            _ => pages::plain("405 Method Not Allowed", "only GET\n"),
        },
        Ok(httparse::Status::Partial) if head.len() < HEAD => return None,
        _ => pages::plain("400 Bad Request", "not an HTTP request\n"),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {length}\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    );
    Some([head.as_bytes(), body.as_bytes()].concat())
}
