//! The addresses of a channel's OAuth endpoints.

use http::Uri;

use crate::config::Config;
use crate::credential::Channel;

/// The domains of the vendors' endpoints.
const VENDORS: &[&str] = &[
    "anthropic.com",
    "claude.ai",
    "claude.com",
    "google.com",
    "googleapis.com",
    "iflow.cn",
    "kimi.com",
    "openai.com",
];

/// The endpoints of one channel. They are the vendor's, or all at the origin of a configured token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    channel: Channel,
    token: Option<String>,
}

impl Endpoints {
    /// `own` is the token endpoint that a file names; next comes the configuration's.
    pub fn of(channel: Channel, own: Option<&str>, config: &Config) -> Self {
        let configured = || {
            let mut clients = config.oauth_clients.iter();
            let (_, client) = clients.find(|(name, _)| name == channel.name())?;
            client.token_uri.clone()
        };
        let token = own.map(str::to_owned).or_else(configured);
        Self {
            channel,
            token: token.filter(|token| token != vendors_token(channel)),
        }
    }

    /// Where tokens are issued and renewed.
    pub fn token(&self) -> &str {
        self.token
            .as_deref()
            .unwrap_or_else(|| vendors_token(self.channel))
    }

    /// Where tokens were issued before, in case the newer address does not exist.
    pub fn old_token(&self) -> Option<&'static str> {
        match (self.channel, &self.token) {
            (Channel::Claude, None) => Some("https://api.anthropic.com/v1/oauth/token"),
            _ => None,
        }
    }

    /// Where the operator signs in with a browser.
    pub fn authorization(&self) -> Option<String> {
        Some(self.at(match self.channel {
            Channel::Claude => "https://claude.ai/oauth/authorize",
            Channel::Codex => "https://auth.openai.com/oauth/authorize",
            Channel::GeminiCli => "https://accounts.google.com/o/oauth2/auth",
            Channel::Antigravity => "https://accounts.google.com/o/oauth2/v2/auth",
            Channel::Iflow => "https://iflow.cn/oauth",
            Channel::Vertex | Channel::Kimi => return None,
        }))
    }

    /// Where a device asks for a code (RFC 8628; Codex has its own form).
    pub fn device(&self) -> Option<String> {
        Some(self.at(match self.channel {
            Channel::Codex => "https://auth.openai.com/api/accounts/deviceauth/usercode",
            Channel::Kimi => "https://auth.kimi.com/api/oauth/device_authorization",
            _ => return None,
        }))
    }

    /// The account of a token: its mail address, or iFlow's API key.
    pub fn account(&self) -> Option<String> {
        Some(self.at(match self.channel {
            Channel::GeminiCli | Channel::Antigravity => {
                "https://www.googleapis.com/oauth2/v1/userinfo?alt=json"
            }
            Channel::Iflow => "https://iflow.cn/api/oauth/getUserInfo",
            _ => return None,
        }))
    }

    /// iFlow: where the API key of a browser's session is.
    pub fn api_key(&self) -> Option<String> {
        let vendors = "https://platform.iflow.cn/api/openapi/apikey";
        (self.channel == Channel::Iflow).then(|| self.at(vendors))
    }

    /// The origin of the configured token endpoint, if it is none of a vendor's.
    pub fn moved(&self) -> Option<String> {
        let token = self.token.as_deref().filter(|token| !is_vendors(token));
        token.and_then(origin)
    }

    /// A vendor's address, at the configured origin if there is one.
    pub fn at(&self, vendors: &str) -> String {
        let origin = self.moved();
        let path = vendors
            .parse::<Uri>()
            .ok()
            .and_then(|uri| uri.path_and_query().cloned());
        match (origin, path) {
            (Some(origin), Some(path)) => format!("{origin}{path}"),
            _ => vendors.to_owned(),
        }
    }
}

fn vendors_token(channel: Channel) -> &'static str {
    match channel {
        Channel::Claude => "https://platform.claude.com/v1/oauth/token",
        Channel::Codex => "https://auth.openai.com/oauth/token",
        Channel::GeminiCli | Channel::Vertex | Channel::Antigravity => {
            "https://oauth2.googleapis.com/token"
        }
        Channel::Kimi => "https://auth.kimi.com/api/oauth/token",
        Channel::Iflow => "https://iflow.cn/oauth/token",
    }
}

/// Whether a URL is at a vendor's. Its other endpoints are elsewhere there.
fn is_vendors(url: &str) -> bool {
    let uri = url.parse::<Uri>().unwrap_or_default();
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    let is_below = |domain: &&str| {
        let rest = host.strip_suffix(*domain);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    VENDORS.iter().any(is_below)
}

fn origin(url: &str) -> Option<String> {
    let uri = url.parse::<Uri>().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn a_token_endpoint_elsewhere_takes_the_others_with_it() {
        let text = "oauth-clients: {kimi: {token-uri: 'http://127.0.0.1:9/api/oauth/token'}}";
        let config = config::load(text, "c.yaml").config.unwrap();
        let kimi = Endpoints::of(Channel::Kimi, None, &config);
        assert_eq!(kimi.token(), "http://127.0.0.1:9/api/oauth/token");
        let device = "http://127.0.0.1:9/api/oauth/device_authorization";
        assert_eq!(kimi.device().as_deref(), Some(device));
        let google = Endpoints::of(Channel::GeminiCli, Some("https://own.example/t"), &config);
        let account = "https://own.example/oauth2/v1/userinfo?alt=json";
        assert_eq!(google.account().as_deref(), Some(account));
    }

    #[test]
    fn another_token_endpoint_of_the_vendor_moves_nothing_else() {
        let config = config::load("{}", "c.yaml").config.unwrap();
        for (channel, token) in [
            (Channel::Claude, "https://api.anthropic.com/v1/oauth/token"),
            (
                Channel::GeminiCli,
                "https://accounts.google.com/o/oauth2/token",
            ),
        ] {
            let endpoints = Endpoints::of(channel, Some(token), &config);
            let usual = Endpoints::of(channel, None, &config);
            assert_eq!(endpoints.token(), token);
            assert_eq!(endpoints.authorization(), usual.authorization());
        }
        let own = Endpoints::of(Channel::Claude, Some("https://notclaude.ai/t"), &config);
        let page = "https://notclaude.ai/oauth/authorize";
        assert_eq!(own.authorization().as_deref(), Some(page));
    }

    #[test]
    fn the_vendors_own_endpoints_are_the_rule() {
        let config = config::load("{}", "c.yaml").config.unwrap();
        let token = "https://oauth2.googleapis.com/token";
        let google = Endpoints::of(Channel::GeminiCli, Some(token), &config);
        assert_eq!(google.token(), token);
        let account = "https://www.googleapis.com/oauth2/v1/userinfo?alt=json";
        assert_eq!(google.account().as_deref(), Some(account));
        for channel in Channel::ALL {
            let endpoints = Endpoints::of(channel, None, &config);
            assert!(endpoints.token().starts_with("https://"), "{channel:?}");
        }
    }
}
