//! What a client may ask of the edge.

use std::time::Duration;

/// Limits, each with the answer it leads to.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a request head; beyond it 431.
    pub head_bytes: usize,
    /// Header lines of a request head; beyond it 431.
    pub headers: usize,
    /// From the first byte of a head to its last; beyond it 408.
    pub head_timeout: Duration,
    /// Bytes of a request body; beyond it 413.
    pub body_bytes: u64,
    /// Between two reads of a request body; beyond it 408.
    pub body_idle: Duration,
    /// Between two requests of a connection; beyond it the connection is closed.
    pub idle: Duration,
    /// Between two writes that a client takes; beyond it the client counts as gone.
    pub write_stall: Duration,
    /// How long a client is listened to after an answer that closes the connection, so that it can read
    /// the answer before it sees a reset.
    pub linger: Duration,
    /// Open connections; beyond it the longest idle one makes room, or the new one gets 503.
    pub connections: usize,
    /// Requests at work at once, those answered from memory not counted.
    pub lanes: usize,
    /// Lanes beside those, for requests answered from memory.
    pub reserved_lanes: usize,
    /// How long a request waits for a lane; beyond it 503.
    pub lane_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 64 * 1024,
            headers: 128,
            head_timeout: Duration::from_secs(10),
            body_bytes: 64 * 1024 * 1024,
            body_idle: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            write_stall: Duration::from_secs(60),
            linger: Duration::from_secs(2),
            connections: 10_000,
            lanes: 512,
            reserved_lanes: 4,
            lane_wait: Duration::from_secs(5),
        }
    }
}
