//! How requests are routed, as the configuration says it.

use std::time::Duration;

use crate::config::Strategy;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub strategy: Strategy,
    /// How long a session stays bound without use; `None` when affinity is off.
    pub affinity: Option<Duration>,
    /// A session moves to a higher priority as soon as one is usable (spec/routing.md D 4).
    pub failback: bool,
    /// Further rounds over the candidates, unless a credential says otherwise.
    pub request_retry: u32,
    /// Candidates called in one round; 0 for all.
    pub max_retry_credentials: u32,
    /// The longest wait for somebody's recovery; 0 for none.
    pub max_retry_interval: Duration,
    /// How many requests may wait at once.
    pub waiters: usize,
    /// Failures keep nobody away.
    pub disable_cooling: bool,
    /// How long a passing failure keeps a model away; `None` for not at all.
    pub transient_cooldown: Option<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            affinity: None,
            failback: false,
            request_retry: 0,
            max_retry_credentials: 0,
            max_retry_interval: Duration::ZERO,
            waiters: 1,
            disable_cooling: false,
            transient_cooldown: Some(Duration::from_secs(60)),
        }
    }
}
