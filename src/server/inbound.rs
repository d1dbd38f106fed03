//! A request as it came over a lane.

use std::net::SocketAddr;
use std::time::Instant;

use super::headers::Headers;
use crate::dialect::problem;
use crate::lane::{Client, Delivery};

/// A whole request.
#[derive(Debug)]
pub struct Inbound {
    pub method: String,
    pub target: String,
    pub headers: Headers,
    pub body: Vec<u8>,
    pub peer: SocketAddr,
    pub client: Client,
    pub arrived: Instant,
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
}
