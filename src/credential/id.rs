//! Ids that stay the same for as long as what they are made of (`spec/config.md` 2.4).

use std::collections::HashMap;

use ring::digest::{Context, SHA256};

/// Hands out ids in file order; equal ones get `-1`, `-2`, ….
#[derive(Default)]
pub struct Ids {
    given: HashMap<String, usize>,
}

/// An id, its hash part for showing a source, and whether an earlier one was equal.
pub struct Id {
    pub id: String,
    pub hash: String,
    pub repeated: bool,
}

impl Ids {
    pub fn next(&mut self, kind: &str, parts: &[&str]) -> Id {
        let hash = hash(kind, parts);
        let count = self.given.entry(format!("{kind}:{hash}")).or_default();
        let hash = match *count {
            0 => hash,
            n => format!("{hash}-{n}"),
        };
        *count += 1;
        Id {
            id: format!("{kind}:{hash}"),
            hash,
            repeated: *count > 1,
        }
    }
}

/// The first 12 hex digits of SHA-256 over the kind and, each after a zero byte, the trimmed parts.
fn hash(kind: &str, parts: &[&str]) -> String {
    let mut context = Context::new(&SHA256);
    context.update(kind.as_bytes());
    for part in parts {
        context.update(&[0]);
        context.update(part.trim().as_bytes());
    }
    let digest = context.finish();
    digest
        .as_ref()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
