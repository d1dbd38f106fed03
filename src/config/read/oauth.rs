//! `oauth-model-alias` and `oauth-excluded-models`: what applies to all credential files of a channel.

use super::{error_rules, files};
use crate::config::error_rule::ErrorRule;
use crate::config::reader::{Field, Mapping};
use crate::config::settings::{CHANNELS, OauthAlias, OauthClient, OauthExclusion, PerChannel};

/// `oauth-model-alias`.
pub fn aliases(field: &Field<'_>) -> PerChannel<OauthAlias> {
    channels(field, |rows| {
        let mut aliases: Vec<OauthAlias> = Vec::new();
        for row in rows.mappings() {
            aliases.extend(alias(&row, &aliases));
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
                let place = item.place.clone();
                patterns.push(OauthExclusion { place, pattern });
            }
        }
        patterns
    })
}

/// `oauth-request-scoped-errors`.
pub fn errors(field: &Field<'_>) -> PerChannel<ErrorRule> {
    channels(field, error_rules::read)
}

/// `oauth-clients`.
pub fn clients(field: &Field<'_>) -> Vec<(String, OauthClient)> {
    let mut clients: Vec<(String, OauthClient)> = Vec::new();
    for (name, value) in field.pairs() {
        let Some(channel) = channel(name, &value) else {
            continue;
        };
        let row = value.mapping();
        let client = OauthClient {
            id: row.field("client-id").filled(),
            secret: files::secret(&row, "client-secret"),
            token_uri: row.field("token-uri").filled(),
        };
        if clients.iter().any(|(other, _)| *other == channel) {
            value.warn("is the same channel as an earlier entry: skipped");
            continue;
        }
        clients.push((channel, client));
    }
    clients
}

/// The name of a known channel.
fn channel(name: &str, field: &Field<'_>) -> Option<String> {
    let channel = name.trim().to_lowercase();
    if !CHANNELS.contains(&channel.as_str()) {
        field.warn("is not a channel of credential files: skipped");
        return None;
    }
    Some(channel)
}

/// Each known channel with what `read` makes of its rows; channels without rows are dropped.
fn channels<T>(field: &Field<'_>, read: impl Fn(&Field<'_>) -> Vec<T>) -> PerChannel<T> {
    let mut known: PerChannel<T> = Vec::new();
    for (name, rows) in field.pairs() {
        let Some(channel) = channel(name, &rows) else {
            continue;
        };
        let rows = read(&rows);
        match known.iter_mut().find(|(other, _)| *other == channel) {
            Some((_, earlier)) => earlier.extend(rows),
            None if rows.is_empty() => {}
            None => known.push((channel, rows)),
        }
    }
    known
}

fn alias(row: &Mapping<'_>, earlier: &[OauthAlias]) -> Option<OauthAlias> {
    let alias = OauthAlias {
        place: row.place.clone(),
        name: row.get("name"),
        alias: row.get("alias"),
        fork: row.get("fork"),
        display_name: row.get("display-name"),
        force_mapping: row.get("force-mapping"),
    };
    let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    let has_alias = |other: &OauthAlias| same(&other.alias, &alias.alias);
    row.warn(match () {
        () if alias.name.is_empty() || alias.alias.is_empty() => {
            "needs both `name` and `alias`: skipped"
        }
        () if same(&alias.name, &alias.alias) => "has an alias that is its name: skipped",
        () if earlier.iter().any(has_alias) => "has the alias of an earlier row: skipped",
        () => return Some(alias),
    });
    None
}
