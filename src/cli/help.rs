//! `--help`, made of the table of flags.

use std::fmt::Write;

use super::flags::{COMMANDS, Command, EXIT_CODES, Flag, SERVE, Support};

/// Longest line of names, in characters.
const WIDTH: usize = 80;

/// The help of one command; with that of no command comes what holds for all.
pub fn text(command: &Command) -> String {
    let mut text = String::new();
    // Writing into memory does not fail.
    let _ = match command.name {
        "" => introduction(&mut text),
        _ => writeln!(
            text,
            "{}: {}\n\nUsage: {} [OPTIONS]",
            command.name,
            command.help,
            command.call()
        ),
    };
    if !command.more.is_empty() {
        let _ = write!(text, "\n{}", wrapped(command.more.split(' '), "", " "));
    }
    rows(
        &mut text,
        "Options",
        command
            .shown(Support::Works)
            .map(|flag| (spelling(flag), flag.help)),
    );
    rows(
        &mut text,
        "Examples",
        command
            .examples
            .iter()
            .map(|(line, what)| ((*line).to_owned(), *what)),
    );
    if command.name.is_empty() {
        conclusion(&mut text);
    }
    text
}

fn introduction(text: &mut String) -> std::fmt::Result {
    writeln!(
        text,
        "holdfast is a gateway for language-model APIs that keeps every conversation on the\n\
         credential that holds its prompt cache.\n\n\
         Usage: holdfast [OPTIONS]          start the gateway\n       \
         holdfast COMMAND [OPTIONS]"
    )?;
    let commands = COMMANDS.iter().filter(|command| !command.name.is_empty());
    let calls = commands.map(|command| {
        let call = command.call();
        (
            call.trim_start_matches("holdfast ").to_owned(),
            command.help,
        )
    });
    rows(text, "Commands", calls);
    Ok(())
}

fn conclusion(text: &mut String) {
    for (support, title) in [
        (Support::Refused, "Not implemented"),
        (Support::Ignored, "Accepted without effect"),
        (
            Support::Elsewhere,
            "Of CLIProxyAPI, for what login and import do",
        ),
    ] {
        let names = SERVE.shown(support).map(|flag| format!("--{}", flag.long));
        let names: Vec<String> = names.collect();
        let names = wrapped(names.iter().map(String::as_str), "  ", ", ");
        let _ = write!(text, "\n{title}:\n{names}");
    }
    let codes: Vec<String> = EXIT_CODES
        .iter()
        .map(|(code, what)| format!("{code} {what}"))
        .collect();
    let _ = writeln!(
        text,
        "\nSIGHUP reloads the configuration. SIGTERM and SIGINT stop the gateway after running\n\
         requests have finished; a second signal stops it at once.\n\
         Exit codes: {}.",
        codes.join(", ")
    );
}

/// As in `-c, --config FILE`.
pub fn spelling(flag: &Flag) -> String {
    let short = flag
        .short
        .map_or("    ".to_owned(), |short| format!("-{short}, "));
    let spelling = format!("{short}--{} {}", flag.long, flag.value);
    spelling.trim_end().to_owned()
}

/// Two columns under a title.
fn rows(text: &mut String, title: &str, rows: impl Iterator<Item = (String, &'static str)>) {
    let rows: Vec<(String, &str)> = rows.collect();
    let width = rows.iter().map(|(left, _)| left.len()).max().unwrap_or(0);
    let _ = writeln!(text, "\n{title}:");
    for (left, right) in rows {
        let _ = writeln!(text, "  {left:width$}  {right}");
    }
}

/// Words in lines of equal indentation.
fn wrapped<'w>(words: impl Iterator<Item = &'w str>, indent: &str, separator: &str) -> String {
    let mut text = String::new();
    let mut line = indent.to_owned();
    let mut is_first = true;
    for word in words {
        if !is_first {
            line.push_str(separator);
            if line.len() + word.len() > WIDTH {
                text.push_str(line.trim_end());
                text.push('\n');
                line = indent.to_owned();
            }
        }
        line.push_str(word);
        is_first = false;
    }
    text.push_str(&line);
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_in_the_help_of_its_command() {
        for command in COMMANDS {
            let text = text(command);
            for flag in command.flags {
                let name = format!("--{}", flag.long);
                let is_there = text.split([' ', ',', '\n']).any(|word| word == name);
                assert_eq!(is_there, !flag.is_hidden, "{name} in\n{text}");
                let is_told = flag.support == Support::Works && !flag.is_hidden;
                assert_eq!(text.contains(flag.help), is_told, "{name} in\n{text}");
            }
            assert!(
                text.lines().all(|line| line.chars().count() <= 88),
                "{text}"
            );
            assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
        }
    }
}
