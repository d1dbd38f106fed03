//! `ampcode`.

use super::files;
use crate::config::reader::{Field, Mapping};
use crate::config::secret::Secret;
use crate::config::settings::{Amp, AmpKey, AmpMapping};
use crate::config::url;

pub fn read(block: &Mapping<'_>, client_keys: &[Secret]) -> Amp {
    let url = block.field("upstream-url");
    let upstream_url = url.filled().and_then(|text| {
        url::base(&text)
            .inspect_err(|reason| url.warn(format!("{reason}: Amp is not proxied")))
            .ok()
    });
    Amp {
        upstream_url,
        upstream_key: files::secret(block, "upstream-api-key"),
        upstream_keys: keys(&block.field("upstream-api-keys"), client_keys),
        restrict_management: block.get("restrict-management-to-localhost"),
        force_mappings: block.get("force-model-mappings"),
        mappings: mappings(&block.field("model-mappings")),
    }
}

fn keys(field: &Field<'_>, client_keys: &[Secret]) -> Vec<AmpKey> {
    let mut seen: Vec<Secret> = Vec::new();
    let mut keys = Vec::new();
    for entry in field.mappings() {
        let upstream = files::secret(&entry, "upstream-api-key");
        let mut clients = Vec::new();
        for item in entry.field("api-keys").items() {
            let Some(key) = item.filled().map(Secret::new) else {
                continue;
            };
            if seen.contains(&key) {
                item.warn("is a client key of an earlier entry, which is used");
                continue;
            }
            if !client_keys.contains(&key) {
                item.warn("is not one of `api-keys`, so no client has it");
            }
            seen.push(key.clone());
            clients.push(key);
        }
        if upstream.is_none() {
            entry.warn("has no `upstream-api-key`: skipped");
        }
        keys.extend(upstream.map(|upstream| AmpKey { upstream, clients }));
    }
    keys
}

fn mappings(field: &Field<'_>) -> Vec<AmpMapping> {
    let mut mappings: Vec<AmpMapping> = Vec::new();
    for row in field.mappings() {
        let from = row.get::<String>("from");
        let to = row.get::<String>("to");
        let is_regex = row.get("regex");
        let usable = !from.is_empty() && !to.is_empty();
        if !usable {
            row.warn("needs both `from` and `to`: skipped");
        } else if let Some(at) = mappings.iter().position(|other| {
            other.is_regex == is_regex && other.from.to_lowercase() == from.to_lowercase()
        }) {
            row.warn("maps what an earlier row maps, this one is used");
            mappings.remove(at);
        }
        if usable {
            mappings.push(AmpMapping { from, to, is_regex });
        }
    }
    mappings
}
