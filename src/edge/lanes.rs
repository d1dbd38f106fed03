//! The lanes: a fixed number of connections to the server, opened on first need and kept.
//!
//! They are opened one after another, each confirmed by an answered request before the next: tiny_http
//! hands a connection to a thread it believes idle, and a burst of new ones would be given to threads that
//! are already taken.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use mio::net::UnixStream;
use mio::{Interest, Registry, Token};

use super::framing::response;
use super::socket::{Received, Socket};
use crate::server::envelope;
use crate::server::lane::{LaneAddress, Presence, Seat};

/// All lanes.
pub struct Lanes {
    address: Arc<LaneAddress>,
    presence: Arc<Presence>,
    on_lane: Box<dyn FnMut(usize) + Send>,
    lanes: Vec<Lane>,
    free: Vec<usize>,
    /// The one that is being opened.
    opening: Option<usize>,
    /// How many may carry requests that are not answered from memory, and how many do.
    general: usize,
    busy_general: usize,
    /// The most that were ever open at once: so many workers there are.
    announced: usize,
    first_token: usize,
}

struct Lane {
    socket: Option<Socket<UnixStream>>,
    use_: Use,
    /// The number of the exchange at work, or of the last one.
    exchange: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Use {
    Closed,
    /// With what has come of the answer to the first request.
    Opening(Vec<u8>),
    Free,
    Busy {
        client: usize,
        is_general: bool,
    },
}

/// What an event on a lane means.
#[derive(Debug, PartialEq, Eq)]
pub enum Ready {
    /// The client with this key goes on.
    Client(usize),
    /// There may be a lane for somebody who waits.
    Lane,
    Nothing,
}

impl Lanes {
    pub fn new(
        address: Arc<LaneAddress>,
        presence: Arc<Presence>,
        on_lane: Box<dyn FnMut(usize) + Send>,
        general: usize,
        reserved: usize,
        first_token: usize,
    ) -> Self {
        let lanes = (0..general + reserved)
            .map(|_| Lane {
                socket: None,
                use_: Use::Closed,
                exchange: 0,
            })
            .collect();
        Self {
            address,
            presence,
            on_lane,
            lanes,
            free: Vec::new(),
            opening: None,
            general,
            busy_general: 0,
            announced: 0,
            first_token,
        }
    }

    fn may_take(&self, is_cheap: bool) -> bool {
        is_cheap || self.busy_general < self.general
    }

    /// A free lane for the client with key `client`, with the seal of the exchange.
    pub fn take(&mut self, client: usize, is_cheap: bool) -> Option<(usize, String)> {
        if !self.may_take(is_cheap) {
            return None;
        }
        // The last one used is the warmest.
        let index = self.free.pop()?;
        let seat = self.next_seat(index)?;
        let lane = self.lanes.get_mut(index)?;
        lane.use_ = Use::Busy {
            client,
            is_general: !is_cheap,
        };
        self.busy_general += usize::from(!is_cheap);
        Some((index, self.presence.seal(seat)))
    }

    fn next_seat(&mut self, index: usize) -> Option<Seat> {
        let lane = self.lanes.get_mut(index)?;
        lane.exchange += 1;
        Some(Seat {
            lane: index,
            exchange: lane.exchange,
        })
    }

    pub fn socket(&mut self, index: usize) -> Option<&mut Socket<UnixStream>> {
        self.lanes.get_mut(index)?.socket.as_mut()
    }

    /// The exchange on it is over.
    pub fn release(&mut self, index: usize) {
        if let Some(lane) = self.lanes.get_mut(index) {
            if let Some(socket) = &mut lane.socket {
                socket.shrink();
            }
            if let Use::Busy { is_general, .. } = lane.use_ {
                self.busy_general -= usize::from(is_general);
            }
            lane.use_ = Use::Free;
            self.free.push(index);
        }
    }

    /// Closes it; whoever works on its exchange learns that nobody waits any more.
    pub fn close(&mut self, index: usize) {
        let Some(lane) = self.lanes.get_mut(index) else {
            return;
        };
        lane.socket = None;
        match std::mem::replace(&mut lane.use_, Use::Closed) {
            Use::Busy { is_general, .. } => {
                self.busy_general -= usize::from(is_general);
                self.presence.mark_gone(Seat {
                    lane: index,
                    exchange: lane.exchange,
                });
            }
            Use::Free => self.free.retain(|free| *free != index),
            Use::Opening(_) => self.opening = None,
            Use::Closed => {}
        }
    }

    /// Begins to open another lane for a request that waits, if that is of use.
    ///
    /// # Errors
    /// When the system refuses; to be tried again later.
    pub fn open(&mut self, registry: &Registry, is_cheap: bool) -> io::Result<()> {
        if self.opening.is_some() || !self.free.is_empty() || !self.may_take(is_cheap) {
            return Ok(());
        }
        let Some(index) = self.lanes.iter().position(|lane| lane.use_ == Use::Closed) else {
            return Ok(());
        };
        let needed = self
            .lanes
            .iter()
            .filter(|lane| lane.use_ != Use::Closed)
            .count()
            + 1;
        if needed > self.announced {
            (self.on_lane)(needed);
            self.announced = needed;
        }
        let stream = self.address.connect()?;
        stream.set_nonblocking(true)?;
        let mut stream = UnixStream::from_std(stream);
        registry.register(
            &mut stream,
            Token(self.first_token + 2 * index),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        let mut socket = Socket::new(stream);
        let Some(seat) = self.next_seat(index) else {
            return Ok(());
        };
        let nobody = SocketAddr::from(([127, 0, 0, 1], 0));
        let seal = self.presence.seal(seat);
        socket.send(&envelope::wrap(
            &seal,
            nobody,
            "OPTIONS * HTTP/1.1\r\n\r\n",
            envelope::Framing::Length(0),
        ))?;
        socket.flush()?;
        if let Some(lane) = self.lanes.get_mut(index) {
            lane.socket = Some(socket);
            lane.use_ = Use::Opening(Vec::new());
            self.opening = Some(index);
        }
        Ok(())
    }

    /// Takes an event on lane `index`.
    pub fn ready(
        &mut self,
        index: usize,
        is_readable: bool,
        is_writable: bool,
        scratch: &mut [u8],
    ) -> Ready {
        let Some(lane) = self.lanes.get_mut(index) else {
            return Ready::Nothing;
        };
        let Some(socket) = &mut lane.socket else {
            return Ready::Nothing;
        };
        socket.is_readable |= is_readable;
        if is_writable {
            socket.set_writable();
        }
        let answer = match &mut lane.use_ {
            Use::Busy { client, .. } => return Ready::Client(*client),
            Use::Closed => return Ready::Nothing,
            Use::Free => {
                // Nothing may come unasked: the server has closed it.
                return match socket.receive(scratch) {
                    Received::Nothing => Ready::Nothing,
                    Received::Bytes(_) | Received::End => {
                        self.close(index);
                        Ready::Lane
                    }
                };
            }
            Use::Opening(answer) => answer,
        };
        let _ = socket.flush();
        match socket.receive(scratch) {
            Received::Nothing => return Ready::Nothing,
            Received::Bytes(count) => {
                answer.extend_from_slice(scratch.get(..count).unwrap_or_default());
            }
            Received::End => {
                self.close(index);
                return Ready::Lane;
            }
        }
        match response::parse(answer, true, false) {
            Ok(None) => Ready::Nothing,
            Ok(Some(head)) if head.bytes == answer.len() => {
                lane.use_ = Use::Free;
                self.free.push(index);
                self.opening = None;
                Ready::Lane
            }
            Ok(Some(_)) | Err(response::NoAnswer) => {
                log::error!("a lane was answered with nonsense");
                self.close(index);
                Ready::Nothing
            }
        }
    }
}
