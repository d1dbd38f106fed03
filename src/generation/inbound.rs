//! A request on its way through the server.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use super::decoding::{self, DecodeError, Decoded};
use crate::budget::{Budget, Reservation};
use crate::exchange::{Client, Head, Headers, Request};
use crate::session::scan;
use crate::wire::problem;

/// Bytes from which on a body is not kept for the log of a request that may fail in the midst of its answer.
const LONG: usize = 64 * 1024;

/// A whole request.
pub struct Inbound {
    pub method: String,
    pub target: String,
    pub headers: Headers,
    pub body: Vec<u8>,
    /// What the body takes of the budget, for as long as it is there.
    pub reservation: Option<Reservation>,
    pub body_state: BodyState,
    /// What is sent in the place of the body.
    pub resolved: Option<ResolvedBody>,
    pub peer: SocketAddr,
    /// `None` while nothing but the head is known.
    pub client: Option<Rc<dyn Client>>,
    pub arrived: Instant,
}

/// A body with what it refers to in it.
pub struct ResolvedBody {
    pub body: Vec<u8>,
    /// What it takes of the budget.
    pub _reservation: Reservation,
}

/// What has become of the content encodings of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyState {
    Received,
    Decoded,
    /// They could not be undone: there is no body.
    Undecodable(DecodeError),
    /// The body was given up once it was answered.
    Released {
        bytes: usize,
    },
}

impl Inbound {
    /// A whole request.
    pub fn of(request: Request, client: Rc<dyn Client>) -> Self {
        Self {
            body: request.body,
            reservation: Some(request.reservation),
            client: Some(client),
            arrived: request.arrived,
            ..Self::from_head(request.head, request.peer)
        }
    }

    /// A request of which there is no more than its head.
    pub fn from_head(head: Head, peer: SocketAddr) -> Self {
        Self {
            method: head.method,
            target: head.target,
            headers: head.headers,
            body: Vec::new(),
            reservation: None,
            body_state: BodyState::Received,
            resolved: None,
            peer,
            client: None,
            arrived: Instant::now(),
        }
    }

    /// The body as upstreams are to get it.
    pub fn upstream_body(&self) -> &[u8] {
        match &self.resolved {
            Some(resolved) => &resolved.body,
            None => &self.body,
        }
    }

    /// Whether the client is known to have gone.
    pub fn is_client_gone(&self) -> bool {
        let client = self.client.as_ref();
        client.is_some_and(|client| client.is_gone())
    }

    /// Gives back the memory of a long body that nobody needs any more: an answer can take minutes.
    pub fn release_body(&mut self) {
        if self.body.len() > LONG {
            self.body_state = BodyState::Released {
                bytes: self.body.len(),
            };
            self.body = Vec::new();
            self.reservation = None;
        }
    }

    /// Whether the client is Codex.
    pub fn is_codex(&self) -> bool {
        let header = |name| self.headers.get(name);
        problem::is_codex_client(header("user-agent"), header("originator"))
    }

    /// Undoes the body's content encodings, once. It may then have `limit` bytes, which are taken from `budget`.
    ///
    /// # Errors
    /// When they cannot be undone.
    #[inline(never)]
    pub fn decode(&mut self, limit: u64, budget: &Budget) -> Result<(), DecodeError> {
        if self.body_state != BodyState::Received {
            return Ok(());
        }
        let encodings: Vec<&str> = self
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-encoding"))
            .map(|(_, value)| value)
            .collect();
        self.body_state = BodyState::Decoded;
        if encodings.is_empty() {
            return Ok(());
        }
        let encodings = encodings.join(",");
        let body = std::mem::take(&mut self.body);
        let is_json = |body: &[u8]| scan::scan(body).is_ok();
        match decoding::decode(&encodings, body, limit, budget, is_json) {
            Ok(Decoded { body, reservation }) => {
                self.body = body;
                self.reservation = Some(reservation);
                Ok(())
            }
            Err(error) => {
                self.body_state = BodyState::Undecodable(error.clone());
                Err(error)
            }
        }
    }
}
