//! What a command line asks for.

use std::path::PathBuf;

use super::client_settings::Client;
use super::flags::{By, Command};
use crate::config::{Config, Secret};
use crate::credential::{Channel, VendorProgram};

/// A command line that is understood.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    Serve {
        config: Option<PathBuf>,
        listen: Overrides,
        /// Whether vendors are asked which models they serve.
        fetches_models: bool,
        password: Option<Secret>,
    },
    Check {
        config: Option<PathBuf>,
        json: bool,
        strict: bool,
    },
    Explain {
        config: Option<PathBuf>,
        model: String,
    },
    Doctor {
        config: Option<PathBuf>,
        json: bool,
    },
    PrintEffective {
        config: Option<PathBuf>,
    },
    Schema,
    Init(Init),
    Login(Login),
    Import {
        config: Option<PathBuf>,
        source: Source,
    },
    Credentials {
        config: Option<PathBuf>,
        json: bool,
    },
    Refresh {
        config: Option<PathBuf>,
        /// The name of a credential file.
        file: String,
    },
    #[cfg(feature = "demo")]
    Demo {
        port: u16,
        json: bool,
    },
    Identify {
        headers: Vec<String>,
        json: bool,
    },
    Completions(Shell),
    Manual,
    Help(&'static Command),
    Version,
}

/// What `holdfast init` is told; what is `None` is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Init {
    pub file: Option<PathBuf>,
    pub provider: Option<Provider>,
    pub base_url: Option<String>,
    /// The variable that will hold the API key.
    pub key_variable: Option<String>,
    pub port: Option<u16>,
    pub client: Option<Client>,
}

/// What `holdfast login` is told.
#[derive(Debug, PartialEq, Eq)]
pub struct Login {
    pub config: Option<PathBuf>,
    pub channel: Channel,
    pub by: By,
    pub opens_browser: bool,
    pub callback_port: Option<u16>,
    /// The Google Cloud project, or `ALL`.
    pub project: Option<String>,
}

/// What `holdfast import` copies.
#[derive(Debug, PartialEq, Eq)]
pub enum Source {
    /// The files that are found; the user is asked.
    Usual,
    Program {
        program: VendorProgram,
        /// `-` is standard input.
        file: Option<PathBuf>,
    },
    /// The key of a service account.
    Vertex {
        file: PathBuf,
        prefix: Option<String>,
        location: Option<String>,
    },
}

/// What the command line says instead of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    pub host: Option<String>,
    pub port: Option<u16>,
}

impl Overrides {
    pub fn apply(&self, config: &mut Config) {
        if let Some(host) = &self.host {
            config.host.clone_from(host);
        }
        config.port = self.port.unwrap_or(config.port);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    Claude,
    OpenAi,
    Gemini,
    OpenAiCompatible,
}

impl Provider {
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "claude" | "anthropic" => Some(Self::Claude),
            "openai" => Some(Self::OpenAi),
            "gemini" | "google" => Some(Self::Gemini),
            "openai-compatible" => Some(Self::OpenAiCompatible),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}
