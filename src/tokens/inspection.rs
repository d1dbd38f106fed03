//! Problems of credential files that can be seen without the network.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::folder::Folder;
use super::followed::Followed;
use crate::config::{Config, Place, Problem, Severity};
use crate::credential::file::CredentialFile;
use crate::provider::oauth::Client;

/// The credential files of `auth-dir` and those of vendors' programs, and what is wrong with them.
pub fn inspect(
    config: &Config,
    variables: &dyn Fn(&str) -> Option<String>,
) -> (Vec<CredentialFile>, Vec<Problem>) {
    let now = SystemTime::now();
    let mut folder = Folder::quiet();
    folder.look(&config.auth_dir, now);
    let mut followed = Followed::quiet();
    followed.look(&config.followed, variables);
    let mut files = folder.files();
    files.extend(followed.files().cloned());
    let mut problems = Vec::new();
    for (name, why) in folder.problems() {
        problems.push(problem(&config.auth_dir, name, Severity::Warning, why));
    }
    for (program, why) in followed.problems() {
        let message = format!("cli-credentials: {program}: {why}");
        let place = Place::default();
        problems.push(Problem::new(
            &config.file,
            &place,
            Severity::Warning,
            message,
        ));
    }
    for file in &files {
        let of_file = token_problems(file, config, now);
        let of_file = of_file.into_iter();
        problems.extend(
            of_file.map(|why| problem(&config.auth_dir, &file.name, Severity::Warning, &why)),
        );
    }
    (files, problems)
}

fn problem(folder: &Path, name: &str, severity: Severity, message: &str) -> Problem {
    let path: Arc<str> = folder.join(name).to_string_lossy().into();
    Problem::new(&path, &Place::default(), severity, message.to_owned())
}

/// What is wrong with its tokens.
fn token_problems(file: &CredentialFile, config: &Config, now: SystemTime) -> Vec<String> {
    let Some(channel) = file.channel() else {
        return Vec::new();
    };
    if file.settings.is_disabled || file.settings.unusable.is_some() {
        return Vec::new();
    }
    let tokens = &file.tokens;
    let is_expired = tokens.is_expired(now, Duration::ZERO);
    let lacks_client =
        tokens.refresh.is_some() && Client::of(channel, &tokens.client, config).is_none();
    let mut problems = Vec::new();
    if lacks_client {
        problems.push(format!(
            "cannot be refreshed: no client_id (add it to the file or to oauth-clients.{})",
            channel.name()
        ));
    }
    if is_expired && file.is_followed && !tokens.are_renewable() {
        problems.push("has expired; run the program that it belongs to once".to_owned());
    } else if is_expired && (lacks_client || !tokens.are_renewable()) {
        problems.push(format!(
            "has expired; run `holdfast login {}`, or replace the file",
            channel.name()
        ));
    }
    problems
}
