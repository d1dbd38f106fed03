//! How upstreams are called.

use std::time::Duration;

use super::environment::Variables;

/// How upstreams are called.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Calls that may run at once: so many idle connections are kept in all.
    pub workers: usize,
    /// Idle connections kept per scheme, host, port and proxy.
    pub idle_per_origin: usize,
    /// The longest wait for a connection, TLS and proxies included.
    pub connect_timeout: Duration,
    /// The longest TLS handshake, which is a part of that.
    pub handshake_timeout: Duration,
    /// The longest wait for the head of an answer. Reasoning models take minutes.
    pub head_timeout: Duration,
    /// The longest silence in the body of an answer, and of an upstream that takes no bytes.
    pub silence: Duration,
    /// Where the environment's proxies and authorities are looked up, once.
    pub variables: Variables,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 512,
            idle_per_origin: 512,
            connect_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(600),
            silence: Duration::from_secs(300),
            variables: Variables::default(),
        }
    }
}
