//! The blocks of API keys.

use super::{error_rules, files, headers, key_check, models};
use crate::config::credentials::{Common, CompatEntry, CompatKey, KeyEntry, Tuning};
use crate::config::reader::{Field, Mapping};
use crate::config::secret::Secret;
use crate::config::settings::CHANNELS;
use crate::config::url::{self, ProxySetting};

/// A block whose entries are keys of one vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    Gemini,
    Vertex,
    Claude,
    Codex,
    Xai,
}

pub fn keys(root: &Mapping<'_>, block: Block) -> Vec<KeyEntry> {
    let name = match block {
        Block::Gemini => "gemini-api-key",
        Block::Vertex => "vertex-api-key",
        Block::Claude => "claude-api-key",
        Block::Codex => "codex-api-key",
        Block::Xai => "xai-api-key",
    };
    let entries = root.field(name).mappings();
    let entries = entries.iter().filter_map(|entry| key_entry(entry, block));
    entries.collect()
}

pub fn compat(root: &Mapping<'_>) -> Vec<CompatEntry> {
    let entries = root.field("openai-compatibility").mappings();
    entries.iter().filter_map(compat_entry).collect()
}

/// Every key is read before anything is dropped, so that all problems of an entry show at once.
fn key_entry(entry: &Mapping<'_>, block: Block) -> Option<KeyEntry> {
    let key = files::secret(entry, "api-key");
    let (common, usable) = common(entry, block == Block::Vertex);
    let proxy = proxy(entry);
    let mut excluded_models: Vec<String> = Vec::new();
    for pattern in entry.field("excluded-models").texts() {
        let pattern = pattern.to_lowercase();
        if !excluded_models.contains(&pattern) {
            excluded_models.push(pattern);
        }
    }
    let websockets = block == Block::Codex && entry.get("websockets");
    match &key {
        Some(key) => check_key(entry, key),
        None => entry.warn("has no `api-key`: skipped"),
    }
    Some(KeyEntry {
        common,
        key: key.filter(|_| usable)?,
        proxy: proxy?,
        excluded_models,
        websockets,
    })
}

fn compat_entry(entry: &Mapping<'_>) -> Option<CompatEntry> {
    let (common, mut usable) = common(entry, false);
    let name: String = entry.get("name");
    if is_built_in(&name.to_lowercase()) {
        let field = entry.field("name");
        field.warn("is the name of a built-in provider: skipped");
        usable = false;
    }
    let disabled: bool = entry.get("disabled");
    let listed = entry.field("api-key-entries").mappings();
    let old = entry.field("api-keys").items();
    let is_keyless = listed.is_empty() && old.is_empty();
    let mut keys: Vec<CompatKey> = listed.iter().filter_map(compat_key).collect();
    keys.extend(old.iter().filter_map(bare_key));
    if common.base_url.is_none() && usable {
        entry.warn("has no `base-url`: skipped");
    }
    Some(CompatEntry {
        base_url: common.base_url.clone().filter(|_| usable && !disabled)?,
        common,
        name,
        keys: (!is_keyless).then_some(keys),
    })
}

/// Whether an `openai-compatibility` provider may not have the name.
fn is_built_in(name: &str) -> bool {
    matches!(name, "gemini" | "xai") || CHANNELS.contains(&name)
}

fn compat_key(entry: &Mapping<'_>) -> Option<CompatKey> {
    let key = files::secret(entry, "api-key");
    let proxy = proxy(entry);
    let tuning = tuning(entry);
    let errors = error_rules::read(&entry.field("request-scoped-errors"));
    if let Some(key) = &key {
        check_key(entry, key);
    }
    Some(CompatKey {
        place: entry.place.clone(),
        key,
        proxy: proxy?,
        tuning,
        errors,
    })
}

fn tuning(entry: &Mapping<'_>) -> Tuning {
    Tuning {
        disable_cooling: entry.given("disable-cooling"),
        request_retry: entry.given("request-retry"),
        weight: entry.given("weight"),
    }
}

fn check_key(entry: &Mapping<'_>, key: &Secret) {
    if let Some(mistake) = key_check::mistake(key.reveal()) {
        entry.field("api-key").warn(mistake);
    }
}

/// A key of a list that holds nothing else.
fn bare_key(item: &Field<'_>) -> Option<CompatKey> {
    Some(CompatKey {
        place: item.place.clone(),
        key: Some(Secret::new(item.filled()?)),
        ..CompatKey::default()
    })
}

/// `generative-language-api-key`, the old form of `gemini-api-key`: keys that `known` does not have.
pub fn old_gemini(root: &Mapping<'_>, known: &[KeyEntry]) -> Vec<KeyEntry> {
    let mut entries: Vec<KeyEntry> = Vec::new();
    for item in root.field("generative-language-api-key").items() {
        let Some(key) = item.filled().map(Secret::new) else {
            continue;
        };
        if known.iter().chain(&entries).any(|entry| entry.key == key) {
            continue;
        }
        let place = item.place;
        entries.push(KeyEntry {
            common: Common {
                place,
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
fn common(entry: &Mapping<'_>, both_names: bool) -> (Common, bool) {
    let base_url = entry.field("base-url");
    let (base, usable) = match base_url.filled().map(|text| url::base(&text)) {
        None => (None, true),
        Some(Ok(base)) => (Some(base), true),
        Some(Err(reason)) => {
            base_url.warn(format!("{reason}: skipped"));
            (None, false)
        }
    };
    let common = Common {
        place: entry.place.clone(),
        base_url: base,
        prefix: prefix(entry),
        headers: headers::read(&entry.field("headers")),
        models: models::read(entry, both_names),
        priority: entry.get("priority"),
        tuning: tuning(entry),
        errors: error_rules::read(&entry.field("request-scoped-errors")),
    };
    (common, usable)
}

pub(super) fn prefix(entry: &Mapping<'_>) -> Option<String> {
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
pub(super) fn proxy(entry: &Mapping<'_>) -> Option<ProxySetting> {
    let text = files::secret(entry, "proxy-url");
    match ProxySetting::parse(text.as_ref().map_or("", Secret::reveal)) {
        Ok(setting) => Some(setting),
        Err(reason) => {
            entry.field("proxy-url").warn(format!("{reason}: skipped"));
            None
        }
    }
}
