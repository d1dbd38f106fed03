//! Classifies failures: first by the vendor's own errors, then by rules for all upstreams.

mod anthropic;
mod general;
mod google;
mod kimi;
mod openai;
mod own_words;
mod refusal;
mod xai;

use std::time::SystemTime;

pub use google::AntigravityLimit;
use refusal::Refusal;

use super::failed_call::{Failure, FailureKind};
use super::fault::{Class, Fault, seconds};
use crate::credential::UpstreamKind;

/// Classifies a failure of an upstream of `kind` that was called for `model`.
pub fn classify(failure: &Failure, kind: UpstreamKind, model: &str, now: SystemTime) -> Fault {
    match failure.kind {
        FailureKind::ClientGone => Class::ClientGone.usual(),
        // Another credential would not help, and this one is not at fault.
        FailureKind::Request | FailureKind::Memory => Class::Request.usual(),
        FailureKind::Unsupported => Class::Neutral.usual(),
        FailureKind::Connect | FailureKind::Timeout | FailureKind::Broken => {
            Class::Transient.usual()
        }
        FailureKind::NoToken { is_final: true } => Class::Credential.usual().until_changed(),
        FailureKind::NoToken { is_final: false } => {
            let again = failure.retry_after.unwrap_or(seconds(30));
            Class::Credential.usual().hinted(Some(again))
        }
        FailureKind::Status => {
            let refusal = Refusal::new(failure, model, now);
            if kind == UpstreamKind::Codex && refusal.is_deactivated() {
                return Class::Credential.usual();
            }
            // Without credits, an account of Antigravity still has its free quota.
            let is_free = kind == UpstreamKind::Antigravity && failure.lacks_credits();
            if !is_free && refusal.is_unpaid() {
                return Class::Payment.usual();
            }
            let special = match kind {
                UpstreamKind::Gemini
                | UpstreamKind::Vertex
                | UpstreamKind::GeminiCli
                | UpstreamKind::Antigravity => refusal.google(),
                UpstreamKind::Claude => refusal.anthropic(),
                UpstreamKind::Codex => refusal.codex(),
                UpstreamKind::Kimi | UpstreamKind::KimiMessages => refusal.kimi(),
                UpstreamKind::Xai => refusal.xai(),
                UpstreamKind::Iflow | UpstreamKind::Compat => refusal.compatible(),
            };
            special.unwrap_or_else(|| refusal.general())
        }
    }
}

#[cfg(test)]
mod tests;
