//! Where references lead.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{DEPTH, EXPANSION};

/// Follows references within one document, each only as long as it ends.
pub struct References<'a> {
    root: &'a Value,
    /// The definitions that are being read, the outermost first.
    open: Vec<&'a Value>,
    /// Bytes of schema that may still be put in.
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

    /// A mark to [`close`](Self::close) at what is opened from now on.
    pub fn mark(&self) -> usize {
        self.open.len()
    }

    pub fn close(&mut self, mark: usize) {
        self.open.truncate(mark);
    }

    /// Opens the definition that is meant; `None` when there is none, it is open already, or too much would be
    /// put in.
    pub fn open(&mut self, reference: &str) -> Option<&'a Value> {
        let target = resolve(self.root, reference)?;
        if self.open.len() > DEPTH || self.open.iter().any(|open| std::ptr::eq(*open, target)) {
            return None;
        }
        // What does not fit ends it for all: weighing again and again would cost more than putting in.
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

/// What a reference within a document points to.
pub fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = reference.strip_prefix('#')?;
    let pointer = percent_decode_str(pointer).decode_utf8().ok()?;
    root.pointer(&pointer)
}

/// What a definition is called: the last segment of the reference.
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
