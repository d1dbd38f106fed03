//! Limits for clients.

use std::time::Duration;

/// The limits of the edge, with the status of the refusal.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a request head; beyond it 431.
    pub head_bytes: usize,
    /// Header lines of a request head; beyond it 431.
    pub headers: usize,
    /// The time from the first to the last byte of a head; beyond it 408.
    pub head_timeout: Duration,
    /// Bytes of a request body; beyond it 413.
    pub body_bytes: u64,
    /// The longest pause within a request body; beyond it 408.
    pub body_idle: Duration,
    /// The time from the head of a request to the last byte of its body; beyond it 408.
    pub body_timeout: Duration,
    /// The time before the minimum rate applies; then 408 if the average is below `body_rate`.
    pub body_grace: Duration,
    /// The minimum rate of a body, bytes per second.
    pub body_rate: u64,
    /// The longest time between two requests; beyond it the connection is closed.
    pub idle: Duration,
    /// The longest time without progress in sending; beyond it the client counts as disconnected.
    pub write_stall: Duration,
    /// How long input is read after an answer that closes the connection, so that the client can read the answer before a
    /// reset.
    pub linger: Duration,
    /// Open connections. Beyond it, the connection that has been idle longest is closed, else the oldest one without a
    /// complete head; else the new one gets 503.
    pub connections: usize,
    /// Open connections from one address; beyond it the new one is closed.
    pub connections_per_address: Option<usize>,
    /// Concurrent requests in the server.
    pub workers: usize,
    /// Further threads, for work that does not wait for an upstream.
    pub spare_threads: usize,
    /// The longest wait of a complete request for a worker, and of a body for memory; beyond it 503.
    pub queue_timeout: Duration,
    /// How long a thread stays idle before it ends.
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
    /// The interval for checking deadlines: a fraction of the shortest one.
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
