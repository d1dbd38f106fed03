//! A client's request.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use super::decoding::{self, DecodeError, Decoded};
use crate::budget::{Budget, Reservation};
use crate::exchange::{Client, Head, Headers, Request};
use crate::session::scan;
use crate::wire::problem;

/// A longer body is released once its answer begins, bytes. Its request log then lacks the body if the answer breaks off.
const LONG: usize = 64 * 1024;

/// A client's request.
pub struct Inbound {
    pub method: String,
    pub target: String,
    pub headers: Headers,
    pub body: Vec<u8>,
    /// The body's share of the memory budget.
    pub reservation: Option<Reservation>,
    pub body_state: BodyState,
    /// Replaces the body for upstreams.
    pub resolved: Option<ResolvedBody>,
    pub peer: SocketAddr,
    /// `None` for a request that is answered by its head alone.
    pub client: Option<Rc<dyn Client>>,
    pub arrived: Instant,
}

/// A body whose references have been resolved.
pub struct ResolvedBody {
    pub body: Vec<u8>,
    /// The body's share of the memory budget.
    pub _reservation: Reservation,
}

/// Whether the content encoding of a body has been decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyState {
    Received,
    Decoded,
    /// Decoding failed: there is no body.
    Undecodable(DecodeError),
    /// The body was released after the answer had begun.
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

    /// A request without its body.
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

    /// The body for upstreams.
    pub fn upstream_body(&self) -> &[u8] {
        match &self.resolved {
            Some(resolved) => &resolved.body,
            None => &self.body,
        }
    }

    /// Whether the client is known to have disconnected.
    pub fn is_client_gone(&self) -> bool {
        let client = self.client.as_ref();
        client.is_some_and(|client| client.is_gone())
    }

    /// Releases the memory of a long body: the answer can take minutes.
    pub fn release_body(&mut self) {
        if self.body.len() > LONG {
            self.body_state = BodyState::Released {
                bytes: self.body.len(),
            };
            self.body = Vec::new();
            self.reservation = None;
        }
    }

    pub fn is_codex(&self) -> bool {
        let header = |name| self.headers.get(name);
        problem::is_codex_client(header("user-agent"), header("originator"))
    }

    /// Decodes the body's content encodings, if that has not been done yet. The result may have `limit` bytes, which are
    /// reserved from `budget`.
    ///
    /// # Errors
    /// When the body cannot be decoded.
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
