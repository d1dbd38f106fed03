//! Loads the configuration for a command.

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

/// As [`load`], for commands that need a valid configuration. Prints all problems if it is invalid.
pub fn usable(path: &Path, environment: &Environment) -> Option<Config> {
    let loaded = load(path, environment);
    if loaded.config.is_none() {
        loaded.problems.iter().for_each(complain);
    }
    loaded.config
}

/// The file that stores the lists of models fetched from vendors.
pub fn lists_file(environment: &Environment) -> Option<PathBuf> {
    Some(state_folder::here(&environment.lookup())?.join("models.json"))
}

/// The stored lists.
pub fn listings(environment: &Environment) -> Listings {
    ModelLists::kept_in(lists_file(environment)).listings()
}
