//! The loop: waits for sockets and deadlines, and moves each connection as far as it goes.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;

use super::client::{Afterwards, Client, State};
use super::deadlines::Deadlines;
use super::exchange::{Exchange, Progress};
use super::framing::Body;
use super::framing::request::{self, HeadLimits, RequestHead};
use super::lanes::{Lanes, Ready};
use super::refusal::Refusal;
use super::socket::{Readiness, Received};
use super::tls::{Session, Stream};
use super::{Hooks, Identity, Limits};
use crate::lane::envelope;

/// Bytes read at once. One buffer serves all connections.
const SCRATCH: usize = 64 * 1024;
/// Events taken at once.
const EVENTS: usize = 1024;
/// Connections accepted before others get their turn.
const ACCEPTS: usize = 64;
/// How long accepting rests when the system refuses, most often for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How soon it is tried again to open a lane while somebody waits for one.
const LANE_RETRY: Duration = Duration::from_millis(20);
/// Bytes read and dropped of a client that has got its last answer.
const LINGER_READS: usize = 16;

/// Odd tokens are clients; even ones are, in this order, the waker, the listeners, the lanes.
const WAKER: Token = Token(0);

fn client_token(key: usize) -> Token {
    Token(2 * key + 1)
}

/// What other threads tell the loop and see of it.
#[derive(Debug)]
pub struct Control {
    waker: Waker,
    order: AtomicU8,
    active: AtomicUsize,
    connections: AtomicUsize,
    /// What new connections are opened with, if they are to be secure.
    identity: Option<ArcSwap<Identity>>,
}

const RUN: u8 = 0;
const DRAIN: u8 = 1;
const STOP: u8 = 2;

impl Control {
    pub fn drain(&self) {
        self.tell(DRAIN);
    }

    pub fn stop(&self) {
        self.tell(STOP);
    }

    fn tell(&self, order: u8) {
        self.order.fetch_max(order, Ordering::AcqRel);
        // It can fail only when the loop is gone.
        let _ = self.waker.wake();
    }

    pub fn replace_identity(&self, identity: Identity) {
        if let Some(current) = &self.identity {
            current.store(Arc::new(identity));
        }
    }

    pub fn active(&self) -> usize {
        self.active.load(Ordering::Acquire)
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }
}

pub struct EventLoop {
    poll: Poll,
    control: Arc<Control>,
    limits: Limits,
    is_cheap: fn(&[u8], &[u8]) -> bool,
    listeners: Vec<TcpListener>,
    accept_again: Option<Instant>,
    clients: Slab<Client>,
    next_serial: u64,
    lanes: Lanes,
    first_lane_token: usize,
    /// Who waits for a lane, by key and serial; those who have left meanwhile are passed over.
    waiting_cheap: VecDeque<(usize, u64)>,
    waiting: VecDeque<(usize, u64)>,
    deadlines: Deadlines,
    /// Who could go on but has had its turn.
    again: Vec<usize>,
    scratch: Box<[u8]>,
    is_draining: bool,
    now: Instant,
}

impl EventLoop {
    pub fn new(
        listeners: Vec<std::net::TcpListener>,
        limits: Limits,
        hooks: Hooks,
        identity: Option<Identity>,
    ) -> io::Result<(Self, Arc<Control>)> {
        let poll = Poll::new()?;
        let control = Arc::new(Control {
            waker: Waker::new(poll.registry(), WAKER)?,
            order: AtomicU8::new(RUN),
            active: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            identity: identity.map(ArcSwap::from_pointee),
        });
        let mut sockets = Vec::with_capacity(listeners.len());
        for (index, listener) in listeners.into_iter().enumerate() {
            listener.set_nonblocking(true)?;
            let mut listener = TcpListener::from_std(listener);
            poll.registry()
                .register(&mut listener, Token(2 * (index + 1)), Interest::READABLE)?;
            sockets.push(listener);
        }
        let first_lane_token = 2 * (sockets.len() + 1);
        let lanes = Lanes::new(
            hooks.on_lane,
            limits.lanes,
            limits.reserved_lanes,
            first_lane_token,
        );
        let event_loop = Self {
            poll,
            control: Arc::clone(&control),
            limits,
            is_cheap: hooks.is_cheap,
            listeners: sockets,
            accept_again: None,
            clients: Slab::new(),
            next_serial: 0,
            lanes,
            first_lane_token,
            waiting_cheap: VecDeque::new(),
            waiting: VecDeque::new(),
            deadlines: Deadlines::default(),
            again: Vec::new(),
            scratch: vec![0; SCRATCH].into_boxed_slice(),
            is_draining: false,
            now: Instant::now(),
        };
        Ok((event_loop, control))
    }

    pub fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            match self.control.order.load(Ordering::Acquire) {
                STOP => return self.close_all(),
                DRAIN if !self.is_draining => self.begin_drain(),
                _ => {}
            }
            if let Err(error) = self.poll.poll(&mut events, self.pause())
                && error.kind() != io::ErrorKind::Interrupted
            {
                log::error!("the edge cannot wait for its sockets: {error}");
                return;
            }
            self.now = Instant::now();
            for event in &events {
                let Token(token) = event.token();
                let readiness = Readiness::of(event);
                if token % 2 == 1 {
                    self.client_event(token / 2, readiness);
                } else if token >= self.first_lane_token {
                    let index = (token - self.first_lane_token) / 2;
                    self.lane_event(index, readiness);
                } else if event.token() != WAKER {
                    self.accept(token / 2 - 1);
                }
            }
            for key in std::mem::take(&mut self.again) {
                self.advance(key);
            }
            if self.accept_again.is_some_and(|at| at <= self.now) {
                self.accept_again = None;
                for index in 0..self.listeners.len() {
                    self.accept(index);
                }
            }
            self.fire_deadlines();
            self.serve_waiting();
        }
    }

    fn pause(&self) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let retry = self.waits_for_lane().then(|| self.now + LANE_RETRY);
        [self.deadlines.next(), self.accept_again, retry]
            .into_iter()
            .flatten()
            .min()
            .map(|at| {
                // Waiting is in whole milliseconds; rounded down, it would be waited several times.
                at.saturating_duration_since(Instant::now()) + Duration::from_millis(1)
            })
    }

    /// Closes every connection, so that those who work on an exchange learn that it is over.
    fn close_all(&mut self) {
        let keys: Vec<usize> = self.clients.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.remove(key);
        }
    }

    fn begin_drain(&mut self) {
        self.is_draining = true;
        self.listeners.clear();
        self.accept_again = None;
        let idle: Vec<usize> = self
            .clients
            .iter()
            .filter(|(_, client)| client.is_idle())
            .map(|(key, _)| key)
            .collect();
        for key in idle {
            self.remove(key);
        }
        for (_, client) in &mut self.clients {
            if let State::Exchanging(exchange) = &mut client.state {
                exchange.close_afterwards();
            }
        }
    }

    fn accept(&mut self, index: usize) {
        for _ in 0..ACCEPTS {
            let Some(listener) = self.listeners.get(index) else {
                return;
            };
            match listener.accept() {
                Ok((stream, peer)) => self.welcome(stream, peer),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return,
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    _ => {
                        log::warn!("cannot accept: {error}");
                        self.accept_again = Some(self.now + ACCEPT_PAUSE);
                        return;
                    }
                },
            }
        }
        // There may be more, and no event will tell.
        self.accept_again = Some(self.now);
    }

    fn welcome(&mut self, stream: mio::net::TcpStream, peer: std::net::SocketAddr) {
        // Without it small pieces of a stream wait for each other.
        let _ = stream.set_nodelay(true);
        let session = match &self.control.identity {
            None => None,
            Some(identity) => match Session::new(&identity.load()) {
                Ok(session) => Some(session),
                Err(error) => {
                    log::warn!("cannot secure a connection: {error}");
                    return;
                }
            },
        };
        let stream = Stream::new(stream, session);
        let is_full = self.clients.len() >= self.limits.connections && !self.make_room();
        self.next_serial += 1;
        let entry = self.clients.vacant_entry();
        let key = entry.key();
        let mut client = Client::new(stream, peer, self.next_serial, self.now);
        if let Err(error) = self.poll.registry().register(
            client.socket.stream_mut().source(),
            client_token(key),
            Interest::READABLE | Interest::WRITABLE,
        ) {
            log::warn!("cannot watch a connection: {error}");
            return;
        }
        entry.insert(client);
        self.control.connections.fetch_add(1, Ordering::AcqRel);
        if is_full {
            self.refuse(key, Refusal::Busy);
        }
        self.advance(key);
    }

    /// Closes the connection that has been idle for longest. Whether there was one.
    fn make_room(&mut self) -> bool {
        let idle = self
            .clients
            .iter()
            .filter(|(_, client)| client.is_idle())
            .min_by_key(|(_, client)| client.idle_since)
            .map(|(key, _)| key);
        if let Some(key) = idle {
            self.remove(key);
        }
        idle.is_some()
    }

    fn client_event(&mut self, key: usize, readiness: Readiness) {
        if let Some(client) = self.clients.get_mut(key) {
            client.socket.note(readiness);
            self.advance(key);
        }
    }

    fn lane_event(&mut self, index: usize, readiness: Readiness) {
        match self.lanes.ready(index, readiness, &mut self.scratch) {
            Ready::Client(key) => self.advance(key),
            Ready::Nothing => {}
        }
    }

    /// Moves a connection as far as it goes.
    fn advance(&mut self, key: usize) {
        while let Some(client) = self.clients.get(key) {
            let goes_on = match client.state {
                State::Reading => self.read_head(key),
                State::Waiting(_) => self.wait(key),
                State::Exchanging(_) => self.exchange(key),
                State::Answering(_) => self.finish_answer(key),
                State::Lingering => self.linger(key),
            };
            if !goes_on {
                return;
            }
        }
    }

    fn read_head(&mut self, key: usize) -> bool {
        let Some(client) = self.clients.get_mut(key) else {
            return false;
        };
        let was_opening = client.socket.stream().is_opening();
        let limits = HeadLimits {
            bytes: self.limits.head_bytes,
            headers: self.limits.headers,
        };
        loop {
            let parsed = if client.input.is_empty() {
                Ok(None)
            } else {
                request::parse(&client.input, &mut client.scanned, limits, self.is_cheap)
            };
            match parsed {
                Ok(Some(head)) => {
                    client.consume(head.bytes);
                    client.head_began = None;
                    return self.begin(key, head);
                }
                Ok(None) => {}
                Err(refusal) => return self.refuse(key, refusal),
            }
            match client.socket.receive(&mut self.scratch) {
                Received::Bytes(count) => {
                    client
                        .input
                        .extend_from_slice(self.scratch.get(..count).unwrap_or_default());
                    client.head_began.get_or_insert(self.now);
                }
                Received::Nothing => break,
                Received::End if client.socket.stream_mut().fall_back() => {
                    let what = "the client sent an HTTP request to an HTTPS server";
                    return self.refuse(key, Refusal::Malformed(what));
                }
                Received::End => {
                    self.remove(key);
                    return false;
                }
            }
        }
        // A part of the handshake.
        if client.socket.pending() > 0 && client.socket.flush().is_err() {
            self.remove(key);
            return false;
        }
        let is_opening = client.socket.stream().is_opening();
        if was_opening && !is_opening {
            client.idle_since = self.now;
        }
        let at = match client.head_began {
            Some(began) => began + self.limits.head_timeout,
            None if is_opening => client.idle_since + self.limits.head_timeout,
            None => client.idle_since + self.limits.idle,
        };
        self.deadlines.set(key, &mut client.deadline, Some(at));
        false
    }

    /// A request is there: to a lane with it, or to the queue.
    fn begin(&mut self, key: usize, mut head: RequestHead) -> bool {
        if matches!(head.body, Body::Length(length) if length > self.limits.body_bytes) {
            return self.refuse(key, Refusal::BodyTooLarge);
        }
        head.keep_alive &= !self.is_draining;
        let is_cheap = head.is_cheap;
        if let Some(lane) = self.lanes.take(self.poll.registry(), key, is_cheap) {
            return self.start(key, &head, lane);
        }
        let Some(client) = self.clients.get_mut(key) else {
            return false;
        };
        let entry = (key, client.serial);
        let at = self.now + self.limits.lane_wait;
        self.deadlines.set(key, &mut client.deadline, Some(at));
        if is_cheap {
            self.waiting_cheap.push_back(entry);
        } else {
            self.waiting.push_back(entry);
        }
        self.enter(key, State::Waiting(Box::new(head)));
        true
    }

    fn start(&mut self, key: usize, head: &RequestHead, lane: usize) -> bool {
        let (Some(client), Some(socket)) = (self.clients.get_mut(key), self.lanes.socket(lane))
        else {
            return false;
        };
        let length = match head.body {
            Body::None => Some(0),
            Body::Length(length) => Some(length),
            Body::Chunked => None,
        };
        // A lane that takes nothing shows when it is read; a client that does, with the next flush.
        let _ = socket.send(&envelope::seal(client.peer, &head.for_lane, length));
        if head.expects_continue && head.body != Body::None && client.input.is_empty() {
            let _ = client.socket.send(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        let exchange = Exchange::new(head, lane, self.limits.body_bytes);
        self.enter(key, State::Exchanging(Box::new(exchange)));
        true
    }

    /// Sees whether a client that waits for a lane is still there.
    fn wait(&mut self, key: usize) -> bool {
        let Some(client) = self.clients.get_mut(key) else {
            return false;
        };
        if client.input.len() < SCRATCH {
            match client.socket.receive(&mut self.scratch) {
                Received::Bytes(count) => client
                    .input
                    .extend_from_slice(self.scratch.get(..count).unwrap_or_default()),
                Received::Nothing => {}
                Received::End => self.remove(key),
            }
        }
        false
    }

    fn exchange(&mut self, key: usize) -> bool {
        let Some(client) = self.clients.get_mut(key) else {
            return false;
        };
        let State::Exchanging(mut exchange) = std::mem::replace(&mut client.state, State::Reading)
        else {
            return false;
        };
        let lane = exchange.lane;
        let progress = match self.lanes.socket(lane) {
            Some(socket) => exchange.pump(client, socket, &mut self.scratch),
            None => Progress::Broken,
        };
        let at = if !exchange.is_uploaded() {
            Some(self.now + self.limits.body_idle)
        } else if client.socket.pending() > 0 {
            Some(self.now + self.limits.write_stall)
        } else {
            None
        };
        let has_moved = std::mem::take(&mut exchange.has_moved);
        if has_moved || at.is_none() || !client.deadline.is_set() {
            self.deadlines.set(key, &mut client.deadline, at);
        }
        client.state = State::Exchanging(exchange);
        match progress {
            Progress::Waiting => false,
            Progress::Yielding => {
                self.again.push(key);
                false
            }
            Progress::Finished { keep_alive } => {
                self.lanes.release(lane);
                let afterwards = if keep_alive {
                    Afterwards::KeepAlive
                } else {
                    Afterwards::Close
                };
                self.enter(key, State::Answering(afterwards));
                true
            }
            Progress::Early => {
                self.lanes.close(lane);
                self.enter(key, State::Answering(Afterwards::Close));
                true
            }
            Progress::Refused(refusal) => {
                self.lanes.close(lane);
                self.refuse(key, refusal)
            }
            Progress::Broken => {
                self.lanes.close(lane);
                self.enter(key, State::Answering(Afterwards::BreakOff));
                true
            }
            Progress::ClientGone => {
                self.remove(key);
                false
            }
        }
    }

    fn finish_answer(&mut self, key: usize) -> bool {
        let Some(client) = self.clients.get_mut(key) else {
            return false;
        };
        let State::Answering(afterwards) = client.state else {
            return false;
        };
        let goes_on = afterwards == Afterwards::KeepAlive && !self.is_draining;
        let before = client.socket.pending();
        let mut flushed = client.socket.flush();
        if flushed.is_ok() && !goes_on && afterwards != Afterwards::BreakOff {
            flushed = client.socket.end();
        }
        if flushed.is_err() {
            self.remove(key);
            return false;
        }
        if client.socket.pending() > 0 {
            if client.socket.pending() < before || !client.deadline.is_set() {
                let at = self.now + self.limits.write_stall;
                self.deadlines.set(key, &mut client.deadline, Some(at));
            }
            return false;
        }
        client.socket.shrink();
        if goes_on {
            client.idle_since = self.now;
            if !client.input.is_empty() {
                client.head_began = Some(self.now);
            }
            self.enter(key, State::Reading);
        } else {
            client.socket.stream().shut_write();
            let at = self.now + self.limits.linger;
            self.deadlines.set(key, &mut client.deadline, Some(at));
            self.enter(key, State::Lingering);
        }
        true
    }

    fn linger(&mut self, key: usize) -> bool {
        let Some(client) = self.clients.get_mut(key) else {
            return false;
        };
        for _ in 0..LINGER_READS {
            match client.socket.receive(&mut self.scratch) {
                Received::Bytes(_) => {}
                Received::Nothing => return false,
                Received::End => break,
            }
        }
        self.remove(key);
        false
    }

    fn refuse(&mut self, key: usize, refusal: Refusal) -> bool {
        if let Some(client) = self.clients.get_mut(key) {
            log::debug!("{}: {refusal}", client.peer);
            if client.socket.stream().is_opening() {
                self.remove(key);
                return false;
            }
            client.input = Vec::new();
            // What cannot be written shows with the next flush.
            let _ = client.socket.send(&refusal.answer());
            let at = self.now + self.limits.write_stall;
            self.deadlines.set(key, &mut client.deadline, Some(at));
        }
        self.enter(key, State::Answering(Afterwards::Close));
        true
    }

    /// Gives free lanes to those who wait, those with a cheap request first.
    fn serve_waiting(&mut self) {
        loop {
            let is_cheap = !self.waiting_cheap.is_empty();
            let queue = if is_cheap {
                &mut self.waiting_cheap
            } else {
                &mut self.waiting
            };
            let Some((key, serial)) = queue.front().copied() else {
                return;
            };
            let still_waits = self.clients.get(key).is_some_and(|client| {
                client.serial == serial && matches!(client.state, State::Waiting(_))
            });
            if !still_waits {
                queue.pop_front();
                continue;
            }
            let Some(lane) = self.lanes.take(self.poll.registry(), key, is_cheap) else {
                return;
            };
            queue.pop_front();
            let head = self.clients.get_mut(key).and_then(|client| {
                match std::mem::replace(&mut client.state, State::Reading) {
                    State::Waiting(head) => Some(head),
                    other => {
                        client.state = other;
                        None
                    }
                }
            });
            let Some(head) = head else {
                self.lanes.release(lane);
                continue;
            };
            // Entering the new state counts from the old one.
            if let Some(client) = self.clients.get_mut(key) {
                client.state = State::Answering(Afterwards::Close);
            }
            if self.start(key, &head, lane) {
                self.again.push(key);
            }
        }
    }

    fn waits_for_lane(&self) -> bool {
        !self.waiting.is_empty() || !self.waiting_cheap.is_empty()
    }

    fn fire_deadlines(&mut self) {
        while let Some(key) = self.deadlines.take_fired(self.now) {
            let Some(client) = self.clients.get_mut(key) else {
                continue;
            };
            if !self.deadlines.is_due(key, &mut client.deadline, self.now) {
                continue;
            }
            match &client.state {
                State::Reading if client.head_began.is_some() => {
                    self.refuse(key, Refusal::Slow);
                }
                State::Waiting(_) => {
                    self.refuse(key, Refusal::Busy);
                }
                State::Exchanging(exchange) if exchange.may_refuse() => {
                    self.lanes.close(exchange.lane);
                    self.refuse(key, Refusal::Slow);
                }
                State::Reading | State::Exchanging(_) | State::Answering(_) | State::Lingering => {
                    self.remove(key);
                    continue;
                }
            }
            self.advance(key);
        }
    }

    /// Changes the state of a connection, and the count of active ones with it.
    fn enter(&mut self, key: usize, state: State) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let (before, after) = (client.state.is_active(), state.is_active());
        client.state = state;
        match (before, after) {
            (false, true) => self.control.active.fetch_add(1, Ordering::AcqRel),
            (true, false) => self.control.active.fetch_sub(1, Ordering::AcqRel),
            _ => 0,
        };
    }

    /// Closes a connection, and its lane if it has one.
    fn remove(&mut self, key: usize) {
        let Some(mut client) = self.clients.try_remove(key) else {
            return;
        };
        if client.is_idle() {
            // Whoever has left cannot be told.
            let _ = client.socket.end();
        }
        if client.state.is_active() {
            self.control.active.fetch_sub(1, Ordering::AcqRel);
        }
        self.control.connections.fetch_sub(1, Ordering::AcqRel);
        if let State::Exchanging(exchange) = &client.state {
            self.lanes.close(exchange.lane);
        }
    }
}
