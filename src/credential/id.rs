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

/// What a credential of the configuration is called in statistics and by the management API. Of `parts`, name and
/// value, the empty ones are left out.
pub fn auth_index(parts: &[(&str, &str)]) -> String {
    let parts = parts.iter().filter(|(_, value)| !value.is_empty());
    let parts: Vec<String> = parts
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut context = Context::new(&SHA256);
    context.update(b"config:");
    context.update(parts.join("\0").as_bytes());
    hex(context, 8)
}

/// The first 12 hex digits of SHA-256 over the kind and, each after a zero byte, the trimmed parts.
fn hash(kind: &str, parts: &[&str]) -> String {
    let mut context = Context::new(&SHA256);
    context.update(kind.as_bytes());
    for part in parts {
        context.update(&[0]);
        context.update(part.trim().as_bytes());
    }
    hex(context, 6)
}

/// The beginning of a digest.
fn hex(context: Context, bytes: usize) -> String {
    let digest = context.finish();
    let digest = digest.as_ref().iter().take(bytes);
    digest.map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_the_same_as_everywhere() {
        let parts = [
            ("provider", "gemini"),
            ("compat", ""),
            ("base", "https://generativelanguage.googleapis.com"),
            ("proxy", "socks5://proxy.example.com:1080"),
            ("api_key", "AIzaSy...01"),
            ("source", "config:gemini[440e3fdf69c9]"),
        ];
        assert_eq!(auth_index(&parts), "fb1082343f9e54dc");
    }
}
