//! Everything that follows from one configuration. Swapped whole on reload; a request keeps the one it
//! started with.

use std::path::Path;
use std::sync::Arc;

use super::client_key::Gate;
use super::models::ListedModel;
use super::ruled;
use crate::config::Config;
use crate::credential::{self, Credential};
use crate::routing::{Catalog, Holders, Policy};

pub struct Snapshot {
    pub config: Config,
    pub gate: Gate,
    pub catalog: Catalog,
    pub policy: Policy,
    pub listed: Vec<ListedModel>,
    /// Where logs of requests go.
    pub log_folder: Arc<Path>,
}

impl Snapshot {
    pub fn new(config: Config, holders: &Holders, log_folder: Arc<Path>, workers: usize) -> Self {
        let (credentials, problems) = credential::from_config(&config);
        for problem in &problems {
            log::warn!("{problem}");
        }
        let catalog = Catalog::new(credentials, holders);
        for problem in ruled::idle(&config, &catalog) {
            log::warn!("{problem}");
        }
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
            // Whoever waits holds a worker.
            waiters: (workers / 4).max(1),
            disable_cooling: config.disable_cooling,
            transient_cooldown: config.transient_cooldown,
        };
        let listed = catalog
            .offers()
            .map(|(name, offer)| (name, &offer.model))
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
        Self {
            gate: Gate::new(&config),
            catalog,
            policy,
            listed,
            log_folder,
            config,
        }
    }

    /// All credentials by their ids.
    pub fn credentials(&self) -> impl Iterator<Item = (&str, &Credential)> {
        let credentials = self.catalog.credentials().iter();
        credentials.map(|credential| (credential.id.as_str(), &**credential))
    }
}
