//! What a credential file says beside its tokens.

use http::header::{HeaderName, HeaderValue};
use serde_json::Value;

use super::fields::Fields;
use super::jwt::Claims;
use super::tokens::Tokens;
use crate::config::{self, HeaderValueSource, ProxySetting, Secret, Tuning};
use crate::credential::channel::Channel;

/// The operator's settings in a file, and its account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileSettings {
    /// For operators; `label`, else the account, the project or the channel.
    pub label: String,
    /// The account: a mail address or a telephone number.
    pub email: Option<String>,
    /// The vendor's id of the account.
    pub account_id: Option<String>,
    /// The plan of the account.
    pub plan: Option<String>,
    /// Google Cloud projects.
    pub projects: Vec<String>,
    /// Vertex AI: the region.
    pub location: Option<String>,
    /// Without a slash at the end; `None` for the vendor's.
    pub base_url: Option<String>,
    pub prefix: Option<String>,
    pub proxy: ProxySetting,
    pub headers: Vec<(String, HeaderValueSource)>,
    /// In lower case.
    pub excluded_models: Vec<String>,
    pub priority: i32,
    pub tuning: Tuning,
    pub is_disabled: bool,
    /// Why the file cannot be used, if it cannot.
    pub unusable: Option<&'static str>,
    pub note: Option<String>,
    /// Whether Codex is called over WebSockets.
    pub websockets: bool,
}

/// The largest weight.
const MOST_WEIGHT: i64 = 1_000_000;

/// The longest region: with what Google adds to it, it is a label of a host name.
const LONGEST_REGION: usize = 63 - "-aiplatform".len();

impl FileSettings {
    pub(super) fn of(fields: Fields<'_>, channel: Option<Channel>, tokens: &Tokens) -> Self {
        let text = |name| fields.text(name).map(str::to_owned);
        let id_claims = claims(tokens.id_token.as_ref());
        let access_claims = claims(tokens.access.as_ref());
        let service = tokens.service_account.as_ref();
        let email = text("email")
            .or_else(|| service.map(|service| service.email.clone()))
            .or_else(|| id_claims.email());
        let projects = projects(
            fields,
            service.and_then(|service| service.project.as_deref()),
        );
        let is_codex = channel == Some(Channel::Codex);
        let claimed = || {
            id_claims
                .account_id()
                .or_else(|| access_claims.account_id())
        };
        let label = text("label")
            .or_else(|| email.clone())
            .or_else(|| projects.first().cloned())
            .or_else(|| channel.map(|channel| channel.name().to_owned()));
        let proxy = ProxySetting::parse(fields.text("proxy_url").unwrap_or_default());
        let base_url = fields.text("base_url").map(config::base_url);
        let location = text("location");
        let unusable = match () {
            // A call to another host, or without the proxy, would be worse than none.
            () if proxy.is_err() => Some("`proxy_url` is not a proxy URL"),
            () if matches!(base_url, Some(Err(_))) => Some("`base_url` is not a URL"),
            () if channel == Some(Channel::Vertex)
                && !location.as_deref().is_none_or(is_region) =>
            {
                Some("`location` is not a region")
            }
            () => lacking(channel, &projects, tokens),
        };
        Self {
            unusable,
            label: label.unwrap_or_default(),
            account_id: text("account_id").or_else(|| is_codex.then(claimed).flatten()),
            plan: text("plan").or_else(|| id_claims.plan()),
            email,
            projects,
            location,
            base_url: base_url.clone().and_then(Result::ok),
            prefix: text("prefix")
                .map(|prefix| prefix.trim_matches('/').trim().to_owned())
                .filter(|prefix| !prefix.is_empty() && !prefix.contains('/')),
            proxy: proxy.unwrap_or_default(),
            headers: headers(fields.value("headers")),
            excluded_models: excluded(fields),
            priority: fields
                .integer("priority")
                .and_then(|priority| i32::try_from(priority).ok())
                .unwrap_or_default(),
            tuning: Tuning {
                disable_cooling: fields.flag("disable_cooling"),
                request_retry: fields
                    .integer("request_retry")
                    .and_then(|rounds| u32::try_from(rounds).ok()),
                weight: fields
                    .integer("weight")
                    .map(|weight| u32::try_from(weight.clamp(0, MOST_WEIGHT)).unwrap_or(0)),
            },
            is_disabled: fields.flag("disabled") == Some(true),
            note: text("note"),
            websockets: fields.flag("websockets") == Some(true),
        }
    }
}

/// Whether a text can be a region of Google Cloud, which is a part of a host name.
fn is_region(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    text.len() <= LONGEST_REGION
        && text.bytes().all(is_part)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// What a file needs and does not have.
fn lacking(channel: Option<Channel>, projects: &[String], tokens: &Tokens) -> Option<&'static str> {
    match channel? {
        Channel::Vertex if tokens.service_account.is_none() => {
            Some("it has no service account with a readable RSA key")
        }
        Channel::Vertex if projects.is_empty() => Some("it has no `project_id`"),
        Channel::Vertex => None,
        Channel::Iflow if tokens.api_key.is_none() && !tokens.are_renewable() => {
            Some("it has no `api_key`")
        }
        _ if tokens.bearer().is_none() && !tokens.are_renewable() => Some("it has no token"),
        _ => None,
    }
}

fn claims(token: Option<&Secret>) -> Claims {
    token.map_or_else(Claims::default, |token| Claims::of(token.reveal()))
}

/// The projects: `project_id`, perhaps several with commas, else `project`, else that of the key file.
fn projects(fields: Fields<'_>, of_service: Option<&str>) -> Vec<String> {
    let mut projects: Vec<String> = Vec::new();
    for project in fields.texts("project_id") {
        if !projects.contains(&project) {
            projects.push(project);
        }
    }
    if projects.is_empty() {
        let other = fields.text("project").or(of_service);
        projects.extend(other.map(str::to_owned));
    }
    projects
}

fn excluded(fields: Fields<'_>) -> Vec<String> {
    let mut patterns: Vec<String> = Vec::new();
    for pattern in fields.texts("excluded_models") {
        let pattern = pattern.to_lowercase();
        if !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    patterns
}

fn headers(value: Option<&Value>) -> Vec<(String, HeaderValueSource)> {
    let mut headers: Vec<(String, HeaderValueSource)> = Vec::new();
    for (name, value) in value.and_then(Value::as_object).into_iter().flatten() {
        let Some(text) = value.as_str().map(str::trim) else {
            continue;
        };
        let name = name.trim();
        if text.is_empty() || HeaderName::try_from(name).is_err() {
            continue;
        }
        let is_name = |text: &&str| HeaderName::try_from(*text).is_ok();
        let source = match text.strip_prefix('$').filter(is_name) {
            Some(client) => HeaderValueSource::Client(client.to_owned()),
            None if HeaderValue::try_from(text).is_ok() => {
                HeaderValueSource::Literal(Secret::new(text))
            }
            None => continue,
        };
        headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        headers.push((name.to_owned(), source));
    }
    headers
}
