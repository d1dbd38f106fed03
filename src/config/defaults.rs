//! `claude-header-defaults` and `codex-header-defaults`: headers for clients that do not send them.

use super::disguise;
use super::reader::Mapping;

/// A header and the value that is sent where the client sends none.
pub type HeaderDefault = (&'static str, String);

const CLAUDE: [(&str, &str); 6] = [
    ("user-agent", "user-agent"),
    ("package-version", "x-stainless-package-version"),
    ("runtime-version", "x-stainless-runtime-version"),
    ("os", "x-stainless-os"),
    ("arch", "x-stainless-arch"),
    ("timeout", "x-stainless-timeout"),
];

/// What credential files of Codex send (no API key does).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodexDefaults {
    pub user_agent: Option<String>,
    /// Over WebSockets only.
    pub beta_features: Option<String>,
}

pub fn claude(mut block: Mapping<'_>) -> Vec<HeaderDefault> {
    let mut headers = Vec::new();
    for (key, header) in CLAUDE {
        let field = block.field(key);
        if let Some(value) = super::headers::value(&field) {
            headers.push((header, value));
        }
    }
    disguise::claude_headers(&mut block);
    block.finish();
    headers
}

pub fn codex(mut block: Mapping<'_>) -> CodexDefaults {
    let user_agent = super::headers::value(&block.field("user-agent"));
    let beta_features = super::headers::value(&block.field("beta-features"));
    block.finish();
    CodexDefaults {
        user_agent,
        beta_features,
    }
}
