//! Settings of upstream calls.

use std::time::Duration;

use super::environment::Variables;

/// Settings of upstream calls.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Concurrent calls; also the most idle connections in total.
    pub workers: usize,
    /// The most idle connections per scheme, host, port and proxy.
    pub idle_per_origin: usize,
    /// The longest wait for a connection, including proxy and TLS.
    pub connect_timeout: Duration,
    /// The longest TLS handshake, as a part of that.
    pub handshake_timeout: Duration,
    /// The longest wait for the head of an answer. Reasoning models take minutes.
    pub head_timeout: Duration,
    /// The longest pause in the body of an answer, or in sending.
    pub silence: Duration,
    /// The environment with proxies and authorities; read once.
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
