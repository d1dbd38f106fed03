//! Renewing the tokens of a credential file, in each vendor's form.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use http::header::{AUTHORIZATION, COOKIE, HeaderName};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::client::Client;
use super::endpoints::Endpoints;
use super::token::{self, Refusal, TokenAnswer};
use crate::config::Secret;
use crate::credential::Channel;
use crate::credential::file::{Claims, Tokens, moment};
use crate::failure::{Failure, FailureKind, Headers};
use crate::provider::call::Upstream;
use crate::provider::fetch::{Fetch, Fetched};
use crate::provider::target::ProxySetting;

/// For one request of a renewal.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// When a token expires if nobody says.
const USUAL_LIFETIME: Duration = Duration::from_secs(3600);
/// When an incomplete renewal is repeated.
const SOON: Duration = Duration::from_secs(300);
/// The scope that OpenAI's endpoint expects.
const CODEX_SCOPE: &str = "openid profile email";
const DEVICE_ID: HeaderName = HeaderName::from_static("x-msh-device-id");

/// The tokens of a file, and what it takes to renew them.
pub struct Renewal<'a> {
    pub channel: Channel,
    pub tokens: &'a Tokens,
    /// Not needed for service accounts and cookies.
    pub client: Option<&'a Client>,
    pub endpoints: &'a Endpoints,
    pub proxy: ProxySetting<'a>,
    pub now: SystemTime,
}

/// Renewed tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// `None`: iFlow's cookies have no access token.
    pub access: Option<Secret>,
    /// `None`: the previous one stays valid.
    pub refresh: Option<Secret>,
    pub id_token: Option<Secret>,
    pub expiry: SystemTime,
    /// iFlow: the key of the API.
    pub api_key: Option<Secret>,
    /// The whole answer of the token endpoint, for what vendors add.
    pub answer: Option<Secret>,
}

/// Renews the tokens with one request, or two where the first address is an old one.
///
/// # Errors
/// [`Refusal`] when there are no new tokens.
pub fn refresh(upstream: &Upstream, renewal: &Renewal<'_>) -> Result<Renewed, Refusal> {
    if let (Some(cookie), None) = (&renewal.tokens.cookie, &renewal.tokens.refresh) {
        return iflow_cookie(upstream, renewal, cookie);
    }
    let (body, headers) = form(renewal)?;
    let endpoint = renewal.endpoints.token();
    let mut answer = send(upstream, renewal, endpoint, body.clone(), headers.clone())?;
    if answer.status == 404
        && let Some(old) = renewal.endpoints.old_token()
    {
        answer = send(upstream, renewal, old, body, headers)?;
    }
    let answer = match token::read(&answer, renewal.now) {
        // Kimi says so of a refresh token that it no longer accepts.
        Err(Refusal::Failed(failure))
            if renewal.channel == Channel::Kimi && failure.status == Some(403) =>
        {
            Err(Refusal::Lost("403".to_owned()))
        }
        other => other,
    }?;
    if renewal.channel != Channel::Iflow {
        return Ok(renewed(answer, None, renewal.now));
    }
    match iflow_key(upstream, renewal, &answer.access) {
        Ok(key) => Ok(renewed(answer, Some(key), renewal.now)),
        // The new tokens must not be lost. The key stays, and the next attempt comes soon.
        Err(_) if renewal.tokens.api_key.is_some() => Ok(Renewed {
            expiry: renewal.now + SOON,
            ..renewed(answer, None, renewal.now)
        }),
        Err(refusal) => Err(refusal),
    }
}

fn renewed(answer: TokenAnswer, api_key: Option<Secret>, now: SystemTime) -> Renewed {
    let expiry = match answer.lifetime {
        Some(lifetime) => now.checked_add(lifetime),
        None => Claims::of(answer.access.reveal()).expiry(),
    };
    Renewed {
        access: Some(answer.access),
        refresh: answer.refresh,
        id_token: answer.id_token,
        expiry: expiry.unwrap_or(now + USUAL_LIFETIME),
        api_key,
        answer: Some(answer.json),
    }
}

type Body = (&'static str, Vec<u8>);

/// The body of a request for new tokens, with its headers.
fn form(renewal: &Renewal<'_>) -> Result<(Body, Headers), Refusal> {
    let mut headers = Headers::default();
    if let Some(account) = &renewal.tokens.service_account {
        let assertion = account
            .assertion(renewal.endpoints.token(), renewal.now)
            .map_err(|_| failed("the request for a token could not be signed"))?;
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        let fields = [("grant_type", grant), ("assertion", assertion.reveal())];
        return Ok((urlencoded(&fields), headers));
    }
    let (Some(client), Some(refresh)) = (renewal.client, &renewal.tokens.refresh) else {
        return Err(failed("there is no refresh token, or no OAuth client"));
    };
    let secret = client.secret.as_ref().map(Secret::reveal);
    let mut fields = vec![
        ("client_id", client.id.as_str()),
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.reveal()),
    ];
    match renewal.channel {
        Channel::Claude => {
            let body: serde_json::Map<String, Value> = fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect();
            let body = Value::from(body).to_string().into_bytes();
            return Ok((("application/json", body), headers));
        }
        Channel::Codex => fields.push(("scope", CODEX_SCOPE)),
        Channel::Kimi => {
            if let Some(device) = &renewal.tokens.device_id {
                headers.set(DEVICE_ID, device);
            }
        }
        Channel::Iflow => {
            let login = format!("{}:{}", client.id, secret.unwrap_or_default());
            let login = format!("Basic {}", BASE64_STANDARD.encode(login));
            headers.set_secret(AUTHORIZATION, login);
        }
        Channel::GeminiCli | Channel::Antigravity | Channel::Vertex => {}
    }
    if let Some(secret) = secret {
        fields.push(("client_secret", secret));
    }
    Ok((urlencoded(&fields), headers))
}

fn send(
    upstream: &Upstream,
    renewal: &Renewal<'_>,
    url: &str,
    body: Body,
    headers: Headers,
) -> Result<Fetched, Refusal> {
    let fetch = Fetch {
        method: Method::POST,
        url,
        body: Some(body),
        headers,
        proxy: renewal.proxy,
        time_limit: TIME_LIMIT,
    };
    upstream.fetch(fetch).map_err(Refusal::Failed)
}

/// The API key that belongs to a token of iFlow.
fn iflow_key(
    upstream: &Upstream,
    renewal: &Renewal<'_>,
    access: &Secret,
) -> Result<Secret, Refusal> {
    let url = renewal.endpoints.account().unwrap_or_default();
    let token = utf8_percent_encode(access.reveal(), NON_ALPHANUMERIC);
    let url = format!("{url}?accessToken={token}");
    let fetch = Fetch {
        method: Method::GET,
        url: &url,
        body: None,
        headers: Headers::default(),
        proxy: renewal.proxy,
        time_limit: TIME_LIMIT,
    };
    let answer = upstream.fetch(fetch).map_err(Refusal::Failed)?;
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    api_key(&json).ok_or_else(|| failed("the account has no API key"))
}

/// Renews the API key of a browser's session.
fn iflow_cookie(
    upstream: &Upstream,
    renewal: &Renewal<'_>,
    cookie: &Secret,
) -> Result<Renewed, Refusal> {
    let mut headers = Headers::default();
    headers.set_secret(COOKIE, cookie.reveal().to_owned());
    let url = renewal.endpoints.api_key().unwrap_or_default();
    let name = renewal.tokens.email.as_deref().unwrap_or_default();
    let body = json!({ "name": name }).to_string().into_bytes();
    let answer = send(upstream, renewal, &url, ("application/json", body), headers)?;
    if matches!(answer.status, 401 | 403) {
        return Err(Refusal::Lost(answer.status.to_string()));
    }
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let api_key = api_key(&json).ok_or_else(|| failed("the account has no API key"))?;
    let expiry = json
        .pointer("/data/expireTime")
        .and_then(moment)
        .unwrap_or(renewal.now + USUAL_LIFETIME);
    Ok(Renewed {
        access: None,
        refresh: None,
        id_token: None,
        expiry,
        api_key: Some(api_key),
        answer: None,
    })
}

fn api_key(json: &Value) -> Option<Secret> {
    let key = json.pointer("/data/apiKey")?.as_str()?.trim();
    (!key.is_empty()).then(|| Secret::new(key))
}

/// The content of a form (`application/x-www-form-urlencoded`).
pub fn urlencoded(fields: &[(&str, &str)]) -> Body {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    (
        "application/x-www-form-urlencoded",
        fields.join("&").into_bytes(),
    )
}

fn failed(message: &str) -> Refusal {
    Refusal::Failed(Failure::new(FailureKind::Broken, message))
}
