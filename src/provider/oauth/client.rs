//! OAuth clients: of a file, of the configuration, or those that vendors publish in their open-source programs.

use crate::config::{Config, OauthClient, Secret};
use crate::credential::Channel;

/// The client that tokens are issued to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub id: String,
    pub secret: Option<Secret>,
}

/// Clients that vendors publish in the source of their own command-line programs, as installed applications (RFC 8252),
/// whose secrets are none: Codex (openai/codex, `codex-rs/login`), Gemini CLI (google-gemini/gemini-cli,
/// `packages/core/src/code_assist/oauth2.ts`), Kimi CLI (MoonshotAI/kimi-cli, `auth/oauth.py`).
pub const BUILT_IN: &[(Channel, &str, Option<&str>)] = &[
    (Channel::Codex, "app_EMoamEEZ73f0CkXaXp7hrann", None),
    (
        Channel::GeminiCli,
        "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com",
        Some("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"),
    ),
    (Channel::Kimi, "17e5f671-d194-4dfb-9706-5516cb48c098", None),
];

impl Client {
    /// The client of a channel: `own`, if a file names one, else that of the configuration, else the vendor's published
    /// one.
    pub fn of(channel: Channel, own: &OauthClient, config: &Config) -> Option<Self> {
        let client = |client: &OauthClient| {
            Some(Self {
                id: client.id.clone()?,
                secret: client.secret.clone(),
            })
        };
        let configured = || {
            let found = config
                .oauth_clients
                .iter()
                .find(|(name, _)| name == channel.name());
            client(&found?.1)
        };
        let published = || Self::published(channel);
        client(own).or_else(configured).or_else(published)
    }

    /// The client that the vendor of a channel publishes.
    pub fn published(channel: Channel) -> Option<Self> {
        let found = BUILT_IN.iter().find(|(known, _, _)| *known == channel);
        found.map(|(_, id, secret)| Self {
            id: (*id).to_owned(),
            secret: secret.map(Secret::new),
        })
    }
}
