//! The kind of an upstream, which determines its requests and its errors.

use super::Provider;
use crate::wire::Dialect;

/// A kind of upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamKind {
    /// The Gemini API with an API key.
    Gemini,
    /// Vertex AI with an API key.
    Vertex,
    /// The Anthropic API, and compatible servers.
    Claude,
    /// The Responses API: OpenAI, the backend of ChatGPT, and compatible servers.
    Codex,
    /// OpenAI-compatible servers with the Chat Completions API.
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

    /// Its wire format.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::Gemini | Self::Vertex => Dialect::Gemini,
            Self::Claude => Dialect::Messages,
            Self::Codex => Dialect::Responses,
            Self::Compat => Dialect::Chat,
        }
    }
}
