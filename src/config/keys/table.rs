//! The rows of the table. One line each, so that it can be read as a table.

use std::borrow::Cow;

use super::{Change, Key, Kind, Standing};

/// Less than none is none.
const COUNT: Kind = Kind::Integer(i64::MIN, u32::MAX as i64);
const ANY_INTEGER: Kind = Kind::Integer(i32::MIN as i64, i32::MAX as i64);

pub const fn key(path: &'static str, kind: Kind, about: &'static str) -> Key {
    Key {
        path: Cow::Borrowed(path),
        kind,
        change: Change::Live,
        standing: Standing::Current,
        about,
    }
}

const fn fixed(path: &'static str, kind: Kind, about: &'static str) -> Key {
    Key {
        path: Cow::Borrowed(path),
        kind,
        change: Change::Restart,
        standing: Standing::Current,
        about,
    }
}

const fn standing(path: &'static str, kind: Kind, standing: Standing, about: &'static str) -> Key {
    Key {
        path: Cow::Borrowed(path),
        kind,
        change: Change::Live,
        standing,
        about,
    }
}

const fn old(path: &'static str, kind: Kind, about: &'static str) -> Key {
    standing(path, kind, Standing::Old, about)
}

const fn idle(path: &'static str, kind: Kind, about: &'static str) -> Key {
    standing(path, kind, Standing::Idle, about)
}

const fn refused(path: &'static str, kind: Kind, about: &'static str) -> Key {
    standing(path, kind, Standing::Refused, about)
}

#[rustfmt::skip]
pub const TOP: &[Key] = &[
    // How the gateway is reached.
    fixed("host", Kind::Text, "Interface to listen on; empty for all of them, or for this host alone without client keys."),
    fixed("port", Kind::Integer(0, 65_535), "Port to listen on; 0 lets the system choose."),
    key("tls", Kind::Mapping, "HTTPS for clients."),
    fixed("tls.enable", Kind::Flag, "Serve HTTPS instead of HTTP."),
    fixed("tls.cert", Kind::Text, "Certificate chain, a PEM file."),
    fixed("tls.key", Kind::Text, "Private key of the certificate, a PEM file."),
    key("api-keys", Kind::Secrets, "Keys that clients present; `[]` for none, which serves programs of this host only."),
    key("api-keys-file", Kind::Text, "A file with one client key per line, in place of `api-keys`; lines that begin with `#` are comments."),
    key("allow-anonymous", Kind::Flag, "Without client keys, serve other hosts too."),
    key("limits", Kind::Mapping, "How much is taken on at once."),
    fixed("limits.workers", Kind::Integer(1, 16_384), "Requests served at the same time. Default: by memory and open files, 4096 from 1 GiB on."),
    fixed("limits.body", Kind::Size, "Largest request body."),
    fixed("limits.memory", Kind::Size, "Memory for all request bodies and answers at once. Default: a quarter of what there is, at least 48 MiB."),
    fixed("limits.connections", Kind::Integer(1, 1 << 20), "Open client connections. Default: 10000, or as many as open files allow."),
    fixed("limits.connections-per-address", Kind::Integer(0, 1 << 20), "Open client connections from one address; 0 for any number."),
    fixed("limits.head-timeout", Kind::Duration, "Time for a complete request head."),
    fixed("limits.body-timeout", Kind::Duration, "Time for a complete request body."),
    fixed("limits.idle-timeout", Kind::Duration, "Time a connection may stay open without a request."),
    fixed("limits.queue-timeout", Kind::Duration, "Time a complete request waits for a free worker or for memory before it is answered 503."),
    old("limits.lane-wait", Kind::Duration, "Old name of `limits.queue-timeout`."),
    fixed("limits.drain-timeout", Kind::Duration, "Time running requests get to finish at the end."),
    // Which credential serves.
    key("routing", Kind::Mapping, "Which credential serves a request."),
    key("routing.strategy", Kind::Word(&["round-robin", "fill-first", "weighted-round-robin"]), "Choice among credentials for what is no known session."),
    key("routing.session-affinity", Kind::Flag, "Keep each conversation on the credential that has its prompt cache."),
    key("routing.session-affinity-ttl", Kind::Duration, "How long a silent conversation is remembered."),
    key("routing.session-affinity-mode", Kind::Word(&["prefix", "hash"]), "How a conversation without an id is known."),
    fixed("routing.session-affinity-names", Kind::Integer(1_024, 16_777_216), "How many beginnings of conversations are remembered."),
    key("routing.session-affinity-subagents", Kind::Flag, "Start subagents on the credential of the agent they work for."),
    key("routing.session-affinity-priority-failback", Kind::Flag, "Move a conversation as soon as a higher priority can serve it."),
    key("routing.session-affinity-file", Kind::Text, "A file that keeps conversations across restarts."),
    old("routing.claude-code-session-affinity", Kind::Flag, "Old name of `routing.session-affinity`."),
    // When an upstream fails.
    key("request-retry", COUNT, "Further rounds over the credentials after all have failed."),
    key("max-retry-credentials", COUNT, "Credentials tried per round; 0 for all."),
    key("max-retry-interval", Kind::Seconds, "Longest wait for a credential between rounds."),
    key("disable-cooling", Kind::Flag, "Never leave a credential alone after a failure."),
    key("transient-error-cooldown-seconds", Kind::Seconds, "How long one is left alone that was overloaded; 0 for 60, -1 for not at all."),
    key("quota-exceeded", Kind::Mapping, "What to do when an account's quota is used up."),
    idle("quota-exceeded.switch-project", Kind::Flag, "Go on with the next project of a Gemini CLI account."),
    idle("quota-exceeded.switch-preview-model", Kind::Flag, "Nothing has ever read it."),
    idle("quota-exceeded.antigravity-credits", Kind::Flag, "Pay an exhausted Antigravity quota with credits."),
    // Streams and silence.
    key("streaming", Kind::Mapping, "Streams."),
    key("streaming.keepalive-seconds", Kind::Seconds, "Send a sign of life when a stream was silent for so long; 0 for never."),
    key("streaming.early-keepalive-seconds", Kind::Seconds, "The same before the first byte of the upstream; 0 for never."),
    key("streaming.bootstrap-retries", COUNT, "Further rounds for a stream that fails before its first byte."),
    key("nonstream-keepalive-interval", Kind::Seconds, "Send a blank line when an answer that is no stream takes so long; 0 for never."),
    // The network.
    key("proxy-url", Kind::Secret, "Proxy for all upstreams without one of their own: http, https, socks5, socks5h, or `direct`."),
    key("proxy-url-file", Kind::Text, "A file that holds `proxy-url`."),
    key("ca-file", Kind::Text, "Certificates of authorities to trust beside the system's, a PEM file."),
    key("passthrough-headers", Kind::Flag, "Hand the upstream's response headers on to the client."),
    key("claude-header-defaults", Kind::Mapping, "Headers of Claude requests for clients that do not send them."),
    key("claude-header-defaults.user-agent", Kind::Text, "User-Agent."),
    key("claude-header-defaults.package-version", Kind::Text, "X-Stainless-Package-Version."),
    key("claude-header-defaults.runtime-version", Kind::Text, "X-Stainless-Runtime-Version."),
    key("claude-header-defaults.os", Kind::Text, "X-Stainless-Os."),
    key("claude-header-defaults.arch", Kind::Text, "X-Stainless-Arch."),
    key("claude-header-defaults.timeout", Kind::Text, "X-Stainless-Timeout."),
    refused("claude-header-defaults.stabilize-device-profile", Kind::Flag, "holdfast disguises nobody."),
    key("codex-header-defaults", Kind::Mapping, "Headers of Codex accounts for clients that do not send them."),
    idle("codex-header-defaults.user-agent", Kind::Text, "User-Agent."),
    idle("codex-header-defaults.beta-features", Kind::Text, "X-Codex-Beta-Features, over WebSockets."),
    // Models.
    key("force-model-prefix", Kind::Flag, "Offer models of a credential with a prefix under that prefix only."),
    key("oauth-model-alias", Kind::Table, "Other names for the models of credential files, by channel."),
    idle("oauth-model-alias.*[].name", Kind::Text, "The vendor's name of the model."),
    idle("oauth-model-alias.*[].alias", Kind::Text, "The name clients ask for."),
    idle("oauth-model-alias.*[].fork", Kind::Flag, "Keep the vendor's name beside it."),
    idle("oauth-model-alias.*[].display-name", Kind::Text, "How lists show it."),
    idle("oauth-model-alias.*[].force-mapping", Kind::Flag, "Answers name the alias."),
    idle("oauth-excluded-models", Kind::Table, "Models of credential files not to offer, by channel."),
    key("payload", Kind::Mapping, "Rules that change request bodies."),
    // Logs and statistics.
    key("debug", Kind::Flag, "Log more, and name credential and session in response headers."),
    key("log-format", Kind::Word(&["text", "json"]), "Lines for people, or one JSON object per line."),
    key("logging-to-file", Kind::Flag, "Log to a rotated file instead of standard error."),
    key("logs-max-total-size-mb", Kind::Mebibytes, "Largest size of the folder of logs; 0 for any."),
    key("request-log", Kind::Flag, "Write every request to a file of its own."),
    key("error-logs-max-files", COUNT, "How many logs of failed requests are kept; 0 for all."),
    fixed("commercial-mode", Kind::Flag, "Write no request to a file, not even a failed one."),
    key("usage-statistics-enabled", Kind::Flag, "Count what requests cost."),
    key("usage-statistics-file", Kind::Text, "A file that keeps the counts across restarts."),
    key("pprof", Kind::Mapping, "A debug server."),
    key("pprof.enable", Kind::Flag, "Run it."),
    key("pprof.addr", Kind::Text, "Where it listens."),
    // Rooms that are to come.
    key("remote-management", Kind::Mapping, "Management over HTTP."),
    idle("remote-management.allow-remote", Kind::Flag, "Answer others than this host."),
    key("remote-management.secret-key", Kind::Secret, "The management key; written back as a hash."),
    key("remote-management.secret-key-file", Kind::Text, "A file that holds `secret-key`."),
    idle("remote-management.disable-control-panel", Kind::Flag, "Serve no control panel."),
    idle("remote-management.disable-auto-update-panel", Kind::Flag, "Fetch the panel only when it is missing."),
    idle("remote-management.panel-github-repository", Kind::Text, "Where the panel comes from."),
    idle("auth-dir", Kind::Text, "Folder of credential files."),
    idle("auth-auto-refresh-workers", COUNT, "Token refreshes at once."),
    idle("ws-auth", Kind::Flag, "Ask for a client key on WebSockets."),
    key("enable-gemini-cli-endpoint", Kind::Flag, "Serve Gemini CLI's own endpoint to this host."),
    idle("antigravity-signature-cache-enabled", Kind::Flag, "Prefer signatures that were seen to those a client sends."),
    idle("antigravity-signature-bypass-strict", Kind::Flag, "Check the whole structure of signatures."),
    key("ampcode", Kind::Mapping, "Amp."),
    idle("ampcode.upstream-url", Kind::Text, "Amp's own server; empty for no proxy to it."),
    idle("ampcode.upstream-api-key", Kind::Secret, "The key for it."),
    idle("ampcode.upstream-api-key-file", Kind::Text, "A file that holds `upstream-api-key`."),
    idle("ampcode.upstream-api-keys", Kind::List, "Other keys for some clients."),
    idle("ampcode.upstream-api-keys[].upstream-api-key", Kind::Secret, "The key for Amp's server."),
    idle("ampcode.upstream-api-keys[].upstream-api-key-file", Kind::Text, "A file that holds it."),
    idle("ampcode.upstream-api-keys[].api-keys", Kind::Secrets, "The clients it is for, by their keys."),
    idle("ampcode.restrict-management-to-localhost", Kind::Flag, "Amp's management for this host only."),
    idle("ampcode.force-model-mappings", Kind::Flag, "Map before looking for a model."),
    idle("ampcode.model-mappings", Kind::List, "Models served as others."),
    idle("ampcode.model-mappings[].from", Kind::Text, "The model Amp asks for."),
    idle("ampcode.model-mappings[].to", Kind::Text, "The model it gets."),
    idle("ampcode.model-mappings[].regex", Kind::Flag, "`from` is a regular expression."),
    // Old names, and keys of later versions of the format.
    old("generative-language-api-key", Kind::Secrets, "Old form of `gemini-api-key`."),
    old("amp-upstream-url", Kind::Text, "Old name of `ampcode.upstream-url`."),
    old("amp-upstream-api-key", Kind::Secret, "Old name of `ampcode.upstream-api-key`."),
    old("amp-restrict-management-to-localhost", Kind::Flag, "Old name of `ampcode.restrict-management-to-localhost`."),
    old("amp-model-mappings", Kind::List, "Old name of `ampcode.model-mappings`."),
    old("amp-model-mappings[].from", Kind::Text, "As in `ampcode.model-mappings`."),
    old("amp-model-mappings[].to", Kind::Text, "As in `ampcode.model-mappings`."),
    old("amp-model-mappings[].regex", Kind::Flag, "As in `ampcode.model-mappings`."),
    old("auth", Kind::Any, "Nothing any more."),
    idle("request-scoped-errors", Kind::Any, "Of a later version of the format."),
    idle("oauth-request-scoped-errors", Kind::Any, "Of a later version of the format."),
    idle("save-cooldown-status", Kind::Any, "Of a later version of the format."),
    idle("video-result-auth-cache-ttl", Kind::Any, "Of a later version of the format."),
    idle("redis-usage-queue-retention-seconds", Kind::Any, "Of a later version of the format."),
    idle("disable-image-generation", Kind::Any, "Of a later version of the format."),
    idle("interactions-api-key", Kind::Any, "Of a later version of the format."),
    idle("xai-api-key", Kind::Any, "Of a later version of the format."),
    idle("xai", Kind::Any, "Of a later version of the format."),
    idle("plugins", Kind::Any, "Of a later version of the format."),
    idle("credential-concurrency", Kind::Any, "Of a later version of the format."),
    idle("credential-in-flight", Kind::Any, "Of a later version of the format."),
    refused("disable-claude-cloak-mode", Kind::Flag, "holdfast disguises nobody."),
    refused("claude-code", Kind::Any, "holdfast disguises nobody."),
    refused("fingerprint-profile", Kind::Any, "holdfast disguises nobody."),
    refused("antigravity", Kind::Mapping, "holdfast disguises nobody."),
    refused("antigravity.sensitive-words", Kind::Texts, "holdfast disguises nobody."),
    refused("codex", Kind::Mapping, "holdfast disguises nobody."),
    refused("codex.identity-confuse", Kind::Flag, "holdfast disguises nobody."),
    refused("codex.disable-codex-cloaking", Kind::Flag, "holdfast disguises nobody."),
];

/// A block of credentials, what it is, and the keys that its entries have alone.
#[rustfmt::skip]
pub const BLOCKS: &[(&str, &str, &[Key])] = &[
    ("claude-api-key", "Anthropic Messages.", CLAUDE),
    ("gemini-api-key", "The Gemini API.", &[]),
    ("vertex-api-key", "Vertex AI with an API key.", &[]),
    (
        "codex-api-key",
        "OpenAI Responses; `base-url` is required.",
        CODEX,
    ),
    (
        "openai-compatibility",
        "Everything that speaks OpenAI Chat Completions.",
        COMPAT,
    ),
];

/// In an entry of any block.
#[rustfmt::skip]
pub const ENTRY: &[Key] = &[
    key("base-url", Kind::Text, "Where requests go; empty for the vendor's own address."),
    key("prefix", Kind::Text, "Clients can also ask for `prefix/model` to get this credential."),
    key("priority", ANY_INTEGER, "Higher is tried first."),
    key("weight", Kind::Integer(i64::MIN, 1_000_000), "Share under weighted-round-robin; 0 for none."),
    key("disable-cooling", Kind::Flag, "Other than what holds for all."),
    key("request-retry", COUNT, "Other than what holds for all."),
    key("headers", Kind::Table, "Added to every request; `$Name` copies the client's own header."),
    key("models", Kind::List, "The models to offer."),
    key("models[].name", Kind::Text, "As the vendor knows it."),
    key("models[].alias", Kind::Text, "As clients ask for it."),
    key("models[].display-name", Kind::Text, "How lists show it."),
    key("models[].max-context-length", Kind::Integer(0, i64::MAX), "Tokens, for lists."),
    key("models[].force-mapping", Kind::Flag, "Answers name the alias, whatever name was asked for."),
    key("models[].thinking", Kind::Mapping, "How much the model can think."),
    key("models[].thinking.levels", Kind::Texts, "Words it knows: minimal, low, medium, high, xhigh, max."),
    key("models[].thinking.min", COUNT, "Least tokens, in place of words."),
    key("models[].thinking.max", COUNT, "Most tokens."),
    key("models[].thinking.zero-allowed", Kind::Flag, "Whether it can be told not to think."),
    key("models[].thinking.dynamic-allowed", Kind::Flag, "Whether it can choose itself."),
    idle("request-scoped-errors", Kind::Any, "Of a later version of the format."),
];

/// In an entry that is one credential.
#[rustfmt::skip]
pub const KEYED: &[Key] = &[
    key("api-key", Kind::Secret, "The key."),
    key("api-key-file", Kind::Text, "A file that holds the key."),
    key("proxy-url", Kind::Secret, "Proxy on the way to it; `direct` for none."),
    key("proxy-url-file", Kind::Text, "A file that holds `proxy-url`."),
    key("excluded-models", Kind::Texts, "Models not to offer; `*` stands for any text."),
];

#[rustfmt::skip]
pub const CODEX: &[Key] = &[idle(
    "websockets",
    Kind::Flag,
    "Serve WebSocket clients by WebSocket.",
)];

#[rustfmt::skip]
pub const CLAUDE: &[Key] = &[
    refused("cloak", Kind::Mapping, "holdfast disguises nobody."),
    refused("cloak.mode", Kind::Text, "holdfast disguises nobody."),
    refused("cloak.strict-mode", Kind::Flag, "holdfast disguises nobody."),
    refused("cloak.sensitive-words", Kind::Texts, "holdfast disguises nobody."),
    refused("cloak.cache-user-id", Kind::Flag, "holdfast disguises nobody."),
    refused("experimental-cch-signing", Kind::Flag, "holdfast disguises nobody."),
];

#[rustfmt::skip]
pub const COMPAT_SHARED: &[Key] = &[];

#[rustfmt::skip]
pub const COMPAT: &[Key] = &[
    key("name", Kind::Text, "What the provider is called."),
    key("disabled", Kind::Flag, "Keep the block, do not use it."),
    key("api-key-entries", Kind::List, "Its keys; without any it is called without."),
    key("api-key-entries[].api-key", Kind::Secret, "The key."),
    key("api-key-entries[].api-key-file", Kind::Text, "A file that holds the key."),
    key("api-key-entries[].proxy-url", Kind::Secret, "Proxy for this key."),
    key("api-key-entries[].proxy-url-file", Kind::Text, "A file that holds `proxy-url`."),
    key("api-key-entries[].weight", Kind::Integer(i64::MIN, 1_000_000), "Other than that of the provider."),
    key("api-key-entries[].disable-cooling", Kind::Flag, "Other than that of the provider."),
    key("api-key-entries[].request-retry", COUNT, "Other than that of the provider."),
    idle("api-key-entries[].request-scoped-errors", Kind::Any, "Of a later version of the format."),
    old("api-keys", Kind::Secrets, "Old form of `api-key-entries`."),
];

#[rustfmt::skip]
pub const PAYLOAD: &[(&str, &str)] = &[
    ("payload.default", "Values for what the client left out."),
    ("payload.default-raw", "The same, values as JSON text."),
    ("payload.override", "Values whatever the client sent."),
    ("payload.override-raw", "The same, values as JSON text."),
    ("payload.filter", "What is taken out."),
];

/// In a rule of any section.
#[rustfmt::skip]
pub const RULE: &[Key] = &[
    key("models", Kind::List, "For which models; any of the rows."),
    key("models[].name", Kind::Text, "The model; `*` stands for any text."),
    key("models[].protocol", Kind::Word(&[ "openai", "openai-response", "gemini", "claude", "codex", "antigravity", ]), "The upstream's dialect; empty for any."),
    key("models[].from-protocol", Kind::Text, "The client's dialect; empty for any."),
    key("models[].headers", Kind::Table, "Headers the client must have sent."),
    key("models[].match", Kind::List, "What the body must hold."),
    key("models[].not-match", Kind::List, "What the body must not hold."),
    key("models[].exist", Kind::Texts, "Paths the body must have."),
    key("models[].not-exist", Kind::Texts, "Paths the body must not have."),
];

#[rustfmt::skip]
pub const VALUE_PARAMS: &[Key] = &[key("params", Kind::Table, "Paths and their values.")];
#[rustfmt::skip]
pub const FILTER_PARAMS: &[Key] = &[key("params", Kind::Texts, "Paths.")];
