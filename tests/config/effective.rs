//! The configuration as it is understood.

use holdfast::config as configuration;
use proptest::prelude::*;

use crate::{FULL, config};

/// The page without where its values come from.
fn values(page: &str) -> String {
    let line = |line: &str| {
        line.rsplit_once("# ")
            .map_or(line, |(value, _)| value)
            .trim_end()
            .to_owned()
    };
    page.lines().map(|text| line(text) + "\n").collect()
}

#[test]
fn every_value_says_where_it_comes_from() {
    let text = "port: 0x10\nhost: ${HOLDFAST_TEST_HOST:-127.0.0.1}\napi-keys: [a-long-secret-key]\nclaude-api-key:\n  - api-key: another-secret\n    priority: 3\n";
    let page = configuration::effective(&config(text), text);
    for (value, origin) in [
        ("port: 16", "c.yaml:1"),
        ("host: \"127.0.0.1\"", "c.yaml:2, environment"),
        ("api-keys: [\"a-lo...-key\"]", "c.yaml:3"),
        ("  - api-key: \"anot...cret\"", "c.yaml:5"),
        ("    priority: 3", "c.yaml:6"),
        ("request-retry: 0", "default"),
        ("  session-affinity-ttl: 3600s", "default"),
    ] {
        let found = page.lines().any(|line| {
            line.split_once("  # ")
                .is_some_and(|(before, after)| before.trim_end() == value && after == origin)
        });
        assert!(found, "{value} {origin}\n{page}");
    }
    assert!(
        !page.contains("long-secret") && !page.contains("another"),
        "{page}"
    );
}

#[test]
fn what_is_printed_is_the_same_configuration_again() {
    let page = configuration::effective(&config(FULL), FULL);
    let again = configuration::effective(&config(&page), &page);
    assert_eq!(values(&again), values(&page));
    for value in ["kimi-k2", "g2.5p", "*-preview", "minimal", "custom"] {
        assert_eq!(
            page.contains(value),
            value != "minimal" && value != "custom",
            "{value}\n{page}"
        );
    }
}

proptest! {
    #[test]
    fn texts_survive_being_printed(name in "[ -~äß]{1,20}", alias in "[a-z]{1,8}") {
        let quoted = serde_json::Value::from(name.as_str());
        let text = format!("claude-api-key: [{{api-key: k, models: [{{name: {quoted}, alias: {alias}}}]}}]");
        let loaded = configuration::load_with(&text, "c.yaml", &|_| Some(String::new()));
        prop_assume!(!name.contains("${"));
        let before = loaded.config.unwrap();
        let page = configuration::effective(&before, &text);
        let after = config(&page);
        let rows = |config: &configuration::Config| config.claude[0].common.models.clone().map(|rows| {
            rows.into_iter().map(|row| (row.name, row.alias)).collect::<Vec<_>>()
        });
        prop_assert_eq!(rows(&after), rows(&before));
    }
}
