//! The fixture that holds every key of the format.

use holdfast::unversioned::credential::Credential;
use holdfast::unversioned::payload::{Protocol, Request};
use holdfast::unversioned::wire::Dialect;

use crate::{FULL, config, credentials, ids, sent, visible};

#[test]
fn the_full_fixture_loads_and_says_what_it_does_not_do() {
    let (_, warnings) = credentials(FULL);
    let ending = |text: &str| -> Vec<&str> {
        let found = warnings
            .iter()
            .filter_map(|warning| warning.strip_suffix(text));
        found.collect()
    };
    assert_eq!(
        ending(" has no effect in holdfast"),
        [
            "c.yaml:118:13 warning claude-api-key[1].cloak.mode",
            "c.yaml:120:7 warning claude-api-key[1].cloak.sensitive-words",
            "c.yaml:123:22 warning claude-api-key[1].cloak.cache-user-id",
        ]
    );
    assert_eq!(
        ending(" offers no model and is never used"),
        [
            "c.yaml:67:5 warning gemini-api-key[0]",
            "c.yaml:85:5 warning codex-api-key[0]"
        ]
    );
    assert_eq!(ending(" is not implemented and has no effect"), [""; 0]);
    let keys = "c.yaml:21:1 warning api-keys holds keys of the example, which anybody can guess";
    assert!(warnings.contains(&keys.to_owned()), "{warnings:#?}");
    let placeholder = " is a placeholder of an example: replace it with your own key";
    assert_eq!(ending(placeholder).len(), 4);
    assert_eq!(warnings.len(), 3 + 2 + 3 + 2 + 4, "{warnings:#?}");
    let sockets =
        "c.yaml:56:10 warning ws-auth lets anybody who can reach this host open WebSockets";
    assert!(warnings.contains(&sockets.to_owned()), "{warnings:#?}");
    for hidden in [
        "c.yaml:205:7 warning oauth-model-alias.gemini-cli[0] ",
        "c.yaml:221:7 warning oauth-model-alias.codex[0] ",
        "c.yaml:224:7 warning oauth-model-alias.iflow[0] ",
    ] {
        let told = |warning: &String| warning.starts_with(hidden);
        assert!(warnings.iter().any(told), "{hidden} {warnings:#?}");
    }
    assert!(config(FULL).api_keys.has_example());
}

#[test]
fn the_full_fixture_has_eight_credentials_with_their_stable_ids() {
    let (credentials, _) = credentials(FULL);
    assert_eq!(
        ids(&credentials),
        [
            "gemini:apikey:440e3fdf69c9",
            "gemini:apikey:a57d845c29f0",
            "codex:apikey:80fa5aa45c22",
            "claude:apikey:6221bee0865a",
            "claude:apikey:2f04386ee144",
            "openai-compatibility:openrouter:39b247d672fd",
            "openai-compatibility:openrouter:bf6c2eecf7d1",
            "vertex:apikey:f3230baa49da",
        ]
    );
    let sources: Vec<&str> = credentials.iter().map(|c| c.source.as_str()).collect();
    assert_eq!(sources[0], "config:gemini[440e3fdf69c9]");
    assert_eq!(sources[5], "config:openrouter[39b247d672fd]");
    assert_eq!(sources[7], "config:vertex-apikey[f3230baa49da]");
}

#[test]
fn the_full_fixture_serves_the_models_it_lists() {
    let (credentials, _) = credentials(FULL);
    let [
        gemini,
        open_gemini,
        codex,
        claude,
        aliased,
        router,
        second,
        vertex,
    ] = &credentials[..]
    else {
        panic!("eight credentials");
    };
    assert_eq!(visible(gemini), [""; 0]);
    assert_eq!(visible(codex), [""; 0]);
    assert_eq!(open_gemini.models.len(), 13);
    assert_eq!(claude.models.len(), 15);
    assert_eq!(
        visible(aliased),
        ["claude-sonnet-latest", "test/claude-sonnet-latest"]
    );
    let pooled = [
        "kimi-k2",
        "test/kimi-k2",
        "claude-opus-4.66",
        "test/claude-opus-4.66",
    ];
    assert_eq!(visible(router), pooled);
    assert_eq!(visible(second), pooled);
    assert_eq!(
        router.models[1].upstream,
        ["deepseek-v3.1", "glm-5", "kimi-k2.5"]
    );
    assert_eq!(
        visible(vertex),
        [
            "vertex-flash",
            "test/vertex-flash",
            "vertex-pro",
            "test/vertex-pro"
        ]
    );
    assert_eq!(
        sent(vertex, "test/vertex-pro(high)"),
        "gemini-2.5-pro(high)"
    );

    let dialects: Vec<Dialect> = credentials.iter().map(Credential::dialect).collect();
    use Dialect::{Chat, Gemini, Messages, Responses};
    assert_eq!(
        dialects,
        [
            Gemini, Gemini, Responses, Messages, Messages, Chat, Chat, Gemini
        ]
    );
}

#[test]
fn the_full_fixture_sets_two_defaults_and_takes_them_out_again() {
    let rules = config(FULL).payload;
    assert_eq!(rules.iter().count(), 5);
    let applied = |name: &str, protocol: Protocol, body: &str| {
        let request = Request {
            names: &[name],
            protocol,
            from: Protocol::OpenAi,
            headers: &[],
        };
        let body = rules.select(&request).apply(body.as_bytes()).into_owned();
        String::from_utf8(body).unwrap()
    };
    let gemini = |body| applied("gemini-2.5-pro", Protocol::Gemini, body);
    // Both were set, or their parents would not be there.
    assert_eq!(
        gemini("{}"),
        r#"{"generationConfig":{"thinkingConfig":{}}}"#
    );
    let sent = r#"{"generationConfig":{"thinkingConfig":{"thinkingBudget":1},"topK":3}}"#;
    assert_eq!(
        gemini(sent),
        r#"{"generationConfig":{"thinkingConfig":{},"topK":3}}"#
    );
    assert_eq!(
        applied("gpt-5", Protocol::Codex, r#"{"model": "gpt-5"}"#),
        r#"{"model": "gpt-5","reasoning":{"effort":"high"},"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object"}}}}"#
    );
    assert_eq!(applied("gpt-5", Protocol::OpenAi, "{}"), "{}");
    assert_eq!(applied("gemini-2.5-pro", Protocol::Claude, "{}"), "{}");
}
