//! Finds and loads the configuration for a command.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::environment::Environment;
use super::output::complain;
use crate::config::{self, Config, Loaded, Problem};
use crate::credential::{self, Credential, Listings};
use crate::gateway::model_lists::ModelLists;
use crate::{state_folder, tokens};

/// The candidate paths; the first that exists is used.
#[derive(Debug, PartialEq, Eq)]
pub enum Places {
    /// Given explicitly; it must exist.
    Named(PathBuf),
    Usual(Vec<PathBuf>),
}

/// The candidate paths, where `given` is the path from the command line.
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
    /// The path of the configuration; the first candidate if none exists.
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

    /// The message if none exists.
    pub fn missing(&self) -> Option<String> {
        match self {
            Self::Usual(places) if !places.iter().any(|path| is_there(path)) => {
                let names: Vec<String> = places
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect();
                Some(format!(
                    "no configuration found: none of {} exists; `holdfast init` writes one",
                    names.join(", ")
                ))
            }
            _ => None,
        }
    }
}

/// A file that exists but is not accessible counts as existing, so that the error is reported.
fn is_there(path: &Path) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    let missing = |error: &io::Error| matches!(error.kind(), NotFound | NotADirectory);
    !path.metadata().as_ref().is_err_and(missing)
}

/// Reads the file; its values may name variables of `environment`.
pub fn load(path: &Path, environment: &Environment) -> Loaded {
    config::read_with(path, &environment.lookup())
}

/// All credentials: the keys of the configuration, and the credential files with the tokens that they have, if those have
/// not expired. With problems of both.
pub fn credentials(
    config: &Config,
    listings: &Listings,
    environment: &Environment,
) -> (Vec<Credential>, Vec<Problem>) {
    let (mut credentials, mut problems) = credential::with_listings(config, listings);
    let (files, of_files) = tokens::inspect(config, &environment.lookup());
    problems.extend(of_files);
    let (mut built, more) = credential::from_files(&files, config, Some(listings));
    problems.extend(more);
    let now = SystemTime::now();
    for credential in &mut built {
        let file = credential.account.as_ref().map(|account| &account.file);
        let file = files.iter().find(|known| Some(&known.name) == file);
        let tokens = file.map(|file| &file.tokens);
        let tokens = tokens.filter(|tokens| !tokens.is_expired(now, Duration::ZERO));
        credential.key = tokens.and_then(|tokens| tokens.bearer().cloned());
    }
    credentials.extend(built);
    (credentials, problems)
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
