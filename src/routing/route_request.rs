//! A request as routing sees it, and the configured policy.

use std::time::Duration;

use super::catalog::{Candidate, ModelEntry};
use crate::config::Strategy;
use crate::session::bindings::{CredentialId, Key};

/// Which of a model's candidates can serve a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Servers {
    #[default]
    All,
    /// Those whose upstream stores responses: the request refers to one that is unknown here.
    Keepers,
    /// The one that has the response that the request refers to.
    One(CredentialId),
}

/// A request as routing sees it.
#[derive(Debug)]
pub struct RouteRequest<'a> {
    pub entry: &'a ModelEntry,
    /// The requested model, without its thinking suffix.
    pub model: &'a str,
    /// Which candidates can serve it.
    pub servers: Servers,
    /// The key of its session, if it belongs to one.
    pub key: Option<Key>,
    /// The session whose credential a new session starts on.
    pub parent: Option<Key>,
    pub policy: Policy,
    /// Retry rounds in addition to those of the policy.
    pub more_rounds: u32,
    /// It only counts tokens. Its outcome does not change the health of a credential: counting is possible
    /// without quota, and an upstream without a counting endpoint is not at fault.
    pub is_counting: bool,
}

impl<'a> RouteRequest<'a> {
    pub fn candidates(&self) -> &'a [Candidate] {
        self.entry.candidates()
    }

    pub fn serves(&self, candidate: &Candidate) -> bool {
        match self.servers {
            Servers::All => true,
            Servers::Keepers => candidate.credential.keeps_answers(),
            Servers::One(credential_id) => candidate.credential_id == credential_id,
        }
    }
}

/// The configuration of routing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub strategy: Strategy,
    /// How long a session stays bound without use; `None` when affinity is off.
    pub affinity: Option<Duration>,
    /// Whether a session moves to a higher priority as soon as one is usable. Off by default: the session would
    /// lose its prompt cache.
    pub failback: bool,
    /// Retry rounds over the candidates, unless a credential overrides it.
    pub request_retry: u32,
    /// Candidates called in one round; 0 for all.
    pub max_retry_credentials: u32,
    /// The longest wait for a credential to recover; 0 for none.
    pub max_retry_interval: Duration,
    /// How many requests may wait at the same time.
    pub waiters: usize,
    /// Whether a request continues with another project of an account whose quota is used up.
    pub switch_project: bool,
    /// Whether failures block no credential.
    pub disable_cooling: bool,
    /// How long a temporary failure blocks a model; `None` for not at all.
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
            switch_project: true,
            disable_cooling: false,
            transient_cooldown: Some(Duration::from_secs(60)),
        }
    }
}
