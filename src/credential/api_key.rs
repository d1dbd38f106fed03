//! Builds credentials from the API-key sections of the configuration.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::exclusion::Exclusion;
use super::id::{Id, Ids, auth_index};
use super::listing::{self, Listings};
use super::model::{self, Model, Repeats};
use super::presented::Credential;
use super::provider::Provider;
use super::unlisted::Unlisted;
use super::{catalog, channel_models};
use crate::config::{
    Common, CompatEntry, Config, ErrorRule, KeyEntry, ModelRow, Place, Problem, ProxySetting,
    Secret, Severity, Tuning,
};

/// All credentials of a configuration, in the order of their sections, with warnings.
pub fn from_config(config: &Config) -> (Vec<Credential>, Vec<Problem>) {
    with_listings(config, &Listings::default())
}

/// As [`from_config`], but credentials without `models` offer the lists in `listings`.
pub fn with_listings(config: &Config, listings: &Listings) -> (Vec<Credential>, Vec<Problem>) {
    let mut built = Builder::build(config, listings);
    built.problems.extend(channel_models::problems(config));
    built
        .problems
        .sort_by_key(|problem| (problem.line, problem.column));
    (built.credentials, built.problems)
}

/// The effect of each `excluded-models` pattern.
pub fn exclusions(config: &Config, listings: &Listings) -> Vec<Exclusion> {
    Builder::build(config, listings).exclusions
}

struct Builder<'c> {
    config: &'c Config,
    listings: &'c Listings,
    ids: Ids,
    credentials: Vec<Credential>,
    problems: Vec<Problem>,
    exclusions: Vec<Exclusion>,
}

/// The parts of a credential that depend on the section.
struct Parts<'e> {
    provider: Provider,
    label: String,
    /// The name in `config:<name>[<hash>]`.
    source: &'e str,
    id: Id,
    key: Option<Secret>,
    base_url: String,
    proxy: ProxySetting,
    tuning: Tuning,
    error_rules: Arc<[ErrorRule]>,
    models: Arc<[Model]>,
    unlisted: Option<Unlisted>,
}

impl<'c> Builder<'c> {
    fn build(config: &'c Config, listings: &'c Listings) -> Self {
        let mut builder = Self {
            config,
            listings,
            ids: Ids::default(),
            credentials: Vec::new(),
            problems: Vec::new(),
            exclusions: Vec::new(),
        };
        builder.keys(&config.gemini, &Provider::Gemini);
        builder.keys(&config.codex, &Provider::Codex);
        builder.keys(&config.xai, &Provider::Xai);
        builder.keys(&config.claude, &Provider::Claude);
        builder.compat(&config.compat);
        builder.keys(&config.vertex, &Provider::Vertex);
        builder
    }

    fn keys(&mut self, entries: &[KeyEntry], provider: &Provider) {
        let mut seen = HashSet::new();
        let unique = matches!(provider, Provider::Gemini | Provider::Vertex);
        for entry in entries {
            let KeyEntry {
                common,
                key,
                proxy,
                excluded_models,
                // WebSockets are not implemented.
                websockets: _,
            } = entry;
            let configured = common.base_url.as_deref().unwrap_or_default();
            if unique && !seen.insert((key.reveal(), configured)) {
                self.warn(
                    &common.place,
                    "has the same key and base-url as an earlier entry and is ignored",
                );
                continue;
            }
            let (name, source) = match provider {
                Provider::Vertex => ("vertex", "vertex-apikey"),
                other => (other.key(), other.key()),
            };
            let kind = format!("{name}:apikey");
            let id = match provider {
                Provider::Vertex => {
                    let parts = [key.reveal(), configured, proxy.reveal()];
                    self.ids.next(&kind, &parts)
                }
                _ => self.ids.next(&kind, &[key.reveal(), configured]),
            };
            let base_url = match &common.base_url {
                Some(base_url) => base_url.clone(),
                None => provider.default_base_url().unwrap_or_default().to_owned(),
            };
            let mut models = self.key_models(common, provider, &id.id);
            for pattern in excluded_models {
                self.exclusions.push(Exclusion {
                    credential: id.id.clone(),
                    place: common.place.clone(),
                    pattern: pattern.clone(),
                    hides: model::excluded(&models, pattern),
                    has_list: common.models.is_some(),
                });
            }
            model::exclude(&mut models, excluded_models);
            self.check_served(&models, &common.place);
            let parts = Parts {
                provider: provider.clone(),
                label: format!("{name}-apikey"),
                source,
                id,
                key: Some(key.clone()),
                base_url,
                proxy: proxy.clone(),
                tuning: common.tuning,
                error_rules: common.errors.clone().into(),
                models: models.into(),
                unlisted: common.models.is_none().then(|| Unlisted {
                    excluded: excluded_models.clone(),
                }),
            };
            self.add(&common.place, common, parts);
        }
    }

    fn key_models(&mut self, common: &Common, provider: &Provider, id: &str) -> Vec<Model> {
        let Some(section) = catalog::section(provider.key()) else {
            return Vec::new();
        };
        let Some(rows) = &common.models else {
            return match self.listings.of(id) {
                Some(list) => listing::models(list, section.owned_by, Some(section)),
                None => model::known(section),
            };
        };
        let (models, passed) = model::listed(rows, Repeats::First, section.owned_by, Some(section));
        for row in passed {
            self.warn(
                &row.place,
                "has the same name as an earlier row and is ignored",
            );
        }
        models
    }

    fn compat(&mut self, entries: &[CompatEntry]) {
        let mut rows: HashMap<String, Vec<&ModelRow>> = HashMap::new();
        for entry in entries {
            let name = entry.name.to_lowercase();
            if rows.contains_key(&name) {
                let message = "has the same name as an earlier provider; their models are merged";
                self.warn(&entry.common.place, message);
            }
            let rows = rows.entry(name).or_default();
            rows.extend(entry.common.models.iter().flatten());
        }
        let mut models: HashMap<String, Arc<[Model]>> = HashMap::new();
        for entry in entries {
            let name = entry.name.to_lowercase();
            let rows = rows.remove(&name);
            let models = models.entry(name.clone()).or_insert_with(|| {
                let rows = rows.into_iter().flatten();
                model::listed(rows, Repeats::Pool, &entry.name, None)
                    .0
                    .into()
            });
            self.compat_entry(entry, &name, models);
        }
    }

    fn compat_entry(&mut self, entry: &CompatEntry, name: &str, models: &Arc<[Model]>) {
        let kind = format!("openai-compatibility:{name}");
        let base_url = &entry.base_url;
        let own = entry.common.tuning;
        let has_list = !models.is_empty() || entry.common.models.is_some();
        let listings = self.listings;
        let rules = |own: &[ErrorRule]| [own, &entry.common.errors].concat().into();
        let parts = |id: Id, key, proxy, tuning, error_rules| Parts {
            provider: Provider::Compat {
                name: name.to_owned(),
            },
            label: entry.name.clone(),
            source: name,
            key,
            base_url: base_url.clone(),
            proxy,
            tuning,
            error_rules,
            models: match listings.of(&id.id) {
                Some(list) if !has_list => listing::models(list, &entry.name, None).into(),
                _ => Arc::clone(models),
            },
            unlisted: (!has_list).then(Unlisted::default),
            id,
        };
        if has_list {
            self.check_served(models, &entry.common.place);
        }
        let Some(keys) = &entry.keys else {
            let id = self.ids.next(&kind, &[base_url]);
            let parts = parts(id, None, ProxySetting::Inherit, own, rules(&[]));
            return self.add(&entry.common.place, &entry.common, parts);
        };
        for key in keys {
            let secret = key.key.as_ref().map_or("", Secret::reveal);
            let id = self
                .ids
                .next(&kind, &[secret, base_url, key.proxy.reveal()]);
            let tuning = own.refined(key.tuning);
            let (secret, proxy) = (key.key.clone(), key.proxy.clone());
            let parts = parts(id, secret, proxy, tuning, rules(&key.errors));
            self.add(&key.place, &entry.common, parts);
        }
    }

    fn add(&mut self, place: &Place, common: &Common, parts: Parts<'_>) {
        let Parts {
            provider,
            label,
            source,
            id,
            key,
            base_url,
            proxy,
            tuning,
            error_rules,
            models,
            unlisted,
        } = parts;
        if id.repeated {
            self.warn(place, "is the same as an earlier entry; both are used");
        }
        let source = format!("config:{source}[{}]", id.hash);
        let auth_index = auth_index(&[
            ("provider", provider.key()),
            (
                "compat",
                match &provider {
                    Provider::Compat { name } => name,
                    _ => "",
                },
            ),
            // As configured, without the vendor's default.
            ("base", common.base_url.as_deref().unwrap_or_default()),
            ("proxy", proxy.reveal()),
            ("api_key", key.as_ref().map_or("", Secret::reveal)),
            ("source", &source),
        ]);
        self.credentials.push(Credential {
            id: id.id,
            provider,
            label,
            source,
            auth_index,
            key,
            account: None,
            base_url,
            prefix: common.prefix.clone(),
            force_prefix: self.config.force_model_prefix,
            headers: common.headers.clone(),
            proxy,
            priority: common.priority,
            disable_cooling: tuning.disable_cooling,
            request_retry: tuning.request_retry,
            error_rules,
            weight: tuning.weight.unwrap_or(1),
            models,
            unlisted,
        });
    }

    fn check_served(&mut self, models: &[Model], place: &Place) {
        if models.is_empty() {
            self.warn(place, "offers no model and is never used");
        }
    }

    fn warn(&mut self, place: &Place, message: &str) {
        let file = &self.config.file;
        let problem = Problem::new(file, place, Severity::Warning, message.to_owned());
        self.problems.push(problem);
    }
}
