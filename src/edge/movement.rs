//! Advances a connection without blocking: through the head, the body and the end of the answer.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::connection::{Afterwards, Connection, Ending, Incoming, Pending, Phase, Transfer};
use super::core::{Core, Next};
use super::framing::Body;
use super::framing::request::{self, HeadLimits, RequestHead};
use super::poller::Interest;
use super::refusal::Refusal;
use super::responder::{PROBE, closing};
use super::service::Service;
use super::socket::Received;
use crate::chunked::{Decoder, NotChunked};
use crate::exchange::Admission;

/// The size of a read of a head; most heads need one.
const HEAD_ROOM: usize = 4 * 1024;
/// The size of a read of a body.
const BODY_ROOM: usize = 64 * 1024;
/// The initial capacity of a body, whatever its declared length.
const FIRST_ROOM: u64 = 1024 * 1024;
/// Reads of a body before other connections are served.
const TURNS: usize = 64;
/// The most bytes that are read and dropped after the last answer: a whole large body, because a client that is reset while
/// it sends may not read the answer.
const DROPPED: usize = 64 * 1024 * 1024;
/// The memory of an incomplete head that does not count against the budget.
const SMALL: usize = 8 * 1024;

/// Whether to continue with the connection, or what it waits for.
type Step = Option<Next>;

const AGAIN: Step = None;
const READ: Step = Some(Next::Wait(Interest::Read));

impl<S: Service> Core<S> {
    /// Advances a connection as far as possible.
    pub fn advance(&self, connection: &mut Connection<S::Ticket>) -> Next {
        loop {
            let step = match &mut connection.phase {
                Phase::Opening { .. } | Phase::Idle { .. } | Phase::Head { .. } => {
                    self.read_head(connection)
                }
                Phase::Body(_) => self.read_body(connection),
                Phase::Ready(pending) if pending.permit.is_some() => Some(Next::Serve),
                Phase::Ready(pending) if pending.is_queued => wait_in_queue(connection),
                Phase::Ready(_) => Some(Next::Serve),
                Phase::Flushing(afterwards) => {
                    let afterwards = *afterwards;
                    self.flush(connection, afterwards)
                }
                Phase::Lingering { .. } => linger(connection),
                Phase::Serving => Some(Next::Close),
            };
            if let Some(next) = step {
                return next;
            }
        }
    }

    fn read_head(&self, connection: &mut Connection<S::Ticket>) -> Step {
        let limits = HeadLimits {
            bytes: self.limits.head_bytes,
            headers: self.limits.headers,
        };
        if !connection.input.is_empty() {
            match request::parse(&connection.input, &mut connection.scanned, limits) {
                Ok(Some(head)) => {
                    connection.consume(head.bytes);
                    return self.begin(connection, head);
                }
                Ok(None) => {}
                Err(refusal) => return self.refuse(connection, refusal, None),
            }
        }
        if connection.input.capacity() > SMALL {
            let taken = connection.held.get_or_insert_with(|| self.budget.nothing());
            if taken.resize(connection.input.capacity()).is_err() {
                return self.refuse(connection, Refusal::NoMemory, None);
            }
        }
        let received = connection.stream.receive(&mut connection.input, HEAD_ROOM);
        let now = Instant::now();
        let is_opening = connection.stream.is_opening();
        connection.phase = match &connection.phase {
            Phase::Opening { since } if is_opening => Phase::Opening { since: *since },
            Phase::Head { since } => Phase::Head { since: *since },
            _ if !connection.input.is_empty() => Phase::Head { since: now },
            Phase::Idle { since } => Phase::Idle { since: *since },
            _ => Phase::Idle { since: now },
        };
        match received {
            Received::Bytes => AGAIN,
            // A part of the handshake may still have to be sent.
            Received::Nothing if connection.stream.has_unsent() => {
                Some(Next::Wait(Interest::Write))
            }
            Received::Nothing => READ,
            Received::End if connection.stream.fall_back() => {
                let what = "the client sent an HTTP request to an HTTPS server";
                self.refuse(connection, Refusal::Malformed(what), None)
            }
            Received::End => Some(Next::Close),
        }
    }

    /// Handles a complete head: the server decides, and the body of an admitted request is read.
    fn begin(&self, connection: &mut Connection<S::Ticket>, mut head: RequestHead) -> Step {
        let now = Instant::now();
        connection.held = None;
        head.keep_alive &= !self.is_draining.load(Ordering::SeqCst);
        let ticket = match self.service.admit(&head.head, connection.peer) {
            Admission::Serve(ticket) => ticket,
            Admission::Answer(answer) => return self.answer(connection, &head, &answer),
        };
        connection.is_known = true;
        let most = self.limits.body_bytes.min(self.budget.limit() as u64);
        if matches!(head.body, Body::Length(length) if length > most) {
            return self.refuse(connection, Refusal::BodyTooLarge, Some(&head));
        }
        let waits = head.expects_continue && head.body != Body::None && connection.input.is_empty();
        if waits && connection.put(b"HTTP/1.1 100 Continue\r\n\r\n").is_err() {
            return Some(Next::Close);
        }
        let (transfer, room) = match head.body {
            Body::None => (Transfer::Length(0), 0),
            Body::Length(length) => (Transfer::Length(length), length.min(FIRST_ROOM)),
            Body::Chunked => (Transfer::Chunked(Decoder::default()), BODY_ROOM as u64),
        };
        let request = Pending {
            head,
            ticket,
            body: Vec::with_capacity(usize::try_from(room).unwrap_or(0)),
            reservation: self.budget.nothing(),
            arrived: now,
            permit: None,
            is_queued: false,
        };
        connection.phase = Phase::Body(Box::new(Incoming {
            request,
            transfer,
            began: now,
            last: now,
            starved: None,
        }));
        AGAIN
    }

    /// Sends an answer at once. The connection is closed if the request's body is incomplete.
    fn answer(
        &self,
        connection: &mut Connection<S::Ticket>,
        head: &RequestHead,
        answer: &[u8],
    ) -> Step {
        let body = match head.body {
            Body::None => Some(0),
            Body::Length(length) => usize::try_from(length)
                .ok()
                .filter(|length| *length <= connection.input.len()),
            Body::Chunked => None,
        };
        connection.in_flight = Some(self.requests.enter());
        let keep_alive = head.keep_alive && body.is_some();
        let sent = match keep_alive {
            true => {
                if let Some(body @ 1..) = body {
                    connection.consume(body);
                }
                connection.put(answer)
            }
            false => connection.put(&closing(answer)),
        };
        connection.phase = Phase::Flushing(match keep_alive {
            true => Afterwards::KeepAlive,
            false => Afterwards::Close,
        });
        match sent {
            Ok(()) => AGAIN,
            Err(_) => Some(Next::Close),
        }
    }

    fn read_body(&self, connection: &mut Connection<S::Ticket>) -> Step {
        for _ in 0..TURNS {
            let Phase::Body(incoming) = &mut connection.phase else {
                return AGAIN;
            };
            // Bytes that arrived with the head or after the previous chunk.
            let taken = match incoming.take(&connection.input, self.limits.body_bytes) {
                Ok(taken) => taken,
                Err(refusal) => {
                    let head = incoming.request.head.clone();
                    return self.refuse(connection, refusal, Some(&head));
                }
            };
            connection.consume(taken);
            let Phase::Body(incoming) = &mut connection.phase else {
                return AGAIN;
            };
            let wanted = incoming.wanted();
            if incoming.request.reservation.bytes() < wanted {
                if incoming.request.reservation.resize(wanted).is_err() {
                    incoming.starved.get_or_insert_with(Instant::now);
                    return Some(Next::Starve(wanted));
                }
                incoming.starved = None;
            }
            if incoming.is_complete() {
                return self.complete(connection);
            }
            let received = match incoming.transfer {
                Transfer::Length(left) => {
                    let body = &mut incoming.request.body;
                    let before = body.len();
                    let room = usize::try_from(left).unwrap_or(usize::MAX).min(BODY_ROOM);
                    grow(body, room, left);
                    let received = connection.stream.receive(body, 1);
                    let count = (body.len() - before) as u64;
                    let own = count.min(left);
                    // Beyond the body: the next pipelined request.
                    let ahead = body.split_off(before + usize::try_from(own).unwrap_or(usize::MAX));
                    connection.input.extend_from_slice(&ahead);
                    incoming.transfer = Transfer::Length(left - own);
                    received
                }
                Transfer::Chunked(_) => connection.stream.receive(&mut connection.input, BODY_ROOM),
            };
            match received {
                Received::Bytes => incoming.last = Instant::now(),
                Received::Nothing => return READ,
                Received::End => return Some(Next::Close),
            }
        }
        // Let other connections be served. No event reports bytes that a TLS session has decrypted.
        match connection.stream.has_decrypted() {
            true => Some(Next::Wait(Interest::Write)),
            false => READ,
        }
    }

    /// Handles a complete request.
    fn complete(&self, connection: &mut Connection<S::Ticket>) -> Step {
        let now = Instant::now();
        connection.in_flight = Some(self.requests.enter());
        if let Phase::Body(incoming) = std::mem::replace(&mut connection.phase, Phase::Serving) {
            let mut pending = incoming.request;
            pending.arrived = now;
            connection.phase = Phase::Ready(Box::new(pending));
        }
        Some(Next::Serve)
    }

    fn flush(&self, connection: &mut Connection<S::Ticket>, afterwards: Afterwards) -> Step {
        if connection.output.is_pending(&connection.stream)
            && connection.output.flush(&mut connection.stream).is_err()
        {
            return Some(Next::Close);
        }
        if connection.output.is_pending(&connection.stream) {
            return Some(Next::Wait(Interest::Write));
        }
        connection.in_flight = None;
        connection.held = None;
        let now = Instant::now();
        match afterwards {
            Afterwards::BreakOff => Some(Next::Close),
            Afterwards::KeepAlive if !self.is_draining.load(Ordering::SeqCst) => {
                // After the client shuts down its side, no event reports earlier pipelined requests.
                let is_quiet = !connection.has_ended && !connection.stream.has_decrypted();
                if connection.input.is_empty() && is_quiet {
                    connection.phase = Phase::Idle { since: now };
                    return READ;
                }
                connection.phase = Phase::Head { since: now };
                AGAIN
            }
            Afterwards::KeepAlive | Afterwards::Close => {
                connection.say_goodbye();
                connection.stream.shut_write();
                connection.input = Vec::new();
                connection.phase = Phase::Lingering {
                    since: now,
                    dropped: 0,
                };
                AGAIN
            }
        }
    }

    /// Refuses a request, complete or not, and closes the connection.
    pub fn refuse(
        &self,
        connection: &mut Connection<S::Ticket>,
        refusal: Refusal,
        head: Option<&RequestHead>,
    ) -> Step {
        self.refusals.note(connection.peer, refusal);
        if connection.stream.is_opening() {
            return Some(Next::Close);
        }
        let answer = self.service.refuse(refusal, head.map(|head| &head.head));
        connection.input = Vec::new();
        connection.held = None;
        connection.phase = Phase::Flushing(Afterwards::Close);
        match connection.put(&answer) {
            Ok(()) => AGAIN,
            Err(_) => Some(Next::Close),
        }
    }

    /// Handles a passed deadline. Returns whether the connection continues.
    pub fn late(&self, connection: &mut Connection<S::Ticket>) -> bool {
        let (refusal, head) = match &connection.phase {
            Phase::Head { .. } => (Refusal::Slow, None),
            Phase::Body(incoming) => {
                let refusal = match incoming.starved {
                    Some(_) => Refusal::NoMemory,
                    None => Refusal::Slow,
                };
                (refusal, Some(incoming.request.head.clone()))
            }
            Phase::Ready(pending) => (Refusal::Busy, Some(pending.head.clone())),
            Phase::Idle { .. } => {
                connection.say_goodbye();
                return false;
            }
            Phase::Opening { .. }
            | Phase::Flushing(_)
            | Phase::Lingering { .. }
            | Phase::Serving => {
                return false;
            }
        };
        self.refuse(connection, refusal, head.as_ref()) != Some(Next::Close)
    }

    /// The deadline of a waiting connection.
    pub fn deadline(&self, connection: &Connection<S::Ticket>) -> Option<Instant> {
        let limits = &self.limits;
        let (since, time) = match &connection.phase {
            Phase::Opening { since } | Phase::Head { since } => (*since, limits.head_timeout),
            Phase::Idle { since } => (*since, limits.idle),
            Phase::Body(incoming) => {
                if let Some(since) = incoming.starved {
                    return since.checked_add(limits.queue_timeout);
                }
                let received = incoming.request.body.len() as u64;
                let earned = Duration::from_secs(received / limits.body_rate.max(1));
                let by_rate = limits.body_grace.saturating_add(earned);
                let times = [
                    (incoming.began, limits.body_timeout),
                    (incoming.began, by_rate),
                    (incoming.last, limits.body_idle),
                ];
                let ends = times.into_iter();
                return ends
                    .filter_map(|(since, time)| since.checked_add(time))
                    .min();
            }
            Phase::Ready(pending) => (pending.arrived, limits.queue_timeout),
            Phase::Flushing(_) => {
                let slow = connection.output.deadline(limits.write_stall);
                return slow.or_else(|| Instant::now().checked_add(limits.write_stall));
            }
            Phase::Lingering { since, .. } => (*since, limits.linger),
            Phase::Serving => return None,
        };
        since.checked_add(time)
    }
}

/// Reserves capacity for `room` more bytes of `body`, of which `left` remain.
fn grow(body: &mut Vec<u8>, room: usize, left: u64) {
    if body.capacity() - body.len() < room {
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        body.reserve_exact(left.min(body.len().max(room)));
    }
}

/// Handles events of a request that waits for a worker. A client that shuts down its side is probed.
fn wait_in_queue<T>(connection: &mut Connection<T>) -> Step {
    let is_http10 = match &connection.phase {
        Phase::Ready(pending) => pending.head.is_http10,
        _ => false,
    };
    match connection.look() {
        Ending::Broken => return Some(Next::Close),
        Ending::Ended if !connection.has_ended => {
            connection.has_ended = true;
            if !is_http10 && connection.put(PROBE).is_err() {
                return Some(Next::Close);
            }
        }
        Ending::Ended | Ending::Open => {}
    }
    Some(Next::Wait(match connection.has_ended {
        true => Interest::Broken,
        false => Interest::End,
    }))
}

fn linger<T>(connection: &mut Connection<T>) -> Step {
    let mut scratch = std::mem::take(&mut connection.input);
    loop {
        scratch.clear();
        let received = connection.stream.receive(&mut scratch, BODY_ROOM);
        let Phase::Lingering { dropped, .. } = &mut connection.phase else {
            return AGAIN;
        };
        *dropped += scratch.len();
        match received {
            Received::Bytes if *dropped < DROPPED => {}
            Received::Nothing => return READ,
            Received::Bytes | Received::End => return Some(Next::Close),
        }
    }
}

impl<T> Incoming<T> {
    /// The bytes of the budget that it needs now. A body with a known length that has begun to arrive needs all of them:
    /// two bodies with half of their memory would wait for each other.
    fn wanted(&self) -> usize {
        let has = self.request.body.len();
        match &self.transfer {
            _ if has <= SMALL => 0,
            Transfer::Length(left) if has > BODY_ROOM => {
                has.saturating_add(usize::try_from(*left).unwrap_or(usize::MAX))
            }
            // Rounded up, so that the budget is not used for every byte.
            Transfer::Length(_) | Transfer::Chunked(_) => has.next_multiple_of(BODY_ROOM),
        }
    }

    /// Takes the body's part from the front of `bytes` and returns its length.
    fn take(&mut self, bytes: &[u8], limit: u64) -> Result<usize, Refusal> {
        let body = &mut self.request.body;
        match &mut self.transfer {
            Transfer::Length(left) => {
                let count = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                body.extend_from_slice(bytes.get(..count).unwrap_or_default());
                *left -= count as u64;
                Ok(count)
            }
            Transfer::Chunked(decoder) => {
                let mut taken = 0;
                while !decoder.is_done() {
                    let rest = bytes.get(taken..).unwrap_or_default();
                    let step = decoder
                        .step(rest)
                        .map_err(|NotChunked| Refusal::Malformed("the body is not chunked"))?;
                    if step.taken == 0 {
                        break;
                    }
                    taken += step.taken;
                    if (body.len() + step.payload.len()) as u64 > limit {
                        return Err(Refusal::BodyTooLarge);
                    }
                    body.extend_from_slice(step.payload);
                }
                Ok(taken)
            }
        }
    }

    fn is_complete(&self) -> bool {
        match &self.transfer {
            Transfer::Length(left) => *left == 0,
            Transfer::Chunked(decoder) => decoder.is_done(),
        }
    }
}
