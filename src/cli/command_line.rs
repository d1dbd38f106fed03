//! A command line in its parts: command, flags and words.
//!
//! Long options work with one dash or two (`-config`, `--config`), as Go's `flag` package has it, for the command lines
//! of CLIProxyAPI. A value follows after a space or `=`.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use lexopt::Arg;

use super::flags::{COMMANDS, Command, FORMATS, Flag, Id, SERVE};
use crate::similar;

/// Why a command line is not understood; never tells a value that may be a secret.
#[derive(Debug, PartialEq, Eq)]
pub struct Misuse(pub String);

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The command of that name; with an empty name what is done without a command.
pub fn command(name: &str) -> Result<&'static Command, Misuse> {
    let mut commands = COMMANDS.iter();
    if let Some(command) = commands.find(|command| command.name == name) {
        return Ok(command);
    }
    let named = COMMANDS.iter().map(|command| command.name);
    let near = similar::to(name, named.filter(|name| !name.is_empty()));
    let hint = near
        .first()
        .map_or(String::new(), |near| format!(", did you mean '{near}'?"));
    misuse(format!("unknown command '{name}'{hint}"))
}

pub fn misuse<T>(message: String) -> Result<T, Misuse> {
    Err(Misuse(message))
}

/// A command line in its parts.
pub struct Line {
    pub command: &'static Command,
    pub given: Vec<(&'static Flag, OsString)>,
    pub words: Vec<String>,
}

impl Line {
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Misuse> {
        let mut left: VecDeque<OsString> = arguments.into_iter().collect();
        let mut line = Self {
            command: SERVE,
            given: Vec::new(),
            words: Vec::new(),
        };
        while let Some(argument) = left.pop_front() {
            // One argument at a time: only the flag knows whether the next one is its value.
            let mut parser = lexopt::Parser::from_args([two_dashes(argument)]);
            let flag = match parser.next() {
                Ok(Some(Arg::Value(word))) => {
                    line.add_word(&word.to_string_lossy())?;
                    continue;
                }
                Ok(Some(Arg::Long(name))) => line.long(name)?,
                Ok(Some(Arg::Short(letter))) => line.short(letter)?,
                // `--`: no flag follows, and nothing else can.
                Ok(None) => continue,
                Err(error) => return misuse(error.to_string()),
            };
            let attached = parser.optional_value();
            if flag.takes_value() {
                let value = attached.or_else(|| left.pop_front());
                let complaint =
                    || Misuse(format!("--{} requires a value: {}", flag.long, flag.value));
                line.given.push((flag, value.ok_or_else(complaint)?));
            } else if is_on(flag, attached)? {
                line.given.push((flag, OsString::new()));
            }
        }
        Ok(line)
    }

    fn long(&self, name: &str) -> Result<&'static Flag, Misuse> {
        let flags = self.command.flags;
        flags.iter().find(|flag| flag.long == name).ok_or_else(|| {
            let known = flags.iter().filter(|flag| !flag.is_hidden);
            let near = similar::to(name, known.map(|flag| flag.long));
            let hint = near
                .first()
                .map_or(String::new(), |near| format!(", did you mean --{near}?"));
            Misuse(format!("unknown option --{name}{hint}"))
        })
    }

    fn short(&self, letter: char) -> Result<&'static Flag, Misuse> {
        let mut flags = self.command.flags.iter();
        flags
            .find(|flag| flag.short == Some(letter))
            .ok_or_else(|| Misuse(format!("unknown option -{letter}")))
    }

    fn add_word(&mut self, word: &str) -> Result<(), Misuse> {
        if !self.command.name.is_empty() {
            if self.words.len() == self.command.words.split_whitespace().count() {
                return misuse(format!(
                    "{}: unexpected argument '{word}'",
                    self.command.name
                ));
            }
            self.words.push(word.to_owned());
            return Ok(());
        }
        // A flag before the command was not one of the command.
        if let Some((flag, _)) = self.given.first() {
            return misuse(format!("'{word}' cannot be used with --{}", flag.long));
        }
        self.command = command(word)?;
        Ok(())
    }

    /// The word that the command cannot do without.
    pub fn required(&self) -> Result<String, Misuse> {
        let (name, words) = (self.command.name, self.command.words);
        let word = self.words.first().cloned();
        word.ok_or_else(|| Misuse(format!("{name} requires an argument: {words}")))
    }

    /// The configuration file, by its flag or as the word behind the command.
    pub fn configuration(&self) -> Option<PathBuf> {
        let flag = self.last(Id::Config).map(PathBuf::from);
        flag.or_else(|| self.words.first().map(PathBuf::from))
    }

    pub fn has(&self, id: Id) -> bool {
        self.given.iter().any(|(flag, _)| flag.id == id)
    }

    /// The value of a flag; of one that is repeated the last.
    pub fn last(&self, id: Id) -> Option<&OsString> {
        let mut given = self.given.iter().rev();
        given
            .find(|(flag, _)| flag.id == id)
            .map(|(_, value)| value)
    }

    pub fn text(&self, id: Id) -> Result<Option<String>, Misuse> {
        Ok(self.texts(id)?.pop())
    }

    /// All values of a flag.
    pub fn texts(&self, id: Id) -> Result<Vec<String>, Misuse> {
        let given = self.given.iter().filter(|(flag, _)| flag.id == id);
        given
            .map(|(flag, value)| match value.to_str() {
                Some(text) => Ok(text.to_owned()),
                None => misuse(format!("the value of --{} is not UTF-8", flag.long)),
            })
            .collect()
    }

    /// The value of a flag that takes one of `words`.
    pub fn choice<T>(
        &self,
        id: Id,
        words: &[&str],
        named: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Misuse> {
        let Some(text) = self.text(id)? else {
            return Ok(None);
        };
        match named(&text) {
            Some(value) => Ok(Some(value)),
            None => misuse(format!("'{text}' is not one of {}", words.join(", "))),
        }
    }

    pub fn format_is_json(&self) -> Result<bool, Misuse> {
        match self.text(Id::Format)?.as_deref() {
            None | Some("text") => Ok(false),
            Some("json") => Ok(true),
            Some(_) => misuse(format!("--format must be one of {}", FORMATS.join(", "))),
        }
    }

    /// The value of a flag that takes a port.
    pub fn port(&self, id: Id) -> Result<Option<u16>, Misuse> {
        let mut given = self.given.iter().rev();
        let Some((flag, value)) = given.find(|(flag, _)| flag.id == id) else {
            return Ok(None);
        };
        let text = value.to_string_lossy();
        let complaint = |_| {
            let name = flag.long;
            Misuse(format!(
                "--{name} must be a number up to 65535, not '{text}'"
            ))
        };
        text.parse().map(Some).map_err(complaint)
    }
}

/// `-name` is `--name`; a single letter stays what it is.
fn two_dashes(argument: OsString) -> OsString {
    let is_name = |rest: &[u8]| match rest {
        [b'-', ..] | [] | [_] | [_, b'=', ..] => false,
        [_, _, ..] => true,
    };
    match argument.as_bytes().strip_prefix(b"-") {
        Some(rest) if is_name(rest) => {
            let mut name = OsString::from("-");
            name.push(argument);
            name
        }
        _ => argument,
    }
}

/// Whether a switch is set: `--switch`, or `--switch=true`.
fn is_on(flag: &Flag, value: Option<OsString>) -> Result<bool, Misuse> {
    let Some(value) = value else {
        return Ok(true);
    };
    match value.to_string_lossy().to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Ok(true),
        "false" | "f" | "0" => Ok(false),
        _ => misuse(format!(
            "--{} accepts only true or false as its value",
            flag.long
        )),
    }
}
