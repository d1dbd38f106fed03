//! Everything derived from one configuration. A reload replaces the snapshot; a request keeps the one it started with.

use std::path::Path;
use std::sync::Arc;

use super::payload_rules;
use crate::config::{Config, Place, Problem, Severity};
use crate::credential::file::CredentialFile;
use crate::credential::{self, Credential, Listings};
use crate::http::client_key::ClientAuth;
use crate::http::models::ListedModel;
use crate::routing::{Catalog, CredentialIds, Policy};

pub struct Snapshot {
    pub config: Config,
    pub client_auth: ClientAuth,
    pub catalog: Catalog,
    pub policy: Policy,
    pub listed: Vec<ListedModel>,
    /// The folder of request logs.
    pub log_folder: Arc<Path>,
}

/// A credential without `models` while model lists are not fetched.
fn unlisted_warning(config: &Config, credential: &Credential) -> Problem {
    let place = Place {
        path: credential.section().into_owned(),
        ..Place::default()
    };
    let message = "has no `models`, and lists are not fetched: it is never used".to_owned();
    Problem::new(&config.file, &place, Severity::Warning, message)
}

impl Snapshot {
    /// Builds the snapshot of `config` and the credential `files`. Also returns the problems found. Credentials without `models` use the fetched
    /// `listings`; `None` if lists are not fetched.
    pub fn new(
        config: Config,
        files: &[CredentialFile],
        listings: Option<&Listings>,
        credential_ids: &CredentialIds,
        log_folder: Arc<Path>,
        workers: usize,
    ) -> (Self, Vec<Problem>) {
        let (mut credentials, mut problems) = match listings {
            Some(listings) => credential::with_listings(&config, listings),
            None => credential::from_config(&config),
        };
        let of_files = credential::from_files(files, &config, listings);
        credentials.extend(of_files.0);
        problems.extend(of_files.1);
        if listings.is_none() {
            let waiting = credentials
                .iter()
                .filter(|one| one.models.is_empty() && !one.is_without_models());
            problems.extend(waiting.map(|one| unlisted_warning(&config, one)));
        }
        let catalog = Catalog::new(credentials, credential_ids);
        problems.extend(payload_rules::idle(&config, &catalog));
        let routing = &config.routing;
        let policy = Policy {
            strategy: routing.strategy,
            affinity: routing
                .session_affinity
                .then_some(routing.session_affinity_ttl),
            failback: routing.session_affinity_priority_failback,
            request_retry: config.request_retry,
            max_retry_credentials: config.max_retry_credentials,
            max_retry_interval: config.max_retry_interval,
            // A waiting request occupies a worker.
            waiters: (workers / 4).max(1),
            switch_project: config.google.switch_project,
            disable_cooling: config.disable_cooling,
            transient_cooldown: config.transient_cooldown,
        };
        let listed = catalog
            .entries()
            .map(|(name, entry)| (name, &entry.model))
            .map(|(name, model)| ListedModel {
                id: name.to_owned(),
                owned_by: model.owned_by.clone(),
                created: model
                    .created
                    .and_then(|created| i64::try_from(created).ok()),
                display_name: Some(model.display_name.clone()),
                version: model.version.map(str::to_owned),
                input_limit: model.context,
                output_limit: model.output,
                ..ListedModel::default()
            })
            .collect();
        let snapshot = Self {
            client_auth: ClientAuth::new(&config),
            catalog,
            policy,
            listed,
            log_folder,
            config,
        };
        (snapshot, problems)
    }

    /// All credentials by their ids.
    pub fn credentials(&self) -> impl Iterator<Item = (&str, &Credential)> {
        let credentials = self.catalog.credentials().iter();
        credentials.map(|credential| (credential.id.as_str(), &**credential))
    }
}
