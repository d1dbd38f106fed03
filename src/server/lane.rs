//! What the edge tells the server about the client at the other end of a lane.
//!
//! The edge puts two headers on every request it hands on: who the client is, and which exchange on
//! which lane this is. The second one proves that the request came through the edge, and lets a worker
//! ask at any time whether its client is still there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::rand::{SecureRandom, SystemRandom};

/// The prefix of header names that only the edge may set; it removes them from what clients send.
pub const NAMESPACE: &str = "x-holdfast-lane-";
/// Header with the client's socket address, `ip:port` or `[ip]:port`.
pub const PEER: &str = "x-holdfast-lane-peer";
/// Header with the seat: `<32 hex digits>-<lane>-<exchange>`.
pub const SEAT: &str = "x-holdfast-lane-seat";

/// One exchange on one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    pub lane: usize,
    pub exchange: u64,
}

/// Which exchanges have lost their client. Shared by the edge, which knows, and the workers, who ask.
#[derive(Debug)]
pub struct Presence {
    token: String,
    /// Per lane, the newest exchange whose client has gone. Exchanges of a lane are numbered upwards
    /// from 1 and run one after another, so everything up to it is over as well.
    gone_through: Box<[AtomicU64]>,
}

impl Presence {
    /// A table for `lanes` lanes with a fresh secret token.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn new(lanes: usize) -> std::io::Result<Arc<Self>> {
        let mut bytes = [0_u8; 16];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| std::io::Error::other("no system randomness"))?;
        let token = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let gone_through = (0..lanes).map(|_| AtomicU64::new(0)).collect();
        Ok(Arc::new(Self {
            token,
            gone_through,
        }))
    }

    /// The value of the [`SEAT`] header for `seat`.
    pub fn header_value(&self, seat: Seat) -> String {
        format!("{}-{}-{}", self.token, seat.lane, seat.exchange)
    }

    /// Reads a [`SEAT`] header; `None` for anything this edge did not write.
    pub fn verify(&self, value: &str) -> Option<Seat> {
        let mut parts = value.splitn(3, '-');
        let token = parts.next()?;
        let lane = parts.next()?.parse().ok()?;
        let exchange = parts.next()?.parse().ok()?;
        let genuine = bool::from(subtle::ConstantTimeEq::ct_eq(
            token.as_bytes(),
            self.token.as_bytes(),
        ));
        (genuine && lane < self.gone_through.len()).then_some(Seat { lane, exchange })
    }

    /// Called by the edge when the client of `seat` has hung up.
    pub fn mark_gone(&self, seat: Seat) {
        if let Some(gone) = self.gone_through.get(seat.lane) {
            gone.fetch_max(seat.exchange, Ordering::Release);
        }
    }

    /// Whether the client of `seat` has hung up.
    pub fn is_gone(&self, seat: Seat) -> bool {
        self.gone_through
            .get(seat.lane)
            .is_none_or(|gone| gone.load(Ordering::Acquire) >= seat.exchange)
    }
}

/// Reads a [`PEER`] header.
pub fn peer(value: &str) -> Option<SocketAddr> {
    value.parse().ok()
}
