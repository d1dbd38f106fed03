//! The shared state of an edge, and the way of a connection from the poller to a worker and back.

use std::io;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::connection::{Afterwards, Connection, Pending, Phase};
use super::counters::{Addresses, Requests};
use super::limits::Limits;
use super::poller::{Interest, Poller};
use super::queue::{Entry, MemoryQueue, Permit, Queue};
use super::refusal::{Refusal, Refusals};
use super::responder::Responder;
use super::service::Service;
use super::table::Table;
use super::threads::Threads;
use super::tls::Identity;
use crate::budget::Budget;
use crate::exchange::{Client, Request};

/// Event keys from here on are not connections.
const LISTENERS: u64 = 1 << 40;
/// The key of the event that stops the edge.
const STOP: u64 = 1 << 41;

/// An edge.
pub struct Core<S: Service> {
    pub service: S,
    pub limits: Limits,
    pub poller: Poller,
    pub table: Table<S::Ticket>,
    pub queue: Queue,
    pub budget: Budget,
    pub starving: MemoryQueue,
    pub requests: Requests,
    pub refusals: Refusals,
    pub threads: Arc<Threads>,
    pub addresses: Addresses,
    /// The TLS identity for new connections, if any.
    pub identity: Option<ArcSwap<Identity>>,
    pub listeners: Vec<Mutex<Option<TcpListener>>>,
    pub is_draining: Arc<AtomicBool>,
    pub is_stopping: AtomicBool,
    /// The first end is watched; closing the other one stops the threads.
    pub stop: (UnixStream, Mutex<Option<UnixStream>>),
}

/// A connection that this thread owns. Dropping it closes the connection, unless it was parked.
pub struct Held<'c, S: Service> {
    pub core: &'c Core<S>,
    pub key: usize,
    pub connection: Option<Box<Connection<S::Ticket>>>,
    /// Whether the poller watches it.
    is_watched: bool,
    is_parked: bool,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// An event, or its deadline.
    Wait(Interest),
    /// A worker, because its request is complete.
    Serve,
    /// So many bytes of memory for its body.
    Starve(usize),
    /// Nothing; it is closed.
    Close,
}

impl<S: Service> Core<S> {
    /// The loop of a thread.
    pub fn work(&self) {
        loop {
            self.threads.enter();
            let event = self.poller.wait(Some(self.limits.thread_idle));
            match event {
                Ok(Some(event)) => {
                    self.threads.leave();
                    match event {
                        STOP => return self.pass_stop_on(),
                        LISTENERS.. => self.accept(event - LISTENERS),
                        key => self.resume(usize::try_from(key).unwrap_or(usize::MAX)),
                    }
                }
                Ok(None) => {
                    if self.is_stopping.load(Ordering::SeqCst) {
                        return self.threads.leave();
                    }
                    if self.threads.retire() {
                        return;
                    }
                    self.threads.leave();
                }
                Err(error) => {
                    self.threads.leave();
                    // Nothing can be served any more. A service manager restarts the process.
                    log::error!("cannot wait for connections: {error}");
                    log::logger().flush();
                    std::process::abort();
                }
            }
        }
    }

    pub fn token_of_listener(index: usize) -> u64 {
        LISTENERS + index as u64
    }

    pub const fn token_of_stop() -> u64 {
        STOP
    }

    /// Handles an event of a connection.
    fn resume(&self, key: usize) {
        if let Some(connection) = self.table.take(key) {
            self.go_on(self.held(key, connection));
        }
    }

    pub fn held(&self, key: usize, connection: Box<Connection<S::Ticket>>) -> Held<'_, S> {
        Held {
            core: self,
            key,
            connection: Some(connection),
            is_watched: true,
            is_parked: false,
        }
    }

    /// Adds a new connection.
    pub fn held_first(&self, key: usize, connection: Box<Connection<S::Ticket>>) -> Held<'_, S> {
        let mut held = self.held(key, connection);
        held.is_watched = false;
        held
    }

    /// Advances a connection as far as possible.
    pub fn go_on<'c>(&'c self, mut held: Held<'c, S>) {
        loop {
            let Some(connection) = held.connection.as_deref_mut() else {
                return;
            };
            match self.advance(connection) {
                Next::Close => return,
                Next::Wait(interest) => return held.park(interest),
                Next::Starve(bytes) => return self.starve(held, bytes),
                Next::Serve => match self.permit(connection) {
                    Some(permit) => held = self.serve(held, permit),
                    None => return self.enqueue(held),
                },
            }
        }
    }

    /// Lets a connection wait for memory.
    fn starve(&self, held: Held<'_, S>, bytes: usize) {
        let key = held.key;
        let serial = self.table.serial(key);
        held.park(Interest::Broken);
        self.starving.push((key, serial));
        self.budget.want();
        // Memory may have been returned before the connection was registered.
        if self.budget.has(bytes) {
            self.feed();
        }
    }

    /// Lets a connection wait for a worker.
    fn enqueue(&self, mut held: Held<'_, S>) {
        let key = held.key;
        if let Some(Phase::Ready(pending)) = held.connection.as_mut().map(|held| &mut held.phase) {
            pending.is_queued = true;
        }
        let serial = self.table.serial(key);
        held.park(Interest::End);
        self.queue.wait((key, serial));
    }

    fn permit(&self, connection: &mut Connection<S::Ticket>) -> Option<Permit> {
        match &mut connection.phase {
            Phase::Ready(pending) => pending.permit.take().or_else(|| self.queue.enter()),
            _ => None,
        }
    }

    /// Passes a permit to a waiting connection.
    pub fn grant(&self, (key, serial): Entry, permit: Permit) -> Result<(), Permit> {
        let mut permit = Some(permit);
        self.table.change_same(key, serial, |connection| {
            if let Phase::Ready(pending) = &mut connection.phase
                && pending.permit.is_none()
            {
                // A waiting thread gets the event that it is writable, and serves it.
                let fd = connection.stream.fd();
                if self.poller.arm(fd, key as u64, Interest::Write).is_ok() {
                    pending.permit = permit.take();
                }
            }
        });
        permit.map_or(Ok(()), Err)
    }

    /// Wakes connections that wait for memory.
    pub fn feed(&self) {
        for (key, serial) in self.starving.next() {
            self.table.with_same(key, serial, |connection| {
                let _ = self
                    .poller
                    .arm(connection.stream.fd(), key as u64, Interest::Write);
            });
        }
    }

    /// Lets the server answer the request of a connection. Not inlined, so that the stack frames of earlier and later steps
    /// do not add up.
    #[inline(never)]
    fn serve<'c>(&'c self, mut held: Held<'c, S>, permit: Permit) -> Held<'c, S> {
        let Some(mut connection) = held.connection.take() else {
            return held;
        };
        let pending = match std::mem::replace(&mut connection.phase, Phase::Serving) {
            Phase::Ready(pending) => pending,
            other => {
                connection.phase = other;
                held.connection = Some(connection);
                return held;
            }
        };
        self.threads.relieve();
        let Pending {
            head,
            ticket,
            body,
            reservation,
            arrived,
            ..
        } = *pending;
        let peer = connection.peer;
        let responder = Rc::new(Responder::new(
            connection,
            &head,
            self.limits.write_stall,
            Arc::clone(&self.is_draining),
        ));
        let request = Request {
            head: head.head,
            body,
            reservation,
            peer,
            arrived,
        };
        let client: Rc<dyn Client> = Rc::clone(&responder) as Rc<dyn Client>;
        let answered = catch_unwind(AssertUnwindSafe(|| {
            self.service.serve(ticket, request, client)
        }));
        drop(permit);
        let Ok(responder) = Rc::try_unwrap(responder) else {
            // The socket is closed when its last reference is dropped.
            log::error!("a request has ended, but its client is still in use");
            return held;
        };
        let is_gone = responder.is_gone();
        let (mut connection, has_begun) = responder.into_connection();
        let answered = answered.unwrap_or_else(|_| {
            log::error!("a request handler panicked");
            Err(io::ErrorKind::Other.into())
        });
        let keep_alive = head.keep_alive && !self.is_draining.load(Ordering::SeqCst);
        connection.phase = Phase::Flushing(match &answered {
            Ok(()) if keep_alive => Afterwards::KeepAlive,
            Ok(()) => Afterwards::Close,
            Err(_) => Afterwards::BreakOff,
        });
        if answered.is_err() && !has_begun && !is_gone {
            let answer = self.service.refuse(Refusal::Broken, None);
            connection.phase = Phase::Flushing(Afterwards::Close);
            if connection
                .output
                .send(&mut connection.stream, &answer)
                .is_err()
            {
                return held;
            }
        }
        if is_gone {
            return held;
        }
        let behind = connection.output.len();
        if behind > 0 {
            connection.held = Some(self.budget.take_anyway(behind));
        }
        held.connection = Some(connection);
        held
    }

    /// Handles passed deadlines.
    pub fn expire(&self, now: Instant) {
        for key in self.table.due(now) {
            if let Some(connection) = self.table.take(key) {
                let mut held = self.held(key, connection);
                if held
                    .connection
                    .as_ref()
                    .is_some_and(|held| held.is_granted())
                {
                    held.park(Interest::Write);
                } else if held
                    .connection
                    .as_deref_mut()
                    .is_some_and(|held| self.late(held))
                {
                    self.go_on(held);
                }
            }
        }
    }

    /// Closes idle and unfinished connections, and accepts no more.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::SeqCst);
        for listener in &self.listeners {
            listener.lock().take();
        }
        for key in self.table.parked() {
            self.end_idle(key);
        }
    }

    /// Closes a connection unless it has a request in progress.
    fn end_idle(&self, key: usize) {
        if let Some(mut connection) = self.table.take_if(key, Connection::is_dispensable) {
            connection.say_goodbye();
            drop(self.held(key, connection));
        }
    }

    /// Stops all threads and breaks all connections.
    pub fn stop(&self) {
        self.is_draining.store(true, Ordering::SeqCst);
        self.is_stopping.store(true, Ordering::SeqCst);
        for listener in &self.listeners {
            listener.lock().take();
        }
        self.queue.clear();
        self.stop.1.lock().take();
        self.table.break_all();
        for key in self.table.parked() {
            if let Some(connection) = self.table.take(key) {
                drop(self.held(key, connection));
            }
        }
    }

    /// Tells the next waiting thread that the edge stops.
    fn pass_stop_on(&self) {
        if let Err(error) = self.poller.arm(self.stop.0.as_fd(), STOP, Interest::Read) {
            log::error!("cannot stop all worker threads: {error}");
        }
    }
}

impl<S: Service> Held<'_, S> {
    /// Returns the connection to the table, to wait for an event.
    pub fn park(mut self, interest: Interest) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        let core = self.core;
        connection.settle();
        let deadline = core.deadline(&connection);
        let key = self.key;
        let is_watched = std::mem::replace(&mut self.is_watched, true);
        let parked = core.table.park(key, connection, deadline, |connection| {
            let fd = connection.stream.fd();
            match is_watched {
                true => core.poller.arm(fd, key as u64, interest),
                false => core.poller.add(fd, key as u64, interest),
            }
        });
        match parked {
            Ok(()) => self.is_parked = true,
            Err(connection) => self.connection = Some(connection),
        }
        // A drain that began meanwhile may have missed it.
        if self.is_parked && core.is_draining.load(Ordering::SeqCst) {
            core.end_idle(key);
        }
    }
}

impl<S: Service> Drop for Held<'_, S> {
    fn drop(&mut self) {
        if !self.is_parked {
            // First the connection, then its key: the key must not be reused while the socket is open.
            self.connection.take();
            self.core.table.release(self.key);
        }
    }
}
