//! An edge, workers that do what the path says, and a client without manners.

use std::io::{BufRead, BufReader, Read, Write};
use std::marker::PhantomData;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use holdfast::edge::{Edge, EdgeHandle, Hooks, Identity, Limits, listener};
use holdfast::lane::{Delivery, WorkerEnd};

const PATIENCE: Duration = Duration::from_secs(20);

/// An edge with its workers. `/echo` gives the request back, `/stream/N` writes N pieces, `/wait` answers when
/// the client has gone, `/hold` when it is released, `/drip` partly before, `/break` never.
pub struct SetupOver<W> {
    pub edge: Option<EdgeHandle>,
    pub address: SocketAddr,
    pub shared: Arc<Shared>,
    workers: Arc<Mutex<Vec<JoinHandle<()>>>>,
    wire: PhantomData<W>,
}

/// By what clients reach an edge.
pub trait Wire: Read + Write {
    fn connect(address: SocketAddr) -> Self;
    fn tcp(&self) -> &TcpStream;
    /// What the edge needs for it.
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
pub struct Shared {
    /// Requests that reached a worker.
    pub served: AtomicUsize,
    /// Requests at `/hold` and `/wait` right now.
    pub holding: AtomicUsize,
    pub release: AtomicBool,
    /// Pieces that `/stream` has got rid of.
    pub pieces: AtomicUsize,
    /// Clients seen to leave by `/wait`.
    pub seen_gone: AtomicUsize,
}

pub fn limits() -> Limits {
    Limits {
        lanes: 4,
        reserved_lanes: 1,
        ..Limits::default()
    }
}

impl<W: Wire> SetupOver<W> {
    pub fn new(limits: Limits) -> Self {
        Self::with(limits, W::identity())
    }

    pub fn with(limits: Limits, identity: Option<Identity>) -> Self {
        let listeners = listener::bind("127.0.0.1", 0).unwrap();
        let address = listeners[0].local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let workers = Arc::new(Mutex::new(Vec::new()));
        let (for_workers, started) = (Arc::clone(&shared), Arc::clone(&workers));
        let hooks = Hooks {
            is_cheap: |_, target| target == b"/cheap",
            on_lane: Box::new(move |lane| {
                let shared = Arc::clone(&for_workers);
                let worker = thread::spawn(move || work(lane, &shared));
                started.lock().unwrap().push(worker);
                Ok(())
            }),
        };
        let edge = Edge::start(listeners, limits, hooks, identity).unwrap();
        Self {
            edge: Some(edge),
            address,
            shared,
            workers,
            wire: PhantomData,
        }
    }

    pub fn edge(&self) -> &EdgeHandle {
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
        for worker in self.workers.lock().unwrap().drain(..) {
            let _ = worker.join();
        }
    }
}

fn work(mut lane: WorkerEnd, shared: &Shared) {
    while let Ok(delivery) = lane.receive() {
        if !serve(delivery, &mut lane, shared) {
            return;
        }
    }
}

/// Whether the lane can go on.
fn serve(delivery: Delivery, lane: &mut WorkerEnd, shared: &Shared) -> bool {
    let client = lane.client();
    let (line, lines) = delivery.head.split_once("\r\n").unwrap();
    let line = line.strip_suffix(" HTTP/1.1").unwrap();
    let path = line.split_once(' ').unwrap().1.to_owned();
    shared.served.fetch_add(1, Ordering::AcqRel);
    let answer = |text: &[u8]| {
        [
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len()).as_bytes(),
            text,
        ]
        .concat()
    };
    if let Some(count) = path.strip_prefix("/stream/") {
        let _ = lane.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for n in 0..count.parse::<usize>().unwrap() {
            let piece = format!("piece {n}\n");
            if write!(lane, "{:x}\r\n{piece}\r\n", piece.len()).is_err() {
                return false;
            }
            shared.pieces.fetch_add(1, Ordering::AcqRel);
        }
        return lane.write_all(b"0\r\n\r\n").is_ok();
    }
    match path.as_str() {
        "/wait" => {
            shared.holding.fetch_add(1, Ordering::AcqRel);
            while !client.is_gone() && !shared.release.load(Ordering::Acquire) {
                thread::yield_now();
            }
            if client.is_gone() {
                shared.seen_gone.fetch_add(1, Ordering::AcqRel);
            }
            shared.holding.fetch_sub(1, Ordering::AcqRel);
        }
        "/hold" => {
            shared.holding.fetch_add(1, Ordering::AcqRel);
            eventually(|| shared.release.load(Ordering::Acquire));
            shared.holding.fetch_sub(1, Ordering::AcqRel);
        }
        "/drip" => {
            let _ = lane.write_all(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nfirst\n\r\n",
            );
            eventually(|| shared.release.load(Ordering::Acquire));
            return lane.write_all(b"7\r\nsecond\n\r\n0\r\n\r\n").is_ok();
        }
        "/break" => return false,
        "/half" => {
            let _ =
                lane.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf");
            return false;
        }
        _ => {}
    }
    let lines = lines.replace("\r\n", "\n");
    let (headers, peer) = (lines.trim_end(), delivery.peer);
    let text = format!("{line}\n{headers}\npeer: {peer}\n\n");
    let text = [text.as_bytes(), &delivery.body].concat();
    lane.write_all(&answer(&text)).is_ok()
}

/// Waits for `condition`; panics if it does not come true.
pub fn eventually(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "it did not happen in time");
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
