//! Clients: a closed loop over many connections in one thread, and a blocking exchange.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Events, Interest, Poll, Registry, Token};

use crate::framing::Messages;

/// The timeout of a single answer.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// When a closed loop ends. Requests under way are always answered first.
#[derive(Clone, Copy)]
pub enum Until {
    Elapsed(Duration),
    /// The number of requests per connection.
    Each(u64),
}

/// The result of a closed loop.
#[derive(Default)]
pub struct Outcome {
    pub answered: u64,
    /// Connections that broke, returned another status than 200, or did not answer.
    pub failed: u64,
    pub first_failure: Option<io::Error>,
    pub elapsed: Duration,
    /// The latency of each answer, in the order of arrival.
    pub latencies: Vec<Duration>,
}

impl Outcome {
    /// An error unless all connections succeeded.
    pub fn all_succeeded(self) -> io::Result<Self> {
        let first = match (self.failed, &self.first_failure) {
            (0, _) => return Ok(self),
            (_, Some(first)) => first.to_string(),
            (_, None) => "no answer in time".to_owned(),
        };
        let failed = self.failed;
        Err(io::Error::other(format!(
            "{failed} connections failed: {first}"
        )))
    }

    fn fail(&mut self, failure: io::Error) {
        self.failed += 1;
        self.first_failure.get_or_insert(failure);
    }

    pub fn per_second(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64()
    }
}

/// Opens `count` connections, one after another.
pub fn open(address: SocketAddr, count: usize) -> io::Result<Vec<TcpStream>> {
    (0..count).map(|_| connect(address)).collect()
}

/// Sends each of `requests` again and again on its own connection, all at the same time.
/// The connections stay open to the end.
pub fn closed_loop(
    streams: Vec<TcpStream>,
    requests: &[Vec<u8>],
    until: Until,
) -> io::Result<Outcome> {
    let mut poll = Poll::new()?;
    let mut outcome = Outcome::default();
    let started = Instant::now();
    let mut connections = Vec::with_capacity(streams.len());
    for (index, (stream, request)) in streams.into_iter().zip(requests).enumerate() {
        let connection = Connection::start(stream, request, Token(index), poll.registry())?;
        connections.push(Some(connection));
    }
    let (deadline, each) = match until {
        Until::Elapsed(time) => (started + time, u64::MAX),
        Until::Each(count) => (started + PATIENCE, count),
    };
    let mut running = connections.len();
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 64 * 1024];
    while running > 0 && Instant::now() < deadline + PATIENCE {
        match poll.poll(&mut events, Some(Duration::from_millis(100))) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &events {
            let slot = &mut connections[event.token().0];
            let Some(connection) = slot else { continue };
            match connection.advance(event, &mut buffer) {
                Ok(None) => {}
                Ok(Some(latency)) => {
                    outcome.answered += 1;
                    outcome.latencies.push(latency);
                    let over = connection.answered >= each || Instant::now() >= deadline;
                    if over {
                        running -= 1;
                    } else if let Err(failure) = connection.begin() {
                        outcome.fail(failure);
                        running -= 1;
                        *slot = None;
                    }
                }
                Err(failure) => {
                    outcome.fail(failure);
                    running -= 1;
                    *slot = None;
                }
            }
        }
    }
    outcome.failed += running as u64;
    outcome.elapsed = started.elapsed();
    Ok(outcome)
}

/// Sends one request on a blocking connection and waits for the whole answer; returns its status.
pub fn exchange(stream: &mut (impl Read + Write), request: &[u8]) -> io::Result<u16> {
    stream.write_all(request)?;
    let mut messages = Messages::default();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if messages.feed(&buffer[..read], |_| {})?.complete {
            return Ok(messages.status());
        }
    }
}

/// A blocking connection with timeouts.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

struct Connection<'a> {
    stream: mio::net::TcpStream,
    request: &'a [u8],
    sent: usize,
    began: Instant,
    messages: Messages,
    answered: u64,
}

impl<'a> Connection<'a> {
    /// Sends the first request.
    fn start(
        stream: TcpStream,
        request: &'a [u8],
        token: Token,
        registry: &Registry,
    ) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let mut stream = mio::net::TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let mut connection = Self {
            stream,
            request,
            sent: 0,
            began: Instant::now(),
            messages: Messages::default(),
            answered: 0,
        };
        connection.begin()?;
        Ok(connection)
    }

    fn begin(&mut self) -> io::Result<()> {
        self.began = Instant::now();
        self.sent = 0;
        self.send()
    }

    fn send(&mut self) -> io::Result<()> {
        while self.sent < self.request.len() {
            match self.stream.write(&self.request[self.sent..]) {
                Ok(sent) => self.sent += sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Handles a readiness event; returns the latency of an answer that is now complete.
    fn advance(&mut self, event: &Event, buffer: &mut [u8]) -> io::Result<Option<Duration>> {
        if event.is_writable() {
            self.send()?;
        }
        if !event.is_readable() {
            return Ok(None);
        }
        loop {
            let read = match self.stream.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            };
            if self.messages.feed(&buffer[..read], |_| {})?.complete {
                self.answered += 1;
                return match self.messages.status() {
                    200 => Ok(Some(self.began.elapsed())),
                    status => Err(io::Error::other(format!("status {status}"))),
                };
            }
            // A short read has emptied the socket; further data causes a new readiness event.
            if read < buffer.len() && !event.is_read_closed() {
                return Ok(None);
            }
        }
    }
}
