//! From a document to a [`Config`]. Plain keys are read as the table of keys says; here is what has a structure of
//! its own or depends on other keys.

mod amp;
mod client_keys;
mod credentials;
mod error_rules;
mod files;
mod followed;
mod headers;
mod json;
mod key_check;
mod management;
mod models;
mod oauth;
mod payload;

use std::net::Ipv6Addr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

pub use client_keys::are_written;
use credentials::Block;

use super::client_keys::is_loopback;
use super::problem::Report;
use super::reader::{Field, Mapping};
use super::secret::Secret;
use super::settings::{
    CodexDefaults, Config, Google, HeaderDefault, Limits, Logs, Routing, Tls, UsageStatistics,
};
use super::url::ProxySetting;

/// The longest cooldown, in seconds: a day.
const MAX_COOLDOWN: i64 = 24 * 3600;

const CLAUDE_HEADERS: [(&str, &str); 6] = [
    ("user-agent", "user-agent"),
    ("package-version", "x-stainless-package-version"),
    ("runtime-version", "x-stainless-runtime-version"),
    ("os", "x-stainless-os"),
    ("arch", "x-stainless-arch"),
    ("timeout", "x-stainless-timeout"),
];

/// `has_keys`: see [`are_written`].
pub fn read(root: &Mapping<'_>, has_keys: bool) -> Config {
    let api_keys = client_keys::read(root, has_keys);
    let tls = tls(&root.block("tls"));
    let streaming = root.block("streaming");
    let quota = root.block("quota-exceeded");
    // Every copied example sets it.
    quota.get::<bool>("switch-preview-model");
    let codex_headers = root.block("codex-header-defaults");
    let codex_agent = headers::value(&codex_headers.field("user-agent"));
    // What it asks for is always done.
    root.block("codex")
        .get::<bool>("stream-bootstrap-buffering");
    let amp = amp::read(&root.block("ampcode"), api_keys.keys());
    let mut gemini = credentials::keys(root, Block::Gemini);
    gemini.extend(credentials::old_gemini(root, &gemini));
    let config = Config {
        file: root.report.file().clone(),
        host: host(root.get("host")),
        port: root.get("port"),
        api_keys,
        allow_anonymous: root.get("allow-anonymous"),
        debug_server: debug_server(&root.block("pprof")),
        management: management::read(&root.block("remote-management"), tls.is_some()),
        tls,
        auth_dir: auth_dir(&root.field("auth-dir")),
        logs: Logs {
            debug: root.get("debug"),
            format: root.get("log-format"),
            to_file: root.get("logging-to-file"),
            total: non_zero(root.get("logs-max-total-size-mb")),
            error_files: non_zero(root.get("error-logs-max-files")),
            requests: root.get("request-log"),
            commercial: root.get("commercial-mode"),
        },
        usage: UsageStatistics {
            enabled: root.get("usage-statistics-enabled"),
            file: root.get("usage-statistics-file"),
        },
        auth_auto_refresh_workers: refresh_workers(&root.field("auth-auto-refresh-workers")),
        ws_auth: root.get("ws-auth"),
        google: Google {
            switch_project: quota.get("switch-project"),
            antigravity_credits: quota.get("antigravity-credits"),
            signature_cache: root.get("antigravity-signature-cache-enabled"),
            strict_signatures: root.get("antigravity-signature-bypass-strict"),
            cli_endpoint: root.get("enable-gemini-cli-endpoint"),
        },
        amp,
        followed: followed::read(&root.field("cli-credentials")),
        oauth_clients: oauth::clients(&root.field("oauth-clients")),
        oauth_aliases: oauth::aliases(&root.field("oauth-model-alias")),
        oauth_exclusions: oauth::exclusions(&root.field("oauth-excluded-models")),
        oauth_errors: oauth::errors(&root.field("oauth-request-scoped-errors")),
        claude_headers: claude_headers(&root.block("claude-header-defaults")),
        codex_headers: CodexDefaults {
            http: codex_agent
                .map(|agent| ("user-agent", agent))
                .into_iter()
                .collect(),
            beta_features: headers::value(&codex_headers.field("beta-features")),
        },
        routing: routing(&root.block("routing")),
        limits: limits(&root.block("limits")),
        proxy_url: proxy(root),
        force_model_prefix: root.get("force-model-prefix"),
        passthrough_headers: root.get("passthrough-headers"),
        request_retry: root.get("request-retry"),
        max_retry_credentials: root.get("max-retry-credentials"),
        max_retry_interval: root.get("max-retry-interval"),
        disable_cooling: root.get("disable-cooling"),
        save_cooldowns: root.get("save-cooldown-status"),
        transient_cooldown: transient(&root.field("transient-error-cooldown-seconds")),
        bootstrap_retries: streaming.get("bootstrap-retries"),
        streaming_keepalive: non_zero(streaming.get("keepalive-seconds")),
        early_keepalive: non_zero(streaming.get("early-keepalive-seconds")),
        nonstream_keepalive: non_zero(root.get("nonstream-keepalive-interval")),
        ca_file: files::certificates(&root.field("ca-file")),
        gemini,
        vertex: credentials::keys(root, Block::Vertex),
        claude: credentials::keys(root, Block::Claude),
        codex: credentials::keys(root, Block::Codex),
        xai: credentials::keys(root, Block::Xai),
        compat: credentials::compat(root),
        payload: payload::read(&root.block("payload")),
    };
    client_keys::check(&config, &root.field("host"), &root.field("allow-anonymous"));
    let ws_auth = root.field("ws-auth");
    if ws_auth.node().is_some() && !config.ws_auth && !is_loopback(&config.host) {
        ws_auth.warn("lets anybody who can reach this host open WebSockets");
    }
    config
}

impl Default for Config {
    fn default() -> Self {
        read(&Mapping::root(&Report::new(""), &[]), false)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Config::default().limits
    }
}

impl Default for Routing {
    fn default() -> Self {
        Config::default().routing
    }
}

impl Default for Logs {
    fn default() -> Self {
        Config::default().logs
    }
}

fn limits(block: &Mapping<'_>) -> Limits {
    Limits {
        workers: block.get("workers"),
        body: block.get("body"),
        memory: block.get("memory"),
        connections: block.get("connections"),
        connections_per_address: non_zero(block.get("connections-per-address")),
        head_timeout: block.get("head-timeout"),
        body_timeout: block.get("body-timeout"),
        idle_timeout: block.get("idle-timeout"),
        queue_timeout: block.get("queue-timeout"),
        drain_timeout: block.get("drain-timeout"),
    }
}

fn routing(block: &Mapping<'_>) -> Routing {
    let prefixes = block.get("session-affinity-max-prefixes");
    // Either of the names turns it on.
    let old: bool = block.get("claude-code-session-affinity");
    Routing {
        strategy: block.get("strategy"),
        session_affinity: block.get::<bool>("session-affinity") || old,
        session_affinity_ttl: block.get("session-affinity-ttl"),
        session_affinity_mode: block.get("session-affinity-mode"),
        session_affinity_max_prefixes: NonZeroUsize::new(prefixes).unwrap_or(NonZeroUsize::MIN),
        session_affinity_subagents: block.get("session-affinity-subagents"),
        session_affinity_priority_failback: block.get("session-affinity-priority-failback"),
        session_affinity_file: block.get("session-affinity-file"),
    }
}

fn tls(block: &Mapping<'_>) -> Option<Tls> {
    let (cert, key) = (block.given("cert"), block.given("key"));
    if !block.get::<bool>("enable") {
        return None;
    }
    let (Some(cert), Some(key)) = (cert, key) else {
        let enable = block.field("enable");
        enable.error("is on, but tls.cert or tls.key is empty");
        return None;
    };
    Some(Tls { cert, key })
}

fn debug_server(block: &Mapping<'_>) -> Option<String> {
    let address: String = block.get("addr");
    let host = address.rsplit_once(':').map_or("", |(host, _)| host);
    let is_enabled = block.get("enable");
    if is_enabled && !is_loopback(host) {
        let field = block.field("addr");
        field.warn("shows internals to anybody who can reach this host: use a loopback address");
    }
    is_enabled.then_some(address)
}

fn claude_headers(block: &Mapping<'_>) -> Vec<HeaderDefault> {
    let value = |(key, header)| Some((header, headers::value(&block.field(key))?));
    CLAUDE_HEADERS.into_iter().filter_map(value).collect()
}

/// What is not 0, which means none.
fn non_zero<V: Default + PartialEq>(value: V) -> Option<V> {
    (value != V::default()).then_some(value)
}

fn host(host: String) -> String {
    match host.parse::<Ipv6Addr>() {
        Ok(_) => format!("[{host}]"),
        Err(_) => host,
    }
}

/// A proxy that cannot be used must not silently become a direct connection.
fn proxy(root: &Mapping<'_>) -> ProxySetting {
    let text = files::secret(root, "proxy-url");
    ProxySetting::parse(text.as_ref().map_or("", Secret::reveal)).unwrap_or_else(|reason| {
        root.field("proxy-url").error(reason);
        ProxySetting::default()
    })
}

/// Seconds or a duration; 0 for the default, less for none.
fn transient(field: &Field<'_>) -> Option<Duration> {
    let seconds = match field.is_whole() {
        true => field.integer(i64::MIN..=MAX_COOLDOWN).unwrap_or(0),
        false => 0,
    };
    if seconds < 0 {
        return None;
    }
    let time = match field.is_whole() {
        true => Duration::from_secs(seconds.unsigned_abs()),
        false => field.value(),
    };
    if time.as_secs() > MAX_COOLDOWN.unsigned_abs() {
        field.error("must not be more than a day");
    }
    Some(non_zero(time).unwrap_or_else(|| field.default()))
}

fn refresh_workers(field: &Field<'_>) -> usize {
    non_zero(field.value()).unwrap_or_else(|| field.default())
}

/// The directory of credential files; one that does not exist yet is made when it is needed.
fn auth_dir(field: &Field<'_>) -> PathBuf {
    let path: PathBuf = field.value();
    if path.metadata().is_ok_and(|found| !found.is_dir()) {
        field.error("is not a directory");
    }
    path
}
