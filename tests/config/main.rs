//! The configuration file, from text to credentials.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "A test ends at the first thing that is not as it must be"
)]

mod anything;
mod channels;
mod client_keys;
mod coverage;
mod effective;
mod entries;
mod example;
mod full_fixture;
mod models;
mod network;
mod payload;
mod problems;
mod reference;
mod secrets;
mod table;
mod values;

use holdfast::config::{self, Config, Loaded};
use holdfast::unversioned::credential::{self, Credential};

const FULL: &str = include_str!("../fixtures/config.example.full.yaml");

fn load(text: &str) -> Loaded {
    config::load(text, "c.yaml")
}

fn problems(text: &str) -> Vec<String> {
    load(text)
        .problems
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// A configuration that must be usable.
fn config(text: &str) -> Config {
    let loaded = load(text);
    let problems = loaded.problems;
    loaded
        .config
        .unwrap_or_else(|| panic!("{text}\n{problems:#?}"))
}

/// The credentials of a usable configuration and all its warnings.
fn credentials(text: &str) -> (Vec<Credential>, Vec<String>) {
    let loaded = load(text);
    let config = loaded
        .config
        .unwrap_or_else(|| panic!("{text}\n{:#?}", loaded.problems));
    let (credentials, more) = credential::from_config(&config);
    let problems = loaded.problems.iter().chain(&more);
    (credentials, problems.map(ToString::to_string).collect())
}

fn ids(credentials: &[Credential]) -> Vec<&str> {
    credentials
        .iter()
        .map(|credential| credential.id.as_str())
        .collect()
}

fn visible(credential: &Credential) -> Vec<String> {
    credential
        .visible_ids()
        .map(|(id, _)| id.into_owned())
        .collect()
}

/// What `asked` becomes, thinking suffix included; `-` when the credential does not serve it.
fn sent(credential: &Credential, asked: &str) -> String {
    match credential.resolve(asked) {
        None => "-".to_owned(),
        Some(found) => match found.thinking {
            None => found.upstream.to_owned(),
            Some(value) => format!("{}({value})", found.upstream),
        },
    }
}
