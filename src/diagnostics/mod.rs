//! The debug server: what an operator wants to know of the process, on an address of its own.
//!
//! One thread, one connection after another, each with a limit to its time: it is for a person with a
//! browser, and must be no way to hurt the gateway.

mod pages;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};

/// What a connection may take, so that stopping never takes the five seconds it may (spec/config.md 1.2).
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of a request head.
const HEAD: usize = 8 * 1024;
/// Its header lines.
const HEADERS: usize = 64;

const WAKER: Token = Token(0);
const LISTENER: Token = Token(1);

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
    let mut events = Events::with_capacity(4);
    while !has_ended.load(Ordering::Acquire) {
        match listener.accept() {
            Ok((stream, _)) => {
                // Whoever breaks off gets no answer.
                let _ = serve(&stream.into());
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let _ = poll.poll(&mut events, None);
            }
            // No more files, say: not again at once.
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

fn serve(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    let until = Instant::now() + PATIENCE;
    let mut head = Vec::new();
    let (status, kind, body) = loop {
        // Zero would be no limit at all.
        let left = until.saturating_duration_since(Instant::now());
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece)?;
        head.extend_from_slice(piece.get(..count).unwrap_or_default());
        if count == 0 || left.is_zero() {
            return Ok(());
        }
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&head) {
            Ok(httparse::Status::Complete(_)) => match (request.method, request.path) {
                (Some("GET"), Some(path)) => break pages::answer(path),
                _ => break pages::plain("405 Method Not Allowed", "only GET\n"),
            },
            Ok(httparse::Status::Partial) if head.len() < HEAD => {}
            _ => break pages::plain("400 Bad Request", "not an HTTP request\n"),
        }
    };
    stream.set_write_timeout(Some(PATIENCE))?;
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {length}\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())
}
