//! The commands for credential files.

use super::flag::{Action, Command, Flag, Id, switch, value};
use super::shared::{CHANNELS, CONFIG, HELP, PROGRAMS};

pub const NO_BROWSER: Flag = switch(
    Id::NoBrowser,
    "no-browser",
    "print the address instead of opening a browser",
);

pub const LOGIN: Command = Command {
    action: Action::Login,
    name: "login",
    words: "CHANNEL",
    choices: CHANNELS,
    help: "sign in to a vendor and write a credential file to auth-dir",
    more: "Prints the address of the vendor's page, opens it if there is a browser, and waits for it to return, for up \
           to five minutes. On a host without a browser, open the address elsewhere and paste the address that the \
           browser is sent to in the end. Kimi, and Codex with --device, show a code to enter on another device. A \
           file of the same account gets the new tokens and keeps its settings.",
    flags: &[
        CONFIG,
        NO_BROWSER,
        value(
            Id::CallbackPort,
            "callback-port",
            "N",
            "wait for the browser on this port; 0 selects a free port",
        )
        .more(
            "The default is the port that the vendor knows. Claude and Codex send the browser to that one always, so \
             it has to be forwarded to another one.",
        ),
        switch(Id::Device, "device", "codex: enter a code on another device"),
        value(
            Id::Project,
            "project",
            "ID",
            "gemini-cli: the Google Cloud project; ALL for all of them",
        )
        .more("By default Google chooses it, or asks for one."),
        switch(
            Id::Cookie,
            "cookie",
            "iflow: read the cookie of a browser instead",
        )
        .more("The cookie is read without echo, or from a pipe. Only its part BXAuth is kept."),
        HELP,
    ],
    examples: &[
        ("holdfast login codex", "sign in with ChatGPT"),
        (
            "holdfast login claude --no-browser",
            "on a host without a browser",
        ),
    ],
};

pub const IMPORT: Command = Command {
    action: Action::Import,
    name: "import",
    words: "[NAME] [FILE]",
    choices: PROGRAMS,
    help: "copy the login of another program to auth-dir",
    more: "Reads the file in which Codex, Gemini CLI, Kimi CLI or Claude Code keeps its login; - reads standard input. \
           Without NAME it looks for all of them and asks which to copy. Their files are not changed. Both sides \
           then have the same refresh token; where the vendor's tokens are valid once only, the side that renews \
           later is signed out, so that a login of its own (holdfast login) is better.",
    flags: &[
        CONFIG,
        value(
            Id::Vertex,
            "vertex",
            "FILE",
            "copy the key file of a Google Cloud service account",
        )
        .files(),
        value(
            Id::Prefix,
            "prefix",
            "PREFIX",
            "with --vertex: the prefix of its models",
        ),
        value(
            Id::Location,
            "location",
            "REGION",
            "with --vertex: the region (default: us-central1)",
        ),
        HELP,
    ],
    examples: &[
        ("holdfast import gemini", "copy the login of Gemini CLI"),
        (
            "holdfast import --vertex key.json",
            "use a service account of Google Cloud",
        ),
    ],
};

pub const CREDENTIALS: Command = Command {
    action: Action::Credentials,
    name: "credentials",
    words: "[FILE]",
    choices: &[],
    help: "list the credentials of the configuration and of auth-dir",
    more: "Prints id, channel, account, plan, expiry and state of each. It reads files only; what a running gateway \
           knows about cooldowns is not shown.",
    flags: &[CONFIG, switch(Id::Json, "json", "print JSON"), HELP],
    examples: &[("holdfast credentials --json", "for scripts")],
};

pub const REFRESH: Command = Command {
    action: Action::Refresh,
    name: "refresh",
    words: "FILE",
    choices: &[],
    help: "renew the tokens of a credential file now",
    more: "FILE is the name of a file in auth-dir. A gateway that uses the same directory takes over the new tokens.",
    flags: &[CONFIG, HELP],
    examples: &[(
        "holdfast refresh claude-me@example.com.json",
        "see whether a login can still be renewed",
    )],
};
