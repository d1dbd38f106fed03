//! The ids of calls in an answer to a client.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Mint;
use super::rule::fit;
use crate::translate::neutral::{Part, Turn};
use crate::wire::Dialect;

/// Sees to it that a client is shown no id twice in a conversation, and none that its dialect does not take.
///
/// Some upstreams begin to count anew with every answer, some give all calls one id. What the client has seen is what
/// its own request says: an id of another conversation is not known here.
#[derive(Clone, Debug)]
pub struct Shown {
    dialect: Option<Dialect>,
    /// Hashes of what the conversation has: where two ids share one, an id is changed without need.
    known: HashSet<u64>,
}

impl Shown {
    /// For the client's own dialect, where ids stay as the upstream gave them.
    pub fn as_they_are() -> Self {
        Self {
            dialect: None,
            known: HashSet::new(),
        }
    }

    /// For a client with this conversation, as it was read.
    pub fn after(dialect: Dialect, turns: &[Turn]) -> Self {
        let parts = turns.iter().flat_map(|turn| &turn.parts);
        let ids = parts.filter_map(|part| match part {
            Part::ToolCall(call) => Some(hash(&call.id)),
            _ => None,
        });
        Self {
            dialect: Some(dialect),
            known: ids.collect(),
        }
    }

    /// The id of the next call, which the upstream calls `id`.
    pub fn show(&mut self, id: &str, mint: &mut Mint) -> String {
        let mut shown = match self.dialect {
            Some(dialect) => fit(dialect, id),
            None => id.to_owned(),
        };
        while shown.is_empty() || !self.known.insert(hash(&shown)) {
            shown = mint.call();
        }
        shown
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::neutral::{Role, ToolCall};

    #[test]
    fn none_is_shown_twice() {
        let call = Part::ToolCall(ToolCall {
            id: "call_0".to_owned(),
            ..ToolCall::default()
        });
        let turns = [Turn::new(Role::Assistant, call)];
        let mut mint = Mint::new("seed");
        let long = "x".repeat(50);
        for dialect in Dialect::ALL {
            let mut shown = Shown::after(dialect, &turns);
            assert_eq!(shown.show("call_1", &mut mint), "call_1");
            for id in ["call_0", "call_1", "", ""] {
                let shown = shown.show(id, &mut mint);
                assert_eq!(shown.len(), "call_".len() + 24, "{id}");
            }
            assert_eq!(shown.show(&long, &mut mint), fit(dialect, &long));
        }
        let mut same = Shown::as_they_are();
        assert_eq!(same.show(&long, &mut mint), long);
        assert_ne!(same.show(&long, &mut mint), long);
    }
}
