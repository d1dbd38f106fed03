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
    /// From the head of a request to the last byte of its body; beyond it 408.
    pub body_timeout: Duration,
    /// How long a body may come at any rate; from then on 408 below `body_rate` on average.
    pub body_grace: Duration,
    /// The least rate of a body, bytes per second.
    pub body_rate: u64,
    /// Between two requests of a connection; beyond it the connection is closed.
    pub idle: Duration,
    /// Between two writes that a client takes; beyond it the client counts as gone.
    pub write_stall: Duration,
    /// How long a client is listened to after an answer that closes the connection, so that it can read
    /// the answer before it sees a reset.
    pub linger: Duration,
    /// Open connections. Beyond it the longest idle one makes room, then the oldest one that has not sent a whole
    /// head yet; else the new one gets 503.
    pub connections: usize,
    /// Open connections from one address; beyond it the new one is closed.
    pub connections_per_address: Option<usize>,
    /// Requests that the server works on at once.
    pub workers: usize,
    /// Threads beside those, for what does not wait for an upstream.
    pub spare_threads: usize,
    /// How long a complete request waits for a worker, and a body for memory; beyond it 503.
    pub queue_timeout: Duration,
    /// How long a thread without work stays.
    pub thread_idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 64 * 1024,
            headers: 128,
            head_timeout: Duration::from_secs(10),
            body_bytes: 64 * 1024 * 1024,
            body_idle: Duration::from_secs(30),
            body_timeout: Duration::from_secs(300),
            body_grace: Duration::from_secs(10),
            body_rate: 256,
            idle: Duration::from_secs(75),
            write_stall: Duration::from_secs(60),
            linger: Duration::from_secs(2),
            connections: 10_000,
            connections_per_address: None,
            workers: 512,
            spare_threads: 4,
            queue_timeout: Duration::from_secs(5),
            thread_idle: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// How often deadlines are looked at: a part of the shortest one.
    pub fn tick(&self) -> Duration {
        let shortest = [
            self.head_timeout,
            self.body_idle,
            self.body_timeout,
            self.body_grace,
            self.idle,
            self.write_stall,
            self.linger,
            self.queue_timeout,
        ]
        .into_iter()
        .min()
        .unwrap_or_default();
        (shortest / 8).clamp(Duration::from_millis(5), Duration::from_millis(250))
    }
}
