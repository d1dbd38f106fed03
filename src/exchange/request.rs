//! A whole request.

use std::net::SocketAddr;
use std::time::Instant;

use super::head::Head;
use crate::budget::Reservation;

/// A request of which everything has arrived.
#[derive(Debug)]
pub struct Request {
    pub head: Head,
    pub body: Vec<u8>,
    /// What the body takes of the budget.
    pub reservation: Reservation,
    pub peer: SocketAddr,
    /// When the last byte of it arrived.
    pub arrived: Instant,
}
