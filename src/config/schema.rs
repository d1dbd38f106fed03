//! Everything a configuration says, normalised and checked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::amp::Amp;
use super::client_keys::ClientKeys;
use super::defaults::{CodexDefaults, HeaderDefault};
use super::entries::{CompatEntry, KeyEntry};
use super::google::Google;
use super::limits::Limits;
use super::listen::Tls;
use super::logs::{Logs, UsageStatistics};
use super::management::Management;
use super::oauth::{OauthAlias, OauthExclusion, PerChannel};
use super::paths;
use super::routing::Routing;
use super::url::ProxySetting;
use crate::payload::Rules;

pub(super) const DEFAULT_COOLDOWN: Duration = Duration::from_secs(60);
/// Where the reference keeps credential files (`spec/config.md` 1.2).
pub(super) const AUTH_DIR: &str = "~/.cli-proxy-api";
pub(super) const REFRESH_WORKERS: usize = 16;

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
    pub tls: Option<Tls>,
    /// `host:port` of the debug server (`pprof`); `None` when it is off.
    pub debug_server: Option<String>,
    pub management: Management,
    /// The folder of credential files.
    pub auth_dir: PathBuf,
    pub logs: Logs,
    pub usage: UsageStatistics,
    /// Token refreshes at once.
    pub auth_auto_refresh_workers: usize,
    /// Whether WebSockets ask for a client key.
    pub ws_auth: bool,
    pub google: Google,
    pub amp: Amp,
    pub oauth_aliases: PerChannel<OauthAlias>,
    pub oauth_exclusions: PerChannel<OauthExclusion>,
    pub claude_headers: Vec<HeaderDefault>,
    pub codex_headers: CodexDefaults,
    pub routing: Routing,
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
    /// Whether failures keep no credential away.
    pub disable_cooling: bool,
    /// How long a passing failure keeps a credential away (`transient-error-cooldown-seconds`); `None` for
    /// not at all.
    pub transient_cooldown: Option<Duration>,
    /// Further rounds for streams (`streaming.bootstrap-retries`).
    pub bootstrap_retries: u32,
    /// Time between keep-alive comments on a silent stream (`streaming.keepalive-seconds`).
    pub streaming_keepalive: Option<Duration>,
    /// After how long without an answer a stream gets its first sign of life
    /// (`streaming.early-keepalive-seconds`). From then on failures can only be told inside the stream, and
    /// headers of the upstream, its request id among them, do not reach the client.
    pub early_keepalive: Option<Duration>,
    /// Time between blank lines while an answer that is no stream is awaited
    /// (`nonstream-keepalive-interval`). The first one says 200, so a later failure is told in the body only, and
    /// headers of the upstream do not reach the client.
    pub nonstream_keepalive: Option<Duration>,
    /// Certificates of authorities to trust beside the system's (`ca-file`), PEM.
    pub ca_file: Option<PathBuf>,
    pub gemini: Vec<KeyEntry>,
    pub vertex: Vec<KeyEntry>,
    pub claude: Vec<KeyEntry>,
    pub codex: Vec<KeyEntry>,
    pub compat: Vec<CompatEntry>,
    /// What is changed in bodies before they are sent.
    pub payload: Rules,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            file: "".into(),
            host: String::new(),
            port: 8317,
            api_keys: ClientKeys::NotConfigured,
            allow_anonymous: false,
            tls: None,
            debug_server: None,
            management: Management::default(),
            auth_dir: paths::expand(AUTH_DIR),
            logs: Logs::default(),
            usage: UsageStatistics::default(),
            auth_auto_refresh_workers: REFRESH_WORKERS,
            ws_auth: false,
            google: Google::default(),
            amp: Amp::default(),
            oauth_aliases: Vec::new(),
            oauth_exclusions: Vec::new(),
            claude_headers: Vec::new(),
            codex_headers: CodexDefaults::default(),
            routing: Routing::default(),
            limits: Limits::default(),
            proxy_url: ProxySetting::default(),
            force_model_prefix: false,
            passthrough_headers: false,
            request_retry: 0,
            max_retry_credentials: 0,
            max_retry_interval: Duration::ZERO,
            disable_cooling: false,
            transient_cooldown: Some(DEFAULT_COOLDOWN),
            bootstrap_retries: 0,
            streaming_keepalive: None,
            early_keepalive: None,
            nonstream_keepalive: None,
            ca_file: None,
            gemini: Vec::new(),
            vertex: Vec::new(),
            claude: Vec::new(),
            codex: Vec::new(),
            compat: Vec::new(),
            payload: Rules::default(),
        }
    }
}
