//! The configuration, for every command that needs one.

use std::path::Path;

use super::environment::Environment;
use super::output::complain;
use crate::config::{self, Config, Loaded};

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
