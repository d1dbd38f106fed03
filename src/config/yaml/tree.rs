//! The tree itself.

use super::scalar::Scalar;

/// A value with the place where it starts, both counted from 1, the column in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub line: usize,
    pub column: usize,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    /// Keys are unique; merged (`<<`) entries follow the mapping's own.
    Mapping(Vec<Entry>),
}

/// One `key: value` of a mapping, with the place of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: Scalar,
    pub line: usize,
    pub column: usize,
    pub value: Node,
}

/// Something wrong with the document itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub line: usize,
    pub column: usize,
    /// Where in the tree, as in `routing.strategy` or `api-keys[2]`; empty when not known.
    pub path: String,
    pub message: String,
}

impl Node {
    /// Whether the value is absent: nothing, `~` or `null`, unquoted.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.is_null())
    }
}

/// `path.key`, with keys made safe to print: one line, of bounded length.
pub fn join(path: &str, key: &str) -> String {
    /// Longest key shown in a path, in characters.
    const SHOWN: usize = 64;
    let mut letters = key.escape_debug();
    let mut name: String = letters.by_ref().take(SHOWN).collect();
    if letters.next().is_some() {
        name.push('…');
    }
    if path.is_empty() {
        name
    } else {
        format!("{path}.{name}")
    }
}
