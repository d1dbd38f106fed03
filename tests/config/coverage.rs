//! For every key of the table the test that sees its effect from outside: a request through the gateway, a
//! file, an exit code. Of keys that have no effect by decision or not yet, the test that sees that they load.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use holdfast::config::keys::{self, Standing};

const BLOCKS: [&str; 5] = [
    "claude-api-key[].",
    "gemini-api-key[].",
    "vertex-api-key[].",
    "codex-api-key[].",
    "openai-compatibility[].",
];

/// Folder and test, and the keys it is about. A key of all blocks of credentials stands without its block.
#[rustfmt::skip]
const SEEN: &[(&str, &str, &[&str])] = &[
    // The server.
    ("program", "problems_have_exit_codes", &["host", "port"]),
    ("program", "https_is_served_and_its_certificate_renewed", &["tls", "tls.enable", "tls.cert", "tls.key"]),
    ("program", "the_debug_server_comes_and_goes", &["pprof", "pprof.enable", "pprof.addr"]),
    ("program", "a_hangup_reloads_the_file_and_a_bad_file_changes_nothing", &["api-keys"]),
    ("program", "a_file_that_is_named_counts_too", &["api-keys-file"]),
    ("gateway", "everybody_is_served_where_that_is_asked_for", &["allow-anonymous"]),
    ("gateway", "bodies_and_workers_have_limits", &["limits", "limits.body"]),
    ("config", "every_top_level_value_arrives", &["limits.lane-wait", "routing.session-affinity-names"]),
    ("edge", "memory_is_bounded", &["limits.memory"]),
    ("edge", "bodies_have_a_deadline", &["limits.body-timeout"]),
    ("edge", "connections_of_one_address_are_bounded", &["limits.connections-per-address"]),
    ("program", "what_there_may_be_at_once_is_limited", &["limits.workers", "limits.queue-timeout", "limits.connections", "limits.head-timeout", "limits.idle-timeout", "limits.drain-timeout"]),
    // Routing.
    ("gateway", "new_sessions_take_turns", &["routing"]),
    ("gateway", "fill_first_fills_the_first", &["routing.strategy"]),
    ("gateway", "without_affinity_nothing_sticks", &["routing.session-affinity"]),
    ("config", "affinity_is_off_unless_asked_for_under_either_name", &["routing.claude-code-session-affinity"]),
    ("gateway", "a_session_is_forgotten_in_its_time", &["routing.session-affinity-ttl"]),
    ("gateway", "the_compatible_hash_is_there_for_those_who_want_it", &["routing.session-affinity-mode"]),
    ("gateway", "only_so_many_beginnings_are_remembered", &["routing.session-affinity-max-prefixes"]),
    ("gateway", "subagents_are_sessions_of_their_own", &["routing.session-affinity-subagents"]),
    ("gateway", "a_session_moves_to_a_higher_priority_where_that_is_asked_for", &["routing.session-affinity-priority-failback"]),
    ("gateway", "sessions_survive_a_restart", &["routing.session-affinity-file"]),
    ("gateway", "rounds_go_over_as_many_credentials_as_they_may", &["request-retry", "max-retry-credentials", "disable-cooling", "transient-error-cooldown-seconds"]),
    ("gateway", "a_quota_is_waited_for_where_the_configuration_says_so", &["max-retry-interval"]),
    // Streams and silence.
    ("gateway", "silence_is_filled_where_that_is_configured", &["streaming", "streaming.keepalive-seconds"]),
    ("gateway", "a_stream_begins_before_its_upstream_answers", &["streaming.early-keepalive-seconds"]),
    ("gateway", "a_stream_has_rounds_of_its_own", &["streaming.bootstrap-retries"]),
    ("gateway", "an_answer_that_is_no_stream_begins_with_blank_lines", &["nonstream-keepalive-interval"]),
    // The network.
    ("gateway", "the_proxy_of_all_is_live", &["proxy-url"]),
    ("config", "every_secret_can_stand_in_a_file", &["proxy-url-file", "remote-management.secret-key-file", "ampcode.upstream-api-key-file", "ampcode.upstream-api-keys[].upstream-api-key-file", "api-key-file", "proxy-url-file", "openai-compatibility[].api-key-entries[].api-key-file", "openai-compatibility[].api-key-entries[].proxy-url-file"]),
    ("provider", "trust_can_be_given_and_taken_back", &["ca-file"]),
    ("gateway", "headers_of_upstreams_reach_clients_if_they_may", &["passthrough-headers"]),
    ("gateway", "header_defaults_are_for_claude_alone", &["claude-header-defaults", "claude-header-defaults.user-agent", "claude-header-defaults.package-version", "claude-header-defaults.runtime-version", "claude-header-defaults.os", "claude-header-defaults.arch", "claude-header-defaults.timeout"]),
    // Credentials and models.
    ("gateway", "prefixes_and_exclusions_say_what_is_offered", &["force-model-prefix", "prefix", "excluded-models", "models", "models[].name", "models[].alias"]),
    ("gateway", "priority_and_weight_say_who_is_asked", &["priority", "weight", "claude-api-key"]),
    ("gateway", "own_headers_are_added_and_may_copy_the_clients", &["headers", "api-key", "base-url"]),
    ("gateway", "a_credential_may_be_treated_otherwise_than_the_rest", &["disable-cooling", "request-retry", "openai-compatibility[].api-key-entries[].disable-cooling", "openai-compatibility[].api-key-entries[].request-retry", "openai-compatibility[].api-key-entries[].weight"]),
    ("gateway", "a_provider_can_be_put_aside_and_have_old_keys", &["openai-compatibility", "openai-compatibility[].name", "openai-compatibility[].disabled", "openai-compatibility[].api-key-entries", "openai-compatibility[].api-key-entries[].api-key", "openai-compatibility[].api-keys"]),
    ("gateway", "the_answer_arrives_whole_and_streamed", &["gemini-api-key", "codex-api-key"]),
    ("provider", "keys_go_where_each_kind_wants_them", &["vertex-api-key"]),
    ("provider", "a_credential_goes_before_the_rest", &["proxy-url", "openai-compatibility[].api-key-entries[].proxy-url"]),
    ("gateway", "answers_name_the_alias_if_they_must", &["models[].force-mapping"]),
    ("gateway", "lists_show_what_is_configured", &["models[].display-name", "models[].max-context-length"]),
    ("gateway", "thinking_is_held_to_what_is_configured", &["models[].thinking", "models[].thinking.levels", "models[].thinking.min", "models[].thinking.max", "models[].thinking.zero-allowed", "models[].thinking.dynamic-allowed"]),
    // Rules.
    ("gateway", "every_kind_of_upstream_gets_the_changed_body", &["payload", "payload.default", "payload.default-raw", "payload.override", "payload.override-raw", "payload.filter"]),
    // Logs and statistics.
    ("program", "nothing_secret_is_ever_printed", &["debug"]),
    ("program", "the_log_goes_where_it_is_told_and_looks_as_it_is_told", &["log-format", "logging-to-file"]),
    ("program", "the_folder_does_not_outgrow_its_size", &["logs-max-total-size-mb"]),
    ("program", "requests_are_logged_whole_once_that_is_asked_for", &["request-log"]),
    ("program", "a_failed_request_leaves_an_error_log", &["error-logs-max-files"]),
    ("program", "commercial_mode_writes_nothing", &["commercial-mode"]),
    ("gateway", "it_is_switched_on_and_off_while_running", &["usage-statistics-enabled"]),
    ("gateway", "a_file_keeps_it_over_a_restart", &["usage-statistics-file"]),
    // Others.
    ("program", "a_plain_management_key_is_replaced_and_nothing_else", &["remote-management", "remote-management.secret-key"]),
    ("gateway", "gemini_clis_own_endpoint_is_off_and_then_local", &["enable-gemini-cli-endpoint"]),
    ("config", "aliases_stand_in_for_their_models", &["oauth-model-alias"]),
    ("config", "the_full_fixture_loads_and_says_what_it_does_not_do", &["codex-header-defaults", "quota-exceeded", "ampcode"]),
];

/// Where keys without effect are seen to load, or to be refused.
#[rustfmt::skip]
const LOADED: &[(&str, &str)] = &[
    ("config", "the_full_fixture_loads_and_says_what_it_does_not_do"),
    ("config", "keys_that_do_nothing_yet_are_named_only_when_they_ask_for_something"),
    ("config", "disguises_are_refused_by_name"),
];

/// Conditions of rules, which one place reads for all sections.
const CONDITIONS: (&str, &str) = ("config", "rows_match_by_what_the_request_says");

/// Whether one of the files of this folder has this test.
fn assert_exists(folder: &str, test: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let files = fs::read_dir(path.join(folder)).unwrap();
    let has_test = |file: fs::DirEntry| {
        let text = fs::read_to_string(file.path()).unwrap_or_default();
        text.contains(&format!("fn {test}("))
    };
    let mut files = files.map(Result::unwrap);
    assert!(files.any(has_test), "{folder} has no {test}");
}

#[test]
fn every_key_has_a_test() {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for (folder, test, keys) in SEEN {
        assert_exists(folder, test);
        for key in *keys {
            seen.insert((*key).to_owned());
            seen.extend(BLOCKS.iter().map(|block| format!("{block}{key}")));
        }
    }
    for (folder, test) in LOADED.iter().chain([&CONDITIONS]) {
        assert_exists(folder, test);
    }
    let untested = keys::all().iter().filter(|key| {
        let is_rule = key.path.starts_with("payload.") && key.path.contains("[]");
        key.standing == Standing::Current && !is_rule && !seen.contains(&*key.path)
    });
    let untested: Vec<&str> = untested.map(|key| &*key.path).collect();
    assert_eq!(untested, [""; 0]);
    let known: BTreeSet<&str> = keys::all().iter().map(|key| &*key.path).collect();
    for (_, _, listed) in SEEN {
        for key in *listed {
            let of_block = |block: &&str| known.contains(format!("{block}{key}").as_str());
            assert!(known.contains(key) || BLOCKS.iter().any(of_block), "{key}");
        }
    }
}
