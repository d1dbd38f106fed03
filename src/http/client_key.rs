//! Client authentication.
//!
//! Each vendor's SDK sends the key in a place of its own, so five places are read: `Authorization: Bearer`,
//! `x-goog-api-key`, `x-api-key`, and the query parameters `key` and `auth_token`.

use std::net::SocketAddr;

use super::anonymous::{self, AnonymousRequest, Rejection};
use super::query::Query;
use crate::config::{ClientKeys, Config, Secret};
use crate::wire::problem::Problem;

/// The authentication settings of a configuration snapshot.
#[derive(Clone, Debug)]
pub struct ClientAuth {
    keys: ClientKeys,
    has_example: bool,
    host: String,
    allow_anonymous: bool,
}

/// The client of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client<'k> {
    /// No keys are configured.
    Anonymous,
    /// The configured key that the request presents. It identifies the client.
    Known(&'k Secret),
}

/// Why a request is not authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// The request has no key.
    MissingKey,
    /// The request's key is not configured.
    InvalidKey,
    /// The configuration has an example key, which is publicly known.
    ExampleKey,
    /// No keys are configured, and the request is not from a program on this host.
    Rejected(Rejection),
}

impl ClientAuth {
    pub fn new(config: &Config) -> Self {
        Self {
            has_example: config.api_keys.has_example(),
            keys: config.api_keys.clone(),
            host: config.host.clone(),
            allow_anonymous: config.allow_anonymous,
        }
    }

    /// Checks the origin of a request if no keys are configured ([`anonymous::check`]). Comes before all other checks.
    ///
    /// # Errors
    /// When the request is refused.
    pub fn check_anonymous<'h>(
        &self,
        peer: SocketAddr,
        local: &[SocketAddr],
        authority: Option<&str>,
        headers: impl Iterator<Item = (&'h str, &'h str)> + Clone,
    ) -> Result<(), AuthError> {
        if self.keys.is_configured() {
            return Ok(());
        }
        let request = AnonymousRequest {
            peer,
            local,
            host: &self.host,
            allow_anonymous: self.allow_anonymous,
        };
        anonymous::check(&request, authority, headers).map_err(AuthError::Rejected)
    }

    /// Identifies the client by the first valid key; invalid keys in other places are ignored. `header` returns the first
    /// value of a header by its lower-case name.
    ///
    /// # Errors
    /// When the request has no valid key, or the configuration has an example key.
    pub fn authenticate<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h str>,
        query: Query<'_>,
    ) -> Result<Client<'_>, AuthError> {
        if self.has_example {
            return Err(AuthError::ExampleKey);
        }
        if !self.keys.is_configured() {
            return Ok(Client::Anonymous);
        }
        let mut presented = false;
        let headers = [
            header("authorization").map(bearer),
            header("x-goog-api-key"),
            header("x-api-key"),
        ];
        for candidate in headers.into_iter().flatten().filter(|key| !key.is_empty()) {
            presented = true;
            if let Some(key) = self.find(candidate) {
                return Ok(Client::Known(key));
            }
        }
        for name in ["key", "auth_token"] {
            let Some(candidate) = query.first(name).filter(|key| !key.is_empty()) else {
                continue;
            };
            presented = true;
            if let Some(key) = self.find(&candidate) {
                return Ok(Client::Known(key));
            }
        }
        Err(match presented {
            true => AuthError::InvalidKey,
            false => AuthError::MissingKey,
        })
    }

    /// Compares with every key, so that timing does not reveal which key is similar.
    fn find(&self, candidate: &str) -> Option<&Secret> {
        self.keys.keys().iter().fold(None, |found, key| {
            // A blank configured key must not match.
            if key.matches(candidate) && !key.reveal().trim().is_empty() {
                Some(key)
            } else {
                found
            }
        })
    }
}

impl AuthError {
    /// The error for the client.
    pub fn problem(self) -> Problem {
        match self {
            Self::MissingKey => Problem::unauthorized(
                "Missing API key: send one of those under `api-keys` in the gateway's configuration, as \
                 \"Authorization: Bearer KEY\", \"x-api-key: KEY\" or \"x-goog-api-key: KEY\"",
            ),
            Self::InvalidKey => Problem::unauthorized(
                "Invalid API key: it is not listed under `api-keys` in the gateway's configuration",
            ),
            Self::ExampleKey => Problem::forbidden(
                "unsafe_example_api_key",
                "`api-keys` contains an example key (your-api-key-1, -2 or -3); replace it in the configuration",
            ),
            Self::Rejected(Rejection::Peer) => Problem::forbidden(
                "remote_not_allowed",
                "This gateway has no client keys and only accepts requests from its own host; set `api-keys`, or \
                 `allow-anonymous: true`, in its configuration",
            ),
            Self::Rejected(Rejection::Host) => Problem::forbidden(
                "host_not_allowed",
                "This gateway has no client keys and only accepts its own address or localhost as the Host of a \
                 request; set `api-keys` in its configuration",
            ),
            Self::Rejected(Rejection::Origin) => Problem::forbidden(
                "origin_not_allowed",
                "This gateway has no client keys and does not accept requests from web pages of other hosts; set \
                 `api-keys` in its configuration",
            ),
        }
    }

    /// Whether the answer has CORS headers. Rejected web pages must not read it.
    pub fn allows_cors(self) -> bool {
        !matches!(self, Self::Rejected(_))
    }
}

/// Keeps the client keys of `old` on a reload if `new` has lost its keys, or if other hosts could connect without a key.
/// `local` are the listening addresses.
pub fn keep_lost_keys(new: &mut Config, old: &Config, local: &[SocketAddr]) {
    let is_open = !local.iter().all(|at| at.ip().to_canonical().is_loopback());
    let why = if new.api_keys.is_lost() {
        "no client keys are left"
    } else if new.is_anonymous() && old.api_keys.is_configured() && is_open && !new.allow_anonymous
    {
        "no client keys are configured, and other hosts can connect"
    } else {
        return;
    };
    if old.api_keys.is_configured() {
        new.api_keys = old.api_keys.clone();
    }
    match new.api_keys.is_lost() {
        true => log::error!("config: {}: {why}: every request is refused", new.file),
        false => log::error!(
            "config: {}: {why}: the previous client keys stay valid",
            new.file
        ),
    }
}

/// Logs at startup which clients are served, unless client keys are configured.
pub fn log_client_access(config: &Config, local: &[SocketAddr]) {
    let is_open = !local.iter().all(|at| at.ip().to_canonical().is_loopback());
    if config.api_keys.is_lost() {
        let file = &config.file;
        log::error!("config: {file}: no client keys are left: every request is refused");
    } else if config.is_anonymous() && is_open {
        log::warn!("allow-anonymous: requests from any host are served without a client key");
    } else if config.is_anonymous() {
        log::warn!("no client keys are configured: only programs on this host are served");
    }
}

/// The token of `Bearer <token>`; the whole value for any other scheme or none.
fn bearer(value: &str) -> &str {
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        // A client with an empty key sends the scheme alone.
        None if value.eq_ignore_ascii_case("bearer") => "",
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(values: &[&str]) -> ClientAuth {
        let secrets = values.iter().map(|value| Secret::new(*value)).collect();
        ClientAuth::new(&Config {
            api_keys: ClientKeys::Configured(secrets),
            ..Config::default()
        })
    }

    fn check<'k>(
        keys: &'k ClientAuth,
        headers: &[(&str, &'static str)],
        query: &str,
    ) -> Result<&'k str, AuthError> {
        let header = |name: &str| {
            headers
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| *value)
        };
        keys.authenticate(header, Query::new(query))
            .map(|client| match client {
                Client::Anonymous => "",
                Client::Known(key) => key.reveal(),
            })
    }

    #[test]
    fn requests_are_anonymous_without_keys_and_refused_when_all_keys_are_blank() {
        let none = ClientAuth::new(&Config::default());
        let headers = [("authorization", "Bearer x")];
        assert_eq!(check(&none, &headers, ""), Ok(""));
        for lost in [keys(&[]), keys(&["", "  "])] {
            for (headers, refused) in [
                (&headers[..], AuthError::InvalidKey),
                (&[], AuthError::MissingKey),
                (&[("authorization", "Bearer ")], AuthError::MissingKey),
                (&[("authorization", "bearer")], AuthError::MissingKey),
                (&[("authorization", " ")], AuthError::InvalidKey),
                (&[("x-api-key", "  ")], AuthError::InvalidKey),
            ] {
                assert_eq!(check(&lost, headers, ""), Err(refused), "{headers:?}");
            }
        }
    }

    #[test]
    fn five_places_are_read_in_order() {
        let keys = keys(&["k-one", "k-two"]);
        for (headers, query, expected) in [
            (&[("authorization", "Bearer k-one")][..], "", Ok("k-one")),
            (&[("authorization", "bEaReR   k-one ")], "", Ok("k-one")),
            (&[("authorization", "k-one")], "", Ok("k-one")),
            (
                &[("authorization", "Basic k-one")],
                "",
                Err(AuthError::InvalidKey),
            ),
            (&[("x-goog-api-key", "k-two")], "", Ok("k-two")),
            (&[("x-api-key", "k-two")], "", Ok("k-two")),
            (&[], "alt=sse&key=k-two", Ok("k-two")),
            (&[], "key=k%2Dtwo", Ok("k-two")),
            (&[], "auth_token=k-one", Ok("k-one")),
            (&[], "key=wrong&key=k-one", Err(AuthError::InvalidKey)),
            (
                &[("authorization", "Bearer wrong"), ("x-api-key", "k-two")],
                "",
                Ok("k-two"),
            ),
            (
                &[("x-api-key", "k-two"), ("x-goog-api-key", "k-one")],
                "key=k-two",
                Ok("k-one"),
            ),
            (&[("x-api-key", "wrong")], "auth_token=k-one", Ok("k-one")),
            (&[("x-api-key", "K-ONE")], "", Err(AuthError::InvalidKey)),
            (&[("x-api-key", "k-one2")], "", Err(AuthError::InvalidKey)),
            (
                &[("authorization", ""), ("x-api-key", "")],
                "key=&auth_token",
                Err(AuthError::MissingKey),
            ),
            (
                &[("authorization", "Bearer ")],
                "",
                Err(AuthError::MissingKey),
            ),
            (&[], "", Err(AuthError::MissingKey)),
        ] {
            assert_eq!(
                check(&keys, headers, query),
                expected,
                "{headers:?} {query}"
            );
        }
    }

    #[test]
    fn an_example_key_refuses_all_requests() {
        for example in ["your-api-key-1", "your-api-key-2", "your-api-key-3"] {
            let keys = keys(&["mine", example]);
            let refused = check(&keys, &[("x-api-key", "mine")], "");
            assert_eq!(refused, Err(AuthError::ExampleKey));
        }
        assert!(
            check(
                &keys(&["your-api-key-4"]),
                &[("x-api-key", "your-api-key-4")],
                ""
            )
            .is_ok()
        );
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!("{:?}", keys(&["sk-very-secret-key"]));
        assert!(!shown.contains("very-secret"), "{shown}");
    }
}
