//! The models that the credential files of a channel offer: the built-in list, without `oauth-excluded-models`, and
//! with the names of `oauth-model-alias`.

use super::listing::{self, Listed};
use super::model::{self, Model};
use super::{catalog, exclusion, name};
use crate::config::{Config, OauthAlias, OauthExclusion, PerChannel, Place, Problem, Severity};

/// The configuration of one channel.
#[derive(Clone, Copy, Debug)]
pub struct ChannelModels<'c> {
    name: &'c str,
    aliases: &'c [OauthAlias],
    exclusions: &'c [OauthExclusion],
}

impl<'c> ChannelModels<'c> {
    pub fn of(config: &'c Config, name: &'c str) -> Self {
        Self {
            name,
            aliases: rows(&config.oauth_aliases, name),
            exclusions: rows(&config.oauth_exclusions, name),
        }
    }

    /// The models that a credential file of the channel offers, in the order of the built-in list. `excluded` has the
    /// file's own patterns, in lower case; `listed` is the upstream's list, if it was fetched; `plan` limits the models.
    pub fn models(
        &self,
        excluded: &[String],
        listed: Option<&[Listed]>,
        plan: Option<&str>,
    ) -> Vec<Model> {
        let mut known = match (listed, catalog::section(self.name)) {
            (Some(listed), section) => {
                let owner = section.map_or(self.name, |section| section.owned_by);
                listing::models(listed, owner, section)
            }
            (None, Some(section)) => model::known_for(section, plan),
            (None, None) => Vec::new(),
        };
        known.retain(|model| !self.excludes(&model.id) && !exclusion::any(excluded, &model.id));
        let offers = |row: &OauthAlias| known.iter().any(|model| same(bare(row), &model.id));
        // An alias hides a model of the same name.
        let taken: Vec<&str> = self
            .aliases
            .iter()
            .filter(|row| offers(row))
            .map(|row| row.alias.as_str())
            .collect();
        let mut models = Vec::new();
        for model in &known {
            let rows = || self.aliases_of(&model.id);
            let stays = rows().next().is_none() || rows().any(|row| row.fork);
            if stays && !taken.iter().any(|alias| same(alias, &model.id)) {
                models.push(model.clone());
            }
            models.extend(rows().map(|row| aliased(model, row)));
        }
        models
    }

    /// Names that are not offered: what is excluded, and models that are only offered under another name. In lower case.
    pub fn hidden(&self) -> Vec<String> {
        let excluded = self.exclusions.iter().map(|row| row.pattern.clone());
        let renamed = self.aliases.iter().filter(|row| !row.fork);
        let renamed = renamed.filter(|row| !self.aliases_of(bare(row)).any(|other| other.fork));
        excluded
            .chain(renamed.map(|row| bare(row).to_lowercase()))
            .collect()
    }

    /// Warnings about aliases.
    fn oddities(&self) -> impl Iterator<Item = (&'c Place, &'static str)> + use<'c> {
        let (known, channel) = (self.known(), *self);
        channel.aliases.iter().filter_map(move |row| {
            let of = |name: &str| known.iter().find(|model| same(&model.id, name));
            let message = match of(bare(row)) {
                None => "names a model that its channel does not have; it is never offered",
                Some(model) if channel.excludes(&model.id) => {
                    "names a model that oauth-excluded-models excludes; it is never offered"
                }
                Some(_) if of(&row.alias).is_some_and(|model| !channel.excludes(&model.id)) => {
                    "has the name of another model of its channel, which is no longer offered"
                }
                Some(_) => return None,
            };
            Some((&row.place, message))
        })
    }

    fn known(&self) -> Vec<Model> {
        catalog::section(self.name)
            .map(model::known)
            .unwrap_or_default()
    }

    fn excludes(&self, id: &str) -> bool {
        self.exclusions
            .iter()
            .any(|excluded| exclusion::matches(&excluded.pattern, id))
    }

    fn aliases_of<'a>(&self, id: &'a str) -> impl Iterator<Item = &'c OauthAlias> + use<'a, 'c> {
        let aliases = self.aliases;
        aliases.iter().filter(move |row| same(bare(row), id))
    }
}

/// Warnings about the aliases of all channels.
pub fn problems(config: &Config) -> Vec<Problem> {
    let channels = config.oauth_aliases.iter();
    channels
        .flat_map(|(name, _)| ChannelModels::of(config, name).oddities())
        .map(|(place, message)| {
            Problem::new(&config.file, place, Severity::Warning, message.to_owned())
        })
        .collect()
}

fn rows<'c, T>(channels: &'c PerChannel<T>, name: &str) -> &'c [T] {
    let found = channels.iter().find(|(channel, _)| channel == name);
    found.map(|(_, rows)| rows.as_slice()).unwrap_or_default()
}

fn aliased(known: &Model, row: &OauthAlias) -> Model {
    let shown = row.display_name.as_ref().unwrap_or(&known.display_name);
    Model {
        id: row.alias.clone(),
        upstream: vec![row.name.clone()],
        force_mapping: row.force_mapping,
        display_name: shown.clone(),
        ..known.clone()
    }
}

/// The name in a row, without its thinking suffix.
fn bare(row: &OauthAlias) -> &str {
    name::split_configured(&row.name).0
}

fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}
