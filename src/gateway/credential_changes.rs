//! Taking over changed credential files and new tokens.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::server::{Server, warn_of};
use crate::generation::snapshot::Snapshot;
use crate::tokens::FileState;

impl Server {
    /// Whether credential files are used.
    pub fn has_credential_files(&self) -> bool {
        self.files.is_used()
    }

    /// Takes over changed files, starts renewals that are due, and calls credentials again whose tokens are new.
    pub fn look_at_credential_files(&self) {
        self.reread_credential_files();
        self.services.tokens.renew_due();
        self.unblock_renewed();
    }

    fn reread_credential_files(&self) {
        let _changing = self.changing.lock();
        let before = self.snapshot.load_full();
        if !self.files.look(&before.config, &self.services.tokens) {
            return;
        }
        let (snapshot, findings) = self.snapshot_of(before.config.clone());
        // Those of the configuration have been told.
        let of_files = findings
            .into_iter()
            .filter(|finding| finding.file != before.config.file);
        warn_of(&of_files.collect::<Vec<_>>());
        self.replace(snapshot);
    }

    /// Ends the blocks of credentials that have new tokens. Sessions stay where they are.
    fn unblock_renewed(&self) {
        let mut renewed: HashMap<Arc<str>, Instant> = HashMap::new();
        for tokens in self.services.tokens.take_renewed() {
            if tokens.has_other_login {
                self.services.upstream.forget_credits(&tokens.file);
            }
            renewed.insert(tokens.file, tokens.since);
        }
        if renewed.is_empty() {
            return;
        }
        let snapshot: Arc<Snapshot> = self.snapshot.load_full();
        for (id, credential) in snapshot.credentials() {
            let file = credential.account.as_ref().map(|account| &account.file);
            if let Some(since) = file.and_then(|file| renewed.get(file)) {
                let credential_id = self.services.routing.credential_ids.number(id);
                self.services
                    .routing
                    .with(|router| router.renewed(credential_id, *since));
            }
        }
    }

    /// The condition of every file.
    pub fn credential_files(&self) -> Vec<FileState> {
        self.services.tokens.states(&self.files.list())
    }
}
