//! The keys at the top of the file.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::entries::{self, Kind};
use super::problem::Report;
use super::reader::{Field, Mapping};
use super::schema::{Config, DEFAULT_COOLDOWN};
use super::secret::Secret;
use super::url::ProxySetting;
use super::{disguise, limits, payload, pending, routing};

/// Client keys of the shipped example.
const EXAMPLE_KEYS: [&str; 3] = ["your-api-key-1", "your-api-key-2", "your-api-key-3"];

/// A day.
const MAX_COOLDOWN: i64 = 24 * 3600;

pub fn read(mut root: Mapping<'_>, report: &Report) -> Config {
    let default = Config::default();
    let host = host(&root.field("host"));
    let port = root.field("port").integer(0..=u16::MAX.into());
    let keys = root.field("api-keys");
    let api_keys = api_keys(&keys);
    let example_keys = api_keys
        .iter()
        .any(|key| EXAMPLE_KEYS.iter().any(|known| key.matches(known)));
    if example_keys {
        keys.warn("holds keys of the example, which anybody can guess");
    } else if api_keys.is_empty() && !keys.is_no_list() && !is_loopback(&host) {
        keys.warn("is empty: anybody who reaches this host can use it");
    }
    let (streaming_keepalive, bootstrap_retries) = streaming(root.field("streaming").mapping());
    let config = Config {
        file: report.file().clone(),
        host,
        port: port
            .and_then(|port| u16::try_from(port).ok())
            .unwrap_or(default.port),
        api_keys,
        example_keys,
        debug: root.field("debug").flag().unwrap_or(default.debug),
        routing: routing::read(root.field("routing").mapping()),
        limits: limits::read(root.field("limits").mapping()),
        proxy_url: proxy(&root.field("proxy-url")),
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
        bootstrap_retries,
        streaming_keepalive,
        gemini: entries::keys(&mut root, "gemini-api-key", Kind::Gemini),
        vertex: entries::keys(&mut root, "vertex-api-key", Kind::Vertex),
        claude: entries::keys(&mut root, "claude-api-key", Kind::Claude),
        codex: entries::keys(&mut root, "codex-api-key", Kind::Codex),
        compat: entries::compat(&mut root),
        payload: payload::read(root.field("payload").mapping()),
    };
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

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn api_keys(field: &Field<'_>) -> Vec<Secret> {
    let mut seen = HashSet::new();
    let mut keys = field.texts();
    keys.retain(|key| seen.insert(key.clone()));
    keys.into_iter().map(Secret::new).collect()
}

/// A proxy that cannot be used must not silently become a direct connection.
fn proxy(field: &Field<'_>) -> ProxySetting {
    ProxySetting::parse(&field.text().unwrap_or_default()).unwrap_or_else(|reason| {
        field.error(reason);
        ProxySetting::default()
    })
}

/// Keep-alives and further rounds of streams.
fn streaming(mut block: Mapping<'_>) -> (Option<Duration>, u32) {
    let keepalive = block.field("keepalive-seconds").duration();
    let retries = block.field("bootstrap-retries").count().unwrap_or(0);
    block.finish();
    (keepalive.filter(|every| !every.is_zero()), retries)
}

/// Seconds; 0 for the usual, less for none.
fn transient(field: &Field<'_>) -> Option<Duration> {
    match field.integer(i64::MIN..=MAX_COOLDOWN) {
        None | Some(0) => Some(DEFAULT_COOLDOWN),
        Some(seconds) => u64::try_from(seconds).ok().map(Duration::from_secs),
    }
}

fn without_effect(root: &mut Mapping<'_>) {
    pending::check(root, pending::TOP);
    for (name, keys) in pending::BLOCKS {
        let mut block = root.field(name).mapping();
        pending::check(&mut block, keys);
        block.finish();
    }
    let mut headers = root.field("claude-header-defaults").mapping();
    pending::check(&mut headers, pending::CLAUDE_HEADERS);
    disguise::claude_headers(&mut headers);
    headers.finish();
    disguise::top(root);
}
