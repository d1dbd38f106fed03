//! Who may ask (`spec/http.md` 3).

use std::net::SocketAddr;

use super::anonymous::{self, AnonymousRequest, Rejection};
use super::query::Query;
use crate::config::{ClientKeys, Config, Secret};
use crate::wire::problem::Problem;

/// What decides who may ask. Part of a configuration snapshot.
#[derive(Clone, Debug)]
pub struct ClientAuth {
    keys: ClientKeys,
    has_example: bool,
    host: String,
    allow_anonymous: bool,
}

/// What a request's keys say about its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client<'k> {
    /// No keys are configured.
    Anonymous,
    /// The configured key that was presented; it stands for the client from here on.
    Known(&'k Secret),
}

/// Why a client may not ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// No key in any of the five places.
    MissingKey,
    /// A key that is not one of ours.
    InvalidKey,
    /// The configuration still has the keys that everybody knows (`spec/http.md` 14 row 19).
    ExampleKey,
    /// There are no keys, and the request is not from a program of this host.
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

    /// Whether the request may be answered at all, with whatever; asked before anything else about it. See
    /// [`anonymous::check`].
    ///
    /// # Errors
    /// Why not.
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
        let asked = AnonymousRequest {
            peer,
            local,
            host: &self.host,
            allow_anonymous: self.allow_anonymous,
        };
        anonymous::check(&asked, authority, headers).map_err(AuthError::Rejected)
    }

    /// Looks at the five places in their order; the first right key wins, and a wrong one elsewhere does not
    /// spoil it. `header` gives the first value of a header by its lower-case name.
    ///
    /// # Errors
    /// Why the client may not ask.
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

    /// Compares with every key, so that the time taken does not tell which one is near.
    fn find(&self, candidate: &str) -> Option<&Secret> {
        self.keys.keys().iter().fold(None, |found, key| {
            // A blank key would let everyone in who presents nothing.
            if key.matches(candidate) && !key.reveal().trim().is_empty() {
                Some(key)
            } else {
                found
            }
        })
    }
}

impl AuthError {
    /// For the client.
    pub fn problem(self) -> Problem {
        match self {
            Self::MissingKey => Problem::unauthorized(
                "Missing API key: send one of those under `api-keys` in the gateway's configuration, as \
                 \"Authorization: Bearer KEY\", \"x-api-key: KEY\" or \"x-goog-api-key: KEY\"",
            ),
            Self::InvalidKey => Problem::unauthorized(
                "Invalid API key: it is none of those under `api-keys` in the gateway's configuration",
            ),
            Self::ExampleKey => Problem::forbidden(
                "unsafe_example_api_key",
                "api-keys still holds an example key (your-api-key-1, -2 or -3); replace it in the configuration",
            ),
            Self::Rejected(Rejection::Peer) => Problem::forbidden(
                "remote_not_allowed",
                "This gateway has no client keys and serves its own host only; set `api-keys`, or `allow-anonymous: \
                 true`, in its configuration",
            ),
            Self::Rejected(Rejection::Host) => Problem::forbidden(
                "host_not_allowed",
                "This gateway has no client keys and answers to its own address and to localhost only, not to the \
                 host that the request names; set `api-keys` in its configuration",
            ),
            Self::Rejected(Rejection::Origin) => Problem::forbidden(
                "origin_not_allowed",
                "This gateway has no client keys and serves no web pages of other hosts; set `api-keys` in its \
                 configuration",
            ),
        }
    }

    /// Whether web pages may read the answer. Those of strangers may not.
    pub fn allows_cors(self) -> bool {
        !matches!(self, Self::Rejected(_))
    }
}

/// Settles the keys of a configuration that is to be served by from now on, in place of `old`, where `local` is
/// listened on: keys that have been lost, or without which strangers would get in, stay as they were.
pub fn keep_lost_keys(new: &mut Config, old: &Config, local: &[SocketAddr]) {
    let is_open = !local.iter().all(|at| at.ip().to_canonical().is_loopback());
    let why = if new.api_keys.is_lost() {
        "there is no client key left in it"
    } else if new.is_anonymous() && old.api_keys.is_configured() && is_open && !new.allow_anonymous
    {
        "it has no client keys, and others than this host can connect"
    } else {
        return;
    };
    if old.api_keys.is_configured() {
        new.api_keys = old.api_keys.clone();
    }
    match new.api_keys.is_lost() {
        true => log::error!("config: {}: {why}: every request is refused", new.file),
        false => log::error!("config: {}: {why}: the old client keys stay", new.file),
    }
}

/// Says at the start who may ask, where that is not those with a key.
pub fn log_client_access(config: &Config, local: &[SocketAddr]) {
    let is_open = !local.iter().all(|at| at.ip().to_canonical().is_loopback());
    if config.api_keys.is_lost() {
        let file = &config.file;
        log::error!("config: {file}: there is no client key left in it: every request is refused");
    } else if config.is_anonymous() && is_open {
        log::warn!("allow-anonymous: everybody who reaches this host is served, without a key");
    } else if config.is_anonymous() {
        log::warn!("there are no client keys: programs of this host are served, and nobody else");
    }
}

/// The token of `Bearer <token>`; the whole value under any other scheme or none.
fn bearer(value: &str) -> &str {
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        // A client whose key is empty sends the scheme alone.
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
    fn without_keys_everyone_may_ask_but_not_once_they_are_lost() {
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
    fn five_places_are_looked_at_in_order() {
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
    fn example_keys_close_the_gateway() {
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
