//! Commands that answer questions about a configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use super::environment::Environment;
use super::explain::{self, Known};
use super::load::{self, Places};
use super::output::{complain, print};
use super::{check, exit, summary};
use crate::routing::{Catalog, CredentialIds};
use crate::{config, credential};

/// `--check`.
pub fn check(
    config: Option<PathBuf>,
    json: bool,
    strict: bool,
    environment: &Environment,
) -> ExitCode {
    let places = load::places(config, environment);
    if !json && let Some(missing) = places.missing() {
        complain(format_args!("holdfast: {missing}"));
        return code(false);
    }
    let path = places.find();
    let problems = check::problems(path, environment);
    let (errors, warnings) = check::count(&problems);
    if json {
        print(&check::json(&problems));
    } else {
        print(&check::text(&problems));
        complain(format_args!(
            "{}: {}, {}",
            path.display(),
            summary::counted(errors, "error"),
            summary::counted(warnings, "warning")
        ));
    }
    code(errors == 0 && !(strict && warnings > 0))
}

/// `--explain`.
pub fn explain(config: Option<PathBuf>, model: &str, environment: &Environment) -> ExitCode {
    let Some(path) = found(load::places(config, environment)) else {
        return code(false);
    };
    let Some(config) = load::usable(&path, environment) else {
        return code(false);
    };
    let listings = load::listings(environment);
    let (credentials, problems) = load::credentials(&config, &listings, environment);
    // Those of credential files have no place in the configuration; `check` shows them.
    let problems: Vec<config::Problem> = problems
        .into_iter()
        .filter(|problem| problem.file == config.file)
        .collect();
    let known = Known {
        config: &config,
        catalog: &Catalog::new(credentials, &CredentialIds::default()),
        exclusions: &credential::exclusions(&config, &listings),
        problems: &problems,
    };
    let (text, is_served) = explain::explain(model, &known);
    print(&text);
    code(is_served)
}

/// `--print-effective`.
pub fn effective(config: Option<PathBuf>, environment: &Environment) -> ExitCode {
    let Some(path) = found(load::places(config, environment)) else {
        return code(false);
    };
    let Some(config) = load::usable(&path, environment) else {
        return code(false);
    };
    // Read again for the positions of values.
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            complain(format_args!("holdfast: {}: {error}", path.display()));
            return code(false);
        }
    };
    print(&config::effective(&config, &text));
    code(true)
}

/// `--schema`.
pub fn schema() -> String {
    format!("{:#}\n", config::json_schema())
}

/// The path of the configuration. Prints the candidate paths if none exists.
pub fn found(places: Places) -> Option<PathBuf> {
    if let Some(missing) = places.missing() {
        complain(format_args!("holdfast: {missing}"));
        return None;
    }
    Some(places.find().to_owned())
}

fn code(is_fine: bool) -> ExitCode {
    match is_fine {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(exit::INPUT),
    }
}
