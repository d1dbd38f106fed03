//! One client connection.

use std::net::SocketAddr;
use std::time::Instant;

use super::deadlines::Deadline;
use super::exchange::Exchange;
use super::framing::request::RequestHead;
use super::socket::Socket;
use super::tls::Stream;

/// A connection, from its first byte to its last.
#[derive(Debug)]
pub struct Client {
    pub socket: Socket<Stream>,
    pub peer: SocketAddr,
    /// Tells apart connections that had the same key one after another.
    pub serial: u64,
    /// Bytes that came and have not been used: a head in the making, or requests sent ahead.
    pub input: Vec<u8>,
    /// How much of `input` has been looked at for the end of a head.
    pub scanned: usize,
    pub state: State,
    pub deadline: Deadline,
    /// When the first byte of the head in the making came.
    pub head_began: Option<Instant>,
    /// When it last finished something: the longest idle one makes room for others.
    pub idle_since: Instant,
}

/// What a connection is doing.
#[derive(Debug)]
pub enum State {
    /// Between requests, or in the middle of a head.
    Reading,
    /// It has a request and waits for a lane.
    Waiting(Box<RequestHead>),
    /// It has a lane.
    Exchanging(Box<Exchange>),
    /// An answer is complete, but not all of it has been taken.
    Answering(Afterwards),
    /// The last answer is written; what still comes is read and dropped, so that the answer is not lost to a
    /// reset.
    Lingering,
}

/// What comes after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// The next request.
    KeepAlive,
    /// The end.
    Close,
    /// The end, of an answer that is not whole.
    BreakOff,
}

impl Client {
    pub fn new(stream: Stream, peer: SocketAddr, serial: u64, now: Instant) -> Self {
        Self {
            socket: Socket::new(stream),
            peer,
            serial,
            input: Vec::new(),
            scanned: 0,
            state: State::Reading,
            deadline: Deadline::default(),
            head_began: None,
            idle_since: now,
        }
    }

    /// Between two requests with nothing begun.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Reading) && self.input.is_empty() && self.socket.pending() == 0
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

impl State {
    /// A request is under way.
    pub fn is_active(&self) -> bool {
        match self {
            Self::Waiting(_) | Self::Exchanging(_) | Self::Answering(_) => true,
            Self::Reading | Self::Lingering => false,
        }
    }
}
