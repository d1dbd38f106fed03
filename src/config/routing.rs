//! `routing`: which credential serves a request.

use std::time::Duration;

use super::reader::{Field, Mapping};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Each in turn.
    #[default]
    RoundRobin,
    /// The first one, by credential id, while it is usable.
    FillFirst,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    pub strategy: Strategy,
    /// Whether a conversation stays on its credential.
    pub session_affinity: bool,
    /// How long after its last request a conversation keeps its credential.
    pub session_affinity_ttl: Duration,
}

impl Default for Routing {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            session_affinity: false,
            session_affinity_ttl: DEFAULT_TTL,
        }
    }
}

const DEFAULT_TTL: Duration = Duration::from_secs(60 * 60);

pub fn read(mut block: Mapping<'_>) -> Routing {
    let strategy = strategy(&block.field("strategy"));
    let affinity = block.field("session-affinity").flag().unwrap_or(false);
    let ttl = ttl(&block.field("session-affinity-ttl"));
    let old = block.field("claude-code-session-affinity");
    let old_affinity = old.flag().unwrap_or(false);
    if old_affinity {
        old.warn("is the old name of `session-affinity`");
    }
    block.finish();
    Routing {
        strategy,
        session_affinity: affinity || old_affinity,
        session_affinity_ttl: ttl,
    }
}

fn strategy(field: &Field<'_>) -> Strategy {
    let Some(name) = field.filled() else {
        return Strategy::default();
    };
    match name.to_ascii_lowercase().as_str() {
        "round-robin" | "roundrobin" | "rr" => Strategy::RoundRobin,
        "fill-first" | "fillfirst" | "ff" => Strategy::FillFirst,
        "weighted-round-robin" => {
            field.warn("is not supported by this version yet, round-robin is used");
            Strategy::RoundRobin
        }
        _ => {
            field.warn("must be round-robin or fill-first, round-robin is used");
            Strategy::RoundRobin
        }
    }
}

fn ttl(field: &Field<'_>) -> Duration {
    let Some(text) = field.filled() else {
        return DEFAULT_TTL;
    };
    match super::quantity::duration(&text) {
        Some(ttl) if !ttl.is_zero() => ttl,
        _ => {
            field.warn("must be a duration such as `30m`, 1h is used");
            DEFAULT_TTL
        }
    }
}
