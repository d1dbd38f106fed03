//! The kind of an upstream, which determines its requests and its errors.

use super::Provider;
use crate::wire::Dialect;

/// A kind of upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamKind {
    /// The Gemini API with an API key.
    Gemini,
    /// Vertex AI, with an API key or a service account.
    Vertex,
    /// The Anthropic API, and compatible servers.
    Claude,
    /// The Responses API: OpenAI, the backend of ChatGPT, and compatible servers.
    Codex,
    /// Gemini Code Assist.
    GeminiCli,
    /// Antigravity.
    Antigravity,
    /// Kimi for coding, its Chat Completions API.
    Kimi,
    /// Kimi for coding, its Messages API.
    KimiMessages,
    /// iFlow.
    Iflow,
    /// xAI's Responses API.
    Xai,
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
            Provider::GeminiCli => Self::GeminiCli,
            Provider::Antigravity => Self::Antigravity,
            Provider::Kimi => Self::Kimi,
            Provider::Iflow => Self::Iflow,
            Provider::Xai => Self::Xai,
            Provider::Compat { .. } => Self::Compat,
        }
    }

    /// As [`UpstreamKind::of`], for clients of one dialect: Kimi has two APIs, so that clients of Messages need no
    /// translation.
    pub fn for_client(provider: &Provider, client: Dialect) -> Self {
        match (Self::of(provider), client) {
            (Self::Kimi, Dialect::Messages) => Self::KimiMessages,
            (kind, _) => kind,
        }
    }

    /// Its wire format.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::Gemini | Self::Vertex | Self::GeminiCli | Self::Antigravity => Dialect::Gemini,
            Self::Claude | Self::KimiMessages => Dialect::Messages,
            Self::Codex | Self::Xai => Dialect::Responses,
            Self::Kimi | Self::Iflow | Self::Compat => Dialect::Chat,
        }
    }
}
