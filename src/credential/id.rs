//! Stable ids of credentials, computed as CLIProxyAPI does, so that statistics and session files stay valid.

use std::collections::HashMap;

use ring::digest::{Context, SHA256};

/// Assigns ids in file order; equal ones get the suffix `-1`, `-2` and so on.
#[derive(Default)]
pub struct Ids {
    given: HashMap<String, usize>,
}

/// An id, its hash, and whether an earlier credential has the same parts.
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

/// The id of a credential in statistics and in the management API. `parts` are names and values; empty values are
/// left out.
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

/// The same for a credential file.
pub fn file_index(name: &str) -> String {
    let mut context = Context::new(&SHA256);
    context.update(b"file:");
    context.update(name.as_bytes());
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

/// The first bytes of a digest, in hexadecimal.
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
        let file = file_index("codex-user@example.com.json");
        assert_eq!(file, "32535fa684fa7338");
    }
}
