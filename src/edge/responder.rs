//! The client of a request that is being answered: the server writes to it and waits for it.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::connection::{Connection, END};
use super::downgrade::Downgrade;
use super::framing::request::RequestHead;
use crate::exchange::{Client, Gone, ZERO};

/// The most bytes that are buffered for a client before a stream waits.
const BEHIND: usize = 256 * 1024;
/// The time after a client shuts down its side until it is probed. Most answers are complete sooner.
const PROBE_AFTER: Duration = Duration::from_millis(50);
/// The interval of further probes.
const PROBE_AGAIN: Duration = Duration::from_secs(5);
/// The probe before the answer begins (RFC 9110, 15.2: clients must accept it, expected or not). A client that has closed
/// the connection answers with a reset.
pub const PROBE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The client of one request.
pub struct Responder<T> {
    socket: Arc<TcpStream>,
    connection: RefCell<Box<Connection<T>>>,
    /// The longest time without progress.
    stall: Duration,
    keep_alive: bool,
    /// Whether the gateway is stopping.
    is_draining: Arc<AtomicBool>,
    is_http10: bool,
    /// For HTTP/1.0, which has no chunked coding.
    downgrade: RefCell<Option<Downgrade>>,
    has_begun: Cell<bool>,
    is_gone: Cell<bool>,
    has_ended: Cell<bool>,
    probe_at: Cell<Option<Instant>>,
    /// The probe within an answer.
    probe: RefCell<Vec<u8>>,
    bound: Cell<usize>,
}

impl<T> Responder<T> {
    pub fn new(
        connection: Box<Connection<T>>,
        head: &RequestHead,
        stall: Duration,
        is_draining: Arc<AtomicBool>,
    ) -> Self {
        let has_ended = connection.has_ended;
        let responder = Self {
            socket: connection.stream.socket(),
            stall,
            keep_alive: head.keep_alive,
            is_draining,
            is_http10: head.is_http10,
            downgrade: RefCell::new(
                head.is_http10
                    .then(|| Downgrade::new(head.head.method == "HEAD")),
            ),
            has_begun: Cell::new(false),
            is_gone: Cell::new(false),
            has_ended: Cell::new(false),
            probe_at: Cell::new(None),
            probe: RefCell::default(),
            bound: Cell::new(BEHIND),
            connection: RefCell::new(connection),
        };
        if has_ended {
            responder.note_end();
        }
        responder
    }

    /// Returns the connection, and whether a part of an answer was sent.
    pub fn into_connection(self) -> (Box<Connection<T>>, bool) {
        let mut connection = self.connection.into_inner();
        connection.has_ended |= self.has_ended.get();
        (connection, self.has_begun.get())
    }

    fn note_end(&self) {
        if !self.has_ended.replace(true) {
            self.probe_at.set(Instant::now().checked_add(PROBE_AFTER));
        }
    }

    fn lost(&self) -> Gone {
        self.is_gone.set(true);
        Gone
    }

    fn flush(&self) -> Result<(), Gone> {
        let connection = &mut **self.connection.borrow_mut();
        let flushed = connection.output.flush(&mut connection.stream);
        flushed.map_err(|_| self.lost())
    }

    fn put(&self, bytes: &[u8]) -> io::Result<()> {
        let connection = &mut **self.connection.borrow_mut();
        let sent = connection.output.send(&mut connection.stream, bytes);
        sent.inspect_err(|_| self.is_gone.set(true))
    }

    /// Waits until fewer bytes are buffered.
    #[cold]
    fn wait_for_room(&self) -> Result<(), Gone> {
        while self.connection.borrow().output.len() > self.bound.get() {
            let deadline = self.connection.borrow().output.deadline(self.stall);
            let now = Instant::now();
            let left = deadline.map_or(self.stall, |at| at.saturating_duration_since(now));
            if left.is_zero() {
                return Err(self.lost());
            }
            let timeout = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let mut fds = [PollFd::new(&*self.socket, PollFlags::OUT)];
            match poll(&mut fds, Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => self.flush()?,
                Err(_) => return Err(self.lost()),
            }
        }
        Ok(())
    }
}

impl<T> Client for Responder<T> {
    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn interest(&self) -> PollFlags {
        let mut interest = PollFlags::empty();
        if !self.has_ended.get() {
            interest |= END;
        }
        let connection = self.connection.borrow();
        if connection.output.is_pending(&connection.stream) {
            interest |= PollFlags::OUT;
        }
        interest
    }

    fn ready(&self, found: PollFlags) -> Result<(), Gone> {
        if found.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
            return Err(self.lost());
        }
        if found.contains(END) && self.is_end() {
            self.note_end();
        }
        if found.contains(PollFlags::OUT) {
            self.flush()?;
        }
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        let slow = self.connection.borrow().output.deadline(self.stall);
        slow.into_iter().chain(self.probe_at.get()).min()
    }

    fn tick(&self, now: Instant) -> Result<(), Gone> {
        if self.probe_at.get().is_some_and(|at| at <= now) {
            self.probe_at.set(now.checked_add(PROBE_AGAIN));
            let probe = match self.has_begun.get() {
                _ if self.is_http10 => Vec::new(),
                true if *self.probe.borrow() == ZERO => self.probe.take(),
                true => self.probe.borrow().clone(),
                false => PROBE.to_vec(),
            };
            if !probe.is_empty() {
                self.put(&probe).map_err(|_| Gone)?;
            }
        }
        let slow = self.connection.borrow().output.deadline(self.stall);
        match slow.is_some_and(|at| at <= now) {
            true => Err(self.lost()),
            false => Ok(()),
        }
    }

    fn is_gone(&self) -> bool {
        self.is_gone.get()
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        if self.is_gone.get() {
            return Err(Gone.into());
        }
        if self.connection.borrow().output.len() > self.bound.get() {
            self.wait_for_room()?;
        }
        if self.is_http10 {
            let mut out = Vec::new();
            let mut downgrade = self.downgrade.borrow_mut();
            if let Some(downgrade) = &mut *downgrade {
                downgrade.put(bytes, &mut out)?;
            }
            self.has_begun.set(self.has_begun.get() || !out.is_empty());
            return self.put(&out);
        }
        if self.has_begun.replace(true) {
            return self.put(bytes);
        }
        match self.keep_alive && !self.is_draining.load(Ordering::SeqCst) {
            true => self.put(bytes),
            false => self.put(&closing(bytes)),
        }
    }

    fn keep_up_to(&self, bytes: usize) {
        self.bound.set(bytes);
    }

    fn probe_with(&self, bytes: &[u8]) {
        self.probe.replace(bytes.to_vec());
    }
}

impl<T> Responder<T> {
    /// Whether the client really shut down its side. Where that is reported as readable, it may be the next request
    /// instead; then probing stops.
    fn is_end(&self) -> bool {
        if END == PollFlags::IN && matches!(self.socket.peek(&mut [0]), Ok(1..)) {
            self.has_ended.set(true);
            return false;
        }
        true
    }
}

/// Adds `Connection: close` to an answer.
pub fn closing(answer: &[u8]) -> Vec<u8> {
    const CLOSE: &[u8] = b"Connection: close\r\n";
    let line = memchr::memmem::find(answer, b"\r\n").map_or(0, |at| at + 2);
    let (line, rest) = answer.split_at_checked(line).unwrap_or((answer, b""));
    [line, CLOSE, rest].concat()
}
