//! Builds credentials from credential files.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::account::Account;
use super::channel::Channel;
use super::channel_models::ChannelModels;
use super::file::CredentialFile;
use super::id::file_index;
use super::listing::Listings;
use super::model::Model;
use super::presented::Credential;
use super::unlisted::{Unlisted, families};
use crate::config::{Config, Place, Problem, Severity};

/// The backend of ChatGPT, which serves the logins of Codex.
const CHATGPT: &str = "https://chatgpt.com/backend-api/codex";

/// The credentials of files, with warnings. A file of Gemini CLI with several projects becomes one credential for each.
pub fn from_files(
    files: &[CredentialFile],
    config: &Config,
    listings: Option<&Listings>,
) -> (Vec<Credential>, Vec<Problem>) {
    let (mut credentials, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        let Some(channel) = file.channel() else {
            continue;
        };
        if file.settings.is_disabled || file.settings.unusable.is_some() {
            continue;
        }
        let built = of_file(file, channel, config, listings);
        let is_empty = |one: &Credential| one.models.is_empty() && one.unlisted.is_none();
        if built.iter().all(is_empty) {
            problems.push(problem(file, "offers no model and is never used"));
        }
        credentials.extend(built);
    }
    let mut known: HashMap<Login<'_>, &CredentialFile> = HashMap::new();
    for file in files {
        for login in logins(file) {
            match known.entry(login) {
                Entry::Vacant(place) => {
                    place.insert(file);
                }
                Entry::Occupied(twin) => {
                    let message =
                        format!("has the same account as {}; both are used", twin.get().name);
                    problems.push(problem(file, &message));
                    break;
                }
            }
        }
    }
    (credentials, problems)
}

fn problem(file: &CredentialFile, message: &str) -> Problem {
    let path: Arc<str> = file.path.to_string_lossy().into();
    Problem::new(
        &path,
        &Place::default(),
        Severity::Warning,
        message.to_owned(),
    )
}

/// What two files of one account have in common.
#[derive(PartialEq, Eq, Hash)]
enum Login<'f> {
    Token(&'f str),
    Account(Option<Channel>, &'f str, Option<&'f str>),
}

fn logins(file: &CredentialFile) -> impl Iterator<Item = Login<'_>> {
    let token = file.tokens.refresh.as_ref();
    let token = token.map(|token| Login::Token(token.reveal()));
    let email = file.settings.email.as_deref();
    let id = file.settings.account_id.as_deref();
    let account = id.map(|id| Login::Account(file.channel(), id, email));
    token.into_iter().chain(account)
}

fn of_file(
    file: &CredentialFile,
    channel: Channel,
    config: &Config,
    listings: Option<&Listings>,
) -> Vec<Credential> {
    let settings = &file.settings;
    match settings.projects.as_slice() {
        projects if channel == Channel::GeminiCli && projects.len() > 1 => projects
            .iter()
            .map(|project| {
                let child = project.replace(['/', '\\', ' '], "_");
                let id = format!("{}::{child}", file.name);
                one(file, channel, id, Some(project), config, listings)
            })
            .collect(),
        projects => {
            let id = file.name.to_string();
            vec![one(file, channel, id, projects.first(), config, listings)]
        }
    }
}

fn one(
    file: &CredentialFile,
    channel: Channel,
    id: String,
    project: Option<&String>,
    config: &Config,
    listings: Option<&Listings>,
) -> Credential {
    let settings = &file.settings;
    let provider = channel.provider();
    let channel_models = ChannelModels::of(config, channel.name());
    let listed = listings.and_then(|listings| listings.of(&id));
    let models: Arc<[Model]> = channel_models
        .models(&settings.excluded_models, listed, settings.plan.as_deref())
        .into();
    let mut excluded = settings.excluded_models.clone();
    excluded.extend(channel_models.hidden());
    let base_url = settings.base_url.clone().unwrap_or_else(|| {
        let vendors = match channel {
            Channel::Codex => CHATGPT,
            // It depends on the region.
            Channel::Vertex => "",
            _ => provider.default_base_url().unwrap_or_default(),
        };
        vendors.to_owned()
    });
    let mut rules = config.oauth_errors.iter();
    let rules = rules.find(|(name, _)| name == channel.name());
    Credential {
        auth_index: match project {
            Some(_) if id != *file.name => file_index(&id),
            _ => file_index(&file.name),
        },
        label: settings.label.clone(),
        source: file.path.to_string_lossy().into_owned(),
        key: None,
        account: Some(Account {
            file: Arc::clone(&file.name),
            email: settings.email.clone(),
            id: settings.account_id.clone(),
            plan: settings.plan.clone(),
            project: project.cloned(),
            location: settings.location.clone(),
        }),
        base_url,
        prefix: settings.prefix.clone(),
        force_prefix: config.force_model_prefix,
        headers: settings.headers.clone(),
        proxy: settings.proxy.clone(),
        priority: settings.priority,
        disable_cooling: settings.tuning.disable_cooling,
        request_retry: settings.tuning.request_retry,
        error_rules: rules.map_or_else(Arc::default, |(_, rules)| rules.clone().into()),
        weight: settings.tuning.weight.unwrap_or(1),
        models,
        // Antigravity's list says what it serves, whatever the names.
        unlisted: (channel == Channel::Antigravity || !families(&provider).is_empty())
            .then_some(Unlisted { excluded }),
        provider,
        id,
    }
}
