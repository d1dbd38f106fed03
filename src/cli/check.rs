//! `holdfast check`: all problems of a configuration at once.

use std::fmt::Write;
use std::path::Path;

use serde_json::json;

use super::environment::Environment;
use super::load::{self, load};
use crate::config::{Config, Place, Problem, Severity, keys};
use crate::credential::Listings;
use crate::edge::Identity;
use crate::generation::payload_rules;
use crate::routing::{Catalog, CredentialIds};

/// The problems of the file, in the order of its lines, then those of the environment.
pub fn problems(path: &Path, environment: &Environment) -> Vec<Problem> {
    let loaded = load(path, environment);
    let of_credentials = |config: &Config| {
        let (credentials, mut problems) =
            load::credentials(config, &Listings::default(), environment);
        let catalog = Catalog::new(credentials, &CredentialIds::default());
        problems.extend(payload_rules::idle(config, &catalog));
        problems.extend(nobody(config, &catalog));
        problems
    };
    let more = loaded.config.as_ref().map(of_credentials);
    let mut problems = loaded.problems;
    problems.extend(more.into_iter().flatten());
    problems.extend(loaded.config.as_ref().and_then(certificate));
    // Problems without a position come last.
    problems.sort_by_key(|problem| match problem.line {
        0 => (usize::MAX, 0),
        line => (line, problem.column),
    });
    problems.extend(environment.problems());
    problems
}

/// The problem of a configuration that cannot serve any model.
fn nobody(config: &Config, catalog: &Catalog) -> Option<Problem> {
    let message = match catalog.credentials() {
        [] => format!(
            "no credential is configured, so no request can be served. Add one under {}, or sign in with `holdfast login`",
            keys::CREDENTIALS.join(", ")
        ),
        credentials if credentials.iter().all(|one| one.is_without_models()) => {
            "no credential offers a model, so no request can be served. Add `models` to one"
                .to_owned()
        }
        _ => return None,
    };
    let nowhere = Place::default();
    Some(Problem::new(
        &config.file,
        &nowhere,
        Severity::Error,
        message,
    ))
}

/// The problem of a certificate that cannot be loaded.
fn certificate(config: &Config) -> Option<Problem> {
    let tls = config.tls.as_ref()?;
    let error = Identity::load(&tls.cert, &tls.key).err()?;
    let place = Place {
        path: "tls".to_owned(),
        ..Place::default()
    };
    Some(Problem::new(
        &config.file,
        &place,
        Severity::Error,
        error.to_string(),
    ))
}

pub fn count(problems: &[Problem]) -> (usize, usize) {
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    (errors, problems.len() - errors)
}

/// One problem per line.
pub fn text(problems: &[Problem]) -> String {
    let mut text = String::new();
    for problem in problems {
        // Writing into memory does not fail.
        let _ = writeln!(text, "{problem}");
    }
    text
}

pub fn json(problems: &[Problem]) -> String {
    let (errors, warnings) = count(problems);
    let rows: Vec<_> = problems
        .iter()
        .map(|problem| {
            json!({
                "file": &*problem.file,
                "line": problem.line,
                "column": problem.column,
                "severity": problem.severity.to_string(),
                "path": problem.path,
                "message": problem.message,
            })
        })
        .collect();
    let report = json!({"errors": errors, "warnings": warnings, "problems": rows});
    format!("{report:#}\n")
}
