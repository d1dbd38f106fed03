//! The configuration file, from text to credentials.

use std::time::Duration;

use holdfast::config::{
    self, Config, HeaderValueSource, Loaded, ProxySetting, Routing, Secret, Severity, Strategy,
};
use holdfast::credential::{self, Credential};
use holdfast::dialect::Dialect;
use proptest::prelude::*;

const FULL: &str = include_str!("fixtures/config.example.full.yaml");
const EXAMPLE: &str = include_str!("../config.example.yaml");

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

// --- the fixture of every documented key ---

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
    assert_eq!(
        ending(" is not supported by this version yet"),
        [
            "c.yaml:49:24 warning quota-exceeded.antigravity-credits",
            "c.yaml:61:22 warning streaming.bootstrap-retries",
            "c.yaml:128:15 warning claude-header-defaults.user-agent",
            "c.yaml:129:20 warning claude-header-defaults.package-version",
            "c.yaml:130:20 warning claude-header-defaults.runtime-version",
            "c.yaml:131:7 warning claude-header-defaults.os",
            "c.yaml:132:9 warning claude-header-defaults.arch",
            "c.yaml:133:12 warning claude-header-defaults.timeout",
            "c.yaml:136:15 warning codex-header-defaults.user-agent",
            "c.yaml:137:18 warning codex-header-defaults.beta-features",
            "c.yaml:153:9 warning openai-compatibility[0].models[0].thinking",
            "c.yaml:182:17 warning ampcode.upstream-url",
            "c.yaml:184:3 warning ampcode.upstream-api-keys",
            "c.yaml:194:3 warning ampcode.model-mappings",
            "c.yaml:203:1 warning oauth-model-alias",
            "c.yaml:231:1 warning oauth-excluded-models",
            "c.yaml:254:3 warning payload.default",
            "c.yaml:260:3 warning payload.default-raw",
            "c.yaml:266:3 warning payload.override",
            "c.yaml:272:3 warning payload.override-raw",
            "c.yaml:278:3 warning payload.filter",
        ]
    );
    let keys = "c.yaml:21:1 warning api-keys holds keys of the example, which anybody can guess";
    assert!(warnings.contains(&keys.to_owned()), "{warnings:#?}");
    assert_eq!(warnings.len(), 3 + 2 + 21 + 1, "{warnings:#?}");
    assert!(config(FULL).example_keys);
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

// --- the shipped example ---

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
fn the_shipped_example_can_be_uncommented() {
    /// Settings have no space after the `#`, or the two that indent a list.
    fn setting(line: &str) -> &str {
        let rest = line
            .strip_prefix('#')
            .filter(|rest| !rest.starts_with(' ') || rest.starts_with("  "));
        rest.unwrap_or(line)
    }
    let lines = EXAMPLE
        .lines()
        .filter(|line| !line.starts_with("#   holdfast"));
    let text: Vec<&str> = lines.map(setting).collect();
    let (credentials, warnings) = credentials(&text.join("\n"));
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    let mut providers: Vec<&str> = credentials.iter().map(|c| c.provider.key()).collect();
    providers.sort_unstable();
    assert_eq!(
        providers,
        ["claude", "codex", "gemini", "openrouter", "vertex"]
    );
}

// --- values ---

#[test]
fn a_file_that_says_nothing_gives_the_defaults() {
    for text in [
        "",
        "# nothing\n",
        "\u{feff}",
        "~",
        "{}",
        "port:\nhost: ~\nrouting:\nlimits: null\n",
    ] {
        let loaded = load(text);
        let mut config = loaded.config.expect("usable");
        config.file = "".into();
        assert_eq!(config, Config::default(), "{text:?}");
        assert_eq!(loaded.problems.len(), 1, "{:?}", loaded.problems);
        assert_eq!(
            loaded.problems[0].to_string(),
            "c.yaml warning api-keys is empty: anybody who reaches this host can use it"
        );
        assert_eq!(loaded.empty, !text.contains(['{', 'p']), "{text:?}");
    }
    assert_eq!(problems("host: 127.0.0.1"), [""; 0]);
    assert_eq!(problems("host: '::1'"), [""; 0]);
}

#[test]
fn every_top_level_value_arrives() {
    let config = config(
        "host: ' ::1 '\nport: 0x50\napi-keys: [' a ', b, a, '', ~, 0123, true]\ndebug: Yes\n\
         proxy-url: http://u:p@proxy:3128\nforce-model-prefix: on\npassthrough-headers: 'true'\n\
         request-retry: 3\nmax-retry-credentials: -1\nmax-retry-interval: 1_0\n\
         streaming: {keepalive-seconds: 15s}\n\
         routing: {strategy: ' RR ', session-affinity: true, session-affinity-ttl: 1d}\n\
         limits: {workers: 8, body: 1.5MiB, connections: 100, head-timeout: 1s, idle-timeout: 2m,\n\
         \x20 lane-wait: 500ms, drain-timeout: 0}\n",
    );
    assert_eq!(config.host, "[::1]");
    assert_eq!(config.port, 80);
    assert_eq!(config.api_keys, ["a", "b", "0123", "true"].map(Secret::new));
    assert!(config.debug && config.force_model_prefix && config.passthrough_headers);
    assert!(!config.example_keys);
    let ProxySetting::Url(proxy) = &config.proxy_url else {
        panic!("{:?}", config.proxy_url);
    };
    assert_eq!(proxy.reveal(), "http://u:p@proxy:3128");
    assert_eq!(config.request_retry, 3);
    assert_eq!(config.max_retry_credentials, 0);
    assert_eq!(config.max_retry_interval, Duration::from_secs(10));
    assert_eq!(config.streaming_keepalive, Some(Duration::from_secs(15)));
    assert_eq!(
        config.routing,
        Routing {
            strategy: Strategy::RoundRobin,
            session_affinity: true,
            session_affinity_ttl: Duration::from_secs(86_400),
        }
    );
    let limits = config.limits;
    assert_eq!(
        (limits.workers, limits.body, limits.connections),
        (8, 3 << 19, 100)
    );
    assert_eq!(limits.head_timeout, Duration::from_secs(1));
    assert_eq!(limits.idle_timeout, Duration::from_secs(120));
    assert_eq!(limits.lane_wait, Duration::from_millis(500));
    assert_eq!(limits.drain_timeout, Duration::ZERO);
}

#[test]
fn affinity_is_off_unless_asked_for_under_either_name() {
    for (text, expected) in [
        ("", false),
        ("routing: {strategy: fill-first}", false),
        ("routing: {session-affinity: true}", true),
        ("routing: {claude-code-session-affinity: true}", true),
        (
            "routing: {session-affinity: false, claude-code-session-affinity: true}",
            true,
        ),
    ] {
        assert_eq!(config(text).routing.session_affinity, expected, "{text}");
    }
}

#[test]
fn odd_routing_values_warn_and_fall_back() {
    let base = "api-keys: [k]\nrouting:\n  ";
    for (text, problem) in [
        ("strategy: FF", None),
        ("strategy: fillfirst", None),
        (
            "strategy: random",
            Some(
                "13 warning routing.strategy must be round-robin or fill-first, round-robin is used",
            ),
        ),
        (
            "strategy: weighted-round-robin",
            Some(
                "13 warning routing.strategy is not supported by this version yet, round-robin is used",
            ),
        ),
        (
            "session-affinity-ttl: 0",
            Some(
                "25 warning routing.session-affinity-ttl must be a duration such as `30m`, 1h is used",
            ),
        ),
        (
            "session-affinity-ttl: 1 h",
            Some(
                "25 warning routing.session-affinity-ttl must be a duration such as `30m`, 1h is used",
            ),
        ),
        (
            "claude-code-session-affinity: true",
            Some(
                "33 warning routing.claude-code-session-affinity is the old name of `session-affinity`",
            ),
        ),
    ] {
        let expected: Vec<String> = problem
            .iter()
            .map(|text| format!("c.yaml:3:{text}"))
            .collect();
        assert_eq!(problems(&format!("{base}{text}")), expected);
        assert_eq!(
            config(&format!("{base}{text}"))
                .routing
                .session_affinity_ttl
                .as_secs(),
            3600
        );
    }
}

// --- problems ---

#[test]
fn all_problems_are_reported_together_each_with_its_place() {
    let text = "\
port: 70000
debug: 1
debug: true
api-keys: one
api_keys: [k]
proxy-url: ftp://secret-user:secret-word@x
request-retry: 1.5
max-retry-credentials: many
max-retry-interval: [30]
routing: sticky
streaming:
  keepalive-secs: 5
limits:
  workers: 0
  body: 64M
  head-timeout: 0s
gemini-api-key:
  - key
  - api-key: {a: b}
    priority: high
port-number: 1
";
    assert_eq!(
        problems(text),
        [
            "c.yaml:1:7 error port must be between 0 and 65535",
            "c.yaml:2:8 error debug must be true or false",
            "c.yaml:3:1 error debug is given twice, first in line 2",
            "c.yaml:4:11 error api-keys must be a list",
            "c.yaml:5:1 warning api_keys is not a known key, did you mean `api-keys`?",
            "c.yaml:6:12 error proxy-url must start with http://, https://, socks5:// or socks5h://",
            "c.yaml:7:16 error request-retry must be a whole number",
            "c.yaml:8:24 error max-retry-credentials must be a whole number",
            "c.yaml:9:1 error max-retry-interval must be a duration such as `30s`, not a list",
            "c.yaml:10:10 error routing must be a mapping",
            "c.yaml:12:3 warning streaming.keepalive-secs is not a known key, did you mean `keepalive-seconds`?",
            "c.yaml:14:12 error limits.workers must be between 1 and 16384",
            "c.yaml:15:9 error limits.body must be a size such as `64MiB` or `500kB`",
            "c.yaml:16:17 error limits.head-timeout must be more than zero",
            "c.yaml:18:5 error gemini-api-key[0] must be a mapping",
            "c.yaml:19:5 error gemini-api-key[1].api-key must be text, not a mapping",
            "c.yaml:19:5 warning gemini-api-key[1] has no `api-key`: skipped",
            "c.yaml:20:15 error gemini-api-key[1].priority must be a whole number",
            "c.yaml:21:1 warning port-number is not a known key",
        ]
    );
    assert!(load(text).config.is_none());
}

#[test]
fn a_broken_document_is_one_problem() {
    assert_eq!(
        problems("port: 1\nhost: [a\ndebug: true\n"),
        ["c.yaml:3:6 error illegal placement of ':' indicator"]
    );
    assert_eq!(
        problems("- a\n"),
        ["c.yaml:1:1 error the file must be a mapping"]
    );
    assert_eq!(
        problems("api-keys: [k]\n---\nport: [\n"),
        ["c.yaml:2:1 warning only the first document is read"]
    );
}

#[test]
fn unreadable_files_are_problems() {
    let folder = std::env::temp_dir().join(format!("holdfast-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temp folder");
    let path = folder.join("c.yaml");
    let shown = path.display();

    let missing = config::read(&path);
    assert!(missing.config.is_none());
    let text = missing.problems[0].to_string();
    assert!(
        text.starts_with(&format!("{shown} error cannot be read: ")),
        "{text}"
    );

    std::fs::write(&path, b"port: 1\nhost: \xff\n").expect("written");
    let problems = config::read(&path).problems;
    assert_eq!(
        problems[0].to_string(),
        format!("{shown}:2:7 error is not UTF-8")
    );

    std::fs::write(&path, "port: 1\napi-keys: [k]\n").expect("written");
    let loaded = config::read(&path);
    assert_eq!(loaded.config.map(|config| config.port), Some(1));
    assert_eq!(loaded.problems, []);
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn keys_that_do_nothing_yet_are_named_only_when_they_ask_for_something() {
    let unsupported = |text: &str| {
        let found = problems(&format!("api-keys: [k]\n{text}"));
        assert!(load(text).config.is_some(), "{text}");
        let expected = found
            .iter()
            .all(|p| p.ends_with(" is not supported by this version yet"));
        assert!(expected, "{text} {found:?}");
        found.len()
    };
    for text in [
        "tls: {enable: true}",
        "auth-dir: /root/auths",
        "commercial-mode: Yes",
        "request-log: true",
        "error-logs-max-files: 11",
        "ws-auth: true",
        "nonstream-keepalive-interval: 5s",
        "antigravity-signature-cache-enabled: false",
        "quota-exceeded: {switch-project: false}",
        "payload: {default: [{models: []}]}",
        "oauth-excluded-models: {kimi: [a]}",
        "generative-language-api-key: [a]",
        "transient-error-cooldown-seconds: -1",
        "plugins: {a: 1}",
        "xai-api-key: [{api-key: a}]",
        "gemini-api-key: [{api-key: a, weight: 2}]",
        "codex-api-key: [{api-key: a, base-url: 'http://h', websockets: true}]",
        "tls: {enable: [odd]}",
    ] {
        assert_eq!(unsupported(text), 1, "{text}");
    }
    for text in [
        "tls: {enable: false, cert: ''}",
        "tls:",
        "auth-dir: ~/.cli-proxy-api",
        "commercial-mode: off",
        "error-logs-max-files: 0xA",
        "ws-auth: false",
        "quota-exceeded: {switch-project: true, switch-preview-model: true}",
        "payload: {default: []}",
        "oauth-excluded-models: {}",
        "gemini-api-key: [{api-key: a, weight: 1, disable-cooling: false}]",
    ] {
        assert_eq!(unsupported(text), 0, "{text}");
    }
}

#[test]
fn disguises_are_refused_by_name() {
    let found = |text: &str| problems(&format!("api-keys: [k]\n{text}"));
    for text in [
        "claude-api-key: [{api-key: a, cloak: {mode: ' Always '}}]",
        "claude-api-key: [{api-key: a, cloak: {strict-mode: true}}]",
        "claude-api-key: [{api-key: a, cloak: {sensitive-words: [w]}}]",
        "claude-api-key: [{api-key: a, experimental-cch-signing: true}]",
        "claude-header-defaults: {stabilize-device-profile: true}",
        "fingerprint-profile: chrome",
        "antigravity: {sensitive-words: [w]}",
        "codex: {identity-confuse: true}",
        "disable-claude-cloak-mode: false",
    ] {
        let found = found(text);
        assert_eq!(found.len(), 1, "{text} {found:?}");
        assert!(
            found[0].ends_with(" has no effect in holdfast"),
            "{found:?}"
        );
    }
    for text in [
        "claude-api-key: [{api-key: a, cloak: {mode: never, strict-mode: false, sensitive-words: []}}]",
        "claude-api-key: [{api-key: a, cloak:}]",
        "disable-claude-cloak-mode: true",
    ] {
        assert_eq!(found(text), [""; 0], "{text}");
    }
    let odd = found("claude-api-key: [{api-key: a, cloak: {mode: maybe}}]");
    assert!(odd[0].contains("must be auto, always or never"), "{odd:?}");
    let wrong = load("claude-api-key: [{api-key: a, cloak: {strict-mode: 1}}]");
    assert!(wrong.config.is_none());
}

#[test]
fn problems_do_not_multiply_without_bound() {
    let mut text =
        "a: &bad {api-key: k, prefix: a/b, odd: 1, priority: x}\ngemini-api-key:\n".to_owned();
    text.push_str(&"  - *bad\n".repeat(5_000));
    let problems = load(&text).problems;
    assert_eq!(problems.len(), 202);
    let last: Vec<String> = problems
        .iter()
        .rev()
        .take(2)
        .map(ToString::to_string)
        .collect();
    assert_eq!(last[1], "c.yaml error 4900 more of these are not shown");
    assert_eq!(last[0], "c.yaml warning 9902 more of these are not shown");
}

#[test]
fn no_secret_is_printed() {
    let secrets = [
        "sk-hush-1",
        "sk-hush-2",
        "sk-hush-3",
        "sk-hush-4",
        "sk-hush-5",
        "sk-hush-6",
    ];
    let bad = "\
api-keys: [{sk-hush-1: x}]
proxy-url: socks9://u:sk-hush-2@h
port: sk-hush-3
gemini-api-key:
  - api-key: sk-hush-4
    base-url: https://u:sk-hush-5@h
    proxy-url: sk-hush-6
";
    let good = "\
api-keys: [sk-hush-1-and-more]
proxy-url: socks5://u:sk-hush-2@h
gemini-api-key:
  - {api-key: sk-hush-3-and-more, headers: {Authorization: Bearer sk-hush-4 and more}}
openai-compatibility:
  - {name: n, base-url: 'https://h', api-key-entries: [{api-key: sk-hush-5-and-more, proxy-url: 'http://a:sk-hush-6@p'}]}
";
    let mut printed = format!("{:?} {:?}", load(bad), problems(bad));
    let (credentials, warnings) = credentials(good);
    printed += &format!("{:?} {credentials:?} {warnings:?}", load(good));
    for credential in &credentials {
        printed += &credential.masked_id();
    }
    for secret in secrets {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

// --- entries ---

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
            "codex-api-key: [{api-key: k}]",
            0,
            "codex-api-key[0] has no `base-url`: skipped",
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
            "claude-api-key[0].models[1] offers a name that an earlier row offers: skipped",
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
            "claude-api-key[0].headers.A is given twice but for case, this one is used",
        ),
        (
            "claude-api-key: [{api-key: k}, {api-key: k}]",
            2,
            "claude-api-key[1] is the same as an earlier entry: both are used",
        ),
        (
            "gemini-api-key: [{api-key: k}, {api-key: ' k '}]",
            1,
            "gemini-api-key[1] has the key and base-url of an earlier entry: skipped",
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
            "openai-compatibility: [{name: n, base-url: 'http://h'}]",
            1,
            "openai-compatibility[0] offers no model and is never used",
        ),
        (
            "openai-compatibility: [{name: n, base-url: 'http://h', api-key-entries: [{proxy-url: x}], models: [{name: m}]}]",
            0,
            "openai-compatibility[0].api-key-entries[0].proxy-url must be a proxy URL such as `socks5://host:1080`: skipped",
        ),
        (
            "openai-compatibility: [{name: n, base-url: 'http://h', models: [{name: m}]}, {name: N, base-url: 'http://i'}]",
            2,
            "openai-compatibility[1] has the name of an earlier provider: their models are merged",
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

// --- models ---

#[test]
fn a_list_replaces_the_catalogue_and_takes_what_it_knows() {
    let (credentials, _) = credentials(
        "claude-api-key: [{api-key: k, models: [{name: claude-opus-5, alias: best}, {name: own, max-context-length: 5, display-name: Own}, {alias: only}]}]",
    );
    let [best, own, only] = &credentials[0].models[..] else {
        panic!("{:?}", credentials[0].models);
    };
    assert_eq!(
        (best.id.as_str(), best.display_name.as_str()),
        ("best", "claude-opus-5")
    );
    assert_eq!(
        (best.owned_by.as_str(), best.created),
        ("anthropic", Some(1_784_038_800))
    );
    assert_eq!(
        (best.context, best.output),
        (Some(1_000_000), Some(128_000))
    );
    assert_eq!((own.id.as_str(), own.display_name.as_str()), ("own", "Own"));
    assert_eq!((own.context, own.created), (Some(5), None));
    assert_eq!(
        (only.id.as_str(), &only.upstream[..]),
        ("only", &["only".to_owned()][..])
    );
    assert_eq!(
        sent(&credentials[0], "claude-opus-5"),
        "-",
        "not listed under that name"
    );
}

#[test]
fn exclusions_match_the_offered_name() {
    let (credentials, _) = credentials(
        "claude-api-key:\n- {api-key: a, excluded-models: ['*-4-*', CLAUDE-3*, claude-opus-5]}\n\
         - {api-key: b, models: [{name: claude-opus-5, alias: Top}, {name: x}], excluded-models: [claude-*, 'top']}\n",
    );
    assert_eq!(
        visible(&credentials[0]),
        ["claude-fable-5", "claude-sonnet-5"]
    );
    assert_eq!(visible(&credentials[1]), ["x"]);
}

#[test]
fn providers_of_one_name_share_their_models_and_pools_have_no_repeats() {
    let (credentials, _) = credentials(
        "openai-compatibility:\n\
         - {name: n, base-url: 'http://h', models: [{name: a, alias: x}, {name: A, alias: X}, {name: b, alias: x}]}\n\
         - {name: N, base-url: 'http://i', models: [{name: c, alias: x}, {name: d}]}\n",
    );
    for credential in &credentials {
        assert_eq!(visible(credential), ["x", "d"]);
        assert_eq!(credential.models[0].upstream, ["a", "b", "c"]);
    }
    assert_eq!(credentials[0].models[1].owned_by, "n");
}

#[test]
fn names_resolve() {
    let list = "models: [{name: up, alias: Al}, {name: up2, alias: al2}, {name: up3(high), alias: think}, \
                {name: 'free(beta)', alias: odd}, {name: 'literal(x)'}, {name: pre}]";
    let (plain, _) = credentials(&format!("claude-api-key: [{{api-key: k, {list}}}]"));
    for (asked, expected) in [
        ("Al", "up"),
        ("al", "up"),
        ("AL2", "up2"),
        ("up", "-"),
        ("al(8192)", "up(8192)"),
        ("al(ultra)", "up(ultra)"),
        ("al()", "up()"),
        ("think", "up3(high)"),
        ("think(low)", "up3(high)"),
        ("odd", "free(beta)"),
        ("odd(low)", "free(beta)(low)"),
        ("literal(x)", "literal(x)"),
        ("literal(x)(low)", "literal(x)(low)"),
        ("literal", "-"),
        ("pre/al", "-"),
        ("", "-"),
        ("(high)", "-"),
    ] {
        assert_eq!(sent(&plain[0], asked), expected, "{asked}");
    }

    let (prefixed, _) = credentials(&format!(
        "claude-api-key: [{{api-key: k, prefix: pre, {list}}}]"
    ));
    for (asked, expected) in [
        ("pre/Al", "up"),
        ("PRE/al(low)", "up(low)"),
        ("al", "up"),
        ("pre", "pre"),
        ("pre/pre", "pre"),
        ("pre/", "-"),
        ("other/al", "-"),
        ("ö", "-"),
        ("ööö/al", "-"),
    ] {
        assert_eq!(sent(&prefixed[0], asked), expected, "{asked}");
    }

    let (forced, _) = credentials(&format!(
        "force-model-prefix: true\nclaude-api-key: [{{api-key: k, prefix: pre, {list}}}]"
    ));
    assert_eq!(
        visible(&forced[0]),
        [
            "pre/Al",
            "pre/al2",
            "pre/think",
            "pre/odd",
            "pre/literal(x)",
            "pre",
            "pre/pre"
        ]
    );
    for (asked, expected) in [
        ("al", "-"),
        ("pre/al", "up"),
        ("pre", "pre"),
        ("pre/pre", "pre"),
    ] {
        assert_eq!(sent(&forced[0], asked), expected, "{asked}");
    }
}

#[test]
fn the_exact_spelling_wins() {
    let list = "models: [{name: lower, alias: m}, {name: prefixed, alias: p/m}]";
    let (credentials, _) = credentials(&format!(
        "claude-api-key: [{{api-key: k, {list}}}, {{api-key: l, prefix: P, {list}}}]"
    ));
    assert_eq!(sent(&credentials[0], "p/m"), "prefixed");
    assert_eq!(sent(&credentials[0], "P/M"), "prefixed");
    assert_eq!(
        sent(&credentials[1], "p/m"),
        "prefixed",
        "spelt so in the list"
    );
    assert_eq!(sent(&credentials[1], "P/m"), "lower");
}

#[test]
fn what_is_visible_resolves_to_its_own_model() {
    for text in [
        FULL.to_owned(),
        FULL.replace("force-model-prefix: false", "force-model-prefix: true"),
    ] {
        let (credentials, _) = credentials(&text);
        for credential in &credentials {
            for (id, model) in credential.visible_ids() {
                assert_eq!(
                    credential.resolve(&id).map(|found| found.model),
                    Some(model),
                    "{id}"
                );
            }
        }
    }
}

// --- anything at all ---

fn check(text: &str) {
    let loaded = load(text);
    assert!(loaded.problems.len() <= 202);
    let failed = loaded
        .problems
        .iter()
        .any(|p| p.severity == Severity::Error);
    assert_eq!(loaded.config.is_none(), failed);
    let lines = text.lines().count() + 1;
    for problem in &loaded.problems {
        assert!(problem.line <= lines, "{problem}");
        assert_eq!(problem.to_string().lines().count(), 1, "{problem}");
    }
    if let Some(config) = &loaded.config {
        let (credentials, _) = credential::from_config(config);
        for credential in &credentials {
            for (id, _) in credential.visible_ids() {
                assert!(credential.resolve(&id).is_some(), "{id}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn anything_that_looks_like_yaml_is_read_or_refused(
        parts in proptest::collection::vec(prop::sample::select(vec![
            "a", ": ", "\n", "  ", "- ", "[", "]", "{", "}", ",", "'", "\"", "|", ">", "&a ", "*a", "<<: ", "? ",
            "!!str ", "#", "\t", "---\n", "...\n", "%YAML 1.2\n", "\r\n", "api-keys", "gemini-api-key", "api-key",
            "openai-compatibility", "models", "name", "routing", "limits", "0x", "~", "\u{feff}", "\u{0}", "é",
        ]), 0..60)
    ) {
        check(&parts.concat());
    }

    #[test]
    fn a_damaged_file_is_read_or_refused(
        at in 0..FULL.len(), cut in 0_usize..40, insert in "[\\[\\]{}:,&*!|>'\"%@`#?~\n\t -]{0,4}"
    ) {
        let at = FULL.floor_char_boundary(at);
        let end = FULL.floor_char_boundary((at + cut).min(FULL.len()));
        check(&format!("{}{insert}{}", &FULL[..at], &FULL[end..]));
    }

    #[test]
    fn lines_in_any_order_are_read_or_refused(order in proptest::collection::vec(0_usize..300, 1..60)) {
        let lines: Vec<&str> = FULL.lines().collect();
        let text: Vec<&str> = order.iter().filter_map(|at| lines.get(*at).copied()).collect();
        check(&text.join("\n"));
    }
}
