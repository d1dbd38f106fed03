//! A configuration as it is understood: every key with its value and where that comes from
//! (`spec/config.md` 8, row 6). What is printed is a configuration again, but for the secrets, which are masked.

mod credentials;
mod page;
mod rules;

use std::collections::HashMap;

use credentials::{keys, proxy};
use page::{Origin, Page, origins};
use rules::payload;

use super::amp::{Amp, AmpKey, AmpMapping};
use super::defaults::CodexDefaults;
use super::google::Google;
use super::limits::Limits;
use super::listen::Tls;
use super::logs::{LogFormat, Logs, UsageStatistics};
use super::management::Management;
use super::oauth::OauthAlias;
use super::routing::{AffinityMode, Routing, Strategy};
use super::schema::Config;
use super::secret::Secret;

/// Renders `config`, which was read from `text`.
pub fn render(config: &Config, text: &str) -> String {
    written(config, origins(text)).text
}

/// Every single value, in the order of the page.
pub fn leaves(config: &Config) -> Vec<Leaf> {
    written(config, HashMap::new()).leaves
}

/// One value by its path, as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub path: String,
    pub shown: String,
    pub secret: Option<Kept>,
}

/// What is known of a value that is not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept(Vec<Secret>);

impl Kept {
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

fn written(config: &Config, origins: HashMap<String, Origin>) -> Page<'_> {
    let mut page = Page::new(&config.file, origins);
    whole(&mut page, config);
    page
}

/// Every field is named, here and below, so that a new one asks for its line.
fn whole(page: &mut Page<'_>, config: &Config) {
    let Config {
        file: _,
        host,
        port,
        tls,
        debug_server,
        management,
        auth_dir,
        logs,
        usage,
        auth_auto_refresh_workers,
        ws_auth,
        google,
        amp,
        oauth_aliases,
        oauth_exclusions,
        claude_headers,
        codex_headers,
        payload: rules,
        api_keys,
        allow_anonymous,
        routing,
        limits,
        proxy_url,
        force_model_prefix,
        passthrough_headers,
        request_retry,
        max_retry_credentials,
        max_retry_interval,
        disable_cooling,
        transient_cooldown,
        bootstrap_retries,
        streaming_keepalive,
        early_keepalive,
        nonstream_keepalive,
        ca_file,
        gemini,
        vertex,
        claude,
        codex,
        compat,
    } = config;
    page.text("host", host);
    page.plain("port", port);
    self::tls(page, tls.as_ref());
    match api_keys.is_lost() {
        // An empty list would say that none are wanted.
        true => page.plain("api-keys", "[null]"),
        false => page.secrets("api-keys", api_keys.keys()),
    }
    page.plain("allow-anonymous", allow_anonymous);
    self::limits(page, limits);
    self::routing(page, routing);
    page.plain("request-retry", request_retry);
    page.plain("max-retry-credentials", max_retry_credentials);
    page.time("max-retry-interval", Some(*max_retry_interval));
    page.plain("disable-cooling", disable_cooling);
    let cooldown = transient_cooldown.map_or(-1, |time| time.as_secs() as i64);
    page.plain("transient-error-cooldown-seconds", cooldown);
    page.block("streaming", |page| {
        page.time("keepalive-seconds", *streaming_keepalive);
        page.time("early-keepalive-seconds", *early_keepalive);
        page.plain("bootstrap-retries", bootstrap_retries);
    });
    page.time("nonstream-keepalive-interval", *nonstream_keepalive);
    proxy(page, proxy_url);
    page.path("ca-file", ca_file.as_deref());
    page.plain("passthrough-headers", passthrough_headers);
    page.plain("force-model-prefix", force_model_prefix);
    keys(page, "claude-api-key", claude);
    keys(page, "gemini-api-key", gemini);
    keys(page, "vertex-api-key", vertex);
    keys(page, "codex-api-key", codex);
    credentials::compat(page, compat);
    page.block("claude-header-defaults", |page| {
        for (header, value) in claude_headers {
            let key = header.strip_prefix("x-stainless-").unwrap_or(header);
            page.text(key, value);
        }
    });
    let CodexDefaults {
        user_agent,
        beta_features,
    } = codex_headers;
    page.block("codex-header-defaults", |page| {
        page.text("user-agent", user_agent.as_deref().unwrap_or_default());
        page.text(
            "beta-features",
            beta_features.as_deref().unwrap_or_default(),
        );
    });
    payload(page, rules);
    self::logs(page, logs, usage);
    page.block("pprof", |page| {
        page.plain("enable", debug_server.is_some());
        if let Some(address) = debug_server {
            page.text("addr", address);
        }
    });
    self::management(page, management);
    page.path("auth-dir", Some(auth_dir));
    page.plain("auth-auto-refresh-workers", auth_auto_refresh_workers);
    page.plain("ws-auth", ws_auth);
    self::google(page, google);
    self::amp(page, amp);
    page.block("oauth-model-alias", |page| {
        for (channel, rows) in oauth_aliases {
            page.list(channel, rows, |row, _| row.place.path.clone(), alias);
        }
    });
    page.block("oauth-excluded-models", |page| {
        for (channel, patterns) in oauth_exclusions {
            page.texts(channel, patterns.iter().map(|row| row.pattern.as_str()));
        }
    });
}

fn tls(page: &mut Page<'_>, tls: Option<&Tls>) {
    page.block("tls", |page| {
        page.plain("enable", tls.is_some());
        if let Some(Tls { cert, key }) = tls {
            page.path("cert", Some(cert));
            page.path("key", Some(key));
        }
    });
}

fn limits(page: &mut Page<'_>, limits: &Limits) {
    let Limits {
        workers,
        body,
        memory,
        connections,
        connections_per_address,
        head_timeout,
        body_timeout,
        idle_timeout,
        queue_timeout,
        drain_timeout,
    } = limits;
    page.block("limits", |page| {
        page.plain("workers", or_automatic(*workers));
        page.plain("body", body);
        page.plain("memory", or_automatic(*memory));
        page.plain("connections", or_automatic(*connections));
        page.plain(
            "connections-per-address",
            connections_per_address.unwrap_or(0),
        );
        page.time("head-timeout", Some(*head_timeout));
        page.time("body-timeout", Some(*body_timeout));
        page.time("idle-timeout", Some(*idle_timeout));
        page.time("queue-timeout", Some(*queue_timeout));
        page.time("drain-timeout", Some(*drain_timeout));
    });
}

/// A number that is worked out at the start unless it is given.
fn or_automatic(given: Option<impl std::fmt::Display>) -> String {
    given.map_or_else(|| "~".to_owned(), |given| given.to_string())
}

fn routing(page: &mut Page<'_>, routing: &Routing) {
    let Routing {
        strategy,
        session_affinity,
        session_affinity_ttl,
        session_affinity_mode,
        session_affinity_names,
        session_affinity_subagents,
        session_affinity_priority_failback,
        session_affinity_file,
    } = routing;
    page.block("routing", |page| {
        page.plain(
            "strategy",
            match strategy {
                Strategy::RoundRobin => "round-robin",
                Strategy::FillFirst => "fill-first",
                Strategy::WeightedRoundRobin => "weighted-round-robin",
            },
        );
        page.plain("session-affinity", session_affinity);
        page.time("session-affinity-ttl", Some(*session_affinity_ttl));
        page.plain(
            "session-affinity-mode",
            match session_affinity_mode {
                AffinityMode::Prefix => "prefix",
                AffinityMode::Hash => "hash",
            },
        );
        page.plain("session-affinity-names", session_affinity_names);
        page.plain("session-affinity-subagents", session_affinity_subagents);
        page.plain(
            "session-affinity-priority-failback",
            session_affinity_priority_failback,
        );
        page.path("session-affinity-file", session_affinity_file.as_deref());
    });
}

fn alias(page: &mut Page<'_>, row: &OauthAlias) {
    let OauthAlias {
        place: _,
        name,
        alias,
        fork,
        display_name,
        force_mapping,
    } = row;
    page.text("name", name);
    page.text("alias", alias);
    page.plain("fork", fork);
    if let Some(display_name) = display_name {
        page.text("display-name", display_name);
    }
    page.plain("force-mapping", force_mapping);
}

fn logs(page: &mut Page<'_>, logs: &Logs, usage: &UsageStatistics) {
    let Logs {
        debug,
        format,
        to_file,
        total,
        error_files,
        requests,
        commercial,
    } = logs;
    page.plain("debug", debug);
    page.plain(
        "log-format",
        match format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        },
    );
    page.plain("logging-to-file", to_file);
    match total {
        None => page.plain("logs-max-total-size-mb", 0),
        Some(bytes) => page.plain("logs-max-total-size-mb", format!("{bytes}B")),
    }
    page.plain("request-log", requests);
    page.plain("error-logs-max-files", error_files.unwrap_or(0));
    page.plain("commercial-mode", commercial);
    let UsageStatistics { enabled, file } = usage;
    page.plain("usage-statistics-enabled", enabled);
    page.path("usage-statistics-file", file.as_deref());
}

fn management(page: &mut Page<'_>, management: &Management) {
    let Management {
        allow_remote,
        secret_key,
        disable_control_panel,
        disable_auto_update_panel,
        panel_releases,
    } = management;
    page.block("remote-management", |page| {
        page.plain("allow-remote", allow_remote);
        page.secret("secret-key", secret_key.as_ref());
        page.plain("disable-control-panel", disable_control_panel);
        page.plain("disable-auto-update-panel", disable_auto_update_panel);
        page.text(
            "panel-github-repository",
            panel_releases.as_deref().unwrap_or_default(),
        );
    });
}

fn google(page: &mut Page<'_>, google: &Google) {
    let Google {
        switch_project,
        antigravity_credits,
        signature_cache,
        strict_signatures,
        cli_endpoint,
    } = google;
    page.block("quota-exceeded", |page| {
        page.plain("switch-project", switch_project);
        page.plain("antigravity-credits", antigravity_credits);
    });
    page.plain("enable-gemini-cli-endpoint", cli_endpoint);
    page.plain("antigravity-signature-cache-enabled", signature_cache);
    page.plain("antigravity-signature-bypass-strict", strict_signatures);
}

fn amp(page: &mut Page<'_>, amp: &Amp) {
    let Amp {
        upstream_url,
        upstream_key,
        upstream_keys,
        restrict_management,
        force_mappings,
        mappings,
    } = amp;
    page.block("ampcode", |page| {
        page.text("upstream-url", upstream_url.as_deref().unwrap_or_default());
        page.secret("upstream-api-key", upstream_key.as_ref());
        let place = |list: &str, index: usize| format!("ampcode.{list}[{index}]");
        let of_key = |_: &AmpKey, index| place("upstream-api-keys", index);
        page.list("upstream-api-keys", upstream_keys, of_key, |page, entry| {
            let AmpKey { upstream, clients } = entry;
            page.secret("upstream-api-key", Some(upstream));
            page.secrets("api-keys", clients);
        });
        page.plain("restrict-management-to-localhost", restrict_management);
        page.plain("force-model-mappings", force_mappings);
        let of_mapping = |_: &AmpMapping, index| place("model-mappings", index);
        page.list("model-mappings", mappings, of_mapping, |page, row| {
            let AmpMapping { from, to, is_regex } = row;
            page.text("from", from);
            page.text("to", to);
            page.plain("regex", is_regex);
        });
    });
}
