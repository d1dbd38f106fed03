//! What a configuration says, normalised and checked. The defaults are in the table of keys.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::client_keys::{ClientKeys, is_loopback};
use super::credentials::{CompatEntry, KeyEntry};
use super::error_rule::ErrorRule;
use super::problem::Place;
use super::secret::Secret;
use super::url::ProxySetting;
use super::word::words;
use crate::payload::Rules;

/// A whole configuration. `Config::default()` is what an empty file gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Name of the file, for messages.
    pub file: Arc<str>,
    /// Interface to listen on; empty for all, but see [`Config::listen_hosts`]. An IPv6 address is in brackets.
    pub host: String,
    /// 0 lets the system choose.
    pub port: u16,
    /// What clients present.
    pub api_keys: ClientKeys,
    /// Whether others than programs of this host are served although there are no keys.
    pub allow_anonymous: bool,
    /// `tls`; `None` if it is off.
    pub tls: Option<Tls>,
    /// `host:port` of the debug server (`pprof`); `None` when it is off.
    pub debug_server: Option<String>,
    /// `remote-management`.
    pub management: Management,
    /// The directory of credential files.
    pub auth_dir: PathBuf,
    /// Logs and request logs.
    pub logs: Logs,
    /// Usage statistics.
    pub usage: UsageStatistics,
    /// Token refreshes at once.
    pub auth_auto_refresh_workers: usize,
    /// Whether WebSockets ask for a client key.
    pub ws_auth: bool,
    /// Settings of Google's channels.
    pub google: Google,
    /// `ampcode`.
    pub amp: Amp,
    /// `cli-credentials`.
    pub followed: Vec<FollowedLogin>,
    /// `oauth-clients`, by channel.
    pub oauth_clients: Vec<(String, OauthClient)>,
    /// `oauth-model-alias`.
    pub oauth_aliases: PerChannel<OauthAlias>,
    /// `oauth-excluded-models`.
    pub oauth_exclusions: PerChannel<OauthExclusion>,
    /// `oauth-request-scoped-errors`.
    pub oauth_errors: PerChannel<ErrorRule>,
    /// `claude-header-defaults`.
    pub claude_headers: Vec<HeaderDefault>,
    /// `codex-header-defaults`.
    pub codex_headers: CodexDefaults,
    /// `routing`.
    pub routing: Routing,
    /// `limits`.
    pub limits: Limits,
    /// For all upstreams whose credential has no setting of its own.
    pub proxy_url: ProxySetting,
    /// A credential with a prefix serves `prefix/model` only.
    pub force_model_prefix: bool,
    /// Whether upstream response headers reach the client.
    pub passthrough_headers: bool,
    /// Further rounds over the credentials after a failed one.
    pub request_retry: u32,
    /// Credentials tried per round; 0 for all.
    pub max_retry_credentials: u32,
    /// Longest wait between rounds.
    pub max_retry_interval: Duration,
    /// Whether failures cause no cooldown.
    pub disable_cooling: bool,
    /// Whether cooldowns are kept across restarts (`save-cooldown-status`).
    pub save_cooldowns: bool,
    /// The cooldown after a temporary failure (`transient-error-cooldown-seconds`); `None` for no cooldown.
    pub transient_cooldown: Option<Duration>,
    /// Further rounds for streams (`streaming.bootstrap-retries`).
    pub bootstrap_retries: u32,
    /// Time between keep-alive comments on a silent stream (`streaming.keepalive-seconds`).
    pub streaming_keepalive: Option<Duration>,
    /// After how long without an answer a stream gets its first keep-alive comment
    /// (`streaming.early-keepalive-seconds`). From then on failures can only be told inside the stream, and
    /// headers of the upstream, its request id among them, do not reach the client.
    pub early_keepalive: Option<Duration>,
    /// Time between blank lines while an answer that is no stream is awaited
    /// (`nonstream-keepalive-interval`). The first one says 200, so a later failure is told in the body only, and
    /// headers of the upstream do not reach the client.
    pub nonstream_keepalive: Option<Duration>,
    /// Certificates of authorities to trust beside the system's (`ca-file`), PEM.
    pub ca_file: Option<PathBuf>,
    /// `gemini-api-key`.
    pub gemini: Vec<KeyEntry>,
    /// `vertex-api-key`.
    pub vertex: Vec<KeyEntry>,
    /// `claude-api-key`.
    pub claude: Vec<KeyEntry>,
    /// `codex-api-key`.
    pub codex: Vec<KeyEntry>,
    /// `xai-api-key`.
    pub xai: Vec<KeyEntry>,
    /// `openai-compatibility`.
    pub compat: Vec<CompatEntry>,
    /// What is changed in bodies before they are sent.
    pub payload: Rules,
}

impl Config {
    /// Whether requests are served without a key.
    pub fn is_anonymous(&self) -> bool {
        !self.api_keys.is_configured()
    }

    /// The hosts to listen on, the first of which must be there. Without keys an empty `host` is this host alone,
    /// unless `allow-anonymous` is on.
    pub fn listen_hosts(&self) -> Vec<String> {
        if self.host.is_empty() && self.is_anonymous() && !self.allow_anonymous {
            return LOOPBACK.map(str::to_owned).to_vec();
        }
        vec![self.host.clone()]
    }

    /// Whether `host` would open the gateway to others without a key, which only `allow-anonymous` does. Nothing
    /// starts so.
    pub fn is_unprotected(&self) -> bool {
        self.is_anonymous()
            && !self.allow_anonymous
            && !self.host.is_empty()
            && !is_loopback(&self.host)
    }
}

/// The interfaces of a gateway without keys whose `host` is empty.
pub(super) const LOOPBACK: [&str; 2] = ["127.0.0.1", "[::1]"];

/// `limits`: how much the gateway takes on at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests served at the same time. `None`: as many as memory and open files allow.
    pub workers: Option<usize>,
    /// Largest request body in bytes.
    pub body: u64,
    /// Bytes of all request bodies and answers in memory. `None`: a quarter of the machine's or cgroup's memory, at
    /// least 48 MiB.
    pub memory: Option<u64>,
    /// Open client connections. `None`: 10,000, or as many as open files allow.
    pub connections: Option<usize>,
    /// Open client connections from one address. `None`: any number.
    pub connections_per_address: Option<usize>,
    /// Time for a complete request head.
    pub head_timeout: Duration,
    /// Time for a complete request body.
    pub body_timeout: Duration,
    /// Time a kept-alive connection may stay silent.
    pub idle_timeout: Duration,
    /// Time a complete request waits for a free worker or for memory before it is refused.
    pub queue_timeout: Duration,
    /// Time running requests get to finish when the gateway stops.
    pub drain_timeout: Duration,
}

/// `routing`: which credential serves a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// `strategy`.
    pub strategy: Strategy,
    /// Whether a conversation stays on its credential.
    pub session_affinity: bool,
    /// How long after its last request a conversation keeps its credential.
    pub session_affinity_ttl: Duration,
    /// `session-affinity-mode`.
    pub session_affinity_mode: AffinityMode,
    /// How many prefixes of conversations are stored, about 100 bytes each.
    pub session_affinity_max_prefixes: NonZeroUsize,
    /// Whether a subagent starts on the credential of the agent that it works for.
    pub session_affinity_subagents: bool,
    /// Whether a conversation moves to a higher priority as soon as one is usable.
    pub session_affinity_priority_failback: bool,
    /// Where sessions are kept across restarts; `None` for nowhere.
    pub session_affinity_file: Option<PathBuf>,
}

words! {
    /// How a new conversation gets its credential.
    pub enum Strategy {
        /// Each in turn.
        #[default]
        RoundRobin = "round-robin" | "roundrobin" | "rr",
        /// The first one, by credential id, while it is usable.
        FillFirst = "fill-first" | "fillfirst" | "ff",
        /// Each in turn, as often as its `weight` says.
        WeightedRoundRobin = "weighted-round-robin",
    }
}

words! {
    /// How a conversation is identified whose client sends no session id.
    pub enum AffinityMode {
        /// By the prefixes of its messages.
        #[default]
        Prefix = "prefix",
        /// By a hash of its first texts, as other gateways do it.
        Hash = "hash",
    }
}

/// What is logged about requests, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// `debug`.
    pub debug: bool,
    /// `log-format`.
    pub format: LogFormat,
    /// Whether the log goes to a rotated file instead of to standard error (`logging-to-file`).
    pub to_file: bool,
    /// The most bytes that the log directory may hold (`logs-max-total-size-mb`); `None` for no bound.
    pub total: Option<u64>,
    /// How many files of failed requests are kept (`error-logs-max-files`); `None` for all.
    pub error_files: Option<usize>,
    /// Whether every request of an admitted client is written to a file of its own (`request-log`).
    pub requests: bool,
    /// Whether no request is, not even a failed one (`commercial-mode`).
    pub commercial: bool,
}

words! {
    /// The format of a line of the log.
    pub enum LogFormat {
        /// For people.
        #[default]
        Text = "text",
        /// One JSON object per line.
        Json = "json",
    }
}

/// Usage statistics: tokens and requests, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageStatistics {
    /// `usage-statistics-enabled`.
    pub enabled: bool,
    /// Where they are kept across restarts (`usage-statistics-file`); `None` for nowhere.
    pub file: Option<PathBuf>,
}

/// `tls`: where certificate chain and key are, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The file of the certificate chain, PEM.
    pub cert: PathBuf,
    /// The file of the private key, PEM.
    pub key: PathBuf,
}

/// `remote-management`: how operators reach the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Management {
    /// Whether others than loopback peers are answered.
    pub allow_remote: bool,
    /// The management key, a bcrypt hash once the file is loaded; `None` leaves only that of the environment.
    pub secret_key: Option<Secret>,
    /// `disable-control-panel`.
    pub disable_control_panel: bool,
    /// Whether the panel is fetched only when it is missing.
    pub disable_auto_update_panel: bool,
    /// The releases of the panel: an address of GitHub's API. `None` when the key names another host.
    pub panel_releases: Option<String>,
}

/// Keys about Google's accounts: Gemini CLI and Antigravity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Google {
    /// Whether a request moves on to the sibling projects of an account (`quota-exceeded.switch-project`).
    pub switch_project: bool,
    /// Whether credits are used when a quota is exhausted (`quota-exceeded.antigravity-credits`).
    pub antigravity_credits: bool,
    /// `antigravity-signature-cache-enabled`.
    pub signature_cache: bool,
    /// `antigravity-signature-bypass-strict`.
    pub strict_signatures: bool,
    /// Whether Gemini CLI's own endpoint is served (`enable-gemini-cli-endpoint`).
    pub cli_endpoint: bool,
}

/// `ampcode`: what belongs to Amp.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amp {
    /// Without a slash at the end; `None` turns the proxy off.
    pub upstream_url: Option<String>,
    /// `upstream-api-key`.
    pub upstream_key: Option<Secret>,
    /// Upstream keys for clients that present certain keys.
    pub upstream_keys: Vec<AmpKey>,
    /// `restrict-management-to-localhost`.
    pub restrict_management: bool,
    /// Whether mappings come before models that are served here.
    pub force_mappings: bool,
    /// `model-mappings`.
    pub mappings: Vec<AmpMapping>,
}

/// The upstream key of some clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmpKey {
    /// The key for the upstream.
    pub upstream: Secret,
    /// The client keys that it is used for.
    pub clients: Vec<Secret>,
}

/// One model served as another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmpMapping {
    /// The model that clients name.
    pub from: String,
    /// The model that is used.
    pub to: String,
    /// `from` is a regular expression, found anywhere and in any case.
    pub is_regex: bool,
}

/// Kinds of credential files whose models `oauth-model-alias` and `oauth-excluded-models` are about.
pub const CHANNELS: [&str; 8] = [
    "gemini-cli",
    "vertex",
    "aistudio",
    "antigravity",
    "claude",
    "codex",
    "iflow",
    "kimi",
];

/// The aliases or exclusions of each channel, in the order of the file.
pub type PerChannel<T> = Vec<(String, Vec<T>)>;

/// A login that a vendor's own program keeps, and the gateway uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowedLogin {
    /// Where the entry stands in the file.
    pub place: Place,
    /// `cli`: one of [`VENDOR_PROGRAMS`].
    pub program: &'static str,
    /// `path`: its file; `None` for the usual place.
    pub path: Option<PathBuf>,
    /// `prefix`.
    pub prefix: Option<String>,
    /// `priority`.
    pub priority: i32,
    /// `proxy-url`.
    pub proxy: ProxySetting,
    /// `excluded-models`, in lower case.
    pub excluded_models: Vec<String>,
    /// `note`.
    pub note: Option<String>,
}

/// The vendors' programs whose logins can be used.
pub const VENDOR_PROGRAMS: [&str; 4] = ["codex", "gemini", "kimi", "claude"];

/// The OAuth client that a channel's tokens are issued to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OauthClient {
    /// `client-id`.
    pub id: Option<String>,
    /// `client-secret`.
    pub secret: Option<Secret>,
    /// `token-uri`: where tokens are renewed.
    pub token_uri: Option<String>,
}

/// A model under another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OauthAlias {
    /// Where the alias stands in the file.
    pub place: Place,
    /// The vendor's name.
    pub name: String,
    /// The name clients ask for.
    pub alias: String,
    /// Whether the vendor's name stays.
    pub fork: bool,
    /// `display-name`: shown in lists of models.
    pub display_name: Option<String>,
    /// Whether answers name the alias, whatever name was asked for.
    pub force_mapping: bool,
}

/// A pattern of models that are not offered, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OauthExclusion {
    /// Where the pattern stands in the file.
    pub place: Place,
    /// Names of models; `*` matches any characters.
    pub pattern: String,
}

/// A header and the value that is sent where the client sends none.
pub type HeaderDefault = (&'static str, String);

/// `codex-header-defaults`: what credential files of Codex send (no API key does).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodexDefaults {
    /// `user-agent`.
    pub http: Vec<HeaderDefault>,
    /// Over WebSockets only.
    pub beta_features: Option<String>,
}
