//! Reads many event streams to their ends in one thread.
//!
//! Every event contains the time of its creation at the upstream. The delay until the client has read it includes the
//! upstream's write, the proxy, and the client's read.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use memchr::memmem;
use mio::{Events, Interest, Poll, Token};

use crate::chat::{self, Pace};
use crate::client;
use crate::framing::Messages;

/// Time beyond the longest that the pauses of a stream can add up to.
const SPARE: Duration = Duration::from_secs(10);

/// Streams to open.
#[derive(Clone, Copy)]
pub struct Plan {
    pub streams: usize,
    pub pace: Pace,
    /// The time over which they are opened evenly.
    pub ramp: Duration,
}

/// The results.
pub struct Watched {
    /// Streams that completed with status 200.
    pub complete: usize,
    /// The delay of each event.
    pub delays: Vec<Duration>,
}

struct Stream {
    socket: mio::net::TcpStream,
    messages: Messages,
    /// The start of an incomplete event.
    partial: Vec<u8>,
}

impl Plan {
    /// Events of all streams.
    pub fn events(&self) -> usize {
        self.streams * self.pace.events
    }

    /// Whether all streams completed with all events.
    pub fn is_fulfilled(&self, watched: &Watched) -> bool {
        watched.complete == self.streams && watched.delays.len() == self.events()
    }

    /// Opens all streams and reads them to their ends.
    pub fn watch(&self, address: SocketAddr) -> io::Result<Watched> {
        let mut poll = Poll::new()?;
        let mut open: Vec<Option<Stream>> = Vec::with_capacity(self.streams);
        let mut watched = Watched {
            complete: 0,
            delays: Vec::with_capacity(self.events()),
        };
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; 64 * 1024];
        let started = Instant::now();
        let mut ended = 0;
        while ended < self.streams && started.elapsed() < self.longest() {
            while open.len() < self.streams && started.elapsed() >= self.opening(open.len()) {
                let token = Token(open.len());
                let mut socket = client::connect(address)?;
                socket.write_all(&chat::stream_request(open.len(), self.pace))?;
                socket.set_nonblocking(true)?;
                let mut socket = mio::net::TcpStream::from_std(socket);
                poll.registry()
                    .register(&mut socket, token, Interest::READABLE)?;
                open.push(Some(Stream {
                    socket,
                    messages: Messages::default(),
                    partial: Vec::new(),
                }));
            }
            match poll.poll(&mut events, Some(Duration::from_millis(1))) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                let slot = &mut open[event.token().0];
                let Some(stream) = slot else { continue };
                let complete = match stream.read(&mut buffer, &mut watched.delays) {
                    Ok(false) => continue,
                    Ok(true) => stream.messages.status() == 200,
                    Err(_) => false,
                };
                watched.complete += usize::from(complete);
                ended += 1;
                *slot = None;
            }
        }
        Ok(watched)
    }

    /// When the stream with this index is opened.
    fn opening(&self, index: usize) -> Duration {
        self.ramp.mul_f64(index as f64 / self.streams as f64)
    }

    fn longest(&self) -> Duration {
        let pauses = self.pace.events as u64 * self.pace.pause.1;
        self.ramp + Duration::from_millis(pauses) + SPARE
    }
}

impl Stream {
    /// Reads available data and records the delay of each event; true at the end of the answer.
    fn read(&mut self, buffer: &mut [u8], delays: &mut Vec<Duration>) -> io::Result<bool> {
        loop {
            let read = match self.socket.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            };
            let arrived = chat::now_nanos();
            let partial = &mut self.partial;
            let fed = self.messages.feed(&buffer[..read], |body| {
                partial.extend_from_slice(body);
                while let Some(end) = memmem::find(partial, b"\n\n") {
                    if let Some(made) = chat::stamp(&partial[..end]) {
                        delays.push(Duration::from_nanos(arrived.saturating_sub(made)));
                    }
                    partial.drain(..end + 2);
                }
            })?;
            if fed.complete {
                return Ok(true);
            }
        }
    }
}
