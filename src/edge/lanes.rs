//! The lanes: at most so many, opened when first needed and kept.

use std::io;

use mio::net::UnixStream;
use mio::{Interest, Registry, Token};

use super::socket::{Readiness, Received, Socket};
use crate::lane::{EdgeEnd, Maker, WorkerEnd};

/// All lanes.
pub struct Lanes {
    maker: Maker,
    on_lane: Box<dyn FnMut(WorkerEnd) -> io::Result<()> + Send>,
    lanes: Vec<Option<Lane>>,
    /// The last one used, which is the warmest, stands last.
    free: Vec<usize>,
    /// How many may carry requests that are not answered from memory, and how many do.
    general: usize,
    busy_general: usize,
    first_token: usize,
    /// The system refused the last one.
    is_refused: bool,
}

struct Lane {
    socket: Socket<UnixStream>,
    busy: Option<Busy>,
    _end: EdgeEnd,
}

struct Busy {
    client: usize,
    is_general: bool,
}

/// What an event on a lane means.
#[derive(Debug, PartialEq, Eq)]
pub enum Ready {
    /// The client with this key goes on.
    Client(usize),
    Nothing,
}

impl Lanes {
    pub fn new(
        on_lane: Box<dyn FnMut(WorkerEnd) -> io::Result<()> + Send>,
        general: usize,
        reserved: usize,
        first_token: usize,
    ) -> Self {
        Self {
            maker: Maker::default(),
            on_lane,
            lanes: (0..general + reserved).map(|_| None).collect(),
            free: Vec::new(),
            general,
            busy_general: 0,
            first_token,
            is_refused: false,
        }
    }

    /// A lane for the client with key `client`, if one is free or can be opened.
    pub fn take(&mut self, registry: &Registry, client: usize, is_cheap: bool) -> Option<usize> {
        if !is_cheap && self.busy_general >= self.general {
            return None;
        }
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.open(registry)?,
        };
        self.lanes.get_mut(index)?.as_mut()?.busy = Some(Busy {
            client,
            is_general: !is_cheap,
        });
        self.busy_general += usize::from(!is_cheap);
        Some(index)
    }

    /// A worker outlives its lane by as long as it takes to notice; until then it counts.
    fn open(&mut self, registry: &Registry) -> Option<usize> {
        if self.maker.workers() >= self.lanes.len() {
            return None;
        }
        let index = self.lanes.iter().position(Option::is_none)?;
        match self.make(registry, index) {
            Ok(lane) => {
                *self.lanes.get_mut(index)? = Some(lane);
                self.is_refused = false;
                Some(index)
            }
            Err(error) => {
                // Whoever waits for a lane asks often.
                if !self.is_refused {
                    log::error!("cannot open a lane: {error}");
                }
                self.is_refused = true;
                None
            }
        }
    }

    fn make(&mut self, registry: &Registry, index: usize) -> io::Result<Lane> {
        let (stream, end, worker) = self.maker.make()?;
        stream.set_nonblocking(true)?;
        let mut stream = UnixStream::from_std(stream);
        registry.register(
            &mut stream,
            Token(self.first_token + 2 * index),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        (self.on_lane)(worker)?;
        Ok(Lane {
            socket: Socket::new(stream),
            busy: None,
            _end: end,
        })
    }

    pub fn socket(&mut self, index: usize) -> Option<&mut Socket<UnixStream>> {
        Some(&mut self.lanes.get_mut(index)?.as_mut()?.socket)
    }

    /// The exchange on it is over.
    pub fn release(&mut self, index: usize) {
        if let Some(Some(lane)) = self.lanes.get_mut(index) {
            lane.socket.shrink();
            if let Some(busy) = lane.busy.take() {
                self.busy_general -= usize::from(busy.is_general);
                self.free.push(index);
            }
        }
    }

    /// Closes it; its worker learns that nobody waits any more.
    pub fn close(&mut self, index: usize) {
        let lane = self.lanes.get_mut(index).and_then(Option::take);
        match lane.map(|lane| lane.busy) {
            Some(Some(busy)) => self.busy_general -= usize::from(busy.is_general),
            Some(None) => self.free.retain(|free| *free != index),
            None => {}
        }
    }

    /// Takes an event on lane `index`.
    pub fn ready(&mut self, index: usize, readiness: Readiness, scratch: &mut [u8]) -> Ready {
        let Some(Some(lane)) = self.lanes.get_mut(index) else {
            return Ready::Nothing;
        };
        lane.socket.note(readiness);
        match &lane.busy {
            Some(busy) => Ready::Client(busy.client),
            // Nothing may come unasked: its worker has ended.
            None if lane.socket.receive(scratch) != Received::Nothing => {
                self.close(index);
                Ready::Nothing
            }
            None => Ready::Nothing,
        }
    }
}
