//! Model names that no list contains.

use holdfast::config;
use holdfast::unversioned::credential;
use holdfast::unversioned::routing::{Catalog, CredentialIds};

fn catalog(text: &str) -> Catalog {
    let config = config::load(text, "c.yaml").config.expect("no error");
    Catalog::new(
        credential::from_config(&config).0,
        &CredentialIds::default(),
    )
}

/// The upstream's names of a model, by credential.
fn served(catalog: &Catalog, name: &str) -> Vec<String> {
    let entry = catalog.passed_on(name);
    let candidates = entry.iter().flat_map(|entry| entry.candidates());
    candidates
        .map(|candidate| {
            format!(
                "{} {}",
                candidate.credential.provider.key(),
                candidate.upstream_models[0].name
            )
        })
        .collect()
}

#[test]
fn names_of_a_vendor_are_served_by_its_credentials_without_a_list() {
    let catalog = catalog(
        "claude-api-key: [{api-key: a}, {api-key: b, models: [{name: claude-x}]}, {api-key: c, prefix: team, excluded-models: ['claude-opus-*']}]\ncodex-api-key: [{api-key: d}]\ngemini-api-key: [{api-key: e}]\nopenai-compatibility: [{name: o, base-url: 'http://h', models: [{name: m}]}]\n",
    );
    for (name, expected) in [
        (
            "claude-sonnet-9",
            &["claude claude-sonnet-9", "claude claude-sonnet-9"][..],
        ),
        ("claude-opus-9", &["claude claude-opus-9"]),
        ("team/claude-sonnet-9", &["claude claude-sonnet-9"]),
        ("team/claude-opus-9", &[]),
        ("other/claude-sonnet-9", &[]),
        ("gpt-4o", &["codex gpt-4o"]),
        ("gpt-5-mini", &["codex gpt-5-mini"]),
        ("o9-mini", &["codex o9-mini"]),
        ("gemini-flash-latest", &["gemini gemini-flash-latest"]),
        ("llama-4", &[]),
        ("", &[]),
    ] {
        assert_eq!(served(&catalog, name), expected, "{name}");
        // Again, from the cache.
        assert_eq!(served(&catalog, name), expected, "{name}");
    }
    let long = format!("gpt-{}", "x".repeat(300));
    assert!(catalog.passed_on(&long).is_none());
}

#[test]
fn the_number_of_cached_names_is_limited() {
    let catalog = catalog("codex-api-key: [{api-key: d}]\n");
    for number in 0..10_000 {
        let name = format!("gpt-{number}-new");
        assert_eq!(served(&catalog, &name), [format!("codex {name}")]);
    }
}

#[test]
fn configured_lists_are_complete() {
    let catalog = catalog("claude-api-key: [{api-key: b, models: [{name: claude-x}]}]\n");
    assert!(catalog.passed_on("claude-y").is_none());
}
