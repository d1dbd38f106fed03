//! The keys that clients present (`api-keys`, `api-keys-file`), and what follows where there are none.
//!
//! A key that has been lost, by an emptied file or a variable without a value, must not open the gateway. So
//! whether keys are written is one question, and which of them are left is another.

use super::secret::Secret;

/// Client keys of the shipped example.
const EXAMPLE_KEYS: [&str; 3] = ["your-api-key-1", "your-api-key-2", "your-api-key-3"];

/// What clients present.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientKeys {
    /// No keys are written: neither `api-keys` nor `api-keys-file` is there, or `api-keys` is null or `[]`.
    #[default]
    NotConfigured,
    /// Keys are written. With none left nobody is let in.
    Configured(Vec<Secret>),
}

impl ClientKeys {
    /// The keys there are.
    pub fn keys(&self) -> &[Secret] {
        match self {
            Self::NotConfigured => &[],
            Self::Configured(keys) => keys,
        }
    }

    /// Whether keys are written, whatever has become of them.
    pub fn is_configured(&self) -> bool {
        matches!(self, Self::Configured(_))
    }

    /// Whether keys are written and none is left.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Configured(keys) if keys.is_empty())
    }

    /// Whether there are keys of the shipped example, which everybody knows.
    pub fn has_example(&self) -> bool {
        let is_example = |key: &Secret| EXAMPLE_KEYS.iter().any(|known| key.matches(known));
        self.keys().iter().any(is_example)
    }
}

/// Whether a host to listen on is this host alone: an address in brackets or not, or `localhost`.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}
