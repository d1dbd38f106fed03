//! The credential files of `auth-dir` while the gateway runs.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use crate::config::Config;
use crate::credential::file::CredentialFile;
use crate::provider::Variables;
use crate::state_folder;
use crate::tokens::{Folder, Followed, Look, TokenStore};

/// How often the directory is looked at.
pub const LOOK: Duration = Duration::from_secs(1);
/// How long the gateway waits for running renewals when it stops.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The files of the directory, and the logins of vendors' programs, if they are used.
#[derive(Default)]
pub struct CredentialFiles(Option<Mutex<Files>>);

struct Files {
    folder: Folder,
    followed: Followed,
    variables: Variables,
}

impl Files {
    fn list(&self) -> Vec<CredentialFile> {
        let mut files = self.folder.files();
        files.extend(self.followed.files().cloned());
        files
    }

    fn look(&mut self, config: &Config) -> Look {
        let mut look = self.folder.look(&config.auth_dir, SystemTime::now());
        let variables = |name: &str| self.variables.get(name);
        let followed = self.followed.look(&config.followed, &variables);
        look.has_other_settings |= followed.has_other_settings;
        look.read.extend(followed.read);
        look
    }
}

impl CredentialFiles {
    /// Reads the directory of `config`, which is created when it is missing.
    pub fn read(config: &Config, variables: Variables, tokens: &TokenStore) -> Self {
        let path = &config.auth_dir;
        // Without a home folder there is no directory.
        if !path.starts_with("~")
            && let Err(error) = state_folder::make(path)
        {
            log::warn!("auth: {}: cannot be created: {error}", path.display());
        }
        let mut files = Files {
            folder: Folder::default(),
            followed: Followed::default(),
            variables,
        };
        let look = files.look(config);
        tokens.apply(&files.list(), &look.read, &HashMap::new());
        Self(Some(Mutex::new(files)))
    }

    /// The files, in the order of their names, then those of vendors' programs.
    pub fn list(&self) -> Vec<CredentialFile> {
        let files = self.0.as_ref();
        files.map_or_else(Vec::new, |files| files.lock().list())
    }

    /// Whether files are used.
    pub fn is_used(&self) -> bool {
        self.0.is_some()
    }

    /// Reads what has changed. Returns whether that is more than tokens.
    pub fn look(&self, config: &Config, tokens: &TokenStore) -> bool {
        let Some(files) = &self.0 else { return false };
        let mut files = files.lock();
        for name in tokens.take_stale() {
            files.folder.read_again(&name);
            files.followed.read_again(&name);
        }
        let rounds = tokens.rounds();
        let look = files.look(config);
        if look.has_other_settings || !look.read.is_empty() {
            tokens.apply(&files.list(), &look.read, &rounds);
        }
        look.has_other_settings
    }
}
