//! The manual page, in the macros of man(7), made of the table of flags.

use std::fmt::Write;

use super::environment::VARIABLES;
use super::flags::{COMMANDS, Command, EXIT_CODES, Flag, SERVE, Support};

const DESCRIPTION: &str = "holdfast is a gateway for language-model APIs. Clients use OpenAI Chat \
Completions, OpenAI Responses, Anthropic Messages or Gemini, with many credentials of many providers. Each \
conversation stays on the credential that holds its prompt cache, fails over to another one while that one is \
unavailable, and returns.";

const SIGNALS: &[(&str, &str)] = &[
    (
        "SIGHUP",
        "Reloads the configuration. An invalid configuration changes nothing.",
    ),
    (
        "SIGTERM, SIGINT",
        "Stop accepting connections, wait up to limits.drain-timeout for running requests, and exit with 0. A \
         second signal exits at once.",
    ),
];

const SYSTEMD: &str = "Set by systemd for services of Type=notify or Type=notify-reload. holdfast reports when it is ready, \
reloads and stops, and a status text.";

const DOTENV: &str = "Variables can be set in a file .env in the working directory: lines KEY=value, optionally after \
export; # begins a comment; a value in single quotes is literal; in double quotes \\ escapes and \
${KEY} is replaced by another variable. It does not override variables that are set.";

const FILES: &[(&str, &str)] = &[
    (
        "config.yaml",
        "The configuration, in the working directory.",
    ),
    (
        "$XDG_CONFIG_HOME/holdfast/config.yaml, ~/.config/holdfast/config.yaml",
        "The configuration of the user.",
    ),
    (
        "/etc/holdfast/config.yaml",
        "The configuration of the system.",
    ),
    (".env", "Environment variables, in the working directory."),
];

/// The whole page.
pub fn page() -> String {
    let mut page = Page(String::new());
    page.macro_line(&format!(
        ".TH HOLDFAST 1 \"\" \"holdfast {}\" \"User Commands\"",
        env!("CARGO_PKG_VERSION")
    ));
    page.section("NAME");
    page.text("holdfast - keeps every conversation on the credential that holds its prompt cache");
    page.section("SYNOPSIS");
    for (at, command) in COMMANDS.iter().enumerate() {
        if at > 0 {
            page.macro_line(".br");
        }
        page.macro_line(&format!(".B {}", escaped(&command.call())));
        page.text("[options]");
    }
    page.section("DESCRIPTION");
    page.text(DESCRIPTION);
    page.section("OPTIONS");
    page.text("Long options also work with one dash. The value follows after a space or =.");
    page.flags(SERVE, Support::Works);
    for command in COMMANDS.iter().filter(|command| !command.name.is_empty()) {
        page.command(command);
    }
    page.section("OPTIONS OF OTHER GATEWAYS");
    page.text("Of CLIProxyAPI, for what the commands login and import do:");
    page.flags(SERVE, Support::Elsewhere);
    page.macro_line(".PP");
    page.text("Not implemented:");
    page.flags(SERVE, Support::Refused);
    page.macro_line(".PP");
    page.text("Accepted without effect:");
    page.flags(SERVE, Support::Ignored);
    page.section("ENVIRONMENT");
    for variable in VARIABLES.iter().filter(|variable| variable.works) {
        let mut help = sentence(variable.help);
        if variable.lower {
            help.push_str(" The name in lower case works too.");
        }
        page.entry(variable.name, &help);
    }
    page.entry("NOTIFY_SOCKET", SYSTEMD);
    page.macro_line(".PP");
    page.text(DOTENV);
    page.section("FILES");
    page.entries(FILES);
    page.section("SIGNALS");
    page.entries(SIGNALS);
    page.section("EXIT STATUS");
    for (code, what) in EXIT_CODES {
        page.entry(&code.to_string(), &sentence(what));
    }
    page.section("EXAMPLES");
    for command in COMMANDS {
        page.entries(command.examples);
    }
    page.0
}

struct Page(String);

impl Page {
    fn macro_line(&mut self, line: &str) {
        // Writing into memory does not fail.
        let _ = writeln!(self.0, "{line}");
    }

    fn section(&mut self, title: &str) {
        self.macro_line(&format!(".SH {title}"));
    }

    fn text(&mut self, text: &str) {
        self.macro_line(&escaped(text));
    }

    fn entry(&mut self, name: &str, text: &str) {
        self.macro_line(".TP");
        self.macro_line(&format!(".B {}", escaped(name)));
        self.text(text);
    }

    fn entries(&mut self, entries: &[(&str, &str)]) {
        for (name, text) in entries {
            self.entry(name, text);
        }
    }

    fn command(&mut self, command: &Command) {
        self.section(&format!("COMMAND {}", command.name.to_uppercase()));
        self.text(&format!("{} {}", sentence(command.help), command.more));
        self.flags(command, Support::Works);
    }

    fn flags(&mut self, command: &Command, support: Support) {
        for flag in command.shown(support) {
            self.macro_line(".TP");
            self.macro_line(&spelling(flag));
            self.text(&format!("{} {}", sentence(flag.help), flag.more));
        }
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).chain(['.']).collect()
}

/// Names in bold, the value in italics.
fn spelling(flag: &Flag) -> String {
    let long = escaped(&format!("--{}", flag.long));
    let short = flag
        .short
        .map_or(String::new(), |short| format!("\\fB\\-{short}\\fR, "));
    match flag.takes_value() {
        true => format!("{short}\\fB{long}\\fR \\fI{}\\fR", escaped(flag.value)),
        false => format!("{short}\\fB{long}\\fR"),
    }
}

/// Escapes text for troff, with hyphens that can be copied.
fn escaped(text: &str) -> String {
    let text = text.trim_end();
    let mut escaped = String::with_capacity(text.len() + 8);
    if text.starts_with(['.', '\'']) {
        escaped.push_str("\\&");
    }
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '\'' => escaped.push_str("\\(aq"),
            '~' => escaped.push_str("\\(ti"),
            '^' => escaped.push_str("\\(ha"),
            '`' => escaped.push_str("\\(ga"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_in_the_manual() {
        let page = page();
        for command in COMMANDS {
            for flag in command.flags {
                let name = format!("\\fB{}\\fR", escaped(&format!("--{}", flag.long)));
                assert_eq!(page.contains(&name), !flag.is_hidden, "{name}");
                assert_eq!(
                    page.contains(&escaped(&sentence(flag.help))),
                    !flag.is_hidden,
                    "{name}"
                );
            }
            assert!(page.contains(&escaped(&command.call())));
        }
        for variable in VARIABLES {
            let is_there = page.contains(&format!(".B {}\n", variable.name));
            assert_eq!(is_there, variable.works, "{}", variable.name);
        }
        assert!(!page.contains("password") && page.is_ascii());
    }

    #[test]
    fn text_means_itself() {
        for (text, expected) in [
            (".env", "\\&.env"),
            ("'a'", "\\&\\(aqa\\(aq"),
            ("a-b\\c ", "a\\-b\\ec"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }
}
