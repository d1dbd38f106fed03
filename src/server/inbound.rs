//! A request as it came over a lane, read to its end.

use std::net::SocketAddr;
use std::time::Instant;

use tiny_http::Request;

use super::headers::Headers;
use super::lane::{self, Presence, Seat};

/// A whole request.
#[derive(Debug)]
pub struct Inbound {
    pub method: String,
    pub target: String,
    pub headers: Headers,
    pub body: Vec<u8>,
    pub seat: Seat,
    pub peer: Option<SocketAddr>,
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
        let headers = Headers::of(request.headers());
        let seat = headers
            .get(lane::SEAT)
            .and_then(|value| presence.verify(value))
            .ok_or(Unreadable::Stranger)?;
        let expected = request.body_length().unwrap_or(0);
        let capacity = expected.min(usize::try_from(limit).unwrap_or(usize::MAX));
        let mut body = Vec::with_capacity(capacity);
        request
            .as_reader()
            .read_to_end(&mut body)
            .map_err(|_| Unreadable::Broken)?;
        if body.len() < expected {
            return Err(Unreadable::Broken);
        }
        Ok(Self {
            method: request.method().as_str().to_owned(),
            target: request.url().to_owned(),
            body,
            seat,
            peer: headers.get(lane::PEER).and_then(lane::peer),
            headers,
            arrived,
        })
    }
}
