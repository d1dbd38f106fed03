//! A request as it came over a lane.

use std::net::SocketAddr;
use std::time::Instant;

use super::decoding::{self, Decoded, Undecodable};
use super::headers::Headers;
use crate::budget::{Budget, Reservation};
use crate::dialect::problem;
use crate::lane::{Client, Delivery};
use crate::session::scan;

/// A whole request.
#[derive(Debug)]
pub struct Inbound {
    pub method: String,
    pub target: String,
    pub headers: Headers,
    pub body: Vec<u8>,
    pub coding: Coding,
    /// What a decoded body takes of the budget, for as long as the body is there.
    pub decoded: Option<Reservation>,
    pub peer: SocketAddr,
    pub client: Client,
    pub arrived: Instant,
}

/// What has become of the content codings of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coding {
    AsItCame,
    Undone,
    /// They could not be undone: there is no body.
    Broken(Undecodable),
}

impl Inbound {
    pub fn of(delivery: Delivery, client: Client) -> Self {
        let Delivery { peer, head, body } = delivery;
        let (line, lines) = head.split_once("\r\n").unwrap_or_default();
        let mut words = line.split(' ').map(str::to_owned);
        Self {
            method: words.next().unwrap_or_default(),
            target: words.next().unwrap_or_default(),
            headers: Headers::of(lines),
            body,
            coding: Coding::AsItCame,
            decoded: None,
            peer,
            client,
            arrived: Instant::now(),
        }
    }

    /// Whether the client is Codex.
    pub fn is_codex(&self) -> bool {
        let header = |name| self.headers.get(name);
        problem::is_codex_client(header("user-agent"), header("originator"))
    }

    /// Undoes the body's content codings, once. It may then have `limit` bytes, which are taken from `budget`.
    ///
    /// # Errors
    /// When they cannot be undone.
    #[inline(never)]
    pub fn decode(&mut self, limit: u64, budget: &Budget) -> Result<(), Undecodable> {
        if self.coding != Coding::AsItCame {
            return Ok(());
        }
        let codings: Vec<&str> = self
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-encoding"))
            .map(|(_, value)| value)
            .collect();
        self.coding = Coding::Undone;
        if codings.is_empty() {
            return Ok(());
        }
        let codings = codings.join(",");
        let body = std::mem::take(&mut self.body);
        let is_json = |body: &[u8]| scan::scan(body).is_ok();
        match decoding::decode(&codings, body, limit, budget, is_json) {
            Ok(Decoded { body, reservation }) => {
                self.body = body;
                self.decoded = Some(reservation);
                Ok(())
            }
            Err(error) => {
                self.coding = Coding::Broken(error.clone());
                Err(error)
            }
        }
    }
}
