//! How much the models of an upstream can think.

use memchr::memmem;

use crate::reasoning::{self, ReasoningSupport};
use crate::routing::UpstreamModel;

/// What a model can think: what the configuration says goes before what its name does.
pub fn support(upstream_model: &UpstreamModel) -> Option<&ReasoningSupport> {
    upstream_model
        .reasoning
        .as_deref()
        .or_else(|| reasoning::support(&upstream_model.name))
}

/// Whether a body may ask for more than the configuration lets its model think.
pub fn is_limited(upstream_model: &UpstreamModel, body: &[u8]) -> bool {
    let says = |key: &str| memmem::find(body, key.as_bytes()).is_some();
    upstream_model.reasoning.is_some() && (says("\"reasoning") || says("\"thinking\""))
}
