//! `routing`: which credential serves a request.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::paths;
use super::reader::{Field, Mapping};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Each in turn.
    #[default]
    RoundRobin,
    /// The first one, by credential id, while it is usable.
    FillFirst,
    /// Each in turn, as often as its `weight` says.
    WeightedRoundRobin,
}

/// How a conversation is known whose client does not name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AffinityMode {
    /// By its own beginnings, message by message.
    #[default]
    Prefix,
    /// By a hash of its first texts, as other gateways do it.
    Hash,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    pub strategy: Strategy,
    /// Whether a conversation stays on its credential.
    pub session_affinity: bool,
    /// How long after its last request a conversation keeps its credential.
    pub session_affinity_ttl: Duration,
    pub session_affinity_mode: AffinityMode,
    /// How many beginnings of conversations and other names are remembered.
    pub session_affinity_names: NonZeroUsize,
    /// Whether a subagent starts on the credential of the agent that it works for.
    pub session_affinity_subagents: bool,
    /// Whether a conversation moves to a higher priority as soon as one is usable.
    pub session_affinity_priority_failback: bool,
    /// Where conversations are remembered across restarts; `None` for nowhere.
    pub session_affinity_file: Option<PathBuf>,
}

impl Default for Routing {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            session_affinity: false,
            session_affinity_ttl: DEFAULT_TTL,
            session_affinity_mode: AffinityMode::default(),
            session_affinity_names: NAMES,
            session_affinity_subagents: false,
            session_affinity_priority_failback: false,
            session_affinity_file: None,
        }
    }
}

const DEFAULT_TTL: Duration = Duration::from_secs(60 * 60);
/// Enough for some thousand long conversations; 57 bytes each at most.
const NAMES: NonZeroUsize = NonZeroUsize::new(262_144).unwrap();
const FEWEST_NAMES: i64 = 1_024;
const MOST_NAMES: i64 = 16_777_216;

pub fn read(mut block: Mapping<'_>) -> Routing {
    let strategy = strategy(&block.field("strategy"));
    let affinity = block.field("session-affinity").flag().unwrap_or(false);
    let ttl = ttl(&block.field("session-affinity-ttl"));
    let old = block.field("claude-code-session-affinity");
    let old_affinity = old.flag().unwrap_or(false);
    if old_affinity {
        old.warn("is the old name of `session-affinity`");
    }
    let mode = mode(&block.field("session-affinity-mode"));
    let names = block
        .field("session-affinity-names")
        .integer(FEWEST_NAMES..=MOST_NAMES);
    let names = names.and_then(|names| usize::try_from(names).ok());
    let mut flag = |key| block.field(key).flag().unwrap_or(false);
    let subagents = flag("session-affinity-subagents");
    let failback = flag("session-affinity-priority-failback");
    let file = block.field("session-affinity-file").filled();
    block.finish();
    Routing {
        strategy,
        session_affinity: affinity || old_affinity,
        session_affinity_ttl: ttl,
        session_affinity_mode: mode,
        session_affinity_names: names.and_then(NonZeroUsize::new).unwrap_or(NAMES),
        session_affinity_subagents: subagents,
        session_affinity_priority_failback: failback,
        session_affinity_file: file.map(|file| paths::expand(&file)),
    }
}

fn mode(field: &Field<'_>) -> AffinityMode {
    match field
        .filled()
        .map(|mode| mode.to_ascii_lowercase())
        .as_deref()
    {
        None | Some("prefix") => AffinityMode::Prefix,
        Some("hash") => AffinityMode::Hash,
        Some(_) => {
            field.warn("must be prefix or hash, prefix is used");
            AffinityMode::Prefix
        }
    }
}

fn strategy(field: &Field<'_>) -> Strategy {
    let Some(name) = field.filled() else {
        return Strategy::default();
    };
    match name.to_ascii_lowercase().as_str() {
        "round-robin" | "roundrobin" | "rr" => Strategy::RoundRobin,
        "fill-first" | "fillfirst" | "ff" => Strategy::FillFirst,
        "weighted-round-robin" => Strategy::WeightedRoundRobin,
        _ => {
            field.warn(
                "must be round-robin, weighted-round-robin or fill-first, round-robin is used",
            );
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
