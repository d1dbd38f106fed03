//! What is wrong with a file is said once, with its place, and without secrets.

use holdfast::config;

use crate::{credentials, load, problems};

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
            "c.yaml:4:11 error api-keys must be a list: each entry on a line of its own that begins with `- `",
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
            "c.yaml:21:1 warning port-number is not a known key, did you mean `port`?",
        ]
    );
    assert!(load(text).config.is_none());
}

#[test]
fn a_broken_document_is_one_problem() {
    assert_eq!(
        problems("port: 1\nhost: [a\ndebug: true\n"),
        [
            "c.yaml:3:6 error illegal placement of ':' indicator: look for a `[` or `{` above that is not closed"
        ]
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
            .all(|p| p.ends_with(" is not implemented and has no effect"));
        assert!(expected, "{text} {found:?}");
        found.len()
    };
    for text in [
        "plugins: {a: 1}",
        "codex: {stream-bootstrap-timeout: 20s}",
        "xai-api-key: [{api-key: a, websockets: true}]",
    ] {
        assert_eq!(unsupported(text), 1, "{text}");
    }
    assert_eq!(
        problems("api-keys: [k]\ninteractions-api-key: [{api-key: a}]"),
        [
            "c.yaml:2:1 warning interactions-api-key has no effect: holdfast does not call Google's Interactions API; its keys also work under `gemini-api-key`"
        ]
    );
    for text in [
        "codex: {stream-bootstrap-buffering: true}",
        "interactions-api-key: []",
        "tls: {enable: false, cert: ''}",
        "tls:",
        "auth-dir: ~/.cli-proxy-api",
        "commercial-mode: off",
        "error-logs-max-files: 0xA",
        "host: 127.0.0.1\nws-auth: false",
        "quota-exceeded: {switch-project: true, switch-preview-model: true}",
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
    assert!(odd[0].contains("must be never, auto or always"), "{odd:?}");
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

#[test]
fn a_key_in_the_wrong_place_is_shown_the_right_one() {
    for (text, message) in [
        (
            "session-affinity: true",
            "c.yaml:1:1 warning session-affinity belongs under `routing`",
        ),
        (
            "routing: {port: 1}",
            "c.yaml:1:11 warning routing.port belongs at the top level of the file",
        ),
        (
            "routing.strategy: rr",
            "c.yaml:1:1 warning routing.strategy is not a known key, did you mean `routing`?",
        ),
        (
            "sesion-afinity: 1",
            "c.yaml:1:1 warning sesion-afinity is not a known key",
        ),
        (
            "routing: {sesion-affinity: 1}",
            "c.yaml:1:11 warning routing.sesion-affinity is not a known key, did you mean `session-affinity`?",
        ),
    ] {
        let found = problems(&format!("{text}\napi-keys: [k]"));
        assert_eq!(found, [message], "{text}");
    }
}
