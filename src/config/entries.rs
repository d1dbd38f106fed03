//! The blocks of API keys: who may be called, with what, for which models (`spec/config.md` 2.1).

use super::headers::{self, HeaderValueSource};
use super::oauth::CHANNELS;
use super::problem::Place;
use super::reader::{Field, Mapping};
use super::secret::Secret;
use super::thinking::{self, Thinking};
use super::url::{self, ProxySetting};
use super::{disguise, key_check, pending};

/// What all kinds of entries share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Common {
    pub place: Place,
    /// Without a slash at the end; `None` for the provider's own.
    pub base_url: Option<String>,
    pub prefix: Option<String>,
    pub headers: Vec<(String, HeaderValueSource)>,
    /// `None`: not given, or empty.
    pub models: Option<Vec<ModelRow>>,
    /// Higher is tried first.
    pub priority: i32,
    pub tuning: Tuning,
}

/// How one credential is treated otherwise than the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tuning {
    /// Whether failures keep it away; `None` for what holds for all.
    pub disable_cooling: Option<bool>,
    /// Further rounds in which it takes part; `None` for what holds for all.
    pub request_retry: Option<u32>,
    /// Its share under `weighted-round-robin`; `None` for one, 0 for none at all.
    pub weight: Option<u32>,
}

impl Tuning {
    fn read(entry: &mut Mapping<'_>) -> Self {
        Self {
            disable_cooling: entry.field("disable-cooling").flag(),
            request_retry: entry.field("request-retry").count(),
            weight: entry.field("weight").count_to(MAX_WEIGHT),
        }
    }

    /// What holds for one of the keys of an entry with this tuning.
    pub fn refined(self, key: Self) -> Self {
        Self {
            disable_cooling: key.disable_cooling.or(self.disable_cooling),
            request_retry: key.request_retry.or(self.request_retry),
            weight: key.weight.or(self.weight),
        }
    }
}

/// The largest share (`spec/config.md` 9).
const MAX_WEIGHT: u32 = 1_000_000;

/// One entry of `gemini-api-key`, `vertex-api-key`, `claude-api-key` or `codex-api-key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    pub common: Common,
    pub key: Secret,
    pub proxy: ProxySetting,
    /// Patterns in lower case, see `spec/config.md` 2.5.
    pub excluded_models: Vec<String>,
    /// Codex: whether clients of WebSockets are served by them (`spec/config.md` 1.3).
    pub websockets: bool,
}

/// One provider of `openai-compatibility`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompatEntry {
    pub common: Common,
    /// As written; compare in lower case.
    pub name: String,
    pub base_url: String,
    /// `None`: the provider is called without a key.
    pub keys: Option<Vec<CompatKey>>,
}

/// One of `api-key-entries`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompatKey {
    pub place: Place,
    pub key: Option<Secret>,
    pub proxy: ProxySetting,
    pub tuning: Tuning,
}

/// One row of `models`; at least one of `name` and `alias` is filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRow {
    pub place: Place,
    /// Sent upstream.
    pub name: String,
    /// Offered to clients.
    pub alias: String,
    pub display_name: Option<String>,
    /// Tokens.
    pub context: Option<u64>,
    /// How much the model can think; `None` where nothing is said of it.
    pub thinking: Option<Thinking>,
    /// Whether answers name the alias, whatever name was asked for (`spec/config.md` 9).
    pub force_mapping: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Gemini,
    Vertex,
    Claude,
    Codex,
}

pub fn keys(root: &mut Mapping<'_>, block: &'static str, kind: Kind) -> Vec<KeyEntry> {
    let entries = root.field(block).mappings();
    entries
        .into_iter()
        .filter_map(|entry| key_entry(entry, kind))
        .collect()
}

pub fn compat(root: &mut Mapping<'_>) -> Vec<CompatEntry> {
    let entries = root.field("openai-compatibility").mappings();
    entries.into_iter().filter_map(compat_entry).collect()
}

/// Every key is read before anything is dropped, so that all problems of an entry show at once.
fn key_entry(mut entry: Mapping<'_>, kind: Kind) -> Option<KeyEntry> {
    let key = entry.secret("api-key", "api-key-file");
    let (common, usable) = common(&mut entry, kind == Kind::Vertex);
    let proxy = proxy(&mut entry);
    let mut excluded_models: Vec<String> = Vec::new();
    for pattern in entry.field("excluded-models").texts() {
        let pattern = pattern.to_lowercase();
        if !excluded_models.contains(&pattern) {
            excluded_models.push(pattern);
        }
    }
    let mut websockets = false;
    match kind {
        Kind::Codex => websockets = entry.field("websockets").flag().unwrap_or(false),
        Kind::Claude => disguise::claude_entry(&mut entry),
        Kind::Gemini | Kind::Vertex => {}
    }
    match &key {
        Some(key) => check_key(&mut entry, key),
        None => entry.warn("has no `api-key`: skipped"),
    }
    entry.finish();
    Some(KeyEntry {
        common,
        key: key.filter(|_| usable)?,
        proxy: proxy?,
        excluded_models,
        websockets,
    })
}

fn compat_entry(mut entry: Mapping<'_>) -> Option<CompatEntry> {
    let (common, mut usable) = common(&mut entry, false);
    let name = entry.field("name");
    let text = name
        .filled()
        .unwrap_or_else(|| "openai-compatibility".to_owned());
    if is_built_in(&text.to_lowercase()) {
        name.warn("is the name of a built-in provider: skipped");
        usable = false;
    }
    let old = entry.field("api-keys");
    if old.node().is_some() {
        old.warn("is the old name of `api-key-entries`");
    }
    let disabled = entry.field("disabled").flag().unwrap_or(false);
    let listed = entry.field("api-key-entries").mappings();
    let is_keyless = listed.is_empty() && old.items().is_empty();
    let mut keys: Vec<CompatKey> = listed.into_iter().filter_map(compat_key).collect();
    keys.extend(old.items().iter().filter_map(bare_key));
    let keys = (!is_keyless).then_some(keys);
    if common.base_url.is_none() && usable {
        entry.warn("has no `base-url`: skipped");
    }
    entry.finish();
    Some(CompatEntry {
        base_url: common.base_url.clone().filter(|_| usable && !disabled)?,
        common,
        name: text,
        keys,
    })
}

/// Whether an `openai-compatibility` provider may not have the name (`spec/config.md` 2.3).
fn is_built_in(name: &str) -> bool {
    name == "gemini" || CHANNELS.contains(&name)
}

fn compat_key(mut entry: Mapping<'_>) -> Option<CompatKey> {
    let key = entry.secret("api-key", "api-key-file");
    let proxy = proxy(&mut entry);
    let tuning = Tuning::read(&mut entry);
    if let Some(key) = &key {
        check_key(&mut entry, key);
    }
    pending::check(&mut entry, pending::ENTRY);
    let place = entry.place().clone();
    entry.finish();
    Some(CompatKey {
        place,
        key,
        proxy: proxy?,
        tuning,
    })
}

fn check_key(entry: &mut Mapping<'_>, key: &Secret) {
    if let Some(oddity) = key_check::oddity(key.reveal()) {
        entry.field("api-key").warn(oddity);
    }
}

/// A key of a list that holds nothing else.
fn bare_key(item: &Field<'_>) -> Option<CompatKey> {
    Some(CompatKey {
        place: item.place().clone(),
        key: Some(item.secret()?),
        proxy: ProxySetting::default(),
        tuning: Tuning::default(),
    })
}

/// `generative-language-api-key`, the old form of `gemini-api-key`: keys that `known` does not have.
pub fn old_gemini(field: &Field<'_>, known: &[KeyEntry]) -> Vec<KeyEntry> {
    if field.node().is_some() {
        field.warn("is the old name of `gemini-api-key`");
    }
    let mut entries: Vec<KeyEntry> = Vec::new();
    for item in field.items() {
        let Some(key) = item.secret() else { continue };
        let is_known = |entry: &KeyEntry| entry.key == key;
        if known.iter().any(is_known) || entries.iter().any(is_known) {
            continue;
        }
        entries.push(KeyEntry {
            common: Common {
                place: item.place().clone(),
                ..Common::default()
            },
            key,
            proxy: ProxySetting::default(),
            excluded_models: Vec::new(),
            websockets: false,
        });
    }
    entries
}

/// The shared keys, and whether the entry can be used.
fn common(entry: &mut Mapping<'_>, both_names: bool) -> (Common, bool) {
    let base_url = entry.field("base-url");
    let (base, usable) = match base_url.filled().map(|text| url::base(&text)) {
        None => (None, true),
        Some(Ok(base)) => (Some(base), true),
        Some(Err(reason)) => {
            base_url.warn(format!("{reason}: skipped"));
            (None, false)
        }
    };
    let priority = entry
        .field("priority")
        .integer(i32::MIN.into()..=i32::MAX.into());
    let common = Common {
        place: entry.place().clone(),
        base_url: base,
        prefix: prefix(entry),
        headers: headers::read(&entry.field("headers")),
        models: models(entry, both_names),
        priority: priority
            .and_then(|value| i32::try_from(value).ok())
            .unwrap_or(0),
        tuning: Tuning::read(entry),
    };
    pending::check(entry, pending::ENTRY);
    (common, usable)
}

fn prefix(entry: &mut Mapping<'_>) -> Option<String> {
    let field = entry.field("prefix");
    let text = field.filled()?;
    let prefix = text.trim_matches('/').trim();
    if prefix.contains('/') {
        field.warn("must not have a `/` inside: no prefix is used");
        return None;
    }
    (!prefix.is_empty()).then(|| prefix.to_owned())
}

/// `None`: the entry is dropped, because calling directly instead would be worse.
fn proxy(entry: &mut Mapping<'_>) -> Option<ProxySetting> {
    let text = entry.secret("proxy-url", "proxy-url-file");
    match ProxySetting::parse(text.as_ref().map_or("", Secret::reveal)) {
        Ok(setting) => Some(setting),
        Err(reason) => {
            entry.field("proxy-url").warn(format!("{reason}: skipped"));
            None
        }
    }
}

fn models(entry: &mut Mapping<'_>, both_names: bool) -> Option<Vec<ModelRow>> {
    let rows = entry.field("models").mappings();
    (!rows.is_empty()).then(|| {
        rows.into_iter()
            .filter_map(|row| model_row(row, both_names))
            .collect()
    })
}

fn model_row(mut row: Mapping<'_>, both_names: bool) -> Option<ModelRow> {
    let name = row.field("name").text().unwrap_or_default();
    let alias = row.field("alias").text().unwrap_or_default();
    let display_name = row.field("display-name").filled();
    let context = row.field("max-context-length").integer(0..=i64::MAX);
    let thinking = thinking::read(row.field("thinking"));
    let force_mapping = row.field("force-mapping").flag().unwrap_or(false);
    let blank = (name.is_empty(), alias.is_empty());
    let usable = if both_names {
        if blank.0 || blank.1 {
            row.warn("needs both `name` and `alias`: skipped");
        }
        !blank.0 && !blank.1
    } else {
        if blank.0 && blank.1 {
            row.warn("has neither `name` nor `alias`: skipped");
        }
        !blank.0 || !blank.1
    };
    let place = row.place().clone();
    row.finish();
    usable.then(|| ModelRow {
        place,
        name: if blank.0 { alias.clone() } else { name },
        alias,
        display_name,
        context: context
            .and_then(|tokens| u64::try_from(tokens).ok())
            .filter(|tokens| *tokens > 0),
        thinking,
        force_mapping,
    })
}
