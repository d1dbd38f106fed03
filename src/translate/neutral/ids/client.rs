//! The ids of calls that a client gets.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::format::fit;
use super::mint::Mint;
use crate::translate::neutral::part::Part;
use crate::translate::neutral::turn::Turn;
use crate::wire::Dialect;

/// Makes the ids of calls unique within a conversation and legal in the client's dialect.
///
/// Some upstreams restart their numbering with every answer, some give all calls one id. The ids that the client has
/// already are those in its request.
#[derive(Clone, Debug)]
pub struct ClientCallIds {
    dialect: Option<Dialect>,
    /// Hashes of the ids in use. A collision only changes an id without need.
    used: HashSet<u64>,
}

impl ClientCallIds {
    /// For an answer in the client's own dialect: legal ids stay as they are.
    pub fn unchanged() -> Self {
        Self {
            dialect: None,
            used: HashSet::new(),
        }
    }

    /// For the answer to this conversation.
    pub fn after(dialect: Dialect, turns: &[Turn]) -> Self {
        let parts = turns.iter().flat_map(|turn| &turn.parts);
        let ids = parts.filter_map(|part| match part {
            Part::ToolCall(call) => Some(hash(&call.id)),
            _ => None,
        });
        Self {
            dialect: Some(dialect),
            used: ids.collect(),
        }
    }

    /// The client's id of the next call, whose id from the upstream is `id`.
    pub fn next(&mut self, id: &str, mint: &mut Mint) -> String {
        let mut unique = match self.dialect {
            Some(dialect) => fit(dialect, id),
            None => id.to_owned(),
        };
        while unique.is_empty() || !self.used.insert(hash(&unique)) {
            unique = mint.call();
        }
        unique
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
    use crate::translate::neutral::part::{Role, ToolCall};

    #[test]
    fn ids_are_unique() {
        let call = Part::ToolCall(ToolCall {
            id: "call_0".to_owned(),
            ..ToolCall::default()
        });
        let turns = [Turn::new(Role::Assistant, call)];
        let mut mint = Mint::new("seed");
        let long = "x".repeat(50);
        for dialect in Dialect::ALL {
            let mut ids = ClientCallIds::after(dialect, &turns);
            assert_eq!(ids.next("call_1", &mut mint), "call_1");
            for id in ["call_0", "call_1", "", ""] {
                let id_of_client = ids.next(id, &mut mint);
                assert_eq!(id_of_client.len(), "call_".len() + 24, "{id}");
            }
            assert_eq!(ids.next(&long, &mut mint), fit(dialect, &long));
        }
        let mut same = ClientCallIds::unchanged();
        assert_eq!(same.next(&long, &mut mint), long);
        assert_ne!(same.next(&long, &mut mint), long);
    }
}
