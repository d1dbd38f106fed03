//! Payload rules that match no model.

use holdfast::config;
use holdfast::unversioned::credential;
use holdfast::unversioned::generation::payload_rules::{idle, protocol};
use holdfast::unversioned::routing::{Catalog, CredentialIds};

fn idle_rules(text: &str) -> Vec<String> {
    let config = config::load(text, "c.yaml").config.unwrap();
    let (credentials, _) = credential::from_config(&config);
    let catalog = Catalog::new(credentials, &CredentialIds::default());
    let problems = idle(&config, &catalog);
    problems.iter().map(ToString::to_string).collect()
}

const MODELS: &str = "claude-api-key:
  - {api-key: a, prefix: team, models: [{name: up-1, alias: mine}]}
openai-compatibility:
  - {name: p, base-url: \"http://h\", models: [{name: up-2, alias: other}], api-key-entries: [{api-key: b}]}
payload:
  filter:
";

#[test]
fn rules_that_match_no_model_are_warnings() {
    for (row, is_idle) in [
        ("{name: up-1}", false),
        ("{name: mine}", false),
        ("{name: team/mine}", false),
        ("{name: 'team/*'}", false),
        ("{name: 'mine(high)'}", false),
        ("{name: 'up-*', protocol: claude}", false),
        ("{name: other, protocol: openai}", false),
        ("{name: other, protocol: openai-response}", false),
        ("{name: other, from-protocol: gemini}", false),
        ("{name: other, protocol: claude}", true),
        ("{name: mine, protocol: openai-response}", true),
        ("{name: '*', protocol: antigravity}", true),
        ("{name: 'gpt-*'}", true),
        ("{name: Mine}", true),
    ] {
        let text = format!(
            "{MODELS}    - {{models: [{{name: '*'}}], params: [x]}}\n    - {{models: [{row}], params: [x]}}\n"
        );
        let expected = match is_idle {
            true => vec!["c.yaml warning payload.filter[1] matches no configured model"],
            false => vec![],
        };
        assert_eq!(idle_rules(&text), expected, "{row}");
    }
}

#[test]
fn rules_for_unlisted_names_are_not_idle() {
    let credentials =
        "claude-api-key: [{api-key: a}]\nopenai-compatibility: [{name: p, base-url: 'http://h'}]\n";
    for (row, is_idle) in [
        ("{name: claude-new}", false),
        ("{name: 'claude-*(high)', protocol: claude}", false),
        // The upstream may list it.
        ("{name: x, protocol: openai}", false),
        ("{name: x, protocol: claude}", true),
        ("{name: gpt-new, protocol: codex}", true),
    ] {
        let text =
            format!("{credentials}payload: {{filter: [{{models: [{row}], params: [x]}}]}}\n");
        assert_eq!(idle_rules(&text).len(), usize::from(is_idle), "{row}");
    }
}

#[test]
fn every_kind_of_upstream_has_a_protocol() {
    use holdfast::unversioned::credential::UpstreamKind;
    use holdfast::unversioned::payload::Protocol;
    use holdfast::unversioned::provider::Action;
    for (kind, generate, compact) in [
        (UpstreamKind::Gemini, Protocol::Gemini, Protocol::Gemini),
        (UpstreamKind::Vertex, Protocol::Gemini, Protocol::Gemini),
        (UpstreamKind::Claude, Protocol::Claude, Protocol::Claude),
        (
            UpstreamKind::Codex,
            Protocol::Codex,
            Protocol::OpenAiResponse,
        ),
        (
            UpstreamKind::Compat,
            Protocol::OpenAi,
            Protocol::OpenAiResponse,
        ),
    ] {
        assert_eq!(protocol(kind, Action::Generate), generate);
        assert_eq!(protocol(kind, Action::Compact), compact);
    }
}
