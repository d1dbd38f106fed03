//! `holdfast import`: copies logins of the vendors' own programs, and keys of service accounts.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Map, Value};

use super::environment::Environment;
use super::login::{configuration, save};
use super::output::{complain, print};
use super::request::Source;
use super::{exit, prompt};
use crate::config::{Config, OauthClient, Secret};
use crate::credential::file::{LARGEST, ServiceAccount};
use crate::credential::{Channel, Login, NoLogin, VendorProgram};
use crate::provider::oauth::Client;

/// The region of a service account, unless told otherwise.
const LOCATION: &str = "us-central1";

pub fn run(config: Option<PathBuf>, source: &Source, environment: &Environment) -> ExitCode {
    let done = || -> Result<String, String> {
        let config = configuration(config, environment)?;
        match source {
            Source::Usual => usual(&config, environment),
            Source::Program { program, file } => {
                let path = match file {
                    Some(path) => path.clone(),
                    None => {
                        found(*program, environment).ok_or_else(|| absent(*program, environment))?
                    }
                };
                copy(*program, &path, &config)
            }
            Source::Vertex {
                file,
                prefix,
                location,
            } => {
                let login = service_account(file, prefix.as_deref(), location.as_deref())?;
                save(&config, &login, None)
            }
        }
    };
    match done() {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(message) => {
            complain(format_args!("holdfast: {message}"));
            ExitCode::from(exit::INPUT)
        }
    }
}

/// The program's file, if there is one.
fn found(program: VendorProgram, environment: &Environment) -> Option<PathBuf> {
    let places = program.places(&environment.lookup());
    places.into_iter().find(|path| path.exists())
}

fn absent(program: VendorProgram, environment: &Environment) -> String {
    let places = program.places(&environment.lookup());
    let places: Vec<String> = places
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let hint = match program {
        VendorProgram::Claude => {
            "; on macOS it is in the keychain: security find-generic-password -s 'Claude Code-credentials' -w | \
             holdfast import claude -"
        }
        VendorProgram::Codex => {
            "; with cli_auth_credentials_store = \"keyring\" it is not in a file (`holdfast login codex` signs in)"
        }
        VendorProgram::Gemini | VendorProgram::Kimi => "",
    };
    let name = program.name();
    format!(
        "found no login of {name}: none of {} exists{hint}",
        places.join(", ")
    )
}

/// Copies what is found where the programs keep it, as far as the user wants that.
fn usual(config: &Config, environment: &Environment) -> Result<String, String> {
    let found: Vec<(VendorProgram, PathBuf)> = VendorProgram::ALL
        .into_iter()
        .filter_map(|program| Some((program, found(program, environment)?)))
        .collect();
    if found.is_empty() {
        return Err(
            "found no login of Codex, Gemini CLI, Kimi CLI or Claude Code; `holdfast login` signs in, and `holdfast \
             import NAME FILE` copies a file from elsewhere"
                .to_owned(),
        );
    }
    if !prompt::is_possible() {
        let lines = found.iter().map(|(program, path)| {
            format!(
                "  holdfast import {:6}  # {}",
                program.name(),
                path.display()
            )
        });
        let lines: Vec<String> = lines.collect();
        return Err(format!(
            "standard input is not a terminal; copy what you want with\n{}",
            lines.join("\n")
        ));
    }
    let mut failures = Vec::new();
    for (program, path) in found {
        let question = format!(
            "Copy the login of {} from {}? [y/N]",
            program.name(),
            path.display()
        );
        let answer = prompt::ask(&question);
        let answer = answer.map_err(|error| format!("cannot read the answer: {error}"))?;
        if matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes") {
            match copy(program, &path, config) {
                Ok(told) => print(&told),
                Err(message) => failures.push(message),
            }
        }
    }
    match failures.is_empty() {
        true => Ok(String::new()),
        false => Err(failures.join("\nholdfast: ")),
    }
}

/// Copies the login of a program.
fn copy(program: VendorProgram, path: &Path, config: &Config) -> Result<String, String> {
    let name = program.name();
    let shown = path.display();
    let content = content(path).map_err(|error| format!("{shown}: {error}"))?;
    let folder = path.parent().filter(|_| !is_input(path));
    let beside = |name: &str| {
        let path = folder?.join(name);
        let content = self::content(&path).ok()?;
        String::from_utf8(content.to_vec()).ok()
    };
    let mut login = program.read(&content, &beside).map_err(|why| match why {
        NoLogin::ApiKey => {
            format!("{shown}: {why}; add the key under codex-api-key of the configuration")
        }
        why => format!("{shown}: {why}"),
    })?;
    own_client(&mut login, config);
    let text = save(config, &login, None)?;
    let warning = match program {
        VendorProgram::Gemini => None,
        _ => Some(format!(
            "holdfast: {name} and holdfast now have the same refresh token, which is valid once: the one that renews \
             later is signed out. `holdfast login {}` makes a login of its own.",
            login.channel.name()
        )),
    };
    warning.iter().for_each(complain);
    let lacks_client = Client::of(login.channel, &OauthClient::default(), config).is_none();
    if lacks_client && login.refresh.is_some() {
        complain(format_args!(
            "holdfast: it cannot be renewed until oauth-clients.{} of the configuration has a client-id",
            login.channel.name()
        ));
    }
    Ok(text)
}

/// The client that the program's tokens were issued to, where the configuration has another one or files name theirs.
fn own_client(login: &mut Login, config: &Config) {
    let Some(published) = Client::published(login.channel) else {
        return;
    };
    let used = Client::of(login.channel, &OauthClient::default(), config);
    if login.channel == Channel::GeminiCli || used.as_ref() != Some(&published) {
        login.own.push(("client_id", published.id.into()));
        let secret = published.secret;
        login
            .own
            .extend(secret.map(|secret| ("client_secret", secret.reveal().into())));
    }
}

fn is_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// The content of a file, or of standard input, which has secrets.
fn content(path: &Path) -> io::Result<zeroize::Zeroizing<Vec<u8>>> {
    let mut content = zeroize::Zeroizing::new(Vec::new());
    let read: Box<dyn Read> = match is_input(path) {
        true => Box::new(io::stdin().lock()),
        false => Box::new(fs::File::open(path)?),
    };
    read.take(LARGEST + 1).read_to_end(&mut content)?;
    match content.len() as u64 > LARGEST {
        true => Err(io::Error::other("it is larger than 1 MiB")),
        false => Ok(content),
    }
}

/// The login that the key file of a service account is.
fn service_account(
    file: &Path,
    prefix: Option<&str>,
    location: Option<&str>,
) -> Result<Login, String> {
    let shown = file.display();
    let content = content(file).map_err(|error| format!("{shown}: {error}"))?;
    let json: Map<String, Value> =
        serde_json::from_slice(&content).map_err(|_| format!("{shown}: is not a JSON object"))?;
    let account = ServiceAccount::read(&json)
        .ok_or_else(|| format!("{shown}: is not the key of a service account: it needs client_email and a private_key that is an RSA key"))?;
    let project = account
        .project
        .clone()
        .ok_or_else(|| format!("{shown}: has no project_id"))?;
    let prefix = prefix.map(|prefix| prefix.trim().trim_matches('/'));
    if prefix.is_some_and(|prefix| prefix.is_empty() || prefix.contains('/')) {
        return Err("the prefix must be a name without a slash".to_owned());
    }
    let location = location.unwrap_or(LOCATION).trim().to_owned();
    let own = [
        ("service_account", json.into()),
        ("location", location.into()),
    ];
    Ok(Login {
        email: Some(account.email.clone()),
        projects: vec![project],
        own: own
            .into_iter()
            .chain(prefix.map(|prefix| ("prefix", prefix.into())))
            .collect(),
        ..Login::new(Channel::Vertex, Secret::new(""))
    })
}
