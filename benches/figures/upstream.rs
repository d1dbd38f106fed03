//! The upstream of all measurements: one thread with an event loop and constant answers.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::chat::{self, Pace};
use crate::framing::Messages;
use crate::helper;

/// The command that runs this program as the upstream.
pub const COMMAND: &str = "upstream";

const LISTENER: Token = Token(0);
/// The part of a request body that is searched for the pace of a stream, bytes.
const PACE_WITHIN: usize = 1024;

/// Serves until the parent ends.
pub fn serve() -> io::Result<()> {
    std::thread::spawn(|| {
        helper::wait_for_parent();
        std::process::exit(0);
    });
    rlimit::increase_nofile_limit(u64::MAX)?;
    let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    helper::announce(listener.local_addr()?);
    let poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;

    let mut server = Server {
        listener,
        poll,
        connections: HashMap::new(),
        timers: BinaryHeap::new(),
        next: LISTENER.0 + 1,
        answer: chat::answer(),
        random: 0x9e37_79b9_7f4a_7c15,
    };
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let due = server.timers.peek().map(|Reverse((due, _))| *due);
        let wait = due.map(|due| due.saturating_duration_since(Instant::now()));
        match server.poll.poll(&mut events, wait) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &events {
            match event.token() {
                LISTENER => server.accept()?,
                token => server.serve(token, &mut buffer),
            }
        }
        server.emit_due_events();
    }
}

struct Server {
    listener: TcpListener,
    poll: Poll,
    connections: HashMap<Token, Connection>,
    timers: BinaryHeap<Reverse<(Instant, Token)>>,
    next: usize,
    answer: Vec<u8>,
    random: u64,
}

struct Connection {
    stream: TcpStream,
    messages: Messages,
    seen: usize,
    /// The pace of the requested stream.
    asked: Option<Pace>,
    pause: (u64, u64),
    events_left: usize,
    unsent: Vec<u8>,
}

impl Server {
    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let token = Token(self.next);
            self.next += 1;
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll
                .registry()
                .register(&mut stream, token, interest)?;
            let connection = Connection {
                stream,
                messages: Messages::default(),
                seen: 0,
                asked: None,
                pause: (0, 0),
                events_left: 0,
                unsent: Vec::new(),
            };
            self.connections.insert(token, connection);
        }
    }

    fn serve(&mut self, token: Token, buffer: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(&token) else {
            return;
        };
        match connection.advance(buffer, &self.answer) {
            Ok(false) => {}
            Ok(true) => self.schedule(token),
            Err(_) => {
                self.connections.remove(&token);
            }
        }
    }

    fn emit_due_events(&mut self) {
        while let Some(&Reverse((due, token))) = self.timers.peek() {
            if due > Instant::now() {
                return;
            }
            self.timers.pop();
            let Some(connection) = self.connections.get_mut(&token) else {
                continue;
            };
            match connection.emit() {
                Ok(true) => self.schedule(token),
                Ok(false) => {}
                Err(_) => {
                    self.connections.remove(&token);
                }
            }
        }
    }

    fn schedule(&mut self, token: Token) {
        // xorshift64 as a cheap source of varying pauses.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let pause = self.connections.get(&token).map(|one| one.pause);
        let (shortest, longest) = pause.unwrap_or_default();
        let pause = shortest + self.random % (longest.saturating_sub(shortest) + 1);
        let due = Instant::now() + Duration::from_millis(pause);
        self.timers.push(Reverse((due, token)));
    }
}

impl Connection {
    /// Reads available data and answers; true when a stream has begun.
    fn advance(&mut self, buffer: &mut [u8], answer: &[u8]) -> io::Result<bool> {
        self.send(&[])?;
        let mut began = false;
        loop {
            let read = match self.stream.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(began),
                Err(error) => return Err(error),
            };
            let mut rest = &buffer[..read];
            while !rest.is_empty() {
                let (seen, asked) = (&mut self.seen, &mut self.asked);
                let fed = self.messages.feed(rest, |body| {
                    if *seen < PACE_WITHIN {
                        let start = &body[..body.len().min(PACE_WITHIN)];
                        *asked = asked.or_else(|| Pace::asked(start));
                        *seen += body.len();
                    }
                })?;
                rest = &rest[fed.used..];
                if fed.complete {
                    self.seen = 0;
                    match self.asked.take() {
                        Some(Pace {
                            events,
                            pause: (0, 0),
                        }) => {
                            let mut all = chat::STREAM_HEAD.to_vec();
                            for _ in 0..events {
                                all.extend_from_slice(&chat::stamped_event());
                            }
                            all.extend_from_slice(chat::STREAM_END);
                            self.send(&all)?;
                        }
                        Some(Pace { events, pause }) => {
                            (self.events_left, self.pause) = (events, pause);
                            self.send(chat::STREAM_HEAD)?;
                            began = self.emit()?;
                        }
                        None => self.send(answer)?,
                    }
                }
            }
            // A short read has emptied the socket; further data causes a new readiness event.
            if read < buffer.len() {
                return Ok(began);
            }
        }
    }

    /// Sends the next event of the stream, and the end after the last one; true while more follow.
    fn emit(&mut self) -> io::Result<bool> {
        self.send(&chat::stamped_event())?;
        self.events_left = self.events_left.saturating_sub(1);
        if self.events_left == 0 {
            self.send(chat::STREAM_END)?;
        }
        Ok(self.events_left > 0)
    }

    /// Sends bytes after those that are still queued.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.unsent.is_empty() {
            let sent = write_some(&mut self.stream, bytes)?;
            self.unsent.extend_from_slice(&bytes[sent..]);
        } else {
            self.unsent.extend_from_slice(bytes);
            let sent = write_some(&mut self.stream, &self.unsent)?;
            self.unsent.drain(..sent);
        }
        Ok(())
    }
}

fn write_some(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() {
        return Ok(0);
    }
    match stream.write(bytes) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}
