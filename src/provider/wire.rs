//! The byte transport under an upstream call: a TCP socket whose waits can be interrupted.
//!
//! ureq's own one waits in a single system call, so nobody could end it. This one reads and writes in
//! slices of [`watch::SLICE`] and asks [`watch`] in between; ureq's phase timeouts stay exact. It also keeps
//! small: buffers exist only while they hold something, so that a pooled connection costs a descriptor, and
//! small writes (a head and its short body, the last message of a TLS handshake and the first record) leave
//! together when an answer is awaited.

use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};
use ureq::Error;
use ureq::unversioned::transport::time::Duration as Wait;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

use super::watch::{self, Interruption};

/// Bytes of a request in one write at first, and once it proves longer.
const OUTPUT: [usize; 2] = [4 * 1024, 64 * 1024];
/// Writes up to this size are held back until more follows or an answer is awaited.
const GATHER: usize = 8 * 1024;
/// Bytes of a read at first, and once reads come back full.
const INPUT: [usize; 2] = [4 * 1024, 16 * 1024];
/// What the input may grow to for a head that does not fit. ureq refuses heads above 64 KiB.
const INPUT_LIMIT: usize = 128 * 1024;
/// After how long without a byte the system asks whether the other end is still there (spec/config.md 5).
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// A connected socket to an upstream or a proxy.
pub struct Wire {
    stream: TcpStream,
    space: Space,
    /// Written, but not yet on its way.
    gathered: Vec<u8>,
    read_timeout: Option<Duration>,
    last_moved: Instant,
    silence: Duration,
}

#[derive(Default)]
struct Space {
    input: Vec<u8>,
    start: usize,
    end: usize,
    wants_more: bool,
    progressed: bool,
    output: Vec<u8>,
    has_more: bool,
}

impl Wire {
    /// A transport over `stream` that gives up when a body has not moved for `silence`.
    pub fn new(stream: TcpStream, silence: Duration) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let probes = TcpKeepalive::new().with_time(KEEP_ALIVE);
        SockRef::from(&stream).set_tcp_keepalive(&probes)?;
        stream.set_write_timeout(Some(watch::SLICE))?;
        Ok(Self {
            stream,
            space: Space::default(),
            gathered: Vec::new(),
            read_timeout: None,
            last_moved: Instant::now(),
            silence,
        })
    }

    /// Sends what is gathered, then `amount` bytes of the output buffer.
    fn send(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let deadline = deadline(timeout);
        let output = self.space.output.get(..amount).unwrap_or_default();
        let total = self.gathered.len() + output.len();
        let mut sent = 0;
        self.last_moved = Instant::now();
        while sent < total {
            watch::look()?;
            let first = self.gathered.get(sent..).unwrap_or_default();
            let passed = sent.saturating_sub(self.gathered.len());
            let second = output.get(passed..).unwrap_or_default();
            match (&self.stream).write_vectored(&[IoSlice::new(first), IoSlice::new(second)]) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(count) => {
                    sent += count;
                    self.last_moved = Instant::now();
                }
                Err(error) if is_slice_end(&error) => {
                    let now = Instant::now();
                    if deadline.is_some_and(|deadline| now >= deadline) {
                        return Err(Error::Timeout(timeout.reason));
                    }
                    if now.duration_since(self.last_moved) >= self.silence {
                        return Err(Interruption::Idle.into());
                    }
                }
                Err(error) => return Err(failed(error)),
            }
        }
        self.gathered = Vec::new();
        Ok(())
    }

    /// How long the next read may block, or why there is to be none.
    fn next_wait(&self, started: Instant, timeout: NextTimeout) -> Result<Duration, Error> {
        let slice = watch::look()?;
        let now = Instant::now();
        if let Some(deadline) = deadline_from(started, timeout) {
            let left = deadline.saturating_duration_since(now);
            if left.is_zero() {
                return Err(Error::Timeout(timeout.reason));
            }
            return Ok(left.min(slice));
        }
        // Only bodies are read without a deadline.
        let since = |past: Instant| now.saturating_duration_since(past);
        let silent = self.silence.saturating_sub(since(self.last_moved));
        if silent.is_zero() {
            return Err(Interruption::Idle.into());
        }
        let wake = watch::wake().map_or(slice, |after| after.saturating_sub(since(started)));
        if wake.is_zero() {
            return Err(Interruption::Awake.into());
        }
        Ok(silent.min(wake).min(slice))
    }
}

impl Transport for Wire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.space
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.space.has_more = amount == self.space.output.len();
        let output = self.space.output.get(..amount).unwrap_or_default();
        if self.gathered.len() + output.len() <= GATHER {
            self.gathered.extend_from_slice(output);
            return Ok(());
        }
        self.send(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if !self.gathered.is_empty() {
            self.send(0, timeout)?;
        }
        self.space.release_output();
        let started = Instant::now();
        loop {
            // A timeout of nothing means none at all, and the kernel's clock ticks in milliseconds.
            let wait = self.next_wait(started, timeout)?;
            let wait = wait.max(Duration::from_millis(1));
            if self.read_timeout != Some(wait) {
                self.stream.set_read_timeout(Some(wait))?;
                self.read_timeout = Some(wait);
            }
            let room = self.space.input_append_buf();
            if room.is_empty() {
                return Err(Error::LargeResponseHeader(INPUT_LIMIT, INPUT_LIMIT));
            }
            match (&self.stream).read(room) {
                Ok(count) => {
                    self.space.wants_more = count == room.len();
                    self.space.input_appended(count);
                    self.last_moved = Instant::now();
                    return Ok(count > 0);
                }
                Err(error) if is_slice_end(&error) => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// Asked before a connection is put into the pool and before it is taken out: nothing may have come,
    /// not even the end.
    fn is_open(&mut self) -> bool {
        self.space.release();
        let mut byte = [MaybeUninit::uninit()];
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        let peeked = SockRef::from(&self.stream).recv_with_flags(&mut byte, flags);
        matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl Space {
    fn release_output(&mut self) {
        self.output = Vec::new();
        self.has_more = false;
    }

    fn release(&mut self) {
        self.release_output();
        if self.start == self.end {
            self.input = Vec::new();
            self.start = 0;
            self.end = 0;
            self.wants_more = false;
        }
    }
}

impl Buffers for Space {
    fn output(&mut self) -> &mut [u8] {
        let least = OUTPUT[usize::from(self.has_more)];
        if self.output.len() < least {
            self.output = vec![0; least];
        }
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        self.input.get(self.start..self.end).unwrap_or_default()
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.input.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let least = INPUT[usize::from(self.wants_more)];
        if self.input.len() < least {
            self.input.resize(least, 0);
        }
        if self.end == self.input.len() && self.input.len() < INPUT_LIMIT {
            self.input.resize(self.input.len() * 2, 0);
        }
        self.input.get_mut(self.end..).unwrap_or_default()
    }

    fn input_appended(&mut self, amount: usize) {
        self.end = (self.end + amount).min(self.input.len());
    }

    fn input_consume(&mut self, amount: usize) {
        self.progressed = amount > 0;
        self.start = (self.start + amount).min(self.end);
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.input_append_buf();
        self.output();
        let room = self.input.get_mut(self.end..).unwrap_or_default();
        (room, &mut self.output)
    }

    fn can_use_input(&self) -> bool {
        self.start < self.end && self.progressed
    }
}

/// When `timeout`, counted from now, runs out.
fn deadline(timeout: NextTimeout) -> Option<Instant> {
    deadline_from(Instant::now(), timeout)
}

fn deadline_from(started: Instant, timeout: NextTimeout) -> Option<Instant> {
    match timeout.after {
        Wait::Exact(after) => started.checked_add(after),
        Wait::NotHappening => None,
    }
}

/// The socket's timeout has passed, or a signal came.
fn is_slice_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

fn failed(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            Interruption::Reset.into()
        }
        _ => Error::Io(error),
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire")
            .field("peer", &self.stream.peer_addr().ok())
            .finish_non_exhaustive()
    }
}
