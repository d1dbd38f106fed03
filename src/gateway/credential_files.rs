//! The credential files of `auth-dir` while the gateway runs.

use std::path::Path;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use crate::config::Config;
use crate::credential::file::CredentialFile;
use crate::state_folder;
use crate::tokens::{Folder, Look, TokenStore};

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

    /// Whether the directory is used.
    pub fn is_used(&self) -> bool {
        self.0.is_some()
    }

    /// Reads what has changed in `path`. Returns whether something has.
    pub fn look(&self, path: &Path, tokens: &TokenStore) -> bool {
        let Some(folder) = &self.0 else { return false };
        let mut folder = folder.lock();
        let is_changed = folder.look(path, SystemTime::now()) == Look::Changed;
        if is_changed {
            tokens.apply(path, &folder.files());
        }
        is_changed
    }
}
