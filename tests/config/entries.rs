//! From the blocks of API keys to credentials.

use holdfast::config::{self, HeaderValueSource, ProxySetting, Secret};
use holdfast::unversioned::credential;

use crate::{credentials, ids};

#[test]
fn entries_that_cannot_be_used_are_left_out_with_a_reason() {
    for (entry, kept, reason) in [
        (
            "gemini-api-key: [{api-key: ' '}]",
            0,
            "gemini-api-key[0] has no `api-key`: skipped",
        ),
        (
            "vertex-api-key: [{}]",
            0,
            "vertex-api-key[0] has no `api-key`: skipped",
        ),
        (
            "claude-api-key: [{api-key: k, base-url: 'ftp://x'}]",
            0,
            "claude-api-key[0].base-url must start with http:// or https://: skipped",
        ),
        (
            "claude-api-key: [{api-key: k, proxy-url: 'proxy:1'}]",
            0,
            "claude-api-key[0].proxy-url must be a proxy URL such as `socks5://host:1080`: skipped",
        ),
        (
            "claude-api-key: [{api-key: k, prefix: a/b}]",
            1,
            "claude-api-key[0].prefix must not have a `/` inside: no prefix is used",
        ),
        (
            "claude-api-key: [{api-key: k, models: [{alias: ''}, {name: m}]}]",
            1,
            "claude-api-key[0].models[0] has neither `name` nor `alias`: skipped",
        ),
        (
            "vertex-api-key: [{api-key: k, models: [{name: m}, {name: m, alias: n}]}]",
            1,
            "vertex-api-key[0].models[0] needs both `name` and `alias`: skipped",
        ),
        (
            "claude-api-key: [{api-key: k, models: [{name: a, alias: x}, {name: b, alias: X}]}]",
            1,
            "claude-api-key[0].models[1] has the same name as an earlier row and is ignored",
        ),
        (
            "claude-api-key: [{api-key: k, headers: {host: h}}]",
            1,
            "claude-api-key[0].headers.host is set by holdfast itself: skipped",
        ),
        (
            "claude-api-key: [{api-key: k, headers: {\"a b\": h}}]",
            1,
            "claude-api-key[0].headers.a b is not a valid header: skipped",
        ),
        (
            "claude-api-key: [{api-key: k, headers: {a: \"b\\nc: d\"}}]",
            1,
            "claude-api-key[0].headers.a is not a valid header: skipped",
        ),
        (
            "claude-api-key: [{api-key: k, headers: {a: b, A: c}}]",
            1,
            "claude-api-key[0].headers.A is set twice, in different case: this one is used",
        ),
        (
            "claude-api-key: [{api-key: k}, {api-key: k}]",
            2,
            "claude-api-key[1] is the same as an earlier entry; both are used",
        ),
        (
            "gemini-api-key: [{api-key: k}, {api-key: ' k '}]",
            1,
            "gemini-api-key[1] has the same key and base-url as an earlier entry and is ignored",
        ),
        (
            "openai-compatibility: [{name: n, models: [{name: m}]}]",
            0,
            "openai-compatibility[0] has no `base-url`: skipped",
        ),
        (
            "openai-compatibility: [{name: Gemini, base-url: 'http://h', models: [{name: m}]}]",
            0,
            "openai-compatibility[0].name is the name of a built-in provider: skipped",
        ),
        (
            "claude-api-key: [{api-key: k, excluded-models: ['*']}]",
            1,
            "claude-api-key[0] offers no model and is never used",
        ),
        (
            "openai-compatibility: [{name: n, base-url: 'http://h', api-key-entries: [{proxy-url: x}], models: [{name: m}]}]",
            0,
            "openai-compatibility[0].api-key-entries[0].proxy-url must be a proxy URL such as `socks5://host:1080`: skipped",
        ),
        (
            "openai-compatibility: [{name: n, base-url: 'http://h', models: [{name: m}]}, {name: N, base-url: 'http://i'}]",
            2,
            "openai-compatibility[1] has the same name as an earlier provider; their models are merged",
        ),
    ] {
        let (credentials, warnings) = credentials(&format!("api-keys: [k]\n{entry}"));
        assert_eq!(credentials.len(), kept, "{entry} {warnings:?}");
        assert_eq!(warnings.len(), 1, "{entry} {warnings:?}");
        assert!(
            warnings[0].ends_with(&format!("warning {reason}")),
            "{entry} {warnings:?}"
        );
    }
}

#[test]
fn a_disabled_provider_is_silent() {
    let text =
        "api-keys: [k]\nopenai-compatibility: [{name: n, base-url: 'http://h', disabled: true}]";
    let (credentials, warnings) = credentials(text);
    assert!(credentials.is_empty() && warnings.is_empty());
}

#[test]
fn vendors_have_a_base_url_and_slashes_at_the_end_go() {
    let (credentials, _) = credentials(
        "gemini-api-key: [{api-key: a}, {api-key: b, base-url: 'http://h/x//'}]\n\
         claude-api-key: [{api-key: a}]\nvertex-api-key: [{api-key: a}]\n",
    );
    let bases: Vec<&str> = credentials.iter().map(|c| c.base_url.as_str()).collect();
    assert_eq!(
        bases,
        [
            "https://generativelanguage.googleapis.com",
            "http://h/x",
            "https://api.anthropic.com",
            "https://aiplatform.googleapis.com",
        ]
    );
    assert_eq!(credentials[3].label, "vertex-apikey");
}

#[test]
fn equal_ids_are_numbered() {
    let (credentials, _) = credentials(
        "claude-api-key: [{api-key: k}, {api-key: k}, {api-key: k, base-url: 'http://h'}, {api-key: k}]",
    );
    let ids = ids(&credentials);
    assert_eq!(ids[1], format!("{}-1", ids[0]));
    assert_eq!(ids[3], format!("{}-2", ids[0]));
    assert!(ids[2] != ids[0] && !ids[2].contains("-1"));
}

#[test]
fn headers_proxies_and_priorities_arrive() {
    let (credentials, _) = credentials(
        "openai-compatibility:\n\
         - name: ' Mine '\n  base-url: http://h\n  prefix: ' /p/ '\n  priority: -3\n\
         \x20 headers: {X-A: ' v ', X-B: $X-Client, X-C: $, X-D: , X-E: $5 off}\n\
         \x20 api-key-entries: [{api-key: '', proxy-url: direct}, {api-key: k}, {api-key: k, proxy-url: NONE}]\n\
         \x20 models: [{name: m}]\n",
    );
    assert_eq!(credentials.len(), 3);
    let first = &credentials[0];
    assert_eq!(
        (first.provider.key(), first.label.as_str()),
        ("mine", "Mine")
    );
    assert_eq!((first.prefix.as_deref(), first.priority), (Some("p"), -3));
    let literal = |text: &str| HeaderValueSource::Literal(Secret::new(text));
    assert_eq!(
        first.headers,
        [
            ("X-A".to_owned(), literal("v")),
            (
                "X-B".to_owned(),
                HeaderValueSource::Client("X-Client".to_owned())
            ),
            ("X-C".to_owned(), literal("$")),
            ("X-E".to_owned(), literal("$5 off")),
        ]
    );
    assert_eq!((&first.key, &first.proxy), (&None, &ProxySetting::Direct));
    assert_eq!(credentials[1].proxy, ProxySetting::Inherit);
    assert_eq!(credentials[2].proxy, ProxySetting::Direct);
    assert!(
        credentials[1].id != credentials[2].id,
        "the proxy is part of the id"
    );
}

fn rules_of(text: &str) -> (Vec<String>, Vec<String>) {
    let loaded = config::load(&format!("api-keys: [k]\n{text}"), "c.yaml");
    let warnings = loaded.problems.iter().map(ToString::to_string).collect();
    let config = loaded.config.expect("a configuration");
    let (credentials, _) = credential::from_config(&config);
    let rules = credentials.iter().flat_map(|credential| {
        let rules = credential.error_rules.iter();
        rules.map(|rule| format!("{} {:?} {:?}", rule.status, rule.texts, rule.action))
    });
    (rules.collect(), warnings)
}

#[test]
fn rules_about_errors_of_a_key_come_first() {
    let rule = |status: u16| format!("{{status: {status}, match: [a], action: stop}}");
    let (rules, warnings) = rules_of(&format!(
        "openai-compatibility: [{{name: n, base-url: 'http://h', models: [{{name: m}}], request-scoped-errors: [{}], api-key-entries: [{{api-key: one, request-scoped-errors: [{}]}}, {{api-key: two}}]}}]",
        rule(500),
        rule(400)
    ));
    let expected = [400, 500, 500].map(|status| format!("{status} [\"a\"] Stop"));
    assert_eq!(rules, expected);
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn rules_about_errors_that_cannot_match_are_skipped() {
    for (rule, warning) in [
        (
            "{status: 400, action: stop}",
            "[0] has neither `match` nor `match-regexr`: skipped",
        ),
        (
            "{match: [a], action: stop}",
            "[0].status must be a status from 100 to 599: the rule is skipped",
        ),
        (
            "{status: 4xx, match: [a], action: stop}",
            "[0].status must be a status from 100 to 599: the rule is skipped",
        ),
        (
            "{status: 400, match: [a]}",
            "[0].action must be stop, stop-and-cooldown, continue or continue-and-cooldown: the rule is skipped",
        ),
        (
            "{status: 400, match: [a], action: retry}",
            "[0].action must be stop, stop-and-cooldown, continue or continue-and-cooldown: the rule is skipped",
        ),
    ] {
        for list in [
            "claude-api-key: [{api-key: k, request-scoped-errors: [RULE]}]",
            "oauth-request-scoped-errors: {codex: [RULE]}",
        ] {
            let (rules, warnings) = rules_of(&list.replace("RULE", rule));
            assert_eq!(rules, [""; 0], "{rule}");
            assert_eq!(warnings.len(), 1, "{rule} {warnings:?}");
            assert!(warnings[0].ends_with(warning), "{warnings:?}");
        }
    }
    let (rules, warnings) = rules_of(
        "xai-api-key: [{api-key: k, request-scoped-errors: [{status: '429', match: ['', b], match-regexr: ['(', '[0-9]+'], action: ' Continue-And-Cooldown '}]}]",
    );
    assert_eq!(rules, ["429 [\"b\"] ContinueAndCooldown"]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let expected = "request-scoped-errors[0].match-regexr[0] is not a regular expression that can be used: skipped";
    assert!(warnings[0].ends_with(expected), "{warnings:?}");
}
