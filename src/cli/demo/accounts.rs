//! The accounts of the demo: the same number for each dialect.

use std::collections::HashMap;

use crate::config::Config;
use crate::credential;
use crate::wire::Dialect;

/// Enough to see sessions spread and stay in place.
pub const COUNT: usize = 3;

/// The API key of an account.
pub fn key(dialect: Dialect, number: usize) -> String {
    format!("{}-account-{number}", dialect.name())
}

/// Its name in the demo's output.
pub fn name(number: usize) -> String {
    format!("account {number}")
}

/// The names of all accounts by the ids of their credentials.
pub fn names(config: &Config) -> HashMap<String, String> {
    let (credentials, _) = credential::from_config(config);
    let named = credentials.into_iter().filter_map(|credential| {
        let key = credential.key.as_ref()?;
        let number = (1..=COUNT).find(|number| {
            let mut dialects = Dialect::ALL.into_iter();
            dialects.any(|dialect| key.matches(&self::key(dialect, *number)))
        })?;
        Some((credential.id, name(number)))
    });
    named.collect()
}
