//! Where the configuration is, and reading it, for every command that needs one.

use std::io;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::output::complain;
use crate::config::{self, Config, Loaded};
use crate::credential::Listings;
use crate::gateway::model_lists::ModelLists;
use crate::state_folder;

/// Where the configuration is looked for; the first that exists is it.
#[derive(Debug, PartialEq, Eq)]
pub enum Places {
    /// Named: it must be there.
    Named(PathBuf),
    Usual(Vec<PathBuf>),
}

/// The places for a program that was told `given`.
pub fn places(given: Option<PathBuf>, environment: &Environment) -> Places {
    let variable = |name| environment.get(name).map(PathBuf::from);
    if let Some(path) = given.or_else(|| variable("HOLDFAST_CONFIG")) {
        return Places::Named(path);
    }
    let home = || variable("HOME").map(|home| home.join(".config"));
    let user = variable("XDG_CONFIG_HOME").or_else(home);
    let folders = [user, Some(PathBuf::from("/etc"))].into_iter().flatten();
    let mut places = vec![PathBuf::from("config.yaml")];
    places.extend(folders.map(|folder| folder.join("holdfast/config.yaml")));
    Places::Usual(places)
}

impl Places {
    /// The path of the configuration; the first place where there is none at all.
    pub fn find(&self) -> &Path {
        match self {
            Self::Named(path) => path,
            Self::Usual(places) => {
                let there = places.iter().find(|path| is_there(path));
                there
                    .or(places.first())
                    .map_or(Path::new("config.yaml"), |path| path)
            }
        }
    }

    /// What to say when it is not there.
    pub fn missing(&self) -> Option<String> {
        match self {
            Self::Usual(places) if !places.iter().any(|path| is_there(path)) => {
                let names: Vec<String> = places
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect();
                Some(format!(
                    "there is no configuration: none of {} exists; `holdfast init` writes one",
                    names.join(", ")
                ))
            }
            _ => None,
        }
    }
}

/// A file that is there but must not be looked at is not passed over.
fn is_there(path: &Path) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    let missing = |error: &io::Error| matches!(error.kind(), NotFound | NotADirectory);
    !path.metadata().as_ref().is_err_and(missing)
}

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
