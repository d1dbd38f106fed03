//! The credential files of `auth-dir` while the gateway runs.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use super::server::Server;
use crate::config::Config;
use crate::credential::file::CredentialFile;
use crate::generation::snapshot::Snapshot;
use crate::state_folder;
use crate::tokens::{FileState, Folder, Look, TokenStore};

/// How often the directory is looked at.
pub const LOOK: Duration = Duration::from_secs(1);
/// How long the gateway waits for running renewals when it stops.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The directory, if it is used.
#[derive(Default)]
pub struct CredentialFiles(Option<Mutex<Folder>>);

impl CredentialFiles {
    /// Reads the directory of `config`, which is created when it is missing.
    pub fn read(config: &Config, tokens: &TokenStore) -> Self {
        let path = &config.auth_dir;
        // Without a home folder there is no directory.
        if !path.starts_with("~")
            && let Err(error) = state_folder::make(path)
        {
            log::warn!("auth: {}: cannot be created: {error}", path.display());
        }
        let mut folder = Folder::default();
        folder.look(path, SystemTime::now());
        let files = folder.files();
        tokens.apply(path, &files);
        Self(Some(Mutex::new(folder)))
    }

    /// The files, in the order of their names.
    pub fn list(&self) -> Vec<CredentialFile> {
        let folder = self.0.as_ref();
        folder.map_or_else(Vec::new, |folder| folder.lock().files())
    }

    /// Reads what has changed in `path`. Returns whether something has.
    fn look(&self, path: &Path, tokens: &TokenStore) -> bool {
        let Some(folder) = &self.0 else { return false };
        let mut folder = folder.lock();
        let is_changed = folder.look(path, SystemTime::now()) == Look::Changed;
        if is_changed {
            tokens.apply(path, &folder.files());
        }
        is_changed
    }
}

impl Server {
    /// Whether credential files are used.
    pub fn has_credential_files(&self) -> bool {
        self.files.0.is_some()
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
        if !self
            .files
            .look(&before.config.auth_dir, &self.services.tokens)
        {
            return;
        }
        let (snapshot, findings) = self.snapshot_of(before.config.clone());
        super::server::warn_of(&findings);
        self.replace(snapshot);
    }

    /// Ends the blocks of credentials that have new tokens. Sessions stay where they are.
    fn unblock_renewed(&self) {
        let renewed: HashSet<Arc<str>> = self.services.tokens.take_renewed().into_iter().collect();
        if renewed.is_empty() {
            return;
        }
        let snapshot: Arc<Snapshot> = self.snapshot.load_full();
        for (id, credential) in snapshot.credentials() {
            let file = credential.account.as_ref().map(|account| &account.file);
            if file.is_some_and(|file| renewed.contains(file)) {
                let credential_id = self.services.routing.credential_ids.number(id);
                self.services
                    .routing
                    .with(|router| router.renewed(credential_id));
            }
        }
    }

    /// The condition of every file.
    pub fn credential_files(&self) -> Vec<FileState> {
        self.services.tokens.states(&self.files.list())
    }
}
