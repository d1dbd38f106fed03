//! Refusals are counted and told: at most one line a second for each kind.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use super::refusal::Refusal;
use crate::logs::PerSecond;

/// Counts by kind.
#[derive(Debug, Default)]
pub struct Refusals {
    kinds: [PerSecond; Refusal::KINDS],
    /// The system had no descriptor for a connection, and a listener waits.
    no_room: AtomicBool,
}

impl Refusals {
    /// Counts a refusal, and tells of it if the last line is long enough ago.
    pub fn note(&self, peer: SocketAddr, refusal: Refusal) {
        let Some(kind) = self.kinds.get(refusal.kind()) else {
            return;
        };
        let Some(count) = kind.note() else {
            return;
        };
        let peer = peer.ip().to_canonical();
        let status = refusal.status();
        match count {
            1 => log::info!("{status} to {peer}: {refusal}"),
            more => log::info!("{status} to {peer}: {refusal} ({more} since the last such line)"),
        }
    }

    /// The system has no descriptor for another connection.
    pub fn no_room(&self, error: &io::Error) {
        if !self.no_room.swap(true, Ordering::SeqCst) {
            log::warn!("cannot accept connections: {error}");
        }
    }

    /// Whether that has happened since it was last asked.
    pub fn take_no_room(&self) -> bool {
        self.no_room.swap(false, Ordering::SeqCst)
    }

    /// How many there were with this status.
    pub fn count(&self, status: u16) -> u64 {
        let all = self.kinds.iter().enumerate();
        all.filter(|(kind, _)| Refusal::status_of(*kind) == Some(status))
            .map(|(_, kind)| kind.count())
            .sum()
    }
}
