//! `holdfast doctor`: diagnoses the configuration, the upstreams and this machine.

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::environment::Environment;
use super::output::print;
use super::{check, exit, load};
use crate::colour::{self, Colour, PLAIN};
use crate::config::{Config, Problem, Severity};
use crate::credential::Credential;
use crate::doctor::{self, Finding, Status, Surroundings};
use crate::provider::{Settings, Upstream, Variables};
use crate::{logs, state_folder};

pub fn run(config: Option<PathBuf>, json: bool, environment: &Environment) -> ExitCode {
    let findings = look(config, environment);
    print(&match json {
        true => as_json(&findings),
        false => as_text(&findings, colour::are_wanted(io::stdout().is_terminal())),
    });
    match count(&findings, Status::Error) {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(exit::INPUT),
    }
}

fn look(config: Option<PathBuf>, environment: &Environment) -> Vec<Finding> {
    let places = load::places(config, environment);
    if let Some(missing) = places.missing() {
        return vec![Finding::new(Status::Error, "configuration", missing)];
    }
    let path = places.find();
    let mut findings = configuration(path, &check::problems(path, environment));
    let Some(config) = load::load(path, environment).config else {
        return findings;
    };
    findings.extend(world(&config, path, environment));
    findings
}

/// What `check` finds.
fn configuration(path: &Path, problems: &[Problem]) -> Vec<Finding> {
    let subject = "configuration";
    if problems.is_empty() {
        let message = format!("{} is valid", path.display());
        return vec![Finding::new(Status::Ok, subject, message)];
    }
    let finding = |problem: &Problem| {
        let status = match problem.severity {
            Severity::Error => Status::Error,
            Severity::Warning => Status::Warning,
        };
        let place = match problem.line {
            0 => problem.file.to_string(),
            line => format!("{}:{line}:{}", problem.file, problem.column),
        };
        let words = [&*place, &problem.path, &problem.message];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        Finding::new(status, subject, words.join(" "))
    };
    problems.iter().map(finding).collect()
}

fn world(config: &Config, path: &Path, environment: &Environment) -> Vec<Finding> {
    let variables = environment.lookup();
    let listings = load::listings(environment);
    let (credentials, _) = load::credentials(config, &listings, environment);
    let upstream = Upstream::new(Settings {
        variables: Variables::new(variables.clone()),
        ..Settings::default()
    });
    upstream.trust(config.ca_file.as_deref());
    let proxies = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"];
    let has_proxy = proxies.iter().any(|name| variables(name).is_some());
    let (asked, expired): (Vec<Credential>, Vec<Credential>) = credentials
        .iter()
        .cloned()
        .partition(|one| one.account.is_none() || one.key.is_some());
    let answers = doctor::ask(&upstream, config, &asked);
    let mut findings = doctor::upstreams(config, &asked, &answers, has_proxy);
    findings.extend(expired.iter().map(|one| {
        let message = "was not asked, because its token has expired".to_owned();
        let advice = "a running gateway renews it, if that is possible; so does `holdfast refresh`";
        Finding::new(Status::Skipped, one.masked_id(), message).advised(advice.to_owned())
    }));
    findings.push(doctor::clock(&answers));
    let surroundings = Surroundings {
        variables: &variables,
        logs: logs::folder(&logs::Surroundings::here(
            &variables,
            Some(path),
            &config.auth_dir,
        )),
        state: state_folder::here(&variables),
    };
    findings.extend(doctor::machine(config, &credentials, &surroundings));
    findings
}

fn count(findings: &[Finding], status: Status) -> usize {
    findings.iter().filter(|one| one.status == status).count()
}

fn as_text(findings: &[Finding], has_colours: bool) -> String {
    let mut text = String::new();
    for finding in findings {
        let (begin, end) = match (has_colours, finding.status) {
            (false, _) => ("", ""),
            (true, Status::Ok) => (Colour::Green.code(), PLAIN),
            (true, Status::Skipped) => (Colour::Grey.code(), PLAIN),
            (true, Status::Warning) => (Colour::Yellow.code(), PLAIN),
            (true, Status::Error) => (Colour::Red.code(), PLAIN),
        };
        // Writing into memory does not fail.
        let _ = writeln!(
            text,
            "{begin}{:8}{end} {}: {}",
            finding.status, finding.subject, finding.message
        );
        if let Some(advice) = &finding.advice {
            let _ = writeln!(text, "{:8} → {advice}", "");
        }
    }
    let (errors, warnings) = (
        count(findings, Status::Error),
        count(findings, Status::Warning),
    );
    let counted = super::summary::counted;
    let _ = match (errors, warnings) {
        (0, 0) => writeln!(text, "no problems found"),
        _ => writeln!(
            text,
            "{}, {}",
            counted(errors, "error"),
            counted(warnings, "warning")
        ),
    };
    text
}

fn as_json(findings: &[Finding]) -> String {
    let rows: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({
                "status": finding.status.name(),
                "subject": finding.subject,
                "message": finding.message,
                "advice": finding.advice,
            })
        })
        .collect();
    let report = json!({
        "errors": count(findings, Status::Error),
        "warnings": count(findings, Status::Warning),
        "findings": rows,
    });
    format!("{report:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_counted_and_advised() {
        let findings = [
            Finding::new(Status::Ok, "clock", "agrees"),
            Finding::new(Status::Error, "port", "is taken").advised("choose another"),
        ];
        assert_eq!(
            as_text(&findings, false),
            "ok       clock: agrees\nerror    port: is taken\n         → choose another\n1 error, 0 warnings\n"
        );
        assert!(as_text(&findings[..1], false).ends_with("no problems found\n"));
        let json: serde_json::Value = serde_json::from_str(&as_json(&findings)).unwrap();
        assert_eq!(json["errors"], 1);
        assert_eq!(json["findings"][1]["advice"], "choose another");
        assert!(json["findings"][0]["advice"].is_null());
    }
}
