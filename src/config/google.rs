//! Keys about Google's accounts: Gemini CLI and Antigravity.

use super::reader::Mapping;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Google {
    /// Whether a request moves on to the sibling projects of an account (`quota-exceeded.switch-project`).
    pub switch_project: bool,
    /// Whether credits are used when a quota is exhausted (`quota-exceeded.antigravity-credits`).
    pub antigravity_credits: bool,
    /// `antigravity-signature-cache-enabled`.
    pub signature_cache: bool,
    /// `antigravity-signature-bypass-strict`.
    pub strict_signatures: bool,
    /// Whether Gemini CLI's own endpoint is served (`enable-gemini-cli-endpoint`).
    pub cli_endpoint: bool,
}

impl Default for Google {
    fn default() -> Self {
        Self {
            switch_project: true,
            antigravity_credits: false,
            signature_cache: true,
            strict_signatures: false,
            cli_endpoint: false,
        }
    }
}

pub fn read(root: &mut Mapping<'_>) -> Google {
    let default = Google::default();
    let mut quota = root.field("quota-exceeded").mapping();
    let switch_project = quota.field("switch-project").flag();
    let antigravity_credits = quota.field("antigravity-credits").flag();
    // Every copied example sets it, and nothing ever read it.
    quota.field("switch-preview-model").flag();
    quota.finish();
    let mut flag = |key, default: bool| root.field(key).flag().unwrap_or(default);
    Google {
        switch_project: switch_project.unwrap_or(default.switch_project),
        antigravity_credits: antigravity_credits.unwrap_or(default.antigravity_credits),
        signature_cache: flag("antigravity-signature-cache-enabled", true),
        strict_signatures: flag("antigravity-signature-bypass-strict", false),
        cli_endpoint: flag("enable-gemini-cli-endpoint", false),
    }
}
