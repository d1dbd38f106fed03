//! Values that are written once and used in many places, within bounds.

use std::collections::HashMap;

use super::tree::{Entry, Node, Value};

/// Bytes that anchors may add to a document by being repeated. Source: ten levels of ten aliases each
/// ("billion laughs") must fail at once, a few hundred shared header blocks must not.
const COPIED_BYTES: usize = 4 << 20;

const TOO_MUCH: &str = "aliases repeat more than 4 MiB";

#[derive(Default)]
pub struct Anchors {
    nodes: HashMap<usize, Node>,
    copied: usize,
}

impl Anchors {
    /// Keeps what stands at an anchor; 0 is no anchor.
    pub fn keep(&mut self, anchor: usize, node: &Node) -> Result<(), &'static str> {
        if anchor != 0 {
            self.charge(measure(node).bytes)?;
            self.nodes.insert(anchor, node.clone());
        }
        Ok(())
    }

    /// What an alias stands for, and how many levels deep that is.
    pub fn repeat(&mut self, anchor: usize) -> Result<(Node, usize), &'static str> {
        let node = self
            .nodes
            .get(&anchor)
            .ok_or("an alias inside its own anchor")?;
        let Size { bytes, depth } = measure(node);
        let node = node.clone();
        self.charge(bytes)?;
        Ok((node, depth))
    }

    fn charge(&mut self, bytes: usize) -> Result<(), &'static str> {
        self.copied = self.copied.saturating_add(bytes);
        if self.copied > COPIED_BYTES {
            return Err(TOO_MUCH);
        }
        Ok(())
    }
}

struct Size {
    bytes: usize,
    depth: usize,
}

fn measure(node: &Node) -> Size {
    let own = size_of::<Entry>();
    match &node.value {
        Value::Scalar(scalar) => Size {
            bytes: own + scalar.text.len(),
            depth: 0,
        },
        Value::Sequence(items) => around(own, items.iter()),
        Value::Mapping(entries) => {
            let keys: usize = entries.iter().map(|entry| entry.key.text.len()).sum();
            around(own + keys, entries.iter().map(|entry| &entry.value))
        }
    }
}

fn around<'a>(own: usize, nodes: impl Iterator<Item = &'a Node>) -> Size {
    let start = Size {
        bytes: own,
        depth: 1,
    };
    nodes.map(measure).fold(start, |all, one| Size {
        bytes: all.bytes + one.bytes,
        depth: all.depth.max(one.depth + 1),
    })
}
