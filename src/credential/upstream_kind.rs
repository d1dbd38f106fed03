//! How an upstream is called, and what its errors look like.

use super::Provider;
use crate::wire::Dialect;

/// A kind of upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamKind {
    /// The Gemini API with a key.
    Gemini,
    /// Vertex AI with a key.
    Vertex,
    /// The Anthropic API, and others that speak it.
    Claude,
    /// OpenAI's Codex, and others that speak its flavour of Responses.
    Codex,
    /// Anything that speaks Chat Completions.
    Compat,
}

impl UpstreamKind {
    pub fn of(provider: &Provider) -> Self {
        match provider {
            Provider::Gemini => Self::Gemini,
            Provider::Vertex => Self::Vertex,
            Provider::Claude => Self::Claude,
            Provider::Codex => Self::Codex,
            Provider::Compat { .. } => Self::Compat,
        }
    }

    /// The wire format it speaks.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::Gemini | Self::Vertex => Dialect::Gemini,
            Self::Claude => Dialect::Messages,
            Self::Codex => Dialect::Responses,
            Self::Compat => Dialect::Chat,
        }
    }
}
