//! Values and flags that several commands have.

use super::flag::{Flag, Id, switch, value};

pub const SHELLS: &[&str] = &["bash", "zsh", "fish"];
pub const PROVIDERS: &[&str] = &["claude", "openai", "gemini", "openai-compatible"];
pub const CLIENTS: &[&str] = &[
    "claude-code",
    "codex",
    "gemini-cli",
    "opencode",
    "openai-sdk",
    "anthropic-sdk",
    "google-sdk",
    "vercel-ai-sdk",
];
pub const FORMATS: &[&str] = &["text", "json"];

pub const CHANNELS: &[&str] = &[
    "claude",
    "codex",
    "gemini-cli",
    "antigravity",
    "kimi",
    "iflow",
];
pub const PROGRAMS: &[&str] = &["codex", "gemini", "kimi", "claude"];

pub const HELP: Flag = switch(Id::Help, "help", "print this help").short('h');
pub const CONFIG: Flag = value(Id::Config, "config", "FILE", "the configuration file")
    .short('c')
    .files()
    .more(
        "By default, the first of these that exists: $HOLDFAST_CONFIG, config.yaml in the working \
         directory, holdfast/config.yaml in $XDG_CONFIG_HOME or ~/.config, \
         /etc/holdfast/config.yaml.",
    );
pub const HOST: Flag = value(
    Id::Host,
    "host",
    "ADDRESS",
    "listen on this address instead of `host`",
)
.more("Overrides `host` in the configuration, also after a reload.");
pub const PORT: Flag = value(
    Id::Port,
    "port",
    "N",
    "listen on this port instead of `port`",
)
.more("Overrides `port` in the configuration, also after a reload. 0 selects a free port.");
pub const LOCAL_MODEL: Flag = switch(
    Id::LocalModel,
    "local-model",
    "do not fetch lists of models from vendors",
)
.more(
    "By default, a credential without `models` serves the models that its vendor lists; the lists are fetched at \
     startup and every six hours. With this option it serves the built-in list, and any other name that looks like \
     a model of its vendor.",
);
pub const STRICT: Flag = switch(Id::Strict, "strict", "treat warnings as errors");
pub const FORMAT: Flag = value(Id::Format, "format", "FORMAT", "text or json").words(FORMATS);
pub const CHECKS: &str = "Prints one problem per line, as file:line:column severity path message. Writes no files and \
                      makes no network requests. Exits with 1 if there is an error.";
pub const EXPLAINS: &str = "Prints how the model name is parsed, which credentials serve it under which upstream names, \
                        and which do not. Makes no network requests.";
