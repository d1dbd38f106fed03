//! How much the models of an upstream can think.

use memchr::memmem;

use crate::reasoning::{self, ReasoningSupport};
use crate::routing::Member;

/// What a model can think: what the configuration says goes before what its name does.
pub fn record(member: &Member) -> Option<&ReasoningSupport> {
    member
        .record
        .as_deref()
        .or_else(|| reasoning::record(&member.upstream))
}

/// Whether a body may ask for more than the configuration lets its model think.
pub fn is_limited(member: &Member, body: &[u8]) -> bool {
    let says = |key: &str| memmem::find(body, key.as_bytes()).is_some();
    member.record.is_some() && (says("\"reasoning") || says("\"thinking\""))
}
