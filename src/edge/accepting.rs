//! Accepts connections.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use super::connection::{Afterwards, Connection, Phase};
use super::core::Core;
use super::poller::Interest;
use super::refusal::Refusal;
use super::service::Service;
use super::stream::Stream;
use super::tls::Session;

/// Connections that are accepted before other events are handled.
const ACCEPTS: usize = 64;

/// The result of an accept.
enum Accepted {
    Connection(TcpStream, SocketAddr),
    /// No connection is pending, or the listener is closed.
    Nobody,
    /// The system has no file descriptor.
    NoRoom(io::Error),
}

impl<S: Service> Core<S> {
    /// Accepts pending connections. Not inlined, so that it does not enlarge the stack of each request.
    #[inline(never)]
    pub fn accept(&self, token: u64) {
        let index = usize::try_from(token).unwrap_or(usize::MAX);
        let mut has_made_room = true;
        for _ in 0..ACCEPTS {
            match self.accept_one(index) {
                Accepted::Connection(socket, peer) => self.welcome(socket, peer),
                Accepted::Nobody => break,
                Accepted::NoRoom(error) => {
                    if !has_made_room {
                        // The thread for deadlines tries again.
                        self.refusals.no_room(&error);
                        return;
                    }
                    has_made_room = self.make_room();
                }
            }
        }
        self.listen_on(index);
    }

    /// Lets a listener report again.
    pub fn listen_on(&self, index: usize) {
        let Some(listener) = self.listeners.get(index) else {
            return;
        };
        if let Some(listener) = &*listener.lock() {
            let token = Self::token_of_listener(index);
            if let Err(error) = self.poller.arm(listener.as_fd(), token, Interest::Read) {
                log::error!("cannot watch a listener: {error}");
            }
        }
    }

    fn accept_one(&self, index: usize) -> Accepted {
        let Some(listener) = self.listeners.get(index) else {
            return Accepted::Nobody;
        };
        let listener = listener.lock();
        let Some(listener) = &*listener else {
            return Accepted::Nobody;
        };
        loop {
            match listener.accept() {
                Ok((socket, peer)) => return Accepted::Connection(socket, peer),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Accepted::Nobody,
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    _ => return Accepted::NoRoom(error),
                },
            }
        }
    }

    /// Closes a connection without a request in progress. Returns whether there was one.
    fn make_room(&self) -> bool {
        match self.table.take_dispensable() {
            Some((key, mut connection)) => {
                connection.say_goodbye();
                drop(self.held(key, connection));
                true
            }
            None => false,
        }
    }

    fn welcome(&self, socket: TcpStream, peer: SocketAddr) {
        let Some(place) = self.addresses.enter(peer.ip()) else {
            return self.refusals.note(peer, Refusal::Crowded);
        };
        // Otherwise small events of a stream are delayed (Nagle's algorithm).
        let _ = socket.set_nodelay(true);
        if let Err(error) = socket.set_nonblocking(true) {
            return log::warn!("cannot accept a connection: {error}");
        }
        let session = match self
            .identity
            .as_ref()
            .map(|identity| Session::new(&identity.load()))
        {
            None => None,
            Some(Ok(session)) => Some(session),
            Some(Err(error)) => return log::warn!("cannot start TLS on a connection: {error}"),
        };
        let is_full = self.table.open() >= self.limits.connections && !self.make_room();
        let socket = Arc::new(socket);
        let Some(key) = self.table.reserve(Arc::clone(&socket)) else {
            return self.refusals.note(peer, Refusal::Crowded);
        };
        let stream = Stream::new(socket, session);
        let connection = Connection::new(stream, peer, place, Instant::now());
        let mut held = self.held_first(key, Box::new(connection));
        let Some(connection) = held.connection.as_deref_mut() else {
            return;
        };
        if is_full {
            self.refusals.note(peer, Refusal::Crowded);
            if connection.stream.is_opening() {
                return;
            }
            connection.phase = Phase::Flushing(Afterwards::Close);
            if connection
                .put(&self.service.refuse(Refusal::Crowded, None))
                .is_ok()
            {
                self.go_on(held);
            }
            return;
        }
        held.park(Interest::Read);
    }
}
