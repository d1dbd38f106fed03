//! The channels of credential files: which vendor's login a file holds.

use super::provider::Provider;

/// A channel of credential files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    Claude,
    Codex,
    GeminiCli,
    /// A service account of Google Cloud.
    Vertex,
    Antigravity,
    Kimi,
    Iflow,
}

impl Channel {
    pub const ALL: [Self; 7] = [
        Self::Claude,
        Self::Codex,
        Self::GeminiCli,
        Self::Vertex,
        Self::Antigravity,
        Self::Kimi,
        Self::Iflow,
    ];

    /// The channel of a file's `type`.
    pub fn of_type(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        match name.as_str() {
            "gemini" => Some(Self::GeminiCli),
            // Google's own key files.
            "service_account" => Some(Self::Vertex),
            name => Self::named(name),
        }
    }

    /// The channel of a name in the configuration or on the command line.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }

    /// Its name in the configuration, on the command line and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::GeminiCli => "gemini-cli",
            Self::Vertex => "vertex",
            Self::Antigravity => "antigravity",
            Self::Kimi => "kimi",
            Self::Iflow => "iflow",
        }
    }

    /// The upstream that serves it.
    pub fn provider(self) -> Provider {
        match self {
            Self::Claude => Provider::Claude,
            Self::Codex => Provider::Codex,
            Self::GeminiCli => Provider::GeminiCli,
            Self::Vertex => Provider::Vertex,
            Self::Antigravity => Provider::Antigravity,
            Self::Kimi => Provider::Kimi,
            Self::Iflow => Provider::Iflow,
        }
    }
}
