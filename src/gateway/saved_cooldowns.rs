//! Saves cooldowns across restarts (`save-cooldown-status`), beside the sessions or else in the folder for state.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use xxhash_rust::xxh3::xxh3_64;

use super::saved_file::{LARGEST, read};
use super::server::Server;
use crate::config::Config;
use crate::session::store::Moment;
use crate::{atomic_file, state_folder};

const NAME: &str = "cooldowns.json";

impl Server {
    /// Restores cooldowns from the file.
    pub fn restore_cooldowns(&self) {
        let snapshot = self.snapshot.load();
        let Some(path) = self.cooldowns_file(&snapshot.config) else {
            return;
        };
        let file = match read(&path, LARGEST) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                log::warn!("{}: cannot read cooldowns: {error}", path.display());
                return;
            }
        };
        let is_known = |id: &str| {
            let mut credentials = snapshot.catalog.credentials().iter();
            credentials.any(|known| known.id == id)
        };
        let routing = &self.services.routing;
        match routing.restore_cooldowns(&file, is_known, moment()) {
            Ok(0) => {}
            Ok(count) => log::info!("restored {count} cooldowns from {}", path.display()),
            Err(error) => log::warn!("{}: cannot read cooldowns: {error}", path.display()),
        }
    }

    /// Writes the cooldowns, if they have changed.
    pub fn write_cooldowns(&self) {
        let snapshot = self.snapshot.load();
        let Some(path) = self.cooldowns_file(&snapshot.config) else {
            return;
        };
        let mut written = self.written.cooldowns.lock();
        let text = self.services.routing.cooldowns(moment());
        let hash = xxh3_64(&text);
        if *written == Some(hash) {
            return;
        }
        let folder = path.parent().map_or(Ok(()), state_folder::make);
        match folder.and_then(|()| atomic_file::replace(&path, &text)) {
            Ok(()) => *written = Some(hash),
            Err(error) => log::warn!("{}: cannot write cooldowns: {error}", path.display()),
        }
    }

    fn cooldowns_file(&self, config: &Config) -> Option<PathBuf> {
        file(config, self.state_folder.as_deref())
    }
}

/// The file of cooldowns; `None` if they are not saved.
pub fn file(config: &Config, state_folder: Option<&Path>) -> Option<PathBuf> {
    if !config.save_cooldowns {
        return None;
    }
    match &config.routing.session_affinity_file {
        Some(sessions) => Some(sessions.with_file_name(NAME)),
        None => Some(state_folder?.join(NAME)),
    }
}

fn moment() -> Moment {
    Moment {
        now: Instant::now(),
        wall: SystemTime::now(),
    }
}
