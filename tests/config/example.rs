//! The example that is shipped.

use holdfast::config;

use crate::table::uncommented;
use crate::{credentials, load};

const EXAMPLE: &str = include_str!("../../config.example.yaml");

#[test]
fn the_shipped_example_warns_of_nothing_but_its_key() {
    let loaded = load(EXAMPLE);
    let messages: Vec<&str> = loaded.problems.iter().map(|p| p.message.as_str()).collect();
    assert_eq!(
        messages,
        ["holds keys of the example, which anybody can guess"]
    );
    let config = loaded.config.expect("no error");
    assert!(config.routing.session_affinity);
    assert_eq!(config.limits, config::Limits::default());
}

#[test]
fn the_smallest_one_is_that_of_the_readme() {
    const SMALLEST: &str = include_str!("../../config.minimal.yaml");
    const README: &str = include_str!("../../README.md");
    assert!(README.contains(&format!("```yaml\n{SMALLEST}```")));
    assert!(SMALLEST.lines().count() < 15);
    let (_, warnings) = credentials(SMALLEST);
    let is_placeholder = |warning: &String| warning.contains(" a placeholder of an example");
    assert_eq!(warnings.len(), 4);
    assert!(warnings.iter().all(is_placeholder), "{warnings:#?}");
}

#[test]
fn the_shipped_example_can_be_uncommented() {
    // Without files that are not there.
    let text = uncommented();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.contains("-file: \"/"))
        .collect();
    let (credentials, mut warnings) = credentials(&lines.join("\n"));
    warnings.retain(|warning| !warning.contains(" is a placeholder of an example"));
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    let mut providers: Vec<&str> = credentials.iter().map(|c| c.provider.key()).collect();
    providers.sort_unstable();
    assert_eq!(
        providers,
        ["claude", "codex", "gemini", "openrouter", "vertex", "xai"]
    );
}
