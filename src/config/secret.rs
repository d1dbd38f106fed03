//! A string that can be compared and sent, but not printed.

use std::fmt;

use zeroize::Zeroizing;

/// A key, token or password. `Debug` and `Display` show a mask; equality takes constant time.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The value itself, for the one place that puts it on the wire.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether the value has no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `candidate` is this secret, in time that does not depend on where they differ.
    pub fn matches(&self, candidate: &str) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.0.as_bytes(), candidate.as_bytes()).into()
    }

    /// Whether it is a hash in place of a password.
    pub fn is_bcrypt_hash(&self) -> bool {
        let mut starts = ["$2a$", "$2b$", "$2y$"].iter();
        starts.any(|start| self.0.starts_with(start))
    }

    /// A mask: enough to tell two keys apart, never enough to use one.
    pub fn masked(&self) -> String {
        let chars: Vec<char> = self.0.chars().collect();
        let shown = match chars.len() {
            0..=2 => return "***".to_owned(),
            3..=4 => 1,
            5..=8 => 2,
            _ => 4,
        };
        let head: String = chars.iter().take(shown).collect();
        let tail: String = chars.iter().skip(chars.len() - shown).collect();
        format!("{head}...{tail}")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.masked())
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other.reveal())
    }
}

impl Eq for Secret {}
