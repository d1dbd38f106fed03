//! Signing in with a browser: the authorization code flow (RFC 6749, 4.1) with PKCE (RFC 7636).

use std::time::SystemTime;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use http::header::AUTHORIZATION;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::json;

use super::account;
use super::refresh::urlencoded;
use super::service::{Service, failed, json_body};
use super::token::{self, Refusal};
use crate::config::Secret;
use crate::credential::{Channel, GOOGLE_SCOPES, Login};
use crate::failure::Headers;

/// Random bytes of a verifier, which becomes 128 characters.
const VERIFIER: usize = 96;
/// Random bytes of a state.
const STATE: usize = 16;
/// Characters that stay as they are in a query.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

const CLAUDE_SCOPE: &str =
    "user:profile user:inference user:sessions:claude_code user:mcp_servers user:file_upload";
const CODEX_SCOPE: &str = "openid profile email offline_access";
/// What Antigravity asks for beside the usual.
const ANTIGRAVITY_SCOPES: &[&str] = &[
    "https://www.googleapis.com/auth/cclog",
    "https://www.googleapis.com/auth/experimentsandconfigs",
];

/// Where the browser is sent back to, unless told otherwise: port and path.
pub fn callback(channel: Channel) -> Option<(u16, &'static str)> {
    Some(match channel {
        Channel::Claude => (54545, "/callback"),
        Channel::Codex => (1455, "/auth/callback"),
        Channel::GeminiCli => (8085, "/oauth2callback"),
        Channel::Antigravity => (51121, "/oauth-callback"),
        Channel::Iflow => (11451, "/oauth2callback"),
        Channel::Kimi | Channel::Vertex => return None,
    })
}

/// Whether the vendor sends the browser to one port only. Another one must be forwarded to.
pub fn has_fixed_port(channel: Channel) -> bool {
    matches!(channel, Channel::Claude | Channel::Codex)
}

/// A sign-in that waits for its browser.
pub struct SignIn {
    redirect: String,
    state: String,
    verifier: Secret,
}

impl SignIn {
    /// `port` is that of the listener.
    ///
    /// # Errors
    /// When the system has no random bytes, or the channel is not signed in to with a browser.
    pub fn begin(channel: Channel, port: u16) -> Result<Self, Refusal> {
        let (usual, path) = callback(channel)
            .ok_or_else(|| failed("this channel has no sign-in with a browser"))?;
        let port = match has_fixed_port(channel) {
            true => usual,
            false => port,
        };
        let state = random::<STATE>()?;
        Ok(Self {
            redirect: format!("http://localhost:{port}{path}"),
            state: state.iter().map(|byte| format!("{byte:02x}")).collect(),
            verifier: Secret::new(BASE64_URL_SAFE_NO_PAD.encode(random::<VERIFIER>()?)),
        })
    }

    /// What the browser must bring back unchanged.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// The page to open.
    pub fn url(&self, service: &Service<'_>) -> String {
        let challenge = digest(&SHA256, self.verifier.reveal().as_bytes());
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(challenge);
        let client = service.client.id.as_str();
        let google = |more: &[&str]| [GOOGLE_SCOPES, more].concat().join(" ");
        let scope = match service.channel {
            Channel::Claude => CLAUDE_SCOPE.to_owned(),
            Channel::Codex => CODEX_SCOPE.to_owned(),
            Channel::Antigravity => google(ANTIGRAVITY_SCOPES),
            _ => google(&[]),
        };
        let mut parameters = match service.channel {
            Channel::Iflow => vec![
                ("loginMethod", "phone"),
                ("type", "phone"),
                ("redirect", &*self.redirect),
                ("state", &self.state),
                ("client_id", client),
            ],
            _ => vec![
                ("client_id", client),
                ("response_type", "code"),
                ("redirect_uri", &self.redirect),
                ("scope", &scope),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
                ("state", &self.state),
            ],
        };
        match service.channel {
            Channel::Claude => parameters.insert(0, ("code", "true")),
            Channel::Codex => parameters.extend([
                ("prompt", "login"),
                ("id_token_add_organizations", "true"),
                ("codex_cli_simplified_flow", "true"),
            ]),
            Channel::GeminiCli | Channel::Antigravity => {
                parameters.extend([("access_type", "offline"), ("prompt", "consent")]);
            }
            _ => {}
        }
        let encode = |text| utf8_percent_encode(text, UNRESERVED);
        let pairs: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        let page = service.endpoints.authorization().unwrap_or_default();
        format!("{page}?{}", pairs.join("&"))
    }

    /// Exchanges the code for tokens, and asks whose they are.
    ///
    /// # Errors
    /// [`Refusal`] when there are no tokens, or the vendor does not say whose they are.
    pub fn finish(
        &self,
        service: &Service<'_>,
        code: &Secret,
        now: SystemTime,
    ) -> Result<Login, Refusal> {
        exchange(
            service,
            code,
            &self.redirect,
            &self.verifier,
            &self.state,
            now,
        )
    }
}

/// Exchanges a code, as [`SignIn::finish`].
pub fn exchange(
    service: &Service<'_>,
    code: &Secret,
    redirect: &str,
    verifier: &Secret,
    state: &str,
    now: SystemTime,
) -> Result<Login, Refusal> {
    let client = &service.client;
    let secret = client.secret.as_ref().map(Secret::reveal);
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code.reveal()),
        ("redirect_uri", redirect),
        ("client_id", &client.id),
        ("code_verifier", verifier.reveal()),
    ];
    let mut headers = Headers::default();
    let body = match service.channel {
        Channel::Claude => json_body(&json!({
            "grant_type": "authorization_code",
            "code": code.reveal(),
            "state": state,
            "client_id": client.id,
            "redirect_uri": redirect,
            "code_verifier": verifier.reveal(),
        })),
        channel => {
            if channel == Channel::Iflow {
                // It knows no PKCE.
                fields.pop();
                let login = format!("{}:{}", client.id, secret.unwrap_or_default());
                let login = format!("Basic {}", BASE64_STANDARD.encode(login));
                headers.set_secret(AUTHORIZATION, login);
            }
            fields.extend(secret.map(|secret| ("client_secret", secret)));
            urlencoded(&fields)
        }
    };
    let mut answer = service.post(service.endpoints.token(), body.clone(), headers.clone())?;
    if answer.status == 404
        && let Some(old) = service.endpoints.old_token()
    {
        answer = service.post(old, body, headers)?;
    }
    account::login(service, token::read(&answer, now)?, now)
}

/// Random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| failed("the system has no random bytes"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::config;
    use crate::provider::oauth::{Client, Endpoints};
    use crate::provider::{ProxySetting, Settings, Upstream};

    fn parameters(channel: Channel, port: u16) -> (String, HashMap<String, String>) {
        let config = config::load("{}", "c.yaml").config.unwrap();
        let upstream = Upstream::new(Settings::default());
        let service = Service {
            upstream: &upstream,
            channel,
            client: Client {
                id: "the client".to_owned(),
                secret: Some(Secret::new("its secret")),
            },
            endpoints: Endpoints::of(channel, None, &config),
            proxy: ProxySetting::Inherit,
        };
        let sign_in = SignIn::begin(channel, port).unwrap();
        let url = sign_in.url(&service);
        assert!(
            !url.contains("secret") && !url.contains(sign_in.verifier.reveal()),
            "{url}"
        );
        let (page, query) = url.split_once('?').unwrap();
        let decode = |text| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8()
                .unwrap()
        };
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
        let pairs = pairs.map(|(name, value)| (name.to_owned(), decode(value).into_owned()));
        (page.to_owned(), pairs.collect())
    }

    #[test]
    fn every_channel_has_its_page() {
        let google = "https://www.googleapis.com/auth/";
        let scope = |names: &[&str]| {
            let scopes: Vec<String> = names.iter().map(|name| format!("{google}{name}")).collect();
            scopes.join(" ")
        };
        let usual = ["cloud-platform", "userinfo.email", "userinfo.profile"];
        let antigravity = scope(&[&usual[..], &["cclog", "experimentsandconfigs"]].concat());
        let gemini = scope(&usual);
        for (channel, page, redirect, expected) in [
            (
                Channel::Claude,
                "https://claude.ai/oauth/authorize",
                "http://localhost:54545/callback",
                &[("code", "true"), ("scope", CLAUDE_SCOPE)][..],
            ),
            (
                Channel::Codex,
                "https://auth.openai.com/oauth/authorize",
                "http://localhost:1455/auth/callback",
                &[
                    ("scope", CODEX_SCOPE),
                    ("prompt", "login"),
                    ("id_token_add_organizations", "true"),
                    ("codex_cli_simplified_flow", "true"),
                ],
            ),
            (
                Channel::GeminiCli,
                "https://accounts.google.com/o/oauth2/auth",
                "http://localhost:7/oauth2callback",
                &[
                    ("scope", &gemini),
                    ("access_type", "offline"),
                    ("prompt", "consent"),
                ],
            ),
            (
                Channel::Antigravity,
                "https://accounts.google.com/o/oauth2/v2/auth",
                "http://localhost:7/oauth-callback",
                &[("scope", &antigravity), ("access_type", "offline")],
            ),
        ] {
            let (found, parameters) = parameters(channel, 7);
            assert_eq!(found, page);
            assert_eq!(parameters["client_id"], "the client");
            assert_eq!(parameters["redirect_uri"], redirect);
            assert_eq!(parameters["response_type"], "code");
            assert_eq!(parameters["code_challenge_method"], "S256");
            assert_eq!(parameters["code_challenge"].len(), 43);
            assert_eq!(parameters["state"].len(), 32);
            for (name, value) in expected {
                assert_eq!(parameters[*name], *value, "{channel:?} {name}");
            }
        }
        let (page, parameters) = parameters(Channel::Iflow, 7);
        assert_eq!(page, "https://iflow.cn/oauth");
        assert_eq!(parameters["redirect"], "http://localhost:7/oauth2callback");
        assert_eq!(parameters["loginMethod"], "phone");
        assert!(SignIn::begin(Channel::Kimi, 7).is_err());
    }

    #[test]
    fn states_and_verifiers_are_used_once() {
        let begin = || SignIn::begin(Channel::Codex, 7).unwrap();
        let (one, other) = (begin(), begin());
        assert_eq!(one.verifier.reveal().len(), 128);
        assert!(one.state != other.state && one.verifier != other.verifier);
    }
}
