//! The configuration file, from text to credentials.

use holdfast::config::{self, Loaded};
use holdfast::credential::{self, Credential};

const FULL: &str = include_str!("fixtures/config.example.full.yaml");

fn load(text: &str) -> Loaded {
    config::load(text, "c.yaml")
}

/// Loads what must be usable; gives the credentials and every warning.
fn credentials(text: &str) -> (Vec<Credential>, Vec<String>) {
    let loaded = load(text);
    let config = loaded
        .config
        .unwrap_or_else(|| panic!("{:#?}", loaded.problems));
    let (credentials, more) = credential::from_config(&config);
    let warnings = loaded
        .problems
        .iter()
        .chain(&more)
        .map(ToString::to_string)
        .collect();
    (credentials, warnings)
}

#[test]
fn the_full_example_loads() {
    let (credentials, _) = credentials(FULL);
    assert_eq!(credentials.len(), 8);
}
