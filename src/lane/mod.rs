//! Lanes: the socket pairs over which the edge hands requests to workers and gets their answers.
//!
//! A lane has one worker at its other end and carries one request at a time. The request comes with its
//! [`envelope`]; the answer is an HTTP/1.1 response, whose end the edge finds by its framing. A lane that
//! cannot carry another request is closed by whoever notices first, and its worker ends with it.

mod client;
pub mod envelope;

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use envelope::{Envelope, Length};

/// Bytes of the first read: most requests but for their conversation.
const FIRST_READ: usize = 8 * 1024;
/// Bytes that a body gets room for at first, whatever length is claimed, and one of unknown length.
const ROOM: [usize; 2] = [1024 * 1024, 16 * 1024];

/// The edge's end. The worker learns of its drop: as the end of the lane, and by [`WorkerEnd::client`].
#[derive(Debug)]
pub struct EdgeEnd {
    gone: Arc<AtomicBool>,
}

/// The worker's end.
#[derive(Debug)]
pub struct WorkerEnd {
    stream: Arc<UnixStream>,
    gone: Arc<AtomicBool>,
    _alive: Alive,
}

/// Counts the worker's ends that there are.
#[derive(Debug)]
struct Alive(Arc<AtomicUsize>);

/// What makes lanes.
#[derive(Debug, Default)]
pub struct Maker {
    alive: Arc<AtomicUsize>,
}

/// The client that a worker serves: tells whether it has gone, and takes what is written to it while the worker
/// itself waits for something else.
#[derive(Clone, Debug)]
pub struct Client {
    gone: Arc<AtomicBool>,
    stream: Arc<UnixStream>,
}

/// A request as it came over a lane, whole.
#[derive(Debug)]
pub struct Delivery {
    pub peer: SocketAddr,
    /// Request line and header lines, each with its CR LF, and the empty line.
    pub head: String,
    pub body: Vec<u8>,
}

impl Maker {
    /// A new lane: its socket and its end for the edge, and what its worker gets.
    ///
    /// # Errors
    /// When the system has no more sockets to give.
    pub fn make(&self) -> io::Result<(UnixStream, EdgeEnd, WorkerEnd)> {
        let (near, far) = UnixStream::pair()?;
        let gone = Arc::new(AtomicBool::new(false));
        self.alive.fetch_add(1, Ordering::AcqRel);
        let edge = EdgeEnd {
            gone: Arc::clone(&gone),
        };
        let worker = WorkerEnd {
            stream: Arc::new(far),
            gone,
            _alive: Alive(Arc::clone(&self.alive)),
        };
        Ok((near, edge, worker))
    }

    /// Workers that have not ended, those whose lane is closed included.
    pub fn workers(&self) -> usize {
        self.alive.load(Ordering::Acquire)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for EdgeEnd {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Release);
    }
}

impl Client {
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }
}

impl Write for Client {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.stream).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WorkerEnd {
    /// Waits for the next request, and for the end of its body.
    ///
    /// # Errors
    /// When the lane ends, which is how it usually does, or what comes is no request.
    pub fn receive(&mut self) -> io::Result<Delivery> {
        let mut bytes = vec![0; FIRST_READ];
        let mut filled = 0;
        let envelope = loop {
            if filled == bytes.len() {
                bytes.resize(2 * filled, 0);
            }
            let room = bytes.get_mut(filled..).unwrap_or_default();
            match (&*self.stream).read(room)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => filled += count,
            }
            let came = bytes.get(..filled).unwrap_or_default();
            if let Some(envelope) = envelope::open(came)? {
                break envelope;
            }
        };
        let Envelope {
            peer,
            head,
            body,
            length,
        } = envelope;
        let head = head.to_owned();
        let begun = bytes.get(body..filled).unwrap_or_default();
        let body = match length {
            Length::Known(length) => self.body(begun, length),
            Length::Unknown => self.pieces(begun),
        }?;
        Ok(Delivery { peer, head, body })
    }

    fn body(&mut self, begun: &[u8], length: usize) -> io::Result<Vec<u8>> {
        let mut body = Vec::with_capacity(length.min(ROOM[0]));
        body.extend_from_slice(begun);
        let left = length.saturating_sub(begun.len());
        (&*self.stream).take(left as u64).read_to_end(&mut body)?;
        match body.len() == length {
            true => Ok(body),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn pieces(&mut self, begun: &[u8]) -> io::Result<Vec<u8>> {
        let mut body = Vec::with_capacity(ROOM[1]);
        let mut rest = begun.chain(&*self.stream);
        loop {
            let mut size = [0; 4];
            rest.read_exact(&mut size)?;
            let size = u32::from_be_bytes(size) as usize;
            if size == 0 {
                return Ok(body);
            }
            let before = body.len();
            (&mut rest).take(size as u64).read_to_end(&mut body)?;
            if body.len() != before + size {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The client of this lane.
    pub fn client(&self) -> Client {
        Client {
            gone: Arc::clone(&self.gone),
            stream: Arc::clone(&self.stream),
        }
    }
}

impl Write for WorkerEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.stream).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::envelope::{put_piece, seal};
    use super::*;

    const HEAD: &str = "POST / HTTP/1.1\r\nHost: h\r\n\r\n";

    fn peer() -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], 1234))
    }

    /// What a worker gets when `bytes` come in pieces of `piece` bytes.
    fn delivered(bytes: Vec<u8>, piece: usize) -> io::Result<Delivery> {
        let (mut near, _edge, mut worker) = Maker::default().make().unwrap();
        let writer = std::thread::spawn(move || {
            for piece in bytes.chunks(piece) {
                near.write_all(piece).unwrap();
            }
        });
        let delivery = worker.receive();
        writer.join().unwrap();
        delivery
    }

    #[test]
    fn requests_arrive_whole_however_they_are_cut() {
        let body: Vec<u8> = (0..40_000_u32).map(|n| (n % 251) as u8).collect();
        for size in [0, 1, 100, 40_000] {
            let body = &body[..size];
            let mut known = seal(peer(), HEAD, Some(size as u64));
            known.extend_from_slice(body);
            let mut unknown = seal(peer(), HEAD, None);
            for piece in body.chunks(777) {
                put_piece(&mut unknown, piece);
            }
            put_piece(&mut unknown, b"");
            for bytes in [known, unknown] {
                for piece in [7, 1000, usize::MAX] {
                    let delivery = delivered(bytes.clone(), piece).unwrap();
                    assert_eq!(delivery.head, HEAD);
                    assert_eq!(delivery.peer, peer());
                    assert_eq!(delivery.body, body, "{size} bytes in pieces of {piece}");
                }
            }
        }
    }

    #[test]
    fn a_long_head_arrives() {
        let head = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(60_000));
        let bytes = seal(peer(), &head, Some(0));
        assert_eq!(delivered(bytes, 5000).unwrap().head, head);
    }

    #[test]
    fn what_breaks_off_does_not_arrive() {
        let mut bytes = seal(peer(), HEAD, Some(3));
        bytes.extend_from_slice(b"abc");
        for length in 0..bytes.len() {
            assert!(delivered(bytes[..length].to_vec(), 50).is_err(), "{length}");
        }
        assert!(delivered(b"nonsense\r\n".to_vec(), 50).is_err());
    }

    #[test]
    fn a_worker_learns_that_its_client_has_gone() {
        let maker = Maker::default();
        let (near, edge, mut worker) = maker.make().unwrap();
        let client = worker.client();
        assert!(!client.is_gone());
        drop((near, edge));
        assert!(client.is_gone());
        assert!(worker.receive().is_err());
        assert!(worker.write_all(b"x").is_err());
        assert_eq!(maker.workers(), 1);
        drop(worker);
        assert_eq!(maker.workers(), 0);
    }
}
