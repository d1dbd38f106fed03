//! The configuration, for every command that needs one.

use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::output::complain;
use crate::config::{self, Config, Loaded};
use crate::credential::Listings;
use crate::gateway::model_lists::ModelLists;
use crate::state_folder;

/// Reads the file; its values may name variables of `environment`.
pub fn load(path: &Path, environment: &Environment) -> Loaded {
    config::read_with(path, &environment.lookup())
}

/// The same for whoever needs a configuration that works: tells all its problems otherwise.
pub fn usable(path: &Path, environment: &Environment) -> Option<Config> {
    let loaded = load(path, environment);
    if loaded.config.is_none() {
        loaded.problems.iter().for_each(complain);
    }
    loaded.config
}

/// Where the lists of models are kept that vendors have sent.
pub fn lists_file(environment: &Environment) -> Option<PathBuf> {
    Some(state_folder::here(&environment.lookup())?.join("models.json"))
}

/// Those lists, as the last run left them.
pub fn listings(environment: &Environment) -> Listings {
    ModelLists::kept_in(lists_file(environment)).listings()
}
