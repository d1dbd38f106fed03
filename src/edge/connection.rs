//! A client connection: the poller has it while it waits, and one worker while it advances.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::counters::{InFlight, Place};
use super::framing::request::RequestHead;
use super::output::Output;
use super::queue::Permit;
use super::stream::Stream;
use crate::budget::Reservation;
use crate::chunked::Decoder;

/// The event of `poll(2)` that reports the end of the client's side.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub const END: PollFlags = PollFlags::RDHUP;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub const END: PollFlags = PollFlags::IN;

/// A connection. `T` is what the server found in the head of the request.
#[derive(Debug)]
pub struct Connection<T> {
    pub stream: Stream,
    pub peer: SocketAddr,
    pub phase: Phase<T>,
    /// Received bytes that were not used yet: an incomplete head, or pipelined requests.
    pub input: Vec<u8>,
    /// The number of bytes of `input` that were scanned for the end of a head.
    pub scanned: usize,
    pub output: Output,
    /// Whether the client shut down its side; it may still read.
    pub has_ended: bool,
    /// Whether a request was admitted before.
    pub is_known: bool,
    /// Counts the request that is being answered or waits for it.
    pub in_flight: Option<InFlight>,
    /// The memory of large buffers.
    pub held: Option<Reservation>,
    pub _place: Place,
}

/// The phase of a connection.
#[derive(Debug)]
pub enum Phase<T> {
    /// In the TLS handshake.
    Opening { since: Instant },
    /// Between requests.
    Idle { since: Instant },
    /// Within a head.
    Head { since: Instant },
    /// Within the body of an admitted request.
    Body(Box<Incoming<T>>),
    /// A complete request waits for a worker.
    Ready(Box<Pending<T>>),
    /// A worker answers and has the connection.
    Serving,
    /// The answer is complete, but not all of it has been sent.
    Flushing(Afterwards),
    /// The last answer is written. Further input is read and dropped, so that a reset does not destroy the answer.
    Lingering { since: Instant, dropped: usize },
}

/// A request with an incomplete body.
#[derive(Debug)]
pub struct Incoming<T> {
    pub request: Pending<T>,
    pub transfer: Transfer,
    pub began: Instant,
    /// When the last bytes arrived.
    pub last: Instant,
    /// Since when it waits for memory.
    pub starved: Option<Instant>,
}

/// A complete request.
#[derive(Debug)]
pub struct Pending<T> {
    pub head: RequestHead,
    pub ticket: T,
    pub body: Vec<u8>,
    pub reservation: Reservation,
    pub arrived: Instant,
    /// The permit that it received while waiting.
    pub permit: Option<Permit>,
    /// Whether it waits for a permit.
    pub is_queued: bool,
}

/// How the length of a body is determined.
#[derive(Debug)]
pub enum Transfer {
    /// The remaining bytes.
    Length(u64),
    Chunked(Decoder),
}

/// Whether a client is still connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Open,
    /// It shut down its side; it may still read.
    Ended,
    Broken,
}

/// What follows an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// The next request.
    KeepAlive,
    /// The connection is closed, once the client has read the answer.
    Close,
    /// The connection is closed at once: the answer is incomplete, and the client must notice that.
    BreakOff,
}

impl<T> Connection<T> {
    pub fn new(stream: Stream, peer: SocketAddr, place: Place, now: Instant) -> Self {
        let phase = match stream.is_opening() {
            true => Phase::Opening { since: now },
            false => Phase::Idle { since: now },
        };
        Self {
            stream,
            peer,
            phase,
            input: Vec::new(),
            scanned: 0,
            output: Output::default(),
            has_ended: false,
            is_known: false,
            in_flight: None,
            held: None,
            _place: place,
        }
    }

    /// Frees unused memory while it waits.
    pub fn settle(&mut self) {
        if self.input.is_empty() {
            self.input = Vec::new();
        }
        if self.output.len() == 0 {
            self.output.shrink();
            self.held = None;
        }
    }

    /// Sends the close notification of TLS on an idle connection.
    pub fn say_goodbye(&mut self) {
        self.stream.end();
        // Ignore errors: the client may be gone.
        let _ = self.stream.flush();
    }

    /// Whether closing it loses nothing: no request is in progress, and no answer is unread.
    pub fn is_dispensable(&self) -> bool {
        self.in_flight.is_none()
            && !matches!(self.phase, Phase::Flushing(_) | Phase::Lingering { .. })
    }

    /// Whether its request has a permit and waits for a thread.
    pub fn is_granted(&self) -> bool {
        matches!(&self.phase, Phase::Ready(pending) if pending.permit.is_some())
    }

    /// Sends `bytes`, now or when the client accepts them.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.output.send(&mut self.stream, bytes)
    }

    /// Whether the client is still connected.
    pub fn look(&self) -> Ending {
        let mut fds = [PollFd::from_borrowed_fd(self.stream.fd(), END)];
        if poll(&mut fds, Some(&Timespec::default())).is_err() {
            return Ending::Broken;
        }
        let found = fds
            .iter()
            .map(PollFd::revents)
            .fold(PollFlags::empty(), PollFlags::union);
        if found.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
            return Ending::Broken;
        }
        match found.contains(END) && self.stream.is_at_end() {
            true => Ending::Ended,
            false => Ending::Open,
        }
    }

    /// Takes `bytes` from the front of the input.
    pub fn consume(&mut self, bytes: usize) {
        if bytes >= self.input.len() {
            self.input = Vec::new();
        } else {
            self.input.drain(..bytes);
        }
        self.scanned = 0;
    }
}
