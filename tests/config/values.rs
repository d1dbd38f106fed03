//! What a file says, and what it leaves out.

use std::time::Duration;

use holdfast::config::{AffinityMode, Config, ProxySetting, Routing, Secret, Strategy};

use crate::{config, load, problems};

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
        let problem = loaded.problems[0].to_string();
        assert!(problem.starts_with("c.yaml"), "{problem}");
        assert!(
            problem.ends_with(
                " warning host is empty and there are no client keys: holdfast listens on 127.0.0.1 and ::1 only. \
                 Set `api-keys` to listen on all interfaces, or `allow-anonymous: true` to serve everybody there \
                 without a key"
            ),
            "{problem}"
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
         \x20 body-timeout: 3m, memory: 1GiB, connections-per-address: 7, lane-wait: 500ms, drain-timeout: 0}\n",
    );
    assert_eq!(config.host, "[::1]");
    assert_eq!(config.port, 80);
    assert_eq!(
        config.api_keys.keys(),
        ["a", "b", "0123", "true"].map(Secret::new)
    );
    assert!(config.logs.debug && config.force_model_prefix && config.passthrough_headers);
    assert!(!config.api_keys.has_example());
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
            ..Routing::default()
        }
    );
    let limits = config.limits;
    assert_eq!(
        (limits.workers, limits.body, limits.connections),
        (Some(8), 3 << 19, Some(100))
    );
    assert_eq!(limits.head_timeout, Duration::from_secs(1));
    assert_eq!(limits.idle_timeout, Duration::from_secs(120));
    assert_eq!(limits.queue_timeout, Duration::from_millis(500));
    assert_eq!(limits.body_timeout, Duration::from_secs(180));
    assert_eq!(
        (limits.memory, limits.connections_per_address),
        (Some(1 << 30), Some(7))
    );
    assert_eq!(limits.drain_timeout, Duration::ZERO);
}

#[test]
fn routing_is_read() {
    let config = config(
        "routing:\n  strategy: Weighted-Round-Robin\n  session-affinity-mode: HASH\n  \
         session-affinity-names: 4096\n  session-affinity-subagents: true\n  \
         session-affinity-priority-failback: true\n  session-affinity-file: /var/lib/x\n\
         disable-cooling: true\ntransient-error-cooldown-seconds: 7\nstreaming: {bootstrap-retries: 2}\n\
         openai-compatibility:\n  - {name: x, base-url: 'http://h/v1', models: [{name: m}], request-retry: 2, weight: 5,\n     \
         api-key-entries: [{api-key: a, disable-cooling: false}, {api-key: b, weight: -1}]}\n",
    );
    let routing = &config.routing;
    assert_eq!(routing.strategy, Strategy::WeightedRoundRobin);
    assert_eq!(routing.session_affinity_mode, AffinityMode::Hash);
    assert_eq!(routing.session_affinity_max_prefixes.get(), 4096);
    assert!(routing.session_affinity_subagents && routing.session_affinity_priority_failback);
    assert_eq!(
        routing.session_affinity_file.as_deref(),
        Some(std::path::Path::new("/var/lib/x"))
    );
    assert!(config.disable_cooling);
    assert_eq!(config.transient_cooldown, Some(Duration::from_secs(7)));
    assert_eq!(config.bootstrap_retries, 2);
    let credentials = holdfast::unversioned::credential::from_config(&config).0;
    let tuning: Vec<_> = credentials
        .iter()
        .map(|c| (c.disable_cooling, c.request_retry, c.weight))
        .collect();
    assert_eq!(tuning, [(Some(false), Some(2), 5), (None, Some(2), 0)]);
}

#[test]
fn transient_cooldowns_have_two_special_values() {
    for (text, expected) in [
        ("", Some(60)),
        ("transient-error-cooldown-seconds: 0", Some(60)),
        ("transient-error-cooldown-seconds: -1", None),
        ("transient-error-cooldown-seconds: 5", Some(5)),
    ] {
        let expected = expected.map(Duration::from_secs);
        assert_eq!(config(text).transient_cooldown, expected, "{text}");
    }
}

#[test]
fn units_may_stand_wherever_seconds_are_taken() {
    for (value, seconds) in [
        ("2m", Some(120)),
        ("90", Some(90)),
        ("0", Some(60)),
        ("0s", Some(60)),
        ("-1", None),
    ] {
        let text = format!("transient-error-cooldown-seconds: {value}");
        let found = config(&text).transient_cooldown.map(|time| time.as_secs());
        assert_eq!(found, seconds, "{value}");
    }
    for value in ["2d", "86401", "soon"] {
        let text = format!("transient-error-cooldown-seconds: {value}");
        assert!(load(&text).config.is_none(), "{value}");
    }
    for (text, place) in [
        ("streaming: {keepalive-seconds: \"15\"}", "1:32"),
        ("logs-max-total-size-mb: \"512\"", "1:25"),
    ] {
        let found = problems(&format!("{text}\napi-keys: [k]"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with(&format!("c.yaml:{place} warning ")),
            "{found:?}"
        );
        assert!(found[0].ends_with("is a number in quotes"), "{found:?}");
    }
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
                "13 warning routing.strategy must be round-robin, fill-first or weighted-round-robin: round-robin is used",
            ),
        ),
        ("strategy: weighted-round-robin", None),
        (
            "session-affinity-ttl: 0",
            Some(
                "25 warning routing.session-affinity-ttl must be a duration such as `30m`: 1h is used",
            ),
        ),
        (
            "session-affinity-ttl: 1 h",
            Some(
                "25 warning routing.session-affinity-ttl must be a duration such as `30m`: 1h is used",
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
