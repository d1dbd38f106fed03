//! The flags without a command. Those of CLIProxyAPI for signing in are tried in the order of the table.

use super::accounts::NO_BROWSER;
use super::flag::{By, Flag, Id, SignIn, switch, value};
use super::shared::{CHECKS, CONFIG, EXPLAINS, FORMATS, HELP, HOST, LOCAL_MODEL, PORT};

pub const FLAGS: &[Flag] = &[
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
        Id::Vertex,
        "vertex-import",
        "FILE",
        "store a service account (holdfast import --vertex)",
    )
    .files()
    .elsewhere(),
    sign_in("login", "gemini-cli", By::Usual),
    sign_in("antigravity-login", "antigravity", By::Usual),
    sign_in("codex-login", "codex", By::Usual),
    sign_in("codex-device-login", "codex", By::Device),
    sign_in("claude-login", "claude", By::Usual),
    sign_in("iflow-login", "iflow", By::Usual),
    sign_in("iflow-cookie", "iflow", By::Cookie),
    sign_in("kimi-login", "kimi", By::Usual),
    switch(Id::Other, "tui", "start the terminal interface").refused(),
    value(
        Id::Project,
        "project_id",
        "ID",
        "with --login: the project (holdfast login --project)",
    )
    .elsewhere(),
    NO_BROWSER.elsewhere(),
    value(
        Id::CallbackPort,
        "oauth-callback-port",
        "N",
        "with a login: the port of the callback (holdfast login --callback-port)",
    )
    .elsewhere(),
    value(
        Id::Prefix,
        "vertex-import-prefix",
        "PREFIX",
        "with --vertex-import: the model prefix (holdfast import --prefix)",
    )
    .elsewhere(),
    switch(Id::Other, "standalone", "with --tui: start the gateway too").ignored(),
];

const fn sign_in(long: &'static str, channel: &'static str, by: By) -> Flag {
    let help = match by {
        By::Usual => "sign in (holdfast login CHANNEL)",
        By::Device => "sign in with a device code (holdfast login codex --device)",
        By::Cookie => "sign in with a cookie (holdfast login iflow --cookie)",
    };
    switch(Id::Login(SignIn { channel, by }), long, help).elsewhere()
}
