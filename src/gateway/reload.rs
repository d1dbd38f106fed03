//! Replacing the configuration while requests run.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::server::{Server, warn_of};
use crate::config::{self, Config};
use crate::credential::Credential;
use crate::generation::snapshot::Snapshot;
use crate::http::client_key::{self};
use crate::session::bindings::CredentialId;

impl Server {
    /// Serves new requests with `config`; running requests keep their snapshot.
    pub fn reload(&self, mut config: Config) {
        let _changing = self.changing.lock();
        config.logs.commercial = self.commercial;
        client_key::keep_lost_keys(&mut config, &self.snapshot.load().config, &self.local);
        self.services.upstream.trust(config.ca_file.as_deref());
        self.services.tokens.configure(&config);
        let (snapshot, findings) = self.snapshot_of(config);
        warn_of(&findings);
        self.replace(snapshot);
    }

    /// Serves new requests with `snapshot`.
    pub(super) fn replace(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        let before = self.snapshot.swap(Arc::clone(&snapshot));
        self.compare(&before, &snapshot);
        let credentials = snapshot.catalog.credentials().iter();
        let present: HashSet<CredentialId> = credentials
            .map(|credential| self.services.routing.credential_ids.number(&credential.id))
            .collect();
        self.services
            .routing
            .retain(|credential_id| present.contains(&credential_id));
    }

    /// Logs added, removed and changed credentials, and updates routing.
    fn compare(&self, before: &Snapshot, now: &Snapshot) {
        let earlier: HashMap<&str, &Credential> = before.credentials().collect();
        let later: HashMap<&str, &Credential> = now.credentials().collect();
        for (id, _) in before
            .credentials()
            .filter(|(id, _)| !later.contains_key(id))
        {
            log::info!("config: credential {id} removed");
        }
        for (id, credential) in now.credentials() {
            match earlier.get(id) {
                None => log::info!("config: credential {id} added"),
                Some(same) if *same == credential => {}
                Some(other) => {
                    log::info!("config: credential {id} changed");
                    let credential_id = self.services.routing.credential_ids.number(id);
                    let has_other_models = other.models != credential.models;
                    self.services
                        .routing
                        .with(|router| router.changed(credential_id, has_other_models));
                    if let Some(account) = &credential.account {
                        self.services.upstream.forget_credits(&account.file);
                    }
                }
            }
        }
        let changes = config::changes(&before.config, &now.config);
        if !changes.is_empty() {
            let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
            log::info!("config: changed: {}", paths.join(", "));
        }
        for change in changes {
            log::debug!("config: {change}");
        }
    }
}
