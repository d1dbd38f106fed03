//! A configuration as it is understood: every key with its value and where that comes from
//! (`spec/config.md` 8, row 6). What is printed is a configuration again, but for the secrets, which are masked.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use super::amp::{Amp, AmpKey, AmpMapping};
use super::defaults::CodexDefaults;
use super::entries::{Common, CompatEntry, CompatKey, KeyEntry, ModelRow, Tuning};
use super::google::Google;
use super::headers::HeaderValueSource;
use super::limits::Limits;
use super::listen::Tls;
use super::logs::{LogFormat, Logs, UsageStatistics};
use super::management::Management;
use super::oauth::OauthAlias;
use super::routing::{AffinityMode, Routing, Strategy};
use super::schema::Config;
use super::secret::Secret;
use super::thinking::Thinking;
use super::url::ProxySetting;
use super::yaml::{self, Entry, Node, Value, join};
use crate::payload::{self, Condition, Edit, Glob, Row, Rule, Rules, Section};

/// Column at which origins stand, where the value leaves room.
const ORIGIN_COLUMN: usize = 56;

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
    let mut page = Page {
        text: String::new(),
        leaves: Vec::new(),
        file: &config.file,
        origins,
        depth: 0,
        starts_item: false,
        path: Vec::new(),
    };
    whole(&mut page, config);
    page
}

/// Where a value is written.
#[derive(Clone, Copy)]
struct Origin {
    line: usize,
    /// It holds a variable of the environment.
    is_variable: bool,
}

/// The place of everything in a document, by path.
fn origins(text: &str) -> HashMap<String, Origin> {
    fn walk(node: &Node, path: &str, line: usize, into: &mut HashMap<String, Origin>) {
        let is_variable = |text: &str| text.contains("${");
        let is_variable = matches!(&node.value, Value::Scalar(scalar) if is_variable(&scalar.text));
        into.insert(path.to_owned(), Origin { line, is_variable });
        match &node.value {
            Value::Scalar(_) => {}
            Value::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    walk(item, &format!("{path}[{index}]"), item.line, into);
                }
            }
            Value::Mapping(entries) => entries.iter().for_each(|entry| below(entry, path, into)),
        }
    }
    fn below(entry: &Entry, path: &str, into: &mut HashMap<String, Origin>) {
        if !entry.value.is_null() {
            let path = join(path, &entry.key.text);
            walk(&entry.value, &path, entry.line, into);
        }
    }
    let mut found = HashMap::new();
    if let Some(Node {
        value: Value::Mapping(entries),
        ..
    }) = yaml::parse(text).root
    {
        entries
            .iter()
            .for_each(|entry| below(entry, "", &mut found));
    }
    found
}

struct Page<'c> {
    text: String,
    leaves: Vec<Leaf>,
    file: &'c str,
    origins: HashMap<String, Origin>,
    depth: usize,
    /// The next line is the first of an item of a list.
    starts_item: bool,
    /// Of the mapping that is being written.
    path: Vec<String>,
}

impl Page<'_> {
    fn line(&mut self, key: &str, value: &str, path: &str) {
        let start = self.text.len();
        let indent = self.depth * 2;
        match std::mem::take(&mut self.starts_item) {
            true => {
                let _ = write!(self.text, "{:1$}- ", "", indent.saturating_sub(2));
            }
            false => {
                let _ = write!(self.text, "{:indent$}", "");
            }
        }
        let _ = write!(self.text, "{key}:");
        if !value.is_empty() {
            let _ = write!(self.text, " {value}");
        }
        let width = self
            .text
            .get(start..)
            .map_or(0, |line| line.chars().count());
        let origin = match self.origins.get(path) {
            None => "default".to_owned(),
            Some(Origin {
                line,
                is_variable: false,
            }) => format!("{}:{line}", self.file),
            Some(Origin { line, .. }) => format!("{}:{line}, environment", self.file),
        };
        let space = ORIGIN_COLUMN.saturating_sub(width).max(2);
        let _ = writeln!(self.text, "{:space$}# {origin}", "");
    }

    fn here(&self, key: &str) -> String {
        join(self.path.last().map_or("", String::as_str), key)
    }

    /// A value that is YAML as it is written.
    fn plain(&mut self, key: &str, value: impl ToString) {
        let (path, value) = (self.here(key), value.to_string());
        self.line(key, &value, &path);
        self.leaf(path, value, None);
    }

    fn leaf(&mut self, path: String, shown: String, secret: Option<Kept>) {
        self.leaves.push(Leaf {
            path,
            shown,
            secret,
        });
    }

    fn text(&mut self, key: &str, value: &str) {
        self.plain(key, quoted(value));
    }

    fn path(&mut self, key: &str, value: Option<&Path>) {
        let value = value.map(|path| path.display().to_string());
        self.text(key, &value.unwrap_or_default());
    }

    fn time(&mut self, key: &str, value: Option<Duration>) {
        self.plain(key, time(value.unwrap_or_default()));
    }

    /// A secret, in place or from a file.
    fn secret(&mut self, key: &str, value: Option<&Secret>) {
        let from_file = format!("{key}-file");
        let path = match self.origins.contains_key(&self.here(&from_file)) {
            true => self.here(&from_file),
            false => self.here(key),
        };
        let shown = quoted(&value.map(Secret::masked).unwrap_or_default());
        self.line(key, &shown, &path);
        let kept = Kept(value.cloned().into_iter().collect());
        self.leaf(self.here(key), shown, Some(kept));
    }

    fn secrets(&mut self, key: &str, values: &[Secret]) {
        let masked: Vec<String> = values.iter().map(|value| quoted(&value.masked())).collect();
        let (path, shown) = (self.here(key), format!("[{}]", masked.join(", ")));
        self.line(key, &shown, &path);
        self.leaf(path, shown, Some(Kept(values.to_vec())));
    }

    fn texts<'t>(&mut self, key: &str, values: impl IntoIterator<Item = &'t str>) {
        let values: Vec<String> = values.into_iter().map(quoted).collect();
        self.plain(key, format!("[{}]", values.join(", ")));
    }

    fn block(&mut self, key: &str, inside: impl FnOnce(&mut Self)) {
        let path = self.here(key);
        let start = self.text.len();
        self.line(key, "", &path);
        // Nothing of its own: where its keys come from is said there.
        let head = self
            .text
            .get(start..)
            .and_then(|line| line.split('#').next());
        let head = head.unwrap_or_default().trim_end().to_owned();
        self.text.truncate(start);
        let _ = writeln!(self.text, "{head}");
        let end = self.text.len();
        self.path.push(path);
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.path.pop();
        if self.text.len() == end {
            self.text.truncate(end.saturating_sub(1));
            self.text.push_str(" {}\n");
        }
    }

    /// A list of mappings; `place` says the path of each in the file.
    fn list<T>(
        &mut self,
        key: &str,
        items: &[T],
        place: impl Fn(&T, usize) -> String,
        mut inside: impl FnMut(&mut Self, &T),
    ) {
        if items.is_empty() {
            return self.plain(key, "[]");
        }
        self.block(key, |page| {
            page.depth += 1;
            for (index, item) in items.iter().enumerate() {
                page.path.push(place(item, index));
                page.starts_item = true;
                inside(page, item);
                page.starts_item = false;
                page.path.pop();
            }
            page.depth -= 1;
        });
    }
}

/// As JSON, which YAML understands.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn time(duration: Duration) -> String {
    match duration.subsec_nanos() {
        0 => format!("{}s", duration.as_secs()),
        nanos if nanos % 1_000_000 == 0 => format!("{}ms", duration.as_millis()),
        _ => format!("{}ns", duration.as_nanos()),
    }
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
        example_keys: _,
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
    page.secrets("api-keys", api_keys);
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
    self::compat(page, compat);
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
        connections,
        head_timeout,
        idle_timeout,
        lane_wait,
        drain_timeout,
    } = limits;
    page.block("limits", |page| {
        page.plain("workers", workers);
        page.plain("body", body);
        page.plain("connections", connections);
        page.time("head-timeout", Some(*head_timeout));
        page.time("idle-timeout", Some(*idle_timeout));
        page.time("lane-wait", Some(*lane_wait));
        page.time("drain-timeout", Some(*drain_timeout));
    });
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

fn proxy(page: &mut Page<'_>, proxy: &ProxySetting) {
    let shown = match proxy {
        ProxySetting::Inherit => String::new(),
        ProxySetting::Direct => "direct".to_owned(),
        ProxySetting::Url(url) => url.to_string(),
    };
    let path = page.here("proxy-url");
    let shown = quoted(&shown);
    page.line("proxy-url", &shown, &path);
    let kept = match proxy {
        ProxySetting::Url(url) => vec![Secret::new(url.reveal())],
        ProxySetting::Inherit | ProxySetting::Direct => Vec::new(),
    };
    page.leaf(path, shown, Some(Kept(kept)));
}

fn keys(page: &mut Page<'_>, block: &str, entries: &[KeyEntry]) {
    let place = |entry: &KeyEntry, _| entry.common.place.path.clone();
    page.list(block, entries, place, |page, entry| {
        let KeyEntry {
            common: shared,
            key,
            proxy: way,
            excluded_models,
            websockets,
        } = entry;
        page.secret("api-key", Some(key));
        common(page, shared);
        proxy(page, way);
        page.texts(
            "excluded-models",
            excluded_models.iter().map(String::as_str),
        );
        if block == "codex-api-key" {
            page.plain("websockets", websockets);
        }
    });
}

fn compat(page: &mut Page<'_>, entries: &[CompatEntry]) {
    let place = |entry: &CompatEntry, _| entry.common.place.path.clone();
    page.list("openai-compatibility", entries, place, |page, entry| {
        let CompatEntry {
            common: shared,
            name,
            // In what all entries share, too.
            base_url: _,
            keys,
        } = entry;
        page.text("name", name);
        common(page, shared);
        let keys = keys.as_deref().unwrap_or_default();
        let place = |key: &CompatKey, _| key.place.path.clone();
        page.list("api-key-entries", keys, place, |page, entry| {
            let CompatKey {
                place: _,
                key,
                proxy: way,
                tuning: own,
            } = entry;
            page.secret("api-key", key.as_ref());
            proxy(page, way);
            tuning(page, *own);
        });
    });
}

fn common(page: &mut Page<'_>, common: &Common) {
    let Common {
        place: _,
        base_url,
        prefix,
        headers,
        models,
        priority,
        tuning: own,
    } = common;
    page.text("base-url", base_url.as_deref().unwrap_or_default());
    page.text("prefix", prefix.as_deref().unwrap_or_default());
    page.plain("priority", priority);
    tuning(page, *own);
    page.block("headers", |page| {
        for (name, source) in headers {
            match source {
                HeaderValueSource::Literal(value) => page.secret(name, Some(value)),
                HeaderValueSource::Client(header) => page.text(name, &format!("${header}")),
            }
        }
    });
    let models = models.as_deref().unwrap_or_default();
    page.list("models", models, |row, _| row.place.path.clone(), model);
}

fn tuning(page: &mut Page<'_>, tuning: Tuning) {
    let Tuning {
        disable_cooling,
        request_retry,
        weight,
    } = tuning;
    if let Some(weight) = weight {
        page.plain("weight", weight);
    }
    if let Some(disable_cooling) = disable_cooling {
        page.plain("disable-cooling", disable_cooling);
    }
    if let Some(request_retry) = request_retry {
        page.plain("request-retry", request_retry);
    }
}

fn model(page: &mut Page<'_>, row: &ModelRow) {
    let ModelRow {
        place: _,
        name,
        alias,
        display_name,
        context,
        thinking,
        force_mapping,
    } = row;
    page.text("name", name);
    page.text("alias", alias);
    if let Some(display_name) = display_name {
        page.text("display-name", display_name);
    }
    if let Some(context) = context {
        page.plain("max-context-length", context);
    }
    match thinking {
        None => {}
        Some(Thinking::Levels(levels)) => page.block("thinking", |page| {
            page.texts("levels", levels.iter().copied());
        }),
        Some(Thinking::Budget {
            min,
            max,
            zero,
            dynamic,
        }) => page.block("thinking", |page| {
            page.plain("min", min);
            page.plain("max", max);
            page.plain("zero-allowed", zero);
            page.plain("dynamic-allowed", dynamic);
        }),
    }
    page.plain("force-mapping", force_mapping);
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

fn payload(page: &mut Page<'_>, rules: &Rules) {
    page.block("payload", |page| {
        for section in Section::ALL {
            let of_section = |rule: &&Rule| rule.section == section;
            let rules: Vec<&Rule> = rules.iter().filter(of_section).collect();
            if rules.is_empty() {
                continue;
            }
            let key = section.name();
            let place = |rule: &&Rule, _| format!("payload.{key}[{}]", rule.number - 1);
            page.list(key, &rules, place, |page, rule| self::rule(page, rule));
        }
    });
}

fn rule(page: &mut Page<'_>, rule: &Rule) {
    let Rule {
        section,
        number: _,
        rows,
        edits,
    } = rule;
    let rows: Vec<String> = rows.iter().map(row).collect();
    page.plain("models", format!("[{}]", rows.join(", ")));
    if *section == Section::Filter {
        return page.texts("params", rule.paths());
    }
    let param = |edit: &Edit| {
        let value = match section.is_raw() {
            true => quoted(&edit.value),
            false => edit.value.to_string(),
        };
        format!("{}: {value}", quoted(edit.path.source()))
    };
    let params: Vec<String> = edits.iter().map(param).collect();
    page.plain("params", format!("{{{}}}", params.join(", ")));
}

/// A row of a rule's models, in one line.
fn row(row: &Row) -> String {
    let Row {
        name,
        protocol,
        from,
        headers,
        conditions,
    } = row;
    let mut parts = vec![format!("name: {}", quoted(&name.to_string()))];
    parts.extend(protocol.map(|it| format!("protocol: {}", it.name())));
    parts.extend(from.map(|it| format!("from-protocol: {}", it.name())));
    if !headers.is_empty() {
        let pair = |(name, value): &(String, Glob)| {
            format!("{}: {}", quoted(name), quoted(&value.to_string()))
        };
        let pairs: Vec<String> = headers.iter().map(pair).collect();
        parts.push(format!("headers: {{{}}}", pairs.join(", ")));
    }
    let mut lists: [(&str, Vec<String>); 4] = Default::default();
    for condition in conditions {
        let (at, key, item) = match condition {
            Condition::Is(path, value) => (0, "match", pair(path, value)),
            Condition::IsNot(path, value) => (1, "not-match", pair(path, value)),
            Condition::Exists(path) => (2, "exist", quoted(path.source())),
            Condition::Lacks(path) => (3, "not-exist", quoted(path.source())),
        };
        if let Some(list) = lists.get_mut(at) {
            list.0 = key;
            list.1.push(item);
        }
    }
    for (key, items) in lists {
        if !items.is_empty() {
            parts.push(format!("{key}: [{}]", items.join(", ")));
        }
    }
    format!("{{{}}}", parts.join(", "))
}

fn pair(path: &payload::Path, value: &str) -> String {
    format!("{{{}: {value}}}", quoted(path.source()))
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
