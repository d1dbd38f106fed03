//! The tokens of a credential file.

use std::time::{Duration, SystemTime};

use super::expiry;
use super::fields::Fields;
use super::jwt::Claims;
use super::service_account::ServiceAccount;
use crate::config::{OauthClient, Secret};

/// What a file has to authenticate with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    pub access: Option<Secret>,
    pub refresh: Option<Secret>,
    pub id_token: Option<Secret>,
    /// When the access token expires.
    pub expiry: Option<SystemTime>,
    pub last_refresh: Option<SystemTime>,
    /// The file's own schedule for renewals.
    pub interval: Option<Duration>,
    /// The client that the file names, and its token endpoint.
    pub client: OauthClient,
    /// iFlow: the key of the API.
    pub api_key: Option<Secret>,
    /// iFlow: the session of a browser.
    pub cookie: Option<Secret>,
    /// Kimi: the id that the token endpoint wants to see again.
    pub device_id: Option<String>,
    /// Vertex AI: tokens are signed for with its key.
    pub service_account: Option<ServiceAccount>,
    /// iFlow: the account, which renewals with a cookie name.
    pub email: Option<String>,
}

impl Tokens {
    pub(super) fn of(fields: Fields<'_>, service_account: Option<ServiceAccount>) -> Self {
        let secret = |name: &str| fields.token_text(name).map(Secret::new);
        let access = secret("access_token");
        let claimed = || Claims::of(access.as_ref()?.reveal()).expiry();
        Self {
            expiry: expiry::expiry(fields).or_else(claimed),
            refresh: secret("refresh_token"),
            id_token: secret("id_token"),
            last_refresh: expiry::last_refresh(fields),
            interval: expiry::interval(fields),
            client: OauthClient {
                id: fields.token_text("client_id").map(str::to_owned),
                secret: secret("client_secret"),
                token_uri: fields.token_text("token_uri").map(str::to_owned),
            },
            api_key: fields.text("api_key").map(Secret::new),
            cookie: fields.text("cookie").map(Secret::new),
            device_id: fields.text("device_id").map(str::to_owned),
            service_account,
            email: fields.text("email").map(str::to_owned),
            access,
        }
    }

    /// Whether both have the same tokens and keys.
    pub fn is_same_login(&self, other: &Self) -> bool {
        let login = |tokens: &Self| {
            let Self {
                access,
                refresh,
                api_key,
                cookie,
                service_account,
                ..
            } = tokens.clone();
            (access, refresh, api_key, cookie, service_account)
        };
        login(self) == login(other)
    }

    /// What requests authenticate with: iFlow's API key, else the access token.
    pub fn bearer(&self) -> Option<&Secret> {
        self.api_key.as_ref().or(self.access.as_ref())
    }

    /// Whether the token is expired at `now`, or would be within `margin`.
    pub fn is_expired(&self, now: SystemTime, margin: Duration) -> bool {
        self.expiry
            .is_some_and(|expiry| expiry <= now.checked_add(margin).unwrap_or(now))
    }

    /// Whether they can be renewed at all, a missing client aside.
    pub fn are_renewable(&self) -> bool {
        self.refresh.is_some() || self.cookie.is_some() || self.service_account.is_some()
    }
}
