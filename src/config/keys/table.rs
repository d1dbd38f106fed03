//! The rows of the table: path, type with unit and bounds, default, and what the key does.

use std::borrow::Cow;

use super::Kind::*;
use super::{Change, Key, Kind, Standing};
use crate::config::error_rule::ErrorAction;
use crate::config::settings::{AffinityMode, Config, LogFormat, Strategy};
use crate::config::show::{Show, Shown, plain};
use crate::config::word::Word as _;

const COUNT: Kind = Count {
    most: u32::MAX as i64,
    negative: 0,
};
const STATUS: Kind = Integer(100, 599);
const WEIGHT: Kind = Count {
    most: 1_000_000,
    negative: 0,
};
/// More at once would be an attack on the vendor.
const REFRESHES: Kind = Count {
    most: 1_024,
    negative: 16,
};
/// Each worker is a thread and two sockets.
const WORKERS: Kind = Integer(1, 16_384);
/// The default upper bound of open files on Linux (`fs.nr_open`).
const MOST_CONNECTIONS: i64 = 1 << 20;
/// The smallest budget that still lets a conversation of ordinary length be translated.
const LEAST_MEMORY: u64 = 1 << 20;

/// A key with its default; its value is read by hand, or is part of a list.
const fn key(path: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Key {
    Key {
        path: Cow::Borrowed(path),
        kind,
        default,
        change: Change::Reload,
        standing: Standing::Current,
        about,
        value: None,
    }
}

const fn block(path: &'static str, about: &'static str) -> Key {
    key(path, Mapping, "", about)
}

/// Of keys that only other versions of the format have.
pub const OTHER_VERSION: &str = "Part of another version of the format.";

/// A key of another version of the format.
const fn unknown(path: &'static str) -> Key {
    key(path, Any, "", OTHER_VERSION).unimplemented()
}

/// A key that asks to pass one client off as another with any value but this one.
const fn refused(path: &'static str, kind: Kind, silent: &'static str) -> Key {
    let mut key = key(
        path,
        kind,
        silent,
        "holdfast does not pass one client off as another.",
    );
    key.standing = Standing::Refused;
    key
}

const fn old(path: &'static str, kind: Kind, new: &'static str, about: &'static str) -> Key {
    let mut key = key(path, kind, "", about);
    key.standing = Standing::Old(new);
    key
}

impl Key {
    const fn value_of(mut self, value: fn(&Config) -> Option<Shown>) -> Self {
        self.value = Some(value);
        self
    }

    const fn unimplemented(mut self) -> Self {
        self.standing = Standing::Unimplemented;
        self
    }

    const fn restart(mut self) -> Self {
        self.change = Change::Restart;
        self
    }
}

/// A key whose value is this field of [`Config`].
macro_rules! key {
    ($path:literal, $kind:expr, $default:literal, $($field:ident).+, $about:literal) => {
        key($path, $kind, $default, $about).value_of(|config| config.$($field).+.show())
    };
}

/// The keys at the top of the file and in its blocks, by what they are about.
#[rustfmt::skip]
pub const GROUPS: &[(&str, &[Key])] = &[
    ("Server and clients", &[
        key!("host", Text, "", host, "The interface to listen on. Empty: all interfaces, or this host alone without client keys.").restart(),
        key!("port", Integer(0, 65_535), "8317", port, "The port to listen on. 0: the system chooses one.").restart(),
        block("tls", "HTTPS for clients. Changed certificate files are read without a restart."),
        key("tls.enable", Flag, "false", "Serve HTTPS instead of HTTP.").restart().value_of(|config| plain(config.tls.is_some())),
        key("tls.cert", Path, "", "The certificate chain, a PEM file.").restart().value_of(|config| config.tls.as_ref()?.cert.show()),
        key("tls.key", Path, "", "The private key of the certificate, a PEM file.").restart().value_of(|config| config.tls.as_ref()?.key.show()),
        key("api-keys", Secrets, "", "The keys that clients present. Without any, only programs on this host are served.").value_of(|config| match config.api_keys.is_lost() {
            // An empty list would say that none are wanted.
            true => plain("[null]"),
            false => config.api_keys.keys().show(),
        }),
        key!("allow-anonymous", Flag, "false", allow_anonymous, "Without client keys, serve other hosts too."),
    ]),
    ("Limits", &[
        block("limits", "How much is served at once, and how long clients may take."),
        key!("limits.workers", WORKERS, "", limits.workers, "Requests served at the same time. Default: by memory and open files, 4096 from 1 GiB on.").restart(),
        key!("limits.body", Size(1, 4 << 30), "64MiB", limits.body, "The largest request body.").restart(),
        key!("limits.memory", Size(LEAST_MEMORY, u64::MAX), "", limits.memory, "Memory for all request bodies and answers. Default: a quarter of the machine's or cgroup's memory, at least 48 MiB.").restart(),
        key!("limits.connections", Integer(1, MOST_CONNECTIONS), "", limits.connections, "Open client connections. Default: 10000, or as many as open files allow.").restart(),
        key("limits.connections-per-address", Integer(0, MOST_CONNECTIONS), "0", "Open client connections from one address. 0: any number.").restart().value_of(|config| config.limits.connections_per_address.unwrap_or(0).show()),
        key!("limits.head-timeout", Timeout, "10s", limits.head_timeout, "The time for a complete request head.").restart(),
        key!("limits.body-timeout", Timeout, "5m", limits.body_timeout, "The time for a complete request body.").restart(),
        key!("limits.idle-timeout", Timeout, "75s", limits.idle_timeout, "The time a connection may stay open without a request.").restart(),
        key!("limits.queue-timeout", Timeout, "5s", limits.queue_timeout, "The time a complete request waits for a free worker or for memory before it is answered 503.").restart(),
        old("limits.lane-wait", Timeout, "limits.queue-timeout", "The old name of `limits.queue-timeout`."),
        key!("limits.drain-timeout", Duration, "30s", limits.drain_timeout, "The time running requests get to finish when holdfast stops.").restart(),
    ]),
    ("Routing", &[
        block("routing", "Which credential serves a request."),
        key!("routing.strategy", Word(Strategy::NAMES), "round-robin", routing.strategy, "Which credential a new conversation gets: each in turn, the first one that is usable, or by `weight`."),
        key!("routing.session-affinity", Flag, "false", routing.session_affinity, "Keep each conversation on the credential that has its prompt cache."),
        key!("routing.session-affinity-ttl", LenientTimeout, "1h", routing.session_affinity_ttl, "How long after its last request a conversation keeps its credential."),
        key!("routing.session-affinity-mode", Word(AffinityMode::NAMES), "prefix", routing.session_affinity_mode, "How a conversation without a session id is identified: by the prefixes of its messages, or by a hash of its first texts."),
        key!("routing.session-affinity-max-prefixes", Integer(1_024, 16_777_216), "262144", routing.session_affinity_max_prefixes, "How many prefixes of conversations are stored, about 100 bytes each.").restart(),
        old("routing.session-affinity-names", Integer(1_024, 16_777_216), "routing.session-affinity-max-prefixes", "The old name of `routing.session-affinity-max-prefixes`."),
        key!("routing.session-affinity-subagents", Flag, "false", routing.session_affinity_subagents, "Start subagents on the credential of the agent they work for."),
        key!("routing.session-affinity-priority-failback", Flag, "false", routing.session_affinity_priority_failback, "Move a conversation as soon as a credential of higher priority is usable."),
        key!("routing.session-affinity-file", Path, "", routing.session_affinity_file, "A file that keeps sessions across restarts."),
        old("routing.claude-code-session-affinity", Flag, "routing.session-affinity", "The old name of `routing.session-affinity`."),
    ]),
    ("Failures", &[
        key!("request-retry", COUNT, "0", request_retry, "Further rounds over the credentials after all of them failed."),
        key!("max-retry-credentials", COUNT, "0", max_retry_credentials, "Credentials tried per round. 0: all."),
        key!("max-retry-interval", Duration, "0s", max_retry_interval, "The longest wait for a credential between rounds."),
        key!("disable-cooling", Flag, "false", disable_cooling, "Failures cause no cooldown."),
        key!("save-cooldown-status", Flag, "false", save_cooldowns, "Keep cooldowns across restarts, beside the sessions."),
        key("transient-error-cooldown-seconds", Duration, "60", "The cooldown of a credential that is overloaded or unreachable, at most a day. 0: 60 seconds; -1: none.").value_of(|config| match config.transient_cooldown {
            Some(time) => time.show(),
            None => plain(-1),
        }),
        block("quota-exceeded", "What to do when the quota of an account is used up."),
        key!("quota-exceeded.switch-project", Flag, "true", google.switch_project, "Continue with the next project of a Gemini CLI account."),
        key("quota-exceeded.switch-preview-model", Flag, "false", "Has no effect in any gateway.").unimplemented(),
        key!("quota-exceeded.antigravity-credits", Flag, "false", google.antigravity_credits, "Pay with credits when an Antigravity quota is used up."),
    ]),
    ("Streams and keep-alives", &[
        block("streaming", "Streams."),
        key("streaming.keepalive-seconds", Duration, "0", "Send a keep-alive comment when a stream was silent for this long. 0: never.").value_of(|config| config.streaming_keepalive.unwrap_or_default().show()),
        key("streaming.early-keepalive-seconds", Duration, "0", "The same before the first byte of the upstream. It commits the answer to status 200. 0: never.").value_of(|config| config.early_keepalive.unwrap_or_default().show()),
        key!("streaming.bootstrap-retries", COUNT, "0", bootstrap_retries, "Further rounds for a stream that fails before its first byte."),
        key("nonstream-keepalive-interval", Duration, "0", "Send a blank line when an answer that is not a stream takes this long. It commits the answer to status 200. 0: never.").value_of(|config| config.nonstream_keepalive.unwrap_or_default().show()),
    ]),
    ("Network", &[
        key!("proxy-url", Secret, "", proxy_url, "The proxy for all upstreams without one of their own: http, https, socks5, socks5h, or `direct`. Empty: by the environment."),
        key!("ca-file", Path, "", ca_file, "Certificates of authorities to trust beside the system's, a PEM file."),
        key!("passthrough-headers", Flag, "false", passthrough_headers, "Send the upstream's response headers to the client."),
    ]),
    ("Credentials", &[
        key("claude-api-key", List, "", "Anthropic Messages."),
        key("gemini-api-key", List, "", "The Gemini API."),
        old("generative-language-api-key", Secrets, "gemini-api-key", "The old form of `gemini-api-key`."),
        key("vertex-api-key", List, "", "Vertex AI with an API key."),
        key("codex-api-key", List, "", "OpenAI Responses."),
        key("xai-api-key", List, "", "xAI, its Responses API."),
        key("openai-compatibility", List, "", "Everything that speaks OpenAI Chat Completions. `base-url` is required."),
        block("claude-header-defaults", "Headers of Claude requests for clients that do not send them."),
        key("claude-header-defaults.user-agent", Text, "", "User-Agent.").value_of(|config| claude_header(config, "user-agent")),
        key("claude-header-defaults.package-version", Text, "", "X-Stainless-Package-Version.").value_of(|config| claude_header(config, "x-stainless-package-version")),
        key("claude-header-defaults.runtime-version", Text, "", "X-Stainless-Runtime-Version.").value_of(|config| claude_header(config, "x-stainless-runtime-version")),
        key("claude-header-defaults.os", Text, "", "X-Stainless-Os.").value_of(|config| claude_header(config, "x-stainless-os")),
        key("claude-header-defaults.arch", Text, "", "X-Stainless-Arch.").value_of(|config| claude_header(config, "x-stainless-arch")),
        key("claude-header-defaults.timeout", Text, "", "X-Stainless-Timeout.").value_of(|config| claude_header(config, "x-stainless-timeout")),
        refused("claude-header-defaults.stabilize-device-profile", Flag, "false"),
        block("codex-header-defaults", "Headers of Codex accounts for clients that do not send them."),
        key("codex-header-defaults.user-agent", Text, "", "User-Agent.").value_of(|config| config.codex_headers.http.first()?.1.show()),
        key!("codex-header-defaults.beta-features", Text, "", codex_headers.beta_features, "X-Codex-Beta-Features, over WebSockets.").unimplemented(),
        key!("force-model-prefix", Flag, "false", force_model_prefix, "Offer models of a credential with a prefix under that prefix only."),
    ]),
    ("Request body rules", &[
        block("payload", "Rules that change request bodies before they are sent."),
        key("payload.default", List, "", "Values for what the client left out. The first rule that writes a path counts."),
        key("payload.default-raw", List, "", "The same, with values as JSON text."),
        key("payload.override", List, "", "Values in place of what the client sent. The last rule that writes a path counts."),
        key("payload.override-raw", List, "", "The same, with values as JSON text."),
        key("payload.filter", List, "", "What is removed."),
    ]),
    ("Logs and statistics", &[
        key!("debug", Flag, "false", logs.debug, "Log more, and name credential and session in response headers."),
        key!("log-format", Word(LogFormat::NAMES), "text", logs.format, "Lines for people, or one JSON object per line."),
        key!("logging-to-file", Flag, "false", logs.to_file, "Log to a rotated file instead of standard error."),
        key("logs-max-total-size-mb", Mebibytes, "0", "The largest size of the log directory. 0: no bound.").value_of(|config| match config.logs.total {
            Some(bytes) => plain(format!("{bytes}B")),
            None => plain(0),
        }),
        key!("request-log", Flag, "false", logs.requests, "Write every request to a file of its own."),
        key("error-logs-max-files", Count { most: u32::MAX as i64, negative: 10 }, "10", "How many files of failed requests are kept. 0: all.").value_of(|config| config.logs.error_files.unwrap_or(0).show()),
        key!("commercial-mode", Flag, "false", logs.commercial, "Write no request to a file, not even a failed one.").restart(),
        key!("usage-statistics-enabled", Flag, "false", usage.enabled, "Count requests and tokens."),
        key!("usage-statistics-file", Path, "", usage.file, "A file that keeps the counts across restarts."),
        block("pprof", "A debug server."),
        key("pprof.enable", Flag, "false", "Run the debug server.").value_of(|config| plain(config.debug_server.is_some())),
        key("pprof.addr", Text, "127.0.0.1:8316", "The address it listens on.").value_of(|config| config.debug_server.as_ref()?.show()),
    ]),
    ("Management", &[
        block("remote-management", "Management over HTTP."),
        key!("remote-management.allow-remote", Flag, "false", management.allow_remote, "Answer other hosts too.").unimplemented(),
        key!("remote-management.secret-key", Secret, "", management.secret_key, "The management key. Plain text is replaced by its hash in the file."),
        key!("remote-management.disable-control-panel", Flag, "false", management.disable_control_panel, "Serve no control panel.").unimplemented(),
        key!("remote-management.disable-auto-update-panel", Flag, "false", management.disable_auto_update_panel, "Fetch the panel only when it is missing.").unimplemented(),
        key("remote-management.panel-github-repository", Text, "https://github.com/router-for-me/Cli-Proxy-API-Management-Center", "The repository of the panel.").unimplemented().value_of(|config| match &config.management.panel_releases {
            Some(address) => address.show(),
            None => plain("none"),
        }),
    ]),
    ("Accounts", &[
        key!("auth-dir", Path, "~/.cli-proxy-api", auth_dir, "The directory of credential files. It is created when it is missing."),
        key!("auth-auto-refresh-workers", REFRESHES, "16", auth_auto_refresh_workers, "Token refreshes at once.").restart(),
        key("cli-credentials", List, "", "Logins of the vendors' own programs that are used where they are: `codex`, `gemini`, `kimi`, `claude`, or mappings."),
        key("cli-credentials[].cli", Text, "", "The program."),
        key("cli-credentials[].path", Path, "", "Its file. By default in its usual place."),
        key("cli-credentials[].prefix", Text, "", "Models are also offered as `prefix/model`."),
        key("cli-credentials[].priority", Integer(i32::MIN as i64, i32::MAX as i64), "0", "Higher is tried first."),
        key("cli-credentials[].proxy-url", Secret, "", "The proxy for it."),
        key("cli-credentials[].excluded-models", Texts, "", "Models that are not offered."),
        key("cli-credentials[].note", Text, "", "For operators."),
        key("oauth-clients", Table, "", "OAuth clients, by channel, for credential files that name none."),
        key("oauth-clients.*.client-id", Text, "", "The client's id."),
        key("oauth-clients.*.client-secret", Secret, "", "The client's secret, if it has one."),
        key("oauth-clients.*.token-uri", Text, "", "The token endpoint. By default the vendor's."),
        key("oauth-model-alias", Table, "", "Other names for the models of credential files, by channel."),
        key("oauth-model-alias.*[].name", Text, "", "The vendor's name of the model."),
        key("oauth-model-alias.*[].alias", Text, "", "The name clients ask for."),
        key("oauth-model-alias.*[].fork", Flag, "false", "Keep the vendor's name beside it."),
        key("oauth-model-alias.*[].display-name", Text, "", "The name in lists of models."),
        key("oauth-model-alias.*[].force-mapping", Flag, "false", "Answers name the alias."),
        key("oauth-excluded-models", Table, "", "Models of credential files that are not offered, by channel."),
        key("oauth-request-scoped-errors", Table, "", "Rules about errors of credential files, by channel."),
        key("oauth-request-scoped-errors.*[].status", STATUS, "", "The status of the error."),
        key("oauth-request-scoped-errors.*[].match", Texts, "", "Texts of the error, one of which is enough."),
        key("oauth-request-scoped-errors.*[].match-regexr", Texts, "", "The same, as regular expressions."),
        key("oauth-request-scoped-errors.*[].action", Word(ErrorAction::NAMES), "", "What happens."),
        key!("ws-auth", Flag, "false", ws_auth, "Ask for a client key on WebSockets.").unimplemented(),
        key!("enable-gemini-cli-endpoint", Flag, "false", google.cli_endpoint, "Serve Gemini CLI's own endpoint, `/v1internal`, to this host without a key; behind a reverse proxy, deny that path or leave this off."),
        key!("antigravity-signature-cache-enabled", Flag, "true", google.signature_cache, "Keep the reasoning signatures of Antigravity for clients that drop them."),
        key!("antigravity-signature-bypass-strict", Flag, "false", google.strict_signatures, "Check the whole structure of signatures.").unimplemented(),
    ]),
    ("Amp", &[
        block("ampcode", "Amp."),
        key!("ampcode.upstream-url", Text, "", amp.upstream_url, "Amp's server. Empty: it is not proxied.").unimplemented(),
        key!("ampcode.upstream-api-key", Secret, "", amp.upstream_key, "The key for it.").unimplemented(),
        key("ampcode.upstream-api-keys", List, "", "Other keys for some clients.").unimplemented(),
        key("ampcode.upstream-api-keys[].upstream-api-key", Secret, "", "The key for Amp's server.").unimplemented(),
        key("ampcode.upstream-api-keys[].api-keys", Secrets, "", "The clients it is for, by their keys.").unimplemented(),
        key!("ampcode.restrict-management-to-localhost", Flag, "false", amp.restrict_management, "Amp's management for this host only.").unimplemented(),
        key!("ampcode.force-model-mappings", Flag, "false", amp.force_mappings, "Map a model before looking for it.").unimplemented(),
        key("ampcode.model-mappings", List, "", "Models served as others.").unimplemented(),
        key("ampcode.model-mappings[].from", Text, "", "The model Amp asks for.").unimplemented(),
        key("ampcode.model-mappings[].to", Text, "", "The model it gets.").unimplemented(),
        key("ampcode.model-mappings[].regex", Flag, "false", "`from` is a regular expression.").unimplemented(),
        old("amp-upstream-url", Text, "ampcode.upstream-url", "The old name of `ampcode.upstream-url`."),
        old("amp-upstream-api-key", Secret, "ampcode.upstream-api-key", "The old name of `ampcode.upstream-api-key`."),
        old("amp-restrict-management-to-localhost", Flag, "ampcode.restrict-management-to-localhost", "The old name of `ampcode.restrict-management-to-localhost`."),
        old("amp-model-mappings", List, "ampcode.model-mappings", "The old name of `ampcode.model-mappings`."),
    ]),
    ("Without effect", &[
        unknown("auth"),
        unknown("request-scoped-errors"),
        unknown("video-result-auth-cache-ttl"),
        unknown("redis-usage-queue-retention-seconds"),
        unknown("disable-image-generation"),
        key("interactions-api-key", Any, "", "holdfast does not call Google's Interactions API; its keys also work under `gemini-api-key`.").unimplemented(),
        unknown("xai"),
        unknown("plugins"),
        unknown("credential-concurrency"),
        unknown("credential-in-flight"),
        refused("disable-claude-cloak-mode", Flag, "true"),
        refused("claude-code", Any, ""),
        refused("fingerprint-profile", Any, ""),
        refused("antigravity", Mapping, ""),
        refused("antigravity.sensitive-words", Texts, ""),
        refused("codex", Mapping, ""),
        key("codex.stream-bootstrap-buffering", Flag, "false", "Whatever it says: a stream begins for the client when the upstream has sent content, so a failure before that moves on."),
        unknown("codex.stream-bootstrap-timeout"),
        refused("codex.identity-confuse", Flag, "false"),
        refused("codex.disable-codex-cloaking", Flag, "true"),
    ]),
];

fn claude_header(config: &Config, name: &str) -> Option<Shown> {
    let mut headers = config.claude_headers.iter();
    headers.find(|(header, _)| *header == name)?.1.show()
}

/// In an entry of a block of credentials.
#[rustfmt::skip]
pub const ENTRY: &[Key] = &[
    key("base-url", Text, "", "Where requests go. Empty: the vendor's own address."),
    key("prefix", Text, "", "Clients can also ask for `prefix/model` to get this credential."),
    key("priority", Integer(i32::MIN as i64, i32::MAX as i64), "0", "Higher is tried first."),
    key("weight", WEIGHT, "1", "The share under weighted-round-robin. 0: none."),
    key("disable-cooling", Flag, "", "Overrides the key of this name for all credentials."),
    key("request-retry", COUNT, "", "Overrides the key of this name for all credentials."),
    key("headers", Table, "", "Added to every request. `$Name` copies the client's own header."),
    key("models", List, "", "The models to offer. Default: those the vendor lists."),
    key("models[].name", Text, "", "The vendor's name of the model."),
    key("models[].alias", Text, "", "The name clients ask for."),
    key("models[].display-name", Text, "", "The name in lists of models."),
    key("models[].max-context-length", Integer(0, i64::MAX), "0", "Tokens, for lists of models. 0: unknown."),
    key("models[].force-mapping", Flag, "false", "Answers name the alias, whatever name was asked for."),
    block("models[].thinking", "How much thinking the model can be asked for."),
    key("models[].thinking.levels", Texts, "", "The levels it knows: minimal, low, medium, high, xhigh, max."),
    key("models[].thinking.min", COUNT, "0", "The least tokens, in place of levels."),
    key("models[].thinking.max", COUNT, "0", "The most tokens."),
    key("models[].thinking.zero-allowed", Flag, "false", "Thinking can be turned off."),
    key("models[].thinking.dynamic-allowed", Flag, "false", "The model can choose how much."),
    key("request-scoped-errors", List, "", "Rules about errors of this upstream. The first that matches decides before everything else."),
    key("request-scoped-errors[].status", STATUS, "", "The status of the error."),
    key("request-scoped-errors[].match", Texts, "", "Texts of the error, one of which is enough."),
    key("request-scoped-errors[].match-regexr", Texts, "", "The same, as regular expressions."),
    key("request-scoped-errors[].action", Word(ErrorAction::NAMES), "", "What happens."),
];

/// In an entry that is one credential.
#[rustfmt::skip]
pub const KEYED: &[Key] = &[
    key("api-key", Secret, "", "The key."),
    key("proxy-url", Secret, "", "The proxy for this credential. `direct`: none."),
    key("excluded-models", Texts, "", "Models that are not offered. `*` stands for any text."),
];

/// In the entries of one block only.
#[rustfmt::skip]
pub const BLOCKS: &[(&str, &[Key])] = &[
    ("gemini-api-key", &[]),
    ("vertex-api-key", &[]),
    ("codex-api-key", &[
        key("websockets", Flag, "false", "Serve WebSocket clients by WebSocket.").unimplemented(),
    ]),
    ("xai-api-key", &[
        unknown("websockets"),
        unknown("alpha-search"),
    ]),
    ("claude-api-key", &[
        refused("cloak", Mapping, ""),
        refused("cloak.mode", Word(&["never", "auto", "always"]), "never"),
        refused("cloak.strict-mode", Flag, "false"),
        refused("cloak.sensitive-words", Texts, ""),
        refused("cloak.cache-user-id", Flag, "false"),
        refused("experimental-cch-signing", Flag, "false"),
    ]),
    ("openai-compatibility", &[
        key("name", Text, "openai-compatibility", "The name of the provider."),
        key("disabled", Flag, "false", "Keep the block, but do not use it."),
        key("api-key-entries", List, "", "Its keys. Without any, it is called without a key."),
        key("api-key-entries[].api-key", Secret, "", "The key."),
        key("api-key-entries[].proxy-url", Secret, "", "The proxy for this key. `direct`: none."),
        key("api-key-entries[].weight", WEIGHT, "", "Overrides that of the provider."),
        key("api-key-entries[].disable-cooling", Flag, "", "Overrides that of the provider."),
        key("api-key-entries[].request-retry", COUNT, "", "Overrides that of the provider."),
        key("api-key-entries[].request-scoped-errors", List, "", "Rules that come before those of the provider."),
        key("api-key-entries[].request-scoped-errors[].status", STATUS, "", "The status of the error."),
        key("api-key-entries[].request-scoped-errors[].match", Texts, "", "Texts of the error, one of which is enough."),
        key("api-key-entries[].request-scoped-errors[].match-regexr", Texts, "", "The same, as regular expressions."),
        key("api-key-entries[].request-scoped-errors[].action", Word(ErrorAction::NAMES), "", "What happens."),
        old("api-keys", Secrets, "api-key-entries", "The old form of `api-key-entries`."),
    ]),
];

/// In a rule of `payload`.
#[rustfmt::skip]
pub const RULE: &[Key] = &[
    key("models", List, "", "The rule applies to requests that one of these rows matches."),
    key("models[].name", Text, "", "The model. `*` stands for any text."),
    key("models[].protocol", Word(&["openai", "openai-response", "gemini", "claude", "codex", "antigravity"]), "", "The upstream's dialect. Empty: any."),
    key("models[].from-protocol", Word(&["openai", "openai-response", "gemini", "claude", "codex", "antigravity"]), "", "The client's dialect. Empty: any."),
    key("models[].headers", Table, "", "Headers the client must have sent."),
    key("models[].match", List, "", "Paths of the body with the values they must have."),
    key("models[].not-match", List, "", "Paths of the body with the values they must not have."),
    key("models[].exist", Texts, "", "Paths the body must have."),
    key("models[].not-exist", Texts, "", "Paths the body must not have."),
    key("params", Table, "", "Paths of the body with their values; in `filter` a list of paths."),
];
