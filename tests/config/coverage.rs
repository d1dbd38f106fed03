//! For every key of the table the test that sees its effect from outside: a request through the gateway, a
//! file, an exit code. Of keys that have no effect by decision or not yet, the test that sees that they load.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use holdfast::config::keys::{self, Standing};

const BLOCKS: [&str; 6] = [
    "claude-api-key[].",
    "gemini-api-key[].",
    "vertex-api-key[].",
    "codex-api-key[].",
    "xai-api-key[].",
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
    ("gateway", "allow_anonymous_serves_all_hosts", &["allow-anonymous"]),
    ("gateway", "bodies_and_workers_have_limits", &["limits", "limits.body"]),
    ("config", "every_top_level_value_arrives", &["limits.lane-wait", "routing.session-affinity-names"]),
    ("edge", "memory_is_limited", &["limits.memory"]),
    ("edge", "bodies_have_a_deadline", &["limits.body-timeout"]),
    ("edge", "connections_of_one_address_are_limited", &["limits.connections-per-address"]),
    ("program", "what_there_may_be_at_once_is_limited", &["limits.workers", "limits.queue-timeout", "limits.connections", "limits.head-timeout", "limits.idle-timeout", "limits.drain-timeout"]),
    // Routing.
    ("gateway", "new_sessions_are_distributed_round_robin", &["routing"]),
    ("gateway", "fill_first_uses_the_first_credential", &["routing.strategy"]),
    ("gateway", "without_affinity_sessions_have_no_credential", &["routing.session-affinity"]),
    ("config", "affinity_is_off_unless_asked_for_under_either_name", &["routing.claude-code-session-affinity"]),
    ("gateway", "a_session_expires", &["routing.session-affinity-ttl"]),
    ("gateway", "the_compatible_hash_can_be_configured", &["routing.session-affinity-mode"]),
    ("gateway", "the_number_of_stored_prefixes_is_limited", &["routing.session-affinity-max-prefixes"]),
    ("gateway", "subagents_have_their_own_sessions", &["routing.session-affinity-subagents"]),
    ("gateway", "a_session_moves_to_a_higher_priority_if_configured", &["routing.session-affinity-priority-failback"]),
    ("gateway", "sessions_survive_a_restart", &["routing.session-affinity-file"]),
    ("gateway", "max_retry_credentials_limits_each_round", &["request-retry", "max-retry-credentials", "disable-cooling", "transient-error-cooldown-seconds"]),
    ("gateway", "a_quota_is_awaited_if_configured", &["max-retry-interval"]),
    // Streams and silence.
    ("gateway", "keep_alives_fill_pauses_if_configured", &["streaming", "streaming.keepalive-seconds"]),
    ("gateway", "a_stream_begins_before_its_upstream_answers", &["streaming.early-keepalive-seconds"]),
    ("gateway", "bootstrap_retries_apply_to_streams", &["streaming.bootstrap-retries"]),
    ("gateway", "a_whole_answer_begins_with_blank_lines", &["nonstream-keepalive-interval"]),
    // The network.
    ("gateway", "the_global_proxy_can_be_reloaded", &["proxy-url"]),
    ("config", "every_secret_can_stand_in_a_file", &["proxy-url-file", "remote-management.secret-key-file", "ampcode.upstream-api-key-file", "ampcode.upstream-api-keys[].upstream-api-key-file", "api-key-file", "proxy-url-file", "openai-compatibility[].api-key-entries[].api-key-file", "openai-compatibility[].api-key-entries[].proxy-url-file"]),
    ("provider", "authorities_can_be_reloaded", &["ca-file"]),
    ("gateway", "passthrough_headers_reach_the_client", &["passthrough-headers"]),
    ("gateway", "header_defaults_are_for_claude_alone", &["claude-header-defaults", "claude-header-defaults.user-agent", "claude-header-defaults.package-version", "claude-header-defaults.runtime-version", "claude-header-defaults.os", "claude-header-defaults.arch", "claude-header-defaults.timeout"]),
    // Credentials and models.
    ("gateway", "prefixes_and_exclusions_decide_the_offered_models", &["force-model-prefix", "prefix", "excluded-models", "models", "models[].name", "models[].alias"]),
    ("gateway", "priority_and_weight_decide_the_credential", &["priority", "weight", "claude-api-key"]),
    ("gateway", "configured_headers_are_added_and_can_copy_the_clients", &["headers", "api-key", "base-url"]),
    ("gateway", "a_credential_can_override_global_keys", &["disable-cooling", "request-retry", "openai-compatibility[].api-key-entries[].disable-cooling", "openai-compatibility[].api-key-entries[].request-retry", "openai-compatibility[].api-key-entries[].weight"]),
    ("gateway", "a_provider_can_be_disabled_and_have_old_keys", &["openai-compatibility", "openai-compatibility[].name", "openai-compatibility[].disabled", "openai-compatibility[].api-key-entries", "openai-compatibility[].api-key-entries[].api-key", "openai-compatibility[].api-keys"]),
    ("gateway", "the_answer_arrives_whole_and_streamed", &["gemini-api-key", "codex-api-key"]),
    ("provider", "every_kind_of_upstream_gets_its_authentication_header", &["vertex-api-key"]),
    ("provider", "the_proxy_of_a_credential_takes_precedence", &["proxy-url", "openai-compatibility[].api-key-entries[].proxy-url"]),
    ("gateway", "answers_name_the_alias_if_configured", &["models[].force-mapping"]),
    ("gateway", "lists_show_configured_properties", &["models[].display-name", "models[].max-context-length"]),
    ("gateway", "reasoning_is_limited_to_the_configured_support", &["models[].thinking", "models[].thinking.levels", "models[].thinking.min", "models[].thinking.max", "models[].thinking.zero-allowed", "models[].thinking.dynamic-allowed"]),
    ("gateway", "xai_is_called_with_its_own_tools", &["xai-api-key"]),
    ("gateway", "rules_about_errors_decide_about_request_and_credential", &["request-scoped-errors", "request-scoped-errors[].status", "request-scoped-errors[].match", "request-scoped-errors[].match-regexr", "request-scoped-errors[].action"]),
    ("config", "rules_about_errors_of_a_key_come_first", &["openai-compatibility[].api-key-entries[].request-scoped-errors", "openai-compatibility[].api-key-entries[].request-scoped-errors[].status", "openai-compatibility[].api-key-entries[].request-scoped-errors[].match", "openai-compatibility[].api-key-entries[].request-scoped-errors[].match-regexr", "openai-compatibility[].api-key-entries[].request-scoped-errors[].action"]),
    ("gateway/files", "rules_about_errors_of_files_are_by_channel", &["oauth-request-scoped-errors", "oauth-request-scoped-errors.*[].status", "oauth-request-scoped-errors.*[].match", "oauth-request-scoped-errors.*[].match-regexr", "oauth-request-scoped-errors.*[].action"]),
    ("gateway/files", "the_user_agent_of_codex_logins_can_be_set", &["codex-header-defaults.user-agent"]),
    ("gateway", "an_overload_after_the_first_event_is_retried", &["codex.stream-bootstrap-buffering"]),
    ("gateway", "cooldowns_survive_a_restart_if_configured", &["save-cooldown-status"]),
    // Rules.
    ("gateway", "every_kind_of_upstream_gets_the_changed_body", &["payload", "payload.default", "payload.default-raw", "payload.override", "payload.override-raw", "payload.filter"]),
    // Logs and statistics.
    ("program", "nothing_secret_is_ever_printed", &["debug"]),
    ("program", "the_log_goes_where_it_is_told_and_looks_as_it_is_told", &["log-format", "logging-to-file"]),
    ("program", "the_folder_does_not_outgrow_its_size", &["logs-max-total-size-mb"]),
    ("program", "requests_are_logged_whole_once_that_is_asked_for", &["request-log"]),
    ("program", "a_failed_request_leaves_an_error_log", &["error-logs-max-files"]),
    ("program", "commercial_mode_writes_nothing", &["commercial-mode"]),
    ("gateway", "a_reload_switches_statistics_on_and_off", &["usage-statistics-enabled"]),
    ("gateway", "statistics_survive_a_restart", &["usage-statistics-file"]),
    // Others.
    ("program", "a_plain_management_key_is_replaced_and_nothing_else", &["remote-management", "remote-management.secret-key"]),
    ("gateway", "the_gemini_cli_endpoint_is_off_by_default_and_local_only", &["enable-gemini-cli-endpoint"]),
    // Credential files.
    ("gateway", "files_come_and_go", &["auth-dir"]),
    ("gateway", "a_hanging_token_endpoint_delays_no_valid_token", &["auth-auto-refresh-workers"]),
    ("gateway", "a_file_without_a_client_serves_until_it_expires", &["oauth-clients", "oauth-clients.*.client-id", "oauth-clients.*.client-secret", "oauth-clients.*.token-uri"]),
    ("config", "every_secret_can_stand_in_a_file", &["oauth-clients.*.client-secret-file"]),
    ("gateway", "the_settings_of_a_file_are_obeyed", &["oauth-excluded-models", "oauth-model-alias"]),
    ("config", "aliases_stand_in_for_their_models", &["oauth-model-alias.*[].name", "oauth-model-alias.*[].alias", "oauth-model-alias.*[].fork", "oauth-model-alias.*[].display-name", "oauth-model-alias.*[].force-mapping"]),
    ("gateway", "projects_of_one_account_share_its_tokens", &["quota-exceeded.switch-project"]),
    ("gateway", "credits_are_spent_when_no_other_account_is_left", &["quota-exceeded.antigravity-credits"]),
    ("gateway", "signatures_of_antigravity_are_kept_if_configured", &["antigravity-signature-cache-enabled"]),
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

fn has_test(folder: &Path, test: &str) -> bool {
    let mut entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.any(|entry| match entry.file_type().unwrap().is_dir() {
        true => has_test(&entry.path(), test),
        false => {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            text.contains(&format!("fn {test}("))
        }
    })
}

/// Fails if no file of this folder has this test.
fn assert_exists(folder: &str, test: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    assert!(has_test(&path.join(folder), test), "{folder} has no {test}");
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
