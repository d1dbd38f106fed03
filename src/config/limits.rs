//! `limits`: how much the gateway takes on at once. A block of holdfast's own.

use std::time::Duration;

use super::reader::Mapping;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests served at the same time (`workers`). `None`: as many as memory and open files allow.
    pub workers: Option<usize>,
    /// Largest request body in bytes (`body`).
    pub body: u64,
    /// Bytes of all request bodies and answers in memory (`memory`). `None`: a quarter of the machine's or
    /// cgroup's memory, at least 48 MiB.
    pub memory: Option<u64>,
    /// Open client connections (`connections`). `None`: 10,000, or as many as open files allow.
    pub connections: Option<usize>,
    /// Open client connections from one address (`connections-per-address`). `None`: any number.
    pub connections_per_address: Option<usize>,
    /// Time for a complete request head (`head-timeout`).
    pub head_timeout: Duration,
    /// Time for a complete request body (`body-timeout`).
    pub body_timeout: Duration,
    /// Time a kept-alive connection may stay silent (`idle-timeout`).
    pub idle_timeout: Duration,
    /// Time a complete request waits for a free worker or for memory before it is refused (`queue-timeout`).
    pub queue_timeout: Duration,
    /// Time running requests get to finish at the end (`drain-timeout`).
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            workers: None,
            body: 64 << 20,
            memory: None,
            connections: None,
            connections_per_address: None,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(300),
            idle_timeout: Duration::from_secs(75),
            queue_timeout: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// Each worker is a thread and two sockets.
const MOST_WORKERS: i64 = 16_384;
/// The default upper bound of open files on Linux (`fs.nr_open`).
const MOST_CONNECTIONS: i64 = 1 << 20;
const LARGEST_BODY: u64 = 4 << 30;
/// The smallest budget that still lets a conversation of ordinary length be translated.
const LEAST_MEMORY: u64 = 1 << 20;

pub fn read(mut block: Mapping<'_>) -> Limits {
    let default = Limits::default();
    let workers = block.field("workers").integer(1..=MOST_WORKERS);
    let body = block.field("body").size(1..=LARGEST_BODY);
    let memory = block.field("memory").size(LEAST_MEMORY..=u64::MAX);
    let connections = block.field("connections").integer(1..=MOST_CONNECTIONS);
    let per_address = block
        .field("connections-per-address")
        .integer(0..=MOST_CONNECTIONS);
    let head_timeout = block.field("head-timeout").timeout();
    let body_timeout = block.field("body-timeout").timeout();
    let idle_timeout = block.field("idle-timeout").timeout();
    let queue_timeout = block.field("queue-timeout").timeout();
    let old = block.field("lane-wait");
    let old_queue_timeout = old.timeout();
    if old_queue_timeout.is_some() {
        old.warn("is the old name of `queue-timeout`");
    }
    let drain_timeout = block.field("drain-timeout").duration();
    block.finish();
    let count = |given: Option<i64>| given.and_then(|count| usize::try_from(count).ok());
    Limits {
        workers: count(workers),
        body: body.unwrap_or(default.body),
        memory,
        connections: count(connections),
        connections_per_address: count(per_address).filter(|count| *count > 0),
        head_timeout: head_timeout.unwrap_or(default.head_timeout),
        body_timeout: body_timeout.unwrap_or(default.body_timeout),
        idle_timeout: idle_timeout.unwrap_or(default.idle_timeout),
        queue_timeout: queue_timeout
            .or(old_queue_timeout)
            .unwrap_or(default.queue_timeout),
        drain_timeout: drain_timeout.unwrap_or(default.drain_timeout),
    }
}
