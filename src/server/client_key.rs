//! Who may ask (`spec/http.md` 3).

use super::fixed::{self, Fixed};
use super::query::Query;
use crate::config::Secret;

/// Keys of the configuration template, which everybody knows.
const EXAMPLES: [&str; 3] = ["your-api-key-1", "your-api-key-2", "your-api-key-3"];

/// The keys that clients may present. Part of a configuration snapshot.
#[derive(Clone, Debug, Default)]
pub struct ClientKeys {
    keys: Vec<Secret>,
    has_example: bool,
}

/// What a request's keys say about its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client<'k> {
    /// No keys are configured: everyone may ask.
    Anonymous,
    /// The configured key that was presented; it stands for the client from here on.
    Known(&'k Secret),
}

impl ClientKeys {
    /// Blank keys are left out: they would let everyone in who presents nothing.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a Secret>) -> Self {
        let keys: Vec<Secret> = keys
            .into_iter()
            .filter(|key| !key.reveal().trim().is_empty())
            .cloned()
            .collect();
        let has_example = keys
            .iter()
            .any(|key| EXAMPLES.iter().any(|example| key.matches(example)));
        Self { keys, has_example }
    }

    /// Looks at the five places in their order; the first right key wins, and a wrong one elsewhere does not
    /// spoil it. `header` gives the first value of a header by its lower-case name.
    ///
    /// # Errors
    /// The answer to give when the client may not ask.
    pub fn check<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h str>,
        query: Query<'_>,
    ) -> Result<Client<'_>, Fixed> {
        if self.has_example {
            return Err(fixed::EXAMPLE_KEY);
        }
        if self.keys.is_empty() {
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
        Err(if presented {
            fixed::INVALID_KEY
        } else {
            fixed::MISSING_KEY
        })
    }

    /// Compares with every key, so that the time taken does not tell which one is near.
    fn find(&self, candidate: &str) -> Option<&Secret> {
        self.keys.iter().fold(None, |found, key| {
            if key.matches(candidate) {
                Some(key)
            } else {
                found
            }
        })
    }
}

/// The token of `Bearer <token>`; the whole value under any other scheme or none.
fn bearer(value: &str) -> &str {
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(values: &[&str]) -> ClientKeys {
        let secrets: Vec<Secret> = values.iter().map(|value| Secret::new(*value)).collect();
        ClientKeys::new(&secrets)
    }

    fn check<'k>(
        keys: &'k ClientKeys,
        headers: &[(&str, &'static str)],
        query: &str,
    ) -> Result<&'k str, Fixed> {
        let header = |name: &str| {
            headers
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| *value)
        };
        keys.check(header, Query::new(query))
            .map(|client| match client {
                Client::Anonymous => "",
                Client::Known(key) => key.reveal(),
            })
    }

    #[test]
    fn without_keys_everyone_may_ask() {
        for none in [keys(&[]), keys(&["", "  "])] {
            assert_eq!(check(&none, &[("authorization", "Bearer x")], ""), Ok(""));
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
                Err(fixed::INVALID_KEY),
            ),
            (&[("x-goog-api-key", "k-two")], "", Ok("k-two")),
            (&[("x-api-key", "k-two")], "", Ok("k-two")),
            (&[], "alt=sse&key=k-two", Ok("k-two")),
            (&[], "key=k%2Dtwo", Ok("k-two")),
            (&[], "auth_token=k-one", Ok("k-one")),
            (&[], "key=wrong&key=k-one", Err(fixed::INVALID_KEY)),
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
            (&[("x-api-key", "K-ONE")], "", Err(fixed::INVALID_KEY)),
            (&[("x-api-key", "k-one2")], "", Err(fixed::INVALID_KEY)),
            (
                &[("authorization", ""), ("x-api-key", "")],
                "key=&auth_token",
                Err(fixed::MISSING_KEY),
            ),
            (&[("authorization", "Bearer ")], "", Err(fixed::MISSING_KEY)),
            (&[], "", Err(fixed::MISSING_KEY)),
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
        for example in EXAMPLES {
            let keys = keys(&["mine", example]);
            let refused = check(&keys, &[("x-api-key", "mine")], "");
            assert_eq!(refused, Err(fixed::EXAMPLE_KEY));
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
