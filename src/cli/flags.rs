//! The table of commands and flags. The parser, `--help`, the completions and the manual page are generated
//! from it.

/// What a flag means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    Config,
    Check,
    Strict,
    Format,
    Explain,
    PrintEffective,
    Schema,
    Help,
    Version,
    Host,
    Port,
    Provider,
    BaseUrl,
    KeyEnv,
    Client,
    Json,
    LocalModel,
    Header,
    Password,
    /// Recognised but not implemented: see [`Flag::support`].
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    Works,
    /// Accepted for compatibility, without effect.
    Ignored,
    /// Refused with a message, because the feature is not implemented.
    Refused,
}

/// The values of a flag, for completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// A switch: it takes no value.
    None,
    Any,
    Files,
    Words(&'static [&'static str]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    pub id: Id,
    pub long: &'static str,
    pub short: Option<char>,
    /// The placeholder for its value; empty for a switch.
    pub value: &'static str,
    pub values: Values,
    /// One line.
    pub help: &'static str,
    /// Further text for the manual; often empty.
    pub more: &'static str,
    pub support: Support,
    /// Not shown in help, completions or manual.
    pub is_hidden: bool,
}

/// A command. The one with an empty name runs when no command is given.
#[derive(Debug, PartialEq, Eq)]
pub struct Command {
    pub action: Action,
    pub name: &'static str,
    /// Its positional argument: none, `NAME`, or `[NAME]` if optional.
    pub words: &'static str,
    /// The values that the argument can have; empty for any.
    pub choices: &'static [&'static str],
    pub help: &'static str,
    pub more: &'static str,
    pub flags: &'static [Flag],
    /// A command line and what it does.
    pub examples: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Serve,
    Check,
    Doctor,
    Explain,
    Init,
    Help,
    Version,
    #[cfg(feature = "demo")]
    Demo,
    Identify,
    Completions,
    Manual,
}

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

const HELP: Flag = switch(Id::Help, "help", "print this help").short('h');
const CONFIG: Flag = value(Id::Config, "config", "FILE", "the configuration file")
    .short('c')
    .files()
    .more(
        "By default, the first of these that exists: $HOLDFAST_CONFIG, config.yaml in the working \
         directory, holdfast/config.yaml in $XDG_CONFIG_HOME or ~/.config, \
         /etc/holdfast/config.yaml.",
    );
const HOST: Flag = value(
    Id::Host,
    "host",
    "ADDRESS",
    "listen on this address instead of `host`",
)
.more("Overrides `host` in the configuration, also after a reload.");
const PORT: Flag = value(
    Id::Port,
    "port",
    "N",
    "listen on this port instead of `port`",
)
.more("Overrides `port` in the configuration, also after a reload. 0 selects a free port.");
const LOCAL_MODEL: Flag = switch(
    Id::LocalModel,
    "local-model",
    "do not fetch lists of models from vendors",
)
.more(
    "By default, a credential without `models` serves the models that its vendor lists; the lists are fetched at \
     startup and every six hours. With this option it serves the built-in list, and any other name that looks like \
     a model of its vendor.",
);
const STRICT: Flag = switch(Id::Strict, "strict", "treat warnings as errors");
const FORMAT: Flag = value(Id::Format, "format", "FORMAT", "text or json").words(FORMATS);
const CHECKS: &str = "Prints one problem per line, as file:line:column severity path message. Writes no files and \
                      makes no network requests. Exits with 1 if there is an error.";
const EXPLAINS: &str = "Prints how the model name is parsed, which credentials serve it under which upstream names, \
                        and which do not. Makes no network requests.";

/// All commands. The first one runs when no command is given.
pub const COMMANDS: &[Command] = &[
    Command {
        action: Action::Serve,
        name: "",
        words: "",
        choices: &[],
        help: "start the gateway",
        more: "",
        flags: &[
            CONFIG,
            HOST,
            PORT,
            LOCAL_MODEL,
            switch(Id::Check, "check", "validate the configuration and exit").more(CHECKS),
            switch(
                Id::Strict,
                "strict",
                "with --check: treat warnings as errors",
            ),
            value(Id::Format, "format", "FORMAT", "with --check: text or json").words(FORMATS),
            value(
                Id::Explain,
                "explain",
                "MODEL",
                "print which credentials serve a model, and exit",
            )
            .more(EXPLAINS),
            switch(
                Id::PrintEffective,
                "print-effective",
                "print the configuration with all defaults, and exit",
            )
            .more("Secrets are masked."),
            switch(
                Id::Schema,
                "schema",
                "print a JSON Schema of the configuration, and exit",
            ),
            HELP,
            switch(Id::Version, "version", "print the version, and exit").short('V'),
            value(
                Id::Password,
                "password",
                "PASSWORD",
                "management password for loopback",
            )
            .hidden(),
            value(
                Id::Other,
                "vertex-import",
                "FILE",
                "store a service account",
            )
            .files()
            .refused(),
            switch(Id::Other, "login", "sign in to Google").refused(),
            switch(Id::Other, "antigravity-login", "sign in to Antigravity").refused(),
            switch(Id::Other, "codex-login", "sign in to Codex").refused(),
            switch(
                Id::Other,
                "codex-device-login",
                "sign in to Codex with a device code",
            )
            .refused(),
            switch(Id::Other, "claude-login", "sign in to Claude").refused(),
            switch(Id::Other, "iflow-login", "sign in to iFlow").refused(),
            switch(Id::Other, "iflow-cookie", "sign in to iFlow with a cookie").refused(),
            switch(Id::Other, "kimi-login", "sign in to Kimi").refused(),
            switch(Id::Other, "tui", "start the terminal interface").refused(),
            value(Id::Other, "project_id", "ID", "with --login: the project").ignored(),
            switch(
                Id::Other,
                "no-browser",
                "with a login: print the URL instead of opening it",
            )
            .ignored(),
            value(
                Id::Other,
                "oauth-callback-port",
                "N",
                "with a login: the port of the callback",
            )
            .ignored(),
            value(
                Id::Other,
                "vertex-import-prefix",
                "PREFIX",
                "with --vertex-import: the model prefix",
            )
            .ignored(),
            switch(Id::Other, "standalone", "with --tui: start the gateway too").ignored(),
        ],
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
    (super::exit::INPUT, "invalid configuration or input"),
    (super::exit::USAGE, "usage error"),
    (super::exit::BIND, "cannot listen"),
];

impl Command {
    /// Its command line without options.
    pub fn call(&self) -> String {
        let parts = ["holdfast", self.name, self.words];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(" ")
    }

    pub fn shown(&self, support: Support) -> impl Iterator<Item = &'static Flag> {
        let flags = self.flags.iter();
        flags.filter(move |flag| flag.support == support && !flag.is_hidden)
    }
}

impl Flag {
    pub const fn takes_value(&self) -> bool {
        !self.value.is_empty()
    }

    const fn short(mut self, letter: char) -> Self {
        self.short = Some(letter);
        self
    }

    const fn more(mut self, text: &'static str) -> Self {
        self.more = text;
        self
    }

    const fn files(mut self) -> Self {
        self.values = Values::Files;
        self
    }

    const fn words(mut self, words: &'static [&'static str]) -> Self {
        self.values = Values::Words(words);
        self
    }

    const fn refused(mut self) -> Self {
        self.support = Support::Refused;
        self
    }

    const fn ignored(mut self) -> Self {
        self.support = Support::Ignored;
        self
    }

    const fn hidden(mut self) -> Self {
        self.is_hidden = true;
        self
    }
}

const fn switch(id: Id, long: &'static str, help: &'static str) -> Flag {
    Flag {
        id,
        long,
        short: None,
        value: "",
        values: Values::None,
        help,
        more: "",
        support: Support::Works,
        is_hidden: false,
    }
}

const fn value(id: Id, long: &'static str, value: &'static str, help: &'static str) -> Flag {
    Flag {
        value,
        values: Values::Any,
        ..switch(id, long, help)
    }
}
