//! The kinds of upstream.

use crate::wire::Dialect;

/// A kind of upstream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    Gemini,
    Vertex,
    Claude,
    Codex,
    /// Gemini Code Assist, with a credential file of Gemini CLI.
    GeminiCli,
    /// Antigravity, with a credential file.
    Antigravity,
    /// Kimi for coding, with a credential file.
    Kimi,
    /// iFlow, with a credential file.
    Iflow,
    /// xAI's Responses API, with an API key.
    Xai,
    /// A provider under `openai-compatibility`, with its name in lower case.
    Compat {
        name: String,
    },
}

impl Provider {
    /// Its name in logs, metrics and error messages.
    pub fn key(&self) -> &str {
        match self {
            Self::Gemini => "gemini",
            Self::Vertex => "vertex",
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::GeminiCli => "gemini-cli",
            Self::Antigravity => "antigravity",
            Self::Kimi => "kimi",
            Self::Iflow => "iflow",
            Self::Xai => "xai",
            Self::Compat { name } => name,
        }
    }

    /// The section of the configuration for its credentials; `auth-dir` for providers that have only credential files.
    pub fn section(&self) -> &'static str {
        match self {
            Self::Claude => "claude-api-key",
            Self::Codex => "codex-api-key",
            Self::Gemini => "gemini-api-key",
            Self::Vertex => "vertex-api-key",
            Self::Xai => "xai-api-key",
            Self::GeminiCli | Self::Antigravity | Self::Kimi | Self::Iflow => "auth-dir",
            Self::Compat { .. } => "openai-compatibility",
        }
    }

    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Gemini | Self::Vertex | Self::GeminiCli | Self::Antigravity => Dialect::Gemini,
            Self::Claude => Dialect::Messages,
            Self::Codex | Self::Xai => Dialect::Responses,
            Self::Kimi | Self::Iflow | Self::Compat { .. } => Dialect::Chat,
        }
    }

    /// The vendor's base URL; `None` if the configuration must give one.
    pub fn default_base_url(&self) -> Option<&'static str> {
        match self {
            Self::Gemini => Some("https://generativelanguage.googleapis.com"),
            Self::Vertex => Some("https://aiplatform.googleapis.com"),
            Self::Claude => Some("https://api.anthropic.com"),
            Self::Codex => Some("https://api.openai.com/v1"),
            Self::GeminiCli | Self::Antigravity => Some("https://cloudcode-pa.googleapis.com"),
            Self::Kimi => Some("https://api.kimi.com/coding"),
            Self::Iflow => Some("https://apis.iflow.cn/v1"),
            Self::Xai => Some("https://api.x.ai/v1"),
            Self::Compat { .. } => None,
        }
    }
}

/// Whether this is the backend of ChatGPT, which stores no responses and rejects some fields: by the vendor's hosts, or
/// by the path that the vendor uses.
pub fn is_chatgpt(base_url: &str) -> bool {
    let base = base_url.trim();
    let rest = base.split_once("://").map_or(base, |(_, rest)| rest);
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host
        .split(':')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let is_vendors = ["chatgpt.com", "chat.openai.com"]
        .iter()
        .any(|vendor| host == *vendor || host.ends_with(&format!(".{vendor}")));
    let path = path.split('?').next().unwrap_or_default();
    is_vendors || path.split('/').any(|part| part == "backend-api")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backend_of_chatgpt_is_known_by_its_address() {
        for (base, expected) in [
            ("https://chatgpt.com/backend-api/codex", true),
            ("https://CHATGPT.com:443", true),
            ("https://eu.chatgpt.com/x", true),
            ("https://chat.openai.com/backend-api/codex", true),
            ("http://127.0.0.1:1/backend-api/codex", true),
            ("https://user:word@chatgpt.com/", true),
            ("https://api.openai.com/v1", false),
            ("https://chatgpt.com.example/v1", false),
            ("https://notchatgpt.com/v1", false),
            ("https://proxy/v1?to=/backend-api/", false),
            ("https://proxy/my-backend-api/v1", false),
            ("", false),
        ] {
            assert_eq!(is_chatgpt(base), expected, "{base}");
        }
    }
}
