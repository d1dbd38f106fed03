//! The statistics as JSON: what is shown, exported, imported and kept in a file.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::tokens::{Tokens, count};
use crate::time::Timestamp;

/// All there is to know. Prints nothing of itself: it can hold client keys.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// Attempts at upstreams, as everything here.
    #[serde(deserialize_with = "count")]
    pub total_requests: u64,
    #[serde(deserialize_with = "count")]
    pub success_count: u64,
    #[serde(deserialize_with = "count")]
    pub failure_count: u64,
    #[serde(deserialize_with = "count")]
    pub total_tokens: u64,
    /// By client key; by `METHOD /route` where there are no keys.
    #[serde(deserialize_with = "or_empty")]
    pub apis: BTreeMap<String, Api>,
    /// By local date, `2026-04-16`.
    #[serde(deserialize_with = "or_empty")]
    pub requests_by_day: BTreeMap<String, u64>,
    /// By local hour, `00` to `23`, of all days together.
    #[serde(deserialize_with = "or_empty")]
    pub requests_by_hour: BTreeMap<String, u64>,
    #[serde(deserialize_with = "or_empty")]
    pub tokens_by_day: BTreeMap<String, u64>,
    #[serde(deserialize_with = "or_empty")]
    pub tokens_by_hour: BTreeMap<String, u64>,
}

/// What one client has used.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Api {
    #[serde(deserialize_with = "count")]
    pub total_requests: u64,
    #[serde(deserialize_with = "count")]
    pub total_tokens: u64,
    /// By the upstream's name of it.
    #[serde(deserialize_with = "or_empty")]
    pub models: BTreeMap<String, Model>,
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Model {
    #[serde(deserialize_with = "count")]
    pub total_requests: u64,
    #[serde(deserialize_with = "count")]
    pub total_tokens: u64,
    /// The newest of them, oldest first.
    #[serde(deserialize_with = "or_empty")]
    pub details: Vec<Detail>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Detail {
    /// When it began; the year 1 for unknown.
    pub timestamp: Timestamp,
    #[serde(deserialize_with = "count")]
    pub latency_ms: u64,
    /// The account, or the masked key.
    #[serde(serialize_with = "text", deserialize_with = "shared")]
    pub source: Arc<str>,
    /// Of the credential.
    #[serde(serialize_with = "text", deserialize_with = "shared")]
    pub auth_index: Arc<str>,
    pub tokens: Tokens,
    pub failed: bool,
}

/// Requests of clients, however many attempts each took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Requests {
    pub total: u64,
    /// The client got an error.
    pub failed: u64,
}

/// What is exported and imported, and kept in a file.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Document {
    pub version: i64,
    /// UTC.
    pub exported_at: Option<Timestamp>,
    pub usage: Snapshot,
    /// Only in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<Requests>,
}

impl Default for Detail {
    fn default() -> Self {
        Self {
            timestamp: Timestamp::ZERO,
            latency_ms: 0,
            source: "".into(),
            auth_index: "".into(),
            tokens: Tokens::default(),
            failed: false,
        }
    }
}

/// Others write null for what is empty.
fn or_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn text<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn shared<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<str>, D::Error> {
    String::deserialize(deserializer).map(Arc::from)
}
