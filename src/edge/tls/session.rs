//! The server's side of one TLS connection, between a socket and plain bytes.
//!
//! The protocol is rustls's, without its buffers: records are taken apart in the room of the caller, and what
//! is kept between two calls is the beginning of a record and what the system has not taken.

use std::io::{self, Read, Write};

use mio::net::TcpStream;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
};

use super::Identity;

/// What goes into records at once; a record carries 16 KiB at most (RFC 8446, 5.1).
const BATCH: usize = 64 * 1024;
/// A first guess of what records are longer than what goes into them.
const OVERHEAD: usize = 256;
/// What of their room is kept between two pieces of an answer.
const KEPT: usize = 16 * 1024;
/// Bytes read at once of which not one was for the caller, beyond which the client is up to no good. All of a
/// handshake takes about two thousand.
const FRUITLESS: usize = 64 * 1024;

/// One connection.
pub struct Session {
    protocol: UnbufferedServerConnection,
    phase: Phase,
    /// The beginning of a record or of a message in several records.
    partial: Vec<u8>,
    /// Records on their way out, and how much of them the system has taken.
    records: Vec<u8>,
    taken: usize,
    /// The last read found as much as it had room for.
    was_full: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing has come.
    Fresh,
    Handshake,
    Open,
    /// The client has said that it sends nothing more.
    Ended,
    /// The first byte was not one of TLS but of HTTP.
    PlainHttp,
    /// The protocol was broken, and the client told if it is to be told.
    Failed,
}

/// What is to be sent.
enum Outgoing<'a> {
    Nothing,
    Bytes(&'a [u8]),
    /// That there is nothing more.
    End,
}

/// What became of bytes.
#[derive(Default)]
struct Moved {
    /// Bytes of records that are done with, at the front.
    used: usize,
    /// Plain bytes that were in them.
    opened: usize,
    /// Plain bytes that are in records now.
    sealed: usize,
}

impl Session {
    pub fn new(identity: &Identity) -> io::Result<Self> {
        let protocol =
            UnbufferedServerConnection::new(identity.config.clone()).map_err(io::Error::other)?;
        Ok(Self {
            protocol,
            phase: Phase::Fresh,
            partial: Vec::new(),
            records: Vec::new(),
            taken: 0,
            was_full: false,
        })
    }

    /// Whether there is no way yet to tell the client anything.
    pub fn is_opening(&self) -> bool {
        self.phase.is_opening()
    }

    pub fn met_plain_http(&self) -> bool {
        self.phase == Phase::PlainHttp
    }

    /// Whether another read may find something although no event tells.
    pub fn may_have_more(&self) -> bool {
        self.was_full || self.phase == Phase::Ended
    }

    /// Bytes that the system has not taken.
    pub fn unsent(&self) -> usize {
        self.records.len() - self.taken
    }

    /// As [`Read::read`]. Half of `room` is needed for records, and must be longer than the longest of them.
    pub fn read(&mut self, socket: &mut TcpStream, room: &mut [u8]) -> io::Result<usize> {
        if self.phase == Phase::Ended {
            return Ok(0);
        }
        let (plain, records) = room.split_at_mut(room.len() / 2);
        let mut fruitless = 0;
        // Until the system has no more: of a short read nobody would tell that the end follows it.
        while fruitless < FRUITLESS {
            let kept = self.partial.len();
            let Some((front, free)) = records.split_at_mut_checked(kept) else {
                break;
            };
            if free.is_empty() {
                break;
            }
            let count = socket.read(free).inspect_err(|_| self.was_full = false)?;
            if count == 0 {
                return Ok(0);
            }
            self.was_full = count == free.len();
            fruitless += count;
            front.copy_from_slice(&self.partial);
            let records = records.get_mut(..kept + count).unwrap_or_default();
            if self.phase == Phase::Fresh {
                // No type of record has the number of a letter (RFC 8446, B.1).
                if records.first().is_some_and(u8::is_ascii_uppercase) {
                    self.phase = Phase::PlainHttp;
                    break;
                }
                self.phase = Phase::Handshake;
            }
            let moved = self.process(records, plain, Outgoing::Nothing);
            // What the protocol has to say for itself, among it why it ends.
            or_later(self.flush(socket))?;
            let moved = moved.map_err(|error| {
                log::debug!("the TLS of a client failed: {error}");
                io::Error::other(error)
            })?;
            self.partial.clear();
            self.partial
                .extend_from_slice(records.get(moved.used..).unwrap_or_default());
            if moved.opened > 0 || self.phase == Phase::Ended {
                return Ok(moved.opened);
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    /// As [`Write::write`].
    pub fn write(&mut self, socket: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
        self.flush(socket)?;
        let batch = bytes.get(..BATCH).unwrap_or(bytes);
        let sealed = self
            .send(Outgoing::Bytes(batch))
            .map_err(io::Error::other)?;
        if sealed == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        or_later(self.flush(socket))?;
        Ok(sealed)
    }

    /// Writes what the system takes; [`io::ErrorKind::WouldBlock`] when that is not all.
    pub fn flush(&mut self, socket: &mut TcpStream) -> io::Result<()> {
        while self.unsent() > 0 {
            match socket.write(self.records.get(self.taken..).unwrap_or_default()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.taken += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.taken = 0;
        self.records.clear();
        // A burst must not keep its memory.
        self.records.shrink_to(KEPT);
        Ok(())
    }

    /// Has the client told that this was all, so that it can tell a whole answer from one cut off.
    pub fn end(&mut self) {
        if !self.is_opening() {
            // If it cannot be said, the end of the connection must do.
            let _ = self.send(Outgoing::End);
        }
    }

    /// Gives back the memory of an idle connection.
    pub fn shrink(&mut self) {
        if self.records.is_empty() {
            self.records = Vec::new();
        }
        self.partial.shrink_to_fit();
    }

    /// How many plain bytes are in records now.
    fn send(&mut self, outgoing: Outgoing<'_>) -> Result<usize, rustls::Error> {
        let mut partial = std::mem::take(&mut self.partial);
        let moved = self.process(&mut partial, &mut [], outgoing);
        self.partial = partial;
        let Moved { used, sealed, .. } = moved?;
        self.partial.drain(..used);
        Ok(sealed)
    }

    /// Takes apart what there is of `records`, into `plain`, and makes new ones as far as the protocol has
    /// come to that.
    fn process(
        &mut self,
        records: &mut [u8],
        plain: &mut [u8],
        outgoing: Outgoing<'_>,
    ) -> Result<Moved, rustls::Error> {
        if self.phase == Phase::Failed {
            return Err(rustls::Error::General("it has failed before".to_owned()));
        }
        let mut moved = Moved::default();
        let mut failure = None;
        loop {
            let rest = records.get_mut(moved.used..).unwrap_or_default();
            let UnbufferedStatus { mut discard, state } = self.protocol.process_tls_records(rest);
            let mut is_done = false;
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        discard += record.discard;
                        let end = moved.opened + record.payload.len();
                        let Some(room) = plain.get_mut(moved.opened..end) else {
                            return Err(no_room());
                        };
                        room.copy_from_slice(record.payload);
                        moved.opened = end;
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    put(&mut self.records, 0, |room| match data.encode(room) {
                        Err(EncodeError::InsufficientSize(size)) => Err(Some(size)),
                        result => result.map_err(|_| None),
                    })?;
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.phase = Phase::Ended,
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    if self.phase.is_opening() {
                        self.phase = Phase::Open;
                    }
                    let short = |error| match error {
                        EncryptError::InsufficientSize(size) => Some(size),
                        EncryptError::EncryptExhausted => None,
                    };
                    match outgoing {
                        Outgoing::Nothing => {}
                        Outgoing::Bytes(bytes) => {
                            put(&mut self.records, bytes.len() + OVERHEAD, |room| {
                                traffic.encrypt(bytes, room).map_err(short)
                            })?;
                            moved.sealed = bytes.len();
                        }
                        Outgoing::End => put(&mut self.records, OVERHEAD, |room| {
                            traffic.queue_close_notify(room).map_err(short)
                        })?,
                    }
                    is_done = true;
                }
                Err(error) => {
                    self.phase = Phase::Failed;
                    failure.get_or_insert(error);
                }
                Ok(_) => is_done = true,
            }
            moved.used += discard;
            match failure {
                // The alert that tells the client comes after the error that tells us.
                Some(_) if self.protocol.wants_write() => {}
                Some(error) => return Err(error),
                None if is_done => return Ok(moved),
                None => {}
            }
        }
    }
}

impl Phase {
    fn is_opening(self) -> bool {
        matches!(self, Self::Fresh | Self::Handshake)
    }
}

/// Has something written behind `records`, with `guess` bytes of room or as many as it turns out to need.
fn put(
    records: &mut Vec<u8>,
    guess: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<InsufficientSizeError>>,
) -> Result<(), rustls::Error> {
    let start = records.len();
    let mut room = guess;
    loop {
        records.resize(start + room, 0);
        match write(records.get_mut(start..).unwrap_or_default()) {
            Ok(count) => {
                records.truncate(start + count);
                return Ok(());
            }
            Err(Some(size)) if size.required_size > room => room = size.required_size,
            Err(_) => {
                records.truncate(start);
                return Err(no_room());
            }
        }
    }
}

fn no_room() -> rustls::Error {
    rustls::Error::General("the records cannot be kept".to_owned())
}

/// What the system does not take now goes with a later flush.
fn or_later(flushed: io::Result<()>) -> io::Result<()> {
    match flushed {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        flushed => flushed,
    }
}
