//! What holds for all credential files of a channel: aliases and exclusions of models
//! (`spec/config.md` 2.5, 2.7).

use super::problem::Place;
use super::reader::{Field, Mapping};

/// Kinds of credential files whose models these keys are about.
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

/// One channel's aliases, in the order of the file, or its exclusions.
pub type PerChannel<T> = Vec<(String, Vec<T>)>;

/// A model under another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OauthAlias {
    pub place: Place,
    /// As the vendor calls it.
    pub name: String,
    /// As clients do.
    pub alias: String,
    /// Whether the vendor's name stays.
    pub fork: bool,
    pub display_name: Option<String>,
    /// Whether answers name the alias, whatever name was asked for (`spec/config.md` 9).
    pub force_mapping: bool,
}

/// A pattern of models that are not offered, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OauthExclusion {
    pub place: Place,
    pub pattern: String,
}

/// `oauth-model-alias`.
pub fn aliases(field: &Field<'_>) -> PerChannel<OauthAlias> {
    channels(field, |rows| {
        let mut aliases: Vec<OauthAlias> = Vec::new();
        for row in rows.mappings() {
            let place = row.place().clone();
            if let Some(alias) = alias(row, &place, &aliases) {
                aliases.push(alias);
            }
        }
        aliases
    })
}

/// `oauth-excluded-models`.
pub fn exclusions(field: &Field<'_>) -> PerChannel<OauthExclusion> {
    channels(field, |rows| {
        let mut patterns: Vec<OauthExclusion> = Vec::new();
        for item in rows.items() {
            let Some(text) = item.filled() else { continue };
            let pattern = text.to_lowercase();
            if patterns.iter().all(|known| known.pattern != pattern) {
                let place = item.place().clone();
                patterns.push(OauthExclusion { place, pattern });
            }
        }
        patterns
    })
}

/// Each known channel with what `read` makes of its rows; channels without rows are dropped.
fn channels<T>(field: &Field<'_>, read: impl Fn(&Field<'_>) -> Vec<T>) -> PerChannel<T> {
    let mut known: PerChannel<T> = Vec::new();
    for (name, rows) in field.pairs() {
        let channel = name.trim().to_lowercase();
        if !CHANNELS.contains(&channel.as_str()) {
            rows.warn("is no channel of credential files: skipped");
            continue;
        }
        let rows = read(&rows);
        match known.iter_mut().find(|(other, _)| *other == channel) {
            Some((_, earlier)) => earlier.extend(rows),
            None if rows.is_empty() => {}
            None => known.push((channel, rows)),
        }
    }
    known
}

fn alias(mut row: Mapping<'_>, place: &Place, earlier: &[OauthAlias]) -> Option<OauthAlias> {
    let name = row.field("name").text().unwrap_or_default();
    let alias = row.field("alias").text().unwrap_or_default();
    let fork = row.field("fork").flag().unwrap_or(false);
    let display_name = row.field("display-name").filled();
    let force_mapping = row.field("force-mapping").flag().unwrap_or(false);
    let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    let complaint = if name.is_empty() || alias.is_empty() {
        Some("needs both `name` and `alias`: skipped")
    } else if same(&name, &alias) {
        Some("has an alias that is its name: skipped")
    } else if earlier.iter().any(|other| same(&other.alias, &alias)) {
        Some("has the alias of an earlier row: skipped")
    } else {
        None
    };
    if let Some(complaint) = complaint {
        row.warn(complaint);
    }
    row.finish();
    complaint.is_none().then(|| OauthAlias {
        place: place.clone(),
        name,
        alias,
        fork,
        display_name,
        force_mapping,
    })
}
