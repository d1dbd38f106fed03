//! `holdfast init`: a first configuration.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::json;

use super::flags::{CLIENTS, PROVIDERS};
use super::output::{complain, print};
use super::request::{Init, Provider};
use super::{exit, prompt};

/// The port of a configuration that names none.
const PORT: u16 = 8317;
/// Random bytes of a client key.
const KEY_BYTES: usize = 24;

pub fn run(init: Init) -> ExitCode {
    match write(init) {
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

/// Writes the file. Returns what to do next.
fn write(init: Init) -> Result<String, String> {
    let path = init.file.unwrap_or_else(|| PathBuf::from("config.yaml"));
    // Check before asking questions.
    if path.exists() {
        return Err(format!(
            "{} already exists; give another file name (holdfast init FILE) or move the existing file",
            path.display()
        ));
    }
    let provider = match init.provider {
        Some(provider) => provider,
        None => ask_provider()?,
    };
    let upstream = match (provider, init.base_url) {
        (Provider::OpenAiCompatible, Some(url)) => Upstream::Compatible { base_url: url },
        (Provider::OpenAiCompatible, None) => Upstream::Compatible {
            base_url: ask("Base URL of the API:", "--base-url")?,
        },
        (_, Some(_)) => {
            return Err("--base-url requires --provider openai-compatible".to_owned());
        }
        (Provider::Claude, None) => Upstream::Section("claude-api-key"),
        (Provider::OpenAi, None) => Upstream::Section("codex-api-key"),
        (Provider::Gemini, None) => Upstream::Section("gemini-api-key"),
    };
    let api_key = match init.key_variable {
        Some(variable) => format!("${{{variable}}}"),
        None => read_key()?,
    };
    let port = init.port.unwrap_or(PORT);
    let client_key = fresh_key()?;
    let text = configuration(&upstream, &api_key, &client_key, port);
    store(&path, &text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    let base = format!("http://127.0.0.1:{port}");
    let mut next = format!(
        "Wrote {path}, readable only by you.\n\nTest the key, then start the gateway:\n\n    holdfast doctor {path}\n    holdfast serve {path}\n\n",
        path = path.display()
    );
    next += &match init.client {
        Some(client) => {
            let settings = client.settings(&base, &client_key);
            format!("Configure the client:\n\n{}", indented(&settings))
        }
        None => format!(
            "Clients use the address {base} and the key {client_key}\n(`--client NAME` prints the settings for one of {}).\n",
            CLIENTS.join(", ")
        ),
    };
    Ok(next)
}

fn ask(question: &str, flag: &str) -> Result<String, String> {
    if !prompt::is_possible() {
        return Err(format!(
            "{flag} is missing, and standard input is not a terminal"
        ));
    }
    prompt::ask(question).map_err(|error| format!("cannot read the answer: {error}"))
}

fn ask_provider() -> Result<Provider, String> {
    let names = PROVIDERS.join(", ");
    let name = ask(&format!("Provider ({names}):"), "--provider")?;
    Provider::named(&name).ok_or_else(|| format!("'{name}' is not one of {names}"))
}

fn read_key() -> Result<String, String> {
    let key = prompt::secret("API key (not shown):");
    let key = key.map_err(|error| format!("cannot read the API key: {error}"))?;
    match key.reveal() {
        "" => Err(
            "no API key was given; use --key-env to read it from an environment variable"
                .to_owned(),
        ),
        key => Ok(key.to_owned()),
    }
}

fn fresh_key() -> Result<String, String> {
    let mut bytes = [0; KEY_BYTES];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| "cannot get random bytes from the system".to_owned())?;
    Ok(format!("hf-{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}

/// Where the API key goes in the configuration.
enum Upstream {
    /// A section of API keys.
    Section(&'static str),
    Compatible {
        base_url: String,
    },
}

fn configuration(upstream: &Upstream, api_key: &str, client_key: &str, port: u16) -> String {
    // JSON strings are YAML too.
    let api_key = json!(api_key);
    let credential = match upstream {
        Upstream::Section(section) => format!("{section}:\n  - api-key: {api_key}\n"),
        Upstream::Compatible { base_url } => format!(
            "openai-compatibility:\n  - name: upstream\n    base-url: {}\n    api-key-entries:\n      - api-key: {api_key}\n",
            json!(base_url)
        ),
    };
    format!(
        "# Clients: on this machine only, with this key.\nhost: 127.0.0.1\nport: {port}\napi-keys:\n  - {client_key}\n\n# Keep each conversation on the credential that holds its prompt cache.\nrouting:\n  session-affinity: true\n\n# Upstream credentials. Add an entry for each account.\n{credential}"
    )
}

/// A new file that only its owner can read.
fn store(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| match line {
        "" => "\n".to_owned(),
        line => format!("    {line}\n"),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn what_is_written_loads_without_a_word() {
        for upstream in [
            Upstream::Section("claude-api-key"),
            Upstream::Section("codex-api-key"),
            Upstream::Section("gemini-api-key"),
            Upstream::Compatible {
                base_url: "https://h/v1".to_owned(),
            },
        ] {
            let text = configuration(&upstream, "sk-\"1: #", "client", 9);
            let loaded = config::load(&text, "c.yaml");
            let messages: Vec<String> = loaded.problems.iter().map(|p| p.to_string()).collect();
            assert!(
                messages.iter().all(|m| m.contains("quote character")),
                "{messages:?}"
            );
            let config = loaded.config.unwrap();
            let (credentials, _) = crate::credential::from_config(&config);
            let [one] = credentials.as_slice() else {
                panic!("{text}");
            };
            assert_eq!(one.key.as_ref().unwrap().reveal(), "sk-\"1: #");
            assert_eq!((config.port, config.api_keys.keys().len()), (9, 1));
        }
    }

    #[test]
    fn client_keys_differ() {
        let (one, other) = (fresh_key().unwrap(), fresh_key().unwrap());
        assert!(one != other && one.len() > 32, "{one}");
    }
}
