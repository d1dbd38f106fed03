//! `limits`: how much the gateway takes on at once. A block of holdfast's own.

use std::time::Duration;

use super::reader::Mapping;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests served at the same time (`workers`).
    pub workers: usize,
    /// Largest request body in bytes (`body`).
    pub body: u64,
    /// Open client connections (`connections`).
    pub connections: usize,
    /// Time for a complete request head (`head-timeout`).
    pub head_timeout: Duration,
    /// Time a kept-alive connection may stay silent (`idle-timeout`).
    pub idle_timeout: Duration,
    /// Time a complete head waits for a free worker before it is refused (`lane-wait`).
    pub lane_wait: Duration,
    /// Time running requests get to finish at the end (`drain-timeout`).
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            workers: 512,
            body: 64 << 20,
            connections: 10_000,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            lane_wait: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// Each worker is a thread, a connection inside the process and at least one outside.
const MOST_WORKERS: i64 = 16_384;
/// The default upper bound of open files on Linux (`fs.nr_open`).
const MOST_CONNECTIONS: i64 = 1 << 20;
const LARGEST_BODY: u64 = 4 << 30;

pub fn read(mut block: Mapping<'_>) -> Limits {
    let default = Limits::default();
    let workers = block.field("workers").integer(1..=MOST_WORKERS);
    let body = block.field("body").size(1..=LARGEST_BODY);
    let connections = block.field("connections").integer(1..=MOST_CONNECTIONS);
    let head_timeout = block.field("head-timeout").timeout();
    let idle_timeout = block.field("idle-timeout").timeout();
    let lane_wait = block.field("lane-wait").timeout();
    let drain_timeout = block.field("drain-timeout").duration();
    block.finish();
    let count = |given: Option<i64>, default| {
        given
            .and_then(|count| usize::try_from(count).ok())
            .unwrap_or(default)
    };
    Limits {
        workers: count(workers, default.workers),
        body: body.unwrap_or(default.body),
        connections: count(connections, default.connections),
        head_timeout: head_timeout.unwrap_or(default.head_timeout),
        idle_timeout: idle_timeout.unwrap_or(default.idle_timeout),
        lane_wait: lane_wait.unwrap_or(default.lane_wait),
        drain_timeout: drain_timeout.unwrap_or(default.drain_timeout),
    }
}
