//! The table of commands.

use super::flag::{Action, Command, Id, switch, value};
use super::shared::{
    CHECKS, CLIENTS, CONFIG, EXPLAINS, FORMAT, HELP, HOST, LOCAL_MODEL, PORT, PROVIDERS, SHELLS,
    STRICT,
};
use super::{accounts, serving};
use crate::cli::exit;

/// All commands. The first one runs when no command is given.
pub const COMMANDS: &[Command] = &[
    Command {
        action: Action::Serve,
        name: "",
        words: "",
        choices: &[],
        help: "start the gateway",
        more: "",
        flags: serving::FLAGS,
        examples: &[
            ("holdfast", "start with ./config.yaml"),
            ("holdfast check --strict", "validate the configuration"),
            (
                "holdfast explain 'claude-sonnet-4-5(high)'",
                "show which credentials serve a model",
            ),
            #[cfg(feature = "demo")]
            ("holdfast demo", "try holdfast without a configuration"),
        ],
    },
    Command {
        action: Action::Serve,
        name: "serve",
        words: "[FILE]",
        choices: &[],
        help: "start the gateway (the same as no command)",
        more: "",
        flags: &[CONFIG, HOST, PORT, LOCAL_MODEL, HELP],
        examples: &[("holdfast serve config.yaml --port 9000", "use another port")],
    },
    Command {
        action: Action::Check,
        name: "check",
        words: "[FILE]",
        choices: &[],
        help: "validate the configuration",
        more: CHECKS,
        flags: &[CONFIG, STRICT, FORMAT, HELP],
        examples: &[(
            "holdfast check config.yaml --format json",
            "for scripts and editors",
        )],
    },
    Command {
        action: Action::Doctor,
        name: "doctor",
        words: "[FILE]",
        choices: &[],
        help: "diagnose the configuration, the upstreams and this machine",
        more: "Validates the configuration, requests the list of models from each upstream with each credential \
               (which costs no tokens), and checks the clock, certificates, proxies, the limit of open files, memory, \
               folders and the port. Prints advice for each problem. Exits with 1 if there is an error.",
        flags: &[CONFIG, switch(Id::Json, "json", "print JSON"), HELP],
        examples: &[("holdfast doctor --json", "for scripts")],
    },
    Command {
        action: Action::Explain,
        name: "explain",
        words: "MODEL",
        choices: &[],
        help: "show which credentials serve a model, and why",
        more: EXPLAINS,
        flags: &[CONFIG, HELP],
        examples: &[("holdfast explain gpt-5-mini", "show who serves gpt-5-mini")],
    },
    Command {
        action: Action::Init,
        name: "init",
        words: "[FILE]",
        choices: &[],
        help: "write a small configuration and print the settings of a client",
        more: "Writes FILE (default: config.yaml) with one credential and a new client key, readable only by its \
               owner; never overwrites a file. Asks on the terminal for values not given as options. The API key is \
               read without echo, or from a pipe.",
        flags: &[
            value(
                Id::Provider,
                "provider",
                "NAME",
                "the provider of the credential",
            )
            .words(PROVIDERS),
            value(
                Id::BaseUrl,
                "base-url",
                "URL",
                "with --provider openai-compatible: the base URL",
            ),
            value(
                Id::KeyEnv,
                "key-env",
                "VARIABLE",
                "read the API key from this environment variable at startup",
            ),
            value(
                Id::Port,
                "port",
                "N",
                "the port to listen on (default: 8317)",
            ),
            value(
                Id::Client,
                "client",
                "NAME",
                "print the settings of this client",
            )
            .words(CLIENTS),
            HELP,
        ],
        examples: &[(
            "holdfast init --provider claude --client claude-code",
            "configure Claude Code",
        )],
    },
    accounts::LOGIN,
    accounts::IMPORT,
    accounts::CREDENTIALS,
    accounts::REFRESH,
    #[cfg(feature = "demo")]
    Command {
        action: Action::Demo,
        name: "demo",
        words: "",
        choices: &[],
        help: "run the gateway with built-in upstreams, to try it",
        more: "Prints an example command for each API, then one line per request: session, model, account, routing \
               decision, share of cached input tokens, status and duration.",
        flags: &[
            value(
                Id::Port,
                "port",
                "N",
                "listen on this port instead of 8317; 0 selects a free port",
            ),
            switch(Id::Json, "json", "print JSON lines"),
            HELP,
        ],
        examples: &[("holdfast demo --port 0", "use a free port")],
    },
    Command {
        action: Action::Identify,
        name: "identify",
        words: "",
        choices: &[],
        help: "show which session a request belongs to",
        more: "Reads a request body from standard input and prints the session ids derived from it.",
        flags: &[
            value(
                Id::Header,
                "header",
                "'NAME: VALUE'",
                "a header of the request; may be repeated",
            )
            .short('H'),
            switch(Id::Json, "json", "print JSON"),
            HELP,
        ],
        examples: &[(
            "holdfast identify -H 'X-Session-ID: mine' < body.json",
            "print the session ids",
        )],
    },
    Command {
        action: Action::Completions,
        name: "completions",
        words: "SHELL",
        choices: SHELLS,
        help: "print a completion script for bash, zsh or fish",
        more: "",
        flags: &[HELP],
        examples: &[
            (
                "source <(holdfast completions bash)",
                "for ~/.bashrc; zsh likewise",
            ),
            ("holdfast completions fish | source", "for config.fish"),
        ],
    },
    Command {
        action: Action::Manual,
        name: "man",
        words: "",
        choices: &[],
        help: "print the manual page",
        more: "",
        flags: &[HELP],
        examples: &[(
            "holdfast man > holdfast.1; man -l holdfast.1",
            "read the manual",
        )],
    },
    Command {
        action: Action::Help,
        name: "help",
        words: "[COMMAND]",
        choices: &[],
        help: "print the help of a command",
        more: "",
        flags: &[HELP],
        examples: &[],
    },
    Command {
        action: Action::Version,
        name: "version",
        words: "",
        choices: &[],
        help: "print the version",
        more: "",
        flags: &[HELP],
        examples: &[],
    },
];

/// The command that runs when none is given.
#[allow(clippy::indexing_slicing, reason = "Evaluated at compile time")]
pub const SERVE: &Command = &COMMANDS[0];

/// Exit codes and their meaning; part of the public interface.
pub const EXIT_CODES: &[(u8, &str)] = &[
    (0, "success"),
    (exit::INPUT, "invalid configuration or input"),
    (exit::USAGE, "usage error"),
    (exit::BIND, "cannot listen"),
];
