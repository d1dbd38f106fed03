//! The keys at the top of the file.

use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::time::Duration;

use super::entries::{self, Kind};
use super::problem::Report;
use super::reader::{Field, Mapping};
use super::schema::{AUTH_DIR, Config, DEFAULT_COOLDOWN};
use super::secret::Secret;
use super::url::ProxySetting;
use super::{
    amp, authorities, client_keys, defaults, disguise, google, limits, listen, logs, management,
    oauth, paths, payload, pending, routing,
};

/// More at once would be an attack on the vendor.
const MOST_REFRESHES: i64 = 1_024;

/// A day.
const MAX_COOLDOWN: i64 = 24 * 3600;

/// `has_keys`: see [`client_keys::are_written`].
pub fn read(mut root: Mapping<'_>, has_keys: bool, report: &Report) -> Config {
    let default = Config::default();
    let host_field = root.field("host");
    let host = host(&host_field);
    let port = root.field("port").integer(0..=u16::MAX.into());
    let api_keys = client_keys::read(&mut root, has_keys, report);
    let allow_anonymous = root.field("allow-anonymous");
    let streaming = streaming(root.field("streaming").mapping());
    let tls = listen::tls(root.field("tls").mapping());
    let management = management::read(root.field("remote-management").mapping(), tls.is_some());
    let ws_field = root.field("ws-auth");
    let ws_auth = ws_field.flag();
    if ws_auth == Some(false) && !client_keys::is_loopback(&host) {
        ws_field.warn("lets anybody who reaches this host open WebSockets");
    }
    let amp = amp::Old::of(&mut root);
    let amp = amp::read(root.field("ampcode").mapping(), &amp, api_keys.keys());
    let mut gemini = entries::keys(&mut root, "gemini-api-key", Kind::Gemini);
    let old = root.field("generative-language-api-key");
    gemini.extend(entries::old_gemini(&old, &gemini));
    let refresh = root.field("auth-auto-refresh-workers");
    let refresh = refresh.integer(i64::MIN..=MOST_REFRESHES);
    let config = Config {
        file: report.file().clone(),
        host,
        port: port
            .and_then(|port| u16::try_from(port).ok())
            .unwrap_or(default.port),
        api_keys,
        allow_anonymous: allow_anonymous.flag().unwrap_or(false),
        tls,
        debug_server: listen::debug_server(root.field("pprof").mapping()),
        management,
        auth_dir: auth_dir(&root.field("auth-dir")),
        logs: logs::read(&mut root),
        usage: logs::usage(&mut root),
        auth_auto_refresh_workers: refresh
            .and_then(|count| usize::try_from(count).ok())
            .filter(|count| *count > 0)
            .unwrap_or(default.auth_auto_refresh_workers),
        ws_auth: ws_auth.unwrap_or(false),
        google: google::read(&mut root),
        amp,
        oauth_aliases: oauth::aliases(&root.field("oauth-model-alias")),
        oauth_exclusions: oauth::exclusions(&root.field("oauth-excluded-models")),
        claude_headers: defaults::claude(root.field("claude-header-defaults").mapping()),
        codex_headers: defaults::codex(root.field("codex-header-defaults").mapping()),
        routing: routing::read(root.field("routing").mapping()),
        limits: limits::read(root.field("limits").mapping()),
        proxy_url: proxy(&mut root),
        force_model_prefix: root.field("force-model-prefix").flag().unwrap_or(false),
        passthrough_headers: root.field("passthrough-headers").flag().unwrap_or(false),
        request_retry: root.field("request-retry").count().unwrap_or(0),
        max_retry_credentials: root.field("max-retry-credentials").count().unwrap_or(0),
        max_retry_interval: root
            .field("max-retry-interval")
            .duration()
            .unwrap_or_default(),
        disable_cooling: root.field("disable-cooling").flag().unwrap_or(false),
        transient_cooldown: transient(&root.field("transient-error-cooldown-seconds")),
        bootstrap_retries: streaming.retries,
        streaming_keepalive: streaming.keepalive,
        early_keepalive: streaming.early,
        nonstream_keepalive: interval(&root.field("nonstream-keepalive-interval")),
        ca_file: authorities::read(&root.field("ca-file"), report),
        gemini,
        vertex: entries::keys(&mut root, "vertex-api-key", Kind::Vertex),
        claude: entries::keys(&mut root, "claude-api-key", Kind::Claude),
        codex: entries::keys(&mut root, "codex-api-key", Kind::Codex),
        compat: entries::compat(&mut root),
        payload: payload::read(root.field("payload").mapping()),
    };
    client_keys::check(&config, &host_field, &allow_anonymous);
    without_effect(&mut root);
    root.finish();
    config
}

fn host(field: &Field<'_>) -> String {
    let host = field.text().unwrap_or_default();
    if host.parse::<Ipv6Addr>().is_ok() {
        format!("[{host}]")
    } else {
        host
    }
}

/// A proxy that cannot be used must not silently become a direct connection.
fn proxy(root: &mut Mapping<'_>) -> ProxySetting {
    let text = root.secret("proxy-url", "proxy-url-file");
    ProxySetting::parse(text.as_ref().map_or("", Secret::reveal)).unwrap_or_else(|reason| {
        root.field("proxy-url").error(reason);
        ProxySetting::default()
    })
}

/// Keep-alives and further rounds of streams.
struct Streaming {
    keepalive: Option<Duration>,
    early: Option<Duration>,
    retries: u32,
}

fn streaming(mut block: Mapping<'_>) -> Streaming {
    let keepalive = interval(&block.field("keepalive-seconds"));
    let early = interval(&block.field("early-keepalive-seconds"));
    let retries = block.field("bootstrap-retries").count().unwrap_or(0);
    block.finish();
    Streaming {
        keepalive,
        early,
        retries,
    }
}

/// A time between two signs of life; 0 for none.
fn interval(field: &Field<'_>) -> Option<Duration> {
    field.duration().filter(|every| !every.is_zero())
}

/// Seconds or a duration, at most a day; 0 for the usual, less for none.
fn transient(field: &Field<'_>) -> Option<Duration> {
    if field.is_whole() {
        let seconds = field.integer(i64::MIN..=MAX_COOLDOWN).unwrap_or(0);
        return match seconds {
            0 => Some(DEFAULT_COOLDOWN),
            seconds => u64::try_from(seconds).ok().map(Duration::from_secs),
        };
    }
    let time = field.duration().filter(|time| !time.is_zero());
    if time.is_some_and(|time| time.as_secs() > MAX_COOLDOWN.unsigned_abs()) {
        field.error("must not be more than a day");
    }
    Some(time.unwrap_or(DEFAULT_COOLDOWN))
}

/// The folder of credential files; one that does not exist yet is made when it is needed.
fn auth_dir(field: &Field<'_>) -> PathBuf {
    let path = paths::expand(field.filled().as_deref().unwrap_or(AUTH_DIR));
    if path.metadata().is_ok_and(|found| !found.is_dir()) {
        field.error("is not a folder");
    }
    path
}

fn without_effect(root: &mut Mapping<'_>) {
    pending::check(root, pending::TOP);
    disguise::top(root);
}
