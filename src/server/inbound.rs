//! A request as it came over a lane, read to its end.

use std::net::SocketAddr;
use std::time::Instant;

use tiny_http::Request;

use super::envelope;
use super::headers::Headers;
use super::lane::{Presence, Seat};

/// Bytes that may come before the client's body: the longest head the edge lets through, and its seal.
const WRAPPING: usize = 256 * 1024;

/// A whole request.
#[derive(Debug)]
pub struct Inbound {
    pub method: String,
    pub target: String,
    pub headers: Headers,
    body: Vec<u8>,
    body_start: usize,
    pub seat: Seat,
    pub peer: SocketAddr,
    pub arrived: Instant,
}

/// Why there is no request to serve.
#[derive(Debug)]
pub enum Unreadable {
    /// It did not come through the edge.
    Stranger,
    /// The body broke off: the client has gone.
    Broken,
}

impl Inbound {
    /// Reads `request` to the end of its body, of which the edge has seen to it that it is no longer
    /// than `limit` bytes. Nothing of it may be left unread: tiny_http allocates the rest.
    ///
    /// # Errors
    /// [`Unreadable`] when there is nobody to answer.
    pub fn read(
        request: &mut Request,
        presence: &Presence,
        limit: u64,
    ) -> Result<Self, Unreadable> {
        let arrived = Instant::now();
        let expected = request.body_length().unwrap_or(0);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(expected.min(limit.saturating_add(WRAPPING)));
        request
            .as_reader()
            .read_to_end(&mut bytes)
            .map_err(|_| Unreadable::Broken)?;
        if bytes.len() < expected {
            return Err(Unreadable::Broken);
        }
        let envelope = envelope::unwrap(&bytes, presence).ok_or(Unreadable::Stranger)?;
        let (line, lines) = envelope
            .head
            .split_once("\r\n")
            .ok_or(Unreadable::Stranger)?;
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        Ok(Self {
            method: word(),
            target: word(),
            headers: Headers::of(lines),
            seat: envelope.seat,
            peer: envelope.peer,
            body_start: envelope.body_start,
            body: bytes,
            arrived,
        })
    }

    pub fn body(&self) -> &[u8] {
        self.body.get(self.body_start..).unwrap_or_default()
    }

    /// Takes the body out, to be put back changed.
    pub fn take_body(&mut self) -> Vec<u8> {
        let mut body = std::mem::take(&mut self.body);
        body.drain(..self.body_start.min(body.len()));
        self.body_start = 0;
        body
    }

    pub fn set_body(&mut self, body: Vec<u8>) {
        self.body = body;
        self.body_start = 0;
    }
}
