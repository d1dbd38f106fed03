//! `ampcode`: what belongs to Amp (`spec/config.md` 2.9).

use super::reader::{Field, Mapping};
use super::secret::Secret;
use super::url;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amp {
    /// Without a slash at the end; `None` turns the proxy off.
    pub upstream_url: Option<String>,
    pub upstream_key: Option<Secret>,
    /// Upstream keys for clients that present certain keys.
    pub upstream_keys: Vec<AmpKey>,
    pub restrict_management: bool,
    /// Whether mappings come before models that are served here.
    pub force_mappings: bool,
    pub mappings: Vec<AmpMapping>,
}

/// The upstream key of some clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmpKey {
    pub upstream: Secret,
    pub clients: Vec<Secret>,
}

/// One model served as another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmpMapping {
    pub from: String,
    pub to: String,
    /// `from` is a regular expression, found anywhere and in any case.
    pub is_regex: bool,
}

/// Reads the block; `old` are the keys of the top of the file that these were before.
pub fn read<'a>(mut block: Mapping<'a>, old: &Old<'a>, client_keys: &[Secret]) -> Amp {
    let url = old.or(block.field("upstream-url"), 0);
    let upstream_url = url.filled().and_then(|text| match url::base(&text) {
        Ok(base) => Some(base),
        Err(reason) => {
            url.warn(format!("{reason}: Amp is not proxied"));
            None
        }
    });
    let own = block.secret("upstream-api-key", "upstream-api-key-file");
    let upstream_key = own.or_else(|| old.take(1).secret());
    let upstream_keys = keys(&block.field("upstream-api-keys"), client_keys);
    let restrict = old.or(block.field("restrict-management-to-localhost"), 2);
    let force = block.field("force-model-mappings");
    let mappings = mappings(&old.or(block.field("model-mappings"), 3));
    block.finish();
    Amp {
        upstream_url,
        upstream_key,
        upstream_keys,
        restrict_management: restrict.flag().unwrap_or(false),
        force_mappings: force.flag().unwrap_or(false),
        mappings,
    }
}

/// The keys of this block as they were at the top of the file (`spec/config.md` 1.5).
pub struct Old<'a>([Field<'a>; 4]);

impl<'a> Old<'a> {
    pub fn of(root: &mut Mapping<'a>) -> Self {
        let mut field = |key, new: &str| {
            let field = root.field(key);
            if field.node().is_some() {
                field.warn(format!("is the old name of `ampcode.{new}`"));
            }
            field
        };
        Self([
            field("amp-upstream-url", "upstream-url"),
            field("amp-upstream-api-key", "upstream-api-key"),
            field(
                "amp-restrict-management-to-localhost",
                "restrict-management-to-localhost",
            ),
            field("amp-model-mappings", "model-mappings"),
        ])
    }

    fn take(&self, at: usize) -> Field<'a> {
        let [url, key, restrict, mappings] = &self.0;
        match at {
            0 => url,
            1 => key,
            2 => restrict,
            _ => mappings,
        }
        .clone()
    }

    /// The new key where it is set, else the old one.
    fn or(&self, new: Field<'a>, at: usize) -> Field<'a> {
        match new.node() {
            Some(_) => new,
            None => self.take(at),
        }
    }
}

fn keys(field: &Field<'_>, client_keys: &[Secret]) -> Vec<AmpKey> {
    let mut seen: Vec<Secret> = Vec::new();
    let mut keys = Vec::new();
    for mut entry in field.mappings() {
        let upstream = entry.secret("upstream-api-key", "upstream-api-key-file");
        let mut clients = Vec::new();
        for item in entry.field("api-keys").items() {
            let Some(key) = item.secret() else { continue };
            if seen.contains(&key) {
                item.warn("is a client key of an earlier entry, which counts");
                continue;
            }
            if !client_keys.contains(&key) {
                item.warn("is none of `api-keys`, so no client has it");
            }
            seen.push(key.clone());
            clients.push(key);
        }
        if upstream.is_none() {
            entry.warn("has no `upstream-api-key`: skipped");
        }
        entry.finish();
        keys.extend(upstream.map(|upstream| AmpKey { upstream, clients }));
    }
    keys
}

fn mappings(field: &Field<'_>) -> Vec<AmpMapping> {
    let mut mappings: Vec<AmpMapping> = Vec::new();
    for mut row in field.mappings() {
        let from = row.field("from").text().unwrap_or_default();
        let to = row.field("to").text().unwrap_or_default();
        let is_regex = row.field("regex").flag().unwrap_or(false);
        let usable = !from.is_empty() && !to.is_empty();
        if !usable {
            row.warn("needs both `from` and `to`: skipped");
        } else if let Some(at) = mappings.iter().position(|other| {
            other.is_regex == is_regex && other.from.to_lowercase() == from.to_lowercase()
        }) {
            row.warn("maps what an earlier row maps, this one is used");
            mappings.remove(at);
        }
        row.finish();
        if usable {
            mappings.push(AmpMapping { from, to, is_regex });
        }
    }
    mappings
}
