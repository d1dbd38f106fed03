//! Completion scripts, generated from the table of flags.

use std::fmt::Write;

use super::flags::{COMMANDS, Command, Flag, SERVE, Support, Values};
use super::request::Shell;

/// The script for one shell.
pub fn script(shell: Shell) -> String {
    match shell {
        Shell::Bash => bash(),
        Shell::Zsh => zsh(),
        Shell::Fish => fish(),
    }
}

fn flags(command: &Command) -> impl Iterator<Item = &'static Flag> {
    command.shown(Support::Works)
}

fn named() -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().filter(|command| !command.name.is_empty())
}

fn names() -> Vec<&'static str> {
    named().map(|command| command.name).collect()
}

/// `-c` and `--config`.
fn spellings(flag: &Flag) -> Vec<String> {
    let short = flag.short.map(|short| format!("-{short}"));
    short
        .into_iter()
        .chain([format!("--{}", flag.long)])
        .collect()
}

fn bash() -> String {
    let mut text = String::from(
        "# bash completion for holdfast\n_holdfast() {\n    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words\n    COMPREPLY=()\n    case ${COMP_WORDS[1]}:$prev in\n",
    );
    for command in COMMANDS {
        let before = if command.name.is_empty() {
            "*"
        } else {
            command.name
        };
        for flag in flags(command).filter(|flag| flag.takes_value()) {
            let patterns: Vec<String> = spellings(flag)
                .iter()
                .map(|name| format!("{before}:{name}"))
                .collect();
            let answer = match flag.values {
                Values::Files => {
                    "compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$cur\"))"
                        .to_owned()
                }
                Values::Words(words) => {
                    format!(
                        "COMPREPLY=($(compgen -W '{}' -- \"$cur\"))",
                        words.join(" ")
                    )
                }
                Values::None | Values::Any => ":".to_owned(),
            };
            let _ = writeln!(text, "        {}) {answer}; return ;;", patterns.join("|"));
        }
    }
    text.push_str("    esac\n    case ${COMP_WORDS[1]} in\n");
    for command in named() {
        let _ = writeln!(
            text,
            "        {}) words='{}' ;;",
            command.name,
            offered(command).join(" ")
        );
    }
    let mut first = offered(SERVE);
    first.extend(names().into_iter().map(str::to_owned));
    let _ = writeln!(
        text,
        "        *) words='{}' ;;\n    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}}\ncomplete -F _holdfast holdfast",
        first.join(" ")
    );
    text
}

/// Everything that can follow a command.
fn offered(command: &Command) -> Vec<String> {
    let words = command.choices.iter().map(|word| (*word).to_owned());
    words.chain(flags(command).flat_map(spellings)).collect()
}

fn zsh() -> String {
    let mut text = String::from("#compdef holdfast\n_holdfast() {\n    case $words[2] in\n");
    for command in named() {
        let _ = write!(
            text,
            "        {}) _arguments '1: :({})'",
            command.name, command.name
        );
        if !command.choices.is_empty() {
            let _ = write!(
                text,
                " '2:{}:({})'",
                command.words,
                command.choices.join(" ")
            );
        }
        zsh_flags(&mut text, command);
        text.push_str(" ;;\n");
    }
    text.push_str("        *) _arguments '1:command:((");
    for command in named() {
        let _ = write!(text, "{}\\:\"{}\" ", command.name, command.help);
    }
    text.push_str("))'");
    zsh_flags(&mut text, SERVE);
    // It registers itself when sourced, and is called when it is in a folder of `fpath`.
    text.push_str(
        " ;;\n    esac\n}\nif [[ $funcstack[1] == _holdfast ]]; then _holdfast \"$@\"; else compdef _holdfast holdfast; fi\n",
    );
    text
}

fn zsh_flags(text: &mut String, command: &Command) {
    for flag in flags(command) {
        let names = spellings(flag);
        let help = flag.help.replace('\'', "'\\''").replace(':', "\\:");
        let value = match flag.values {
            Values::None => String::new(),
            Values::Any => ":value: ".to_owned(),
            Values::Files => ":file:_files".to_owned(),
            Values::Words(words) => format!(":value:({})", words.join(" ")),
        };
        let names = match names.as_slice() {
            [one] => format!("'{one}"),
            several => format!("'({})'{{{}}}'", several.join(" "), several.join(",")),
        };
        let _ = write!(text, " \\\n            {names}[{help}]{value}'");
    }
}

fn fish() -> String {
    let mut text = String::from("# fish completion for holdfast\ncomplete -c holdfast -f\n");
    for command in named() {
        let _ = writeln!(
            text,
            "complete -c holdfast -n __fish_use_subcommand -a {} -d '{}'",
            command.name, command.help
        );
        if !command.choices.is_empty() {
            let _ = writeln!(
                text,
                "complete -c holdfast -n '__fish_seen_subcommand_from {}' -a '{}'",
                command.name,
                command.choices.join(" ")
            );
        }
    }
    for command in COMMANDS {
        let condition = match command.name {
            "" => format!("not __fish_seen_subcommand_from {}", names().join(" ")),
            name => format!("__fish_seen_subcommand_from {name}"),
        };
        for flag in flags(command) {
            let _ = write!(
                text,
                "complete -c holdfast -n '{condition}' -l {}",
                flag.long
            );
            if let Some(short) = flag.short {
                let _ = write!(text, " -s {short}");
            }
            match flag.values {
                Values::None => {}
                Values::Any => text.push_str(" -x"),
                Values::Files => text.push_str(" -r -F"),
                Values::Words(words) => {
                    let _ = write!(text, " -x -a '{}'", words.join(" "));
                }
            }
            let _ = writeln!(text, " -d '{}'", flag.help.replace('\'', "\\'"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What of every flag must be there in the script of a shell.
    fn expected(shell: Shell, flag: &Flag) -> String {
        match shell {
            Shell::Bash | Shell::Zsh => format!("--{}", flag.long),
            Shell::Fish => format!("-l {}", flag.long),
        }
    }

    #[test]
    fn every_flag_that_works_can_be_completed() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell);
            for command in COMMANDS {
                assert!(script.contains(command.name));
                for flag in command.flags {
                    let wanted = expected(shell, flag);
                    let ends = [' ', '\'', '|', ')', '}', '[', ','];
                    let is_there = script
                        .match_indices(&wanted)
                        .any(|(at, found)| script[at + found.len()..].starts_with(ends));
                    // Another command may have it.
                    let named = COMMANDS.iter().flat_map(flags);
                    let works = named.map(|flag| flag.long).any(|long| long == flag.long);
                    assert_eq!(is_there, works, "{shell:?} {wanted}\n{script}");
                }
            }
        }
    }

    #[test]
    fn nothing_in_the_table_needs_more_quoting() {
        for command in COMMANDS {
            let texts = command
                .flags
                .iter()
                .map(|flag| flag.help)
                .chain([command.help]);
            for text in texts {
                assert!(!text.contains(['"', '\\', '[', ']', '$', '\'']), "{text}");
            }
        }
    }
}
