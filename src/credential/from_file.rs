//! Builds credentials from credential files.

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
            problems.push(problem(config, file, "offers no model and is never used"));
        }
        credentials.extend(built);
    }
    for (at, file) in files.iter().enumerate() {
        let earlier = files.get(..at).unwrap_or_default();
        if let Some(twin) = earlier.iter().find(|earlier| is_same(earlier, file)) {
            let message = format!("has the same account as {}; both are used", twin.name);
            problems.push(problem(config, file, &message));
        }
    }
    (credentials, problems)
}

fn problem(config: &Config, file: &CredentialFile, message: &str) -> Problem {
    let path = config.auth_dir.join(&*file.name);
    let path: Arc<str> = path.to_string_lossy().into();
    Problem::new(
        &path,
        &Place::default(),
        Severity::Warning,
        message.to_owned(),
    )
}

/// Whether two files have the login of one account.
fn is_same(a: &CredentialFile, b: &CredentialFile) -> bool {
    let same_token = a.tokens.refresh.is_some() && a.tokens.refresh == b.tokens.refresh;
    let same_account = a.kind == b.kind
        && a.settings.account_id.is_some()
        && a.settings.account_id == b.settings.account_id
        && a.settings.email == b.settings.email;
    same_token || same_account
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
    let path = config.auth_dir.join(&*file.name);
    let mut rules = config.oauth_errors.iter();
    let rules = rules.find(|(name, _)| name == channel.name());
    Credential {
        auth_index: match project {
            Some(_) if id != *file.name => file_index(&id),
            _ => file_index(&file.name),
        },
        label: settings.label.clone(),
        source: path.to_string_lossy().into_owned(),
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
