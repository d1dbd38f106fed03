//! References within a schema.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::profile::DEPTH;

/// How many bytes of schema may be expanded from references: a chain of definitions that refer to the next one twice
/// doubles with each link. Real ones stay below 100 KiB.
pub const EXPANSION: usize = 512 * 1024;

/// Follows the references within one document, except recursive ones.
pub struct References<'a> {
    root: &'a Value,
    /// The definitions that are being read, outermost first.
    open: Vec<&'a Value>,
    /// Bytes of schema that may still be expanded.
    left: usize,
}

impl<'a> References<'a> {
    pub fn new(root: &'a Value) -> Self {
        Self {
            root,
            open: vec![root],
            left: EXPANSION,
        }
    }

    /// A mark for [`close`](Self::close).
    pub fn mark(&self) -> usize {
        self.open.len()
    }

    pub fn close(&mut self, mark: usize) {
        self.open.truncate(mark);
    }

    /// Opens the definition that a reference points to; `None` when there is none, it is open already, or it would exceed
    /// `EXPANSION`.
    pub fn open(&mut self, reference: &str) -> Option<&'a Value> {
        let target = resolve(self.root, reference)?;
        if self.open.len() > DEPTH || self.open.iter().any(|open| std::ptr::eq(*open, target)) {
            return None;
        }
        // The first definition that does not fit ends all expansion: weighing each again would cost too much.
        self.left = match weight(target, self.left) {
            Some(weight) => self.left.saturating_sub(weight),
            None => 0,
        };
        if self.left == 0 {
            return None;
        }
        self.open.push(target);
        Some(target)
    }
}

/// The target of a reference within a document.
pub fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = reference.strip_prefix('#')?;
    let pointer = percent_decode_str(pointer).decode_utf8().ok()?;
    root.pointer(&pointer)
}

/// The name of a definition: the last segment of the reference.
pub fn name(reference: &str) -> &str {
    let name = match reference.rsplit_once('/') {
        Some((_, name)) if !name.is_empty() => name,
        _ => reference.trim_start_matches('#'),
    };
    if name.is_empty() { "root" } else { name }
}

/// About how many bytes `value` takes as JSON; `None` when more than `limit`.
fn weight(value: &Value, limit: usize) -> Option<usize> {
    let mut weight = 0;
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        weight += 8;
        if weight > limit {
            return None;
        }
        match value {
            Value::String(text) => weight += text.len(),
            Value::Array(values) => rest.extend(values),
            Value::Object(map) => {
                weight += map.keys().map(String::len).sum::<usize>();
                rest.extend(map.values());
            }
            _ => {}
        }
    }
    (weight <= limit).then_some(weight)
}
