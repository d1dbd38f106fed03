//! One client connection: a value that is with the poller while it waits and with one worker while it moves.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::counters::InFlight;
use super::counters::Place;
use super::framing::chunked::Decoder;
use super::framing::request::RequestHead;
use super::output::Output;
use super::queue::Permit;
use super::stream::Stream;
use crate::budget::Reservation;

/// The event of `poll(2)` that reports the end of the client's side.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub const END: PollFlags = PollFlags::RDHUP;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub const END: PollFlags = PollFlags::IN;

/// A connection. `T` is what the server found out when it admitted the request.
#[derive(Debug)]
pub struct Connection<T> {
    pub stream: Stream,
    pub peer: SocketAddr,
    pub phase: Phase<T>,
    /// Bytes that came and have not been used: a head in the making, or requests sent ahead.
    pub input: Vec<u8>,
    /// How much of `input` has been looked at for the end of a head.
    pub scanned: usize,
    pub output: Output,
    /// The client has ended its side; it may still read.
    pub has_ended: bool,
    /// A request of it has been admitted before.
    pub is_known: bool,
    /// Counts the request that is being answered or waits for it.
    pub in_flight: Option<InFlight>,
    /// What large buffers take of the budget.
    pub held: Option<Reservation>,
    pub _place: Place,
}

/// What a connection is doing.
#[derive(Debug)]
pub enum Phase<T> {
    /// In the TLS handshake.
    Opening { since: Instant },
    /// Between requests.
    Idle { since: Instant },
    /// In the middle of a head.
    Head { since: Instant },
    /// In the body of an admitted request.
    Body(Box<Incoming<T>>),
    /// With a complete request, which waits for a worker.
    Ready(Box<Pending<T>>),
    /// Being answered; the connection is with its worker.
    Serving,
    /// The answer is complete, but not all of it has been taken.
    Flushing(Afterwards),
    /// The last answer is written. What still comes is read and dropped, so that the answer is not lost to a
    /// reset.
    Lingering { since: Instant, dropped: usize },
}

/// A request of which the body is still coming.
#[derive(Debug)]
pub struct Incoming<T> {
    pub request: Pending<T>,
    pub transfer: Transfer,
    pub began: Instant,
    /// When the last bytes came.
    pub last: Instant,
    /// Waits for memory since then.
    pub starved: Option<Instant>,
}

/// A request that may be answered.
#[derive(Debug)]
pub struct Pending<T> {
    pub head: RequestHead,
    pub ticket: T,
    pub body: Vec<u8>,
    pub reservation: Reservation,
    pub arrived: Instant,
    /// Given to it while it waited for one.
    pub permit: Option<Permit>,
    /// It waits for one.
    pub is_queued: bool,
}

/// How the end of a body is found.
#[derive(Debug)]
pub enum Transfer {
    /// Bytes that are still to come.
    Length(u64),
    Chunked(Decoder),
}

/// Whether a client is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Open,
    /// It has ended its side; it may still read.
    Ended,
    Broken,
}

/// What comes after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// The next request.
    KeepAlive,
    /// The end, once the client has read the answer.
    Close,
    /// The end at once: the answer is not whole, and the client must see that.
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

    /// Gives back the memory that nobody needs while it waits.
    pub fn settle(&mut self) {
        if self.input.is_empty() {
            self.input = Vec::new();
        }
        if self.output.len() == 0 {
            self.output.shrink();
            self.held = None;
        }
    }

    /// Tells a client of an idle connection that it ends, where TLS has a way to say it.
    pub fn say_goodbye(&mut self) {
        self.stream.end();
        // Whoever has left cannot be told.
        let _ = self.stream.flush();
    }

    /// Whether nothing would be lost with it: no request is in flight, and no answer waits to be read.
    pub fn is_dispensable(&self) -> bool {
        self.in_flight.is_none()
            && !matches!(self.phase, Phase::Flushing(_) | Phase::Lingering { .. })
    }

    /// Whether its request may be served, and waits for a thread that does it.
    pub fn is_granted(&self) -> bool {
        matches!(&self.phase, Phase::Ready(pending) if pending.permit.is_some())
    }

    /// Sends `bytes`, now or when the client takes them.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.output.send(&mut self.stream, bytes)
    }

    /// Whether the client is still there.
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

    /// Takes `bytes` from the front of what came.
    pub fn consume(&mut self, bytes: usize) {
        if bytes >= self.input.len() {
            self.input = Vec::new();
        } else {
            self.input.drain(..bytes);
        }
        self.scanned = 0;
    }
}
