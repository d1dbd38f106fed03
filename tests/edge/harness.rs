//! An edge, a test service controlled by the path, and a raw client.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::marker::PhantomData;
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use holdfast::unversioned::budget::Budget;
use holdfast::unversioned::edge::{Edge, Identity, Limits, Service, listener};
use holdfast::unversioned::exchange::{
    Admission, Client as Responder, Head, Request, Waiter, Writer,
};

const PATIENCE: Duration = Duration::from_secs(20);
/// A body larger than any socket buffer, bytes.
pub const LARGE: usize = 32 * 1024 * 1024;

/// An edge and its service. `/echo` returns the request, `/large` a body larger than any socket buffer, `/stream/N` writes
/// N pieces, `/wait` answers when the client has disconnected, `/hold` when it is released, `/drip` partly before that,
/// `/break` never. `/cheap` is answered without a worker, `/closed` is refused.
pub struct SetupOver<W> {
    pub edge: Option<Edge<Shared>>,
    pub address: SocketAddr,
    pub shared: Arc<State>,
    pub budget: Budget,
    wire: PhantomData<fn() -> W>,
}

/// The service with its counters.
pub struct Shared(pub Arc<State>);

/// The transport of a client.
pub trait Wire: Read + Write {
    fn connect(address: SocketAddr) -> Self;
    fn tcp(&self) -> &TcpStream;
    /// The certificate that the edge needs.
    fn identity() -> Option<Identity>;
}

impl Wire for TcpStream {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    fn tcp(&self) -> &TcpStream {
        self
    }

    fn identity() -> Option<Identity> {
        None
    }
}

pub type Setup = SetupOver<TcpStream>;
pub type Client = ClientOver<TcpStream>;

#[derive(Default)]
pub struct State {
    /// Requests that were admitted.
    pub admitted: AtomicUsize,
    /// Requests that reached a worker.
    pub served: AtomicUsize,
    /// Requests at `/hold` and `/wait` right now.
    pub holding: AtomicUsize,
    pub release: AtomicBool,
    /// Pieces that `/stream` has written.
    pub pieces: AtomicUsize,
    /// Clients whose disconnect `/wait` has seen.
    pub seen_gone: AtomicUsize,
}

pub fn limits() -> Limits {
    Limits {
        workers: 4,
        spare_threads: 1,
        ..Limits::default()
    }
}

impl<W: Wire> SetupOver<W> {
    pub fn new(limits: Limits) -> Self {
        Self::with(limits, W::identity())
    }

    pub fn with(limits: Limits, identity: Option<Identity>) -> Self {
        Self::start(limits, identity, Budget::unlimited())
    }

    pub fn within(limits: Limits, budget: Budget) -> Self {
        Self::start(limits, W::identity(), budget)
    }

    fn start(limits: Limits, identity: Option<Identity>, budget: Budget) -> Self {
        let listeners = listener::bind("127.0.0.1", 0).unwrap();
        let address = listeners[0].local_addr().unwrap();
        let shared = Arc::new(State::default());
        let service = Shared(Arc::clone(&shared));
        let edge = Edge::start(listeners, limits, service, budget.clone(), identity).unwrap();
        Self {
            edge: Some(edge),
            address,
            shared,
            budget,
            wire: PhantomData,
        }
    }

    pub fn edge(&self) -> &Edge<Shared> {
        self.edge.as_ref().unwrap()
    }

    pub fn client(&self) -> ClientOver<W> {
        ClientOver::connect(self.address)
    }

    pub fn release(&self) {
        self.shared.release.store(true, Ordering::Release);
    }
}

impl<W> Drop for SetupOver<W> {
    fn drop(&mut self) {
        self.shared.release.store(true, Ordering::Release);
        self.edge.take();
    }
}

fn answer(text: &[u8]) -> Vec<u8> {
    let length = text.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), text].concat()
}

impl Service for Shared {
    type Ticket = ();

    fn admit(&self, head: &Head, _: SocketAddr) -> Admission<()> {
        match head.target.as_str() {
            "/cheap" => Admission::Answer(answer(b"cheap")),
            "/closed" => Admission::Answer(
                b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno".to_vec(),
            ),
            _ => {
                self.0.admitted.fetch_add(1, Ordering::AcqRel);
                Admission::Serve(())
            }
        }
    }

    fn serve(&self, (): (), request: Request, client: Rc<dyn Responder>) -> io::Result<()> {
        self.0.serve(&request, &client)
    }
}

impl State {
    fn hold(&self, client: &Rc<dyn Responder>) -> io::Result<()> {
        self.holding.fetch_add(1, Ordering::AcqRel);
        let waiter = Waiter::of(Rc::clone(client));
        let is_there = loop {
            if self.release.load(Ordering::Acquire) {
                break true;
            }
            if !waiter.pause(Duration::from_millis(5)) {
                break false;
            }
        };
        self.holding.fetch_sub(1, Ordering::AcqRel);
        match is_there {
            true => Ok(()),
            false => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn serve(&self, request: &Request, client: &Rc<dyn Responder>) -> io::Result<()> {
        let mut out = Writer(Rc::clone(client));
        let Head {
            method,
            target,
            headers,
        } = &request.head;
        self.served.fetch_add(1, Ordering::AcqRel);
        if let Some(count) = target.strip_prefix("/stream/") {
            out.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            for n in 0..count.parse::<usize>().unwrap() {
                let piece = format!("piece {n}\n");
                let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
                out.write_all(chunk.as_bytes())?;
                self.pieces.fetch_add(1, Ordering::AcqRel);
            }
            return out.write_all(b"0\r\n\r\n");
        }
        match target.as_str() {
            "/wait" | "/hold" => {
                let held = self.hold(client);
                if held.is_err() {
                    self.seen_gone.fetch_add(1, Ordering::AcqRel);
                }
                held?;
            }
            "/drip" => {
                out.write_all(
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nfirst\n\r\n",
                )?;
                client.probe_with(b"1\r\n\n\r\n");
                self.hold(client)?;
                return out.write_all(b"7\r\nsecond\n\r\n0\r\n\r\n");
            }
            "/large" => {
                client.keep_up_to(LARGE);
                return out.write_all(&answer(&vec![b'x'; LARGE]));
            }
            "/panic" => panic!("as asked"),
            "/break" => return Err(io::ErrorKind::Other.into()),
            "/half" => {
                out.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf")?;
                return Err(io::ErrorKind::Other.into());
            }
            _ => {}
        }
        let headers = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\n"));
        let headers = headers.collect::<String>();
        let text = format!("{method} {target}\n{headers}peer: {}\n\n", request.peer);
        let text = [text.as_bytes(), &request.body].concat();
        out.write_all(&answer(&text))
    }
}

/// Waits for `condition`; panics at the deadline.
pub fn eventually(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(
            Instant::now() < deadline,
            "the condition was not met in time"
        );
        thread::yield_now();
    }
}

pub struct ClientOver<W> {
    pub stream: BufReader<W>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl<W: Wire> ClientOver<W> {
    pub fn connect(address: SocketAddr) -> Self {
        Self::of(W::connect(address))
    }

    pub fn of(wire: W) -> Self {
        Self {
            stream: BufReader::new(wire),
        }
    }

    pub fn send(&mut self, text: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(text.as_ref()).unwrap();
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        self.answer()
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line
    }

    /// Reads up to and with the line `wanted`.
    pub fn skip_to(&mut self, wanted: &str) {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "closed before {wanted:?}");
            if line.trim_end() == wanted {
                return;
            }
        }
    }

    pub fn answer(&mut self) -> Answer {
        let mut head = String::new();
        loop {
            let line = self.line();
            if line == "\r\n" {
                break;
            }
            assert!(!line.is_empty(), "closed within a head: {head:?}");
            head.push_str(&line);
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let value = |name: &str| {
            head.lines().find_map(|line| {
                let (known, value) = line.split_once(": ")?;
                known.eq_ignore_ascii_case(name).then(|| value.to_owned())
            })
        };
        let mut body = Vec::new();
        if value("transfer-encoding").is_some() {
            loop {
                let size = self.line();
                let size = usize::from_str_radix(size.trim_end(), 16).expect("a chunk size");
                let mut chunk = vec![0; size + 2];
                self.stream.read_exact(&mut chunk).unwrap();
                if size == 0 {
                    break;
                }
                body.extend_from_slice(&chunk[..size]);
            }
        } else if let Some(length) = value("content-length") {
            body.resize(length.parse().unwrap(), 0);
            self.stream.read_exact(&mut body).unwrap();
        } else if status != 204 && status != 100 {
            self.stream.read_to_end(&mut body).unwrap();
        }
        Answer {
            status,
            head,
            body: String::from_utf8(body).unwrap(),
        }
    }

    pub fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0) | Err(_))
    }
}
