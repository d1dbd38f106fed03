//! Parses the command line.
//!
//! Long options work with one dash or two (`-config`, `--config`), as Go's `flag` package has it, for the command
//! lines of CLIProxyAPI. A value follows after a space or `=`.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use lexopt::Arg;

use super::client_settings::Client;
use super::flags::{
    Action, CLIENTS, COMMANDS, Command, FORMATS, Flag, Id, PROVIDERS, SERVE, SHELLS, Support,
};
use crate::config::{Config, Secret};
use crate::similar;

/// Where the demo listens unless told otherwise.
#[cfg(feature = "demo")]
const DEMO_PORT: u16 = 8317;

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

/// Why a command line is not understood; never tells a value that may be a secret.
#[derive(Debug, PartialEq, Eq)]
pub struct Misuse(String);

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Understands `arguments`, without the program's name.
///
/// # Errors
/// For a line that nothing can be made of, or that asks for what this version does not have.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, Misuse> {
    let line = Line::read(arguments)?;
    if line.has(Id::Help) {
        return Ok(Request::Help(line.command));
    }
    if line.has(Id::Version) {
        return Ok(Request::Version);
    }
    let refused = |(flag, _): &&(&Flag, _)| flag.support == Support::Refused;
    if let Some((flag, _)) = line.given.iter().find(refused) {
        let instead = match flag.help.starts_with("sign in") {
            true => "; use an API key instead (`holdfast init`)",
            false => "",
        };
        return misuse(format!("--{} is not implemented{instead}", flag.long));
    }
    match line.command.action {
        Action::Serve => line.serving(),
        Action::Check => Ok(Request::Check {
            config: line.configuration(),
            json: line.format_is_json()?,
            strict: line.has(Id::Strict),
        }),
        Action::Doctor => Ok(Request::Doctor {
            config: line.configuration(),
            json: line.has(Id::Json),
        }),
        Action::Explain => Ok(Request::Explain {
            config: line.last(Id::Config).map(PathBuf::from),
            model: line.required()?,
        }),
        Action::Init => line.init(),
        Action::Help => {
            let name = line.word.as_deref().unwrap_or_default();
            Ok(Request::Help(find(name)?))
        }
        Action::Version => Ok(Request::Version),
        #[cfg(feature = "demo")]
        Action::Demo => Ok(Request::Demo {
            port: line.port()?.unwrap_or(DEMO_PORT),
            json: line.has(Id::Json),
        }),
        Action::Identify => Ok(Request::Identify {
            headers: line.texts(Id::Header)?,
            json: line.has(Id::Json),
        }),
        Action::Completions => match line.word.as_deref() {
            Some("bash") => Ok(Request::Completions(Shell::Bash)),
            Some("zsh") => Ok(Request::Completions(Shell::Zsh)),
            Some("fish") => Ok(Request::Completions(Shell::Fish)),
            _ => misuse(format!("completions requires one of {}", SHELLS.join(", "))),
        },
        Action::Manual => Ok(Request::Manual),
    }
}

/// The command of that name; with an empty name what is done without a command.
fn find(name: &str) -> Result<&'static Command, Misuse> {
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

fn misuse<T>(message: String) -> Result<T, Misuse> {
    Err(Misuse(message))
}

/// A command line in its parts.
struct Line {
    command: &'static Command,
    given: Vec<(&'static Flag, OsString)>,
    word: Option<String>,
}

impl Line {
    fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Misuse> {
        let mut left: VecDeque<OsString> = arguments.into_iter().collect();
        let mut line = Self {
            command: SERVE,
            given: Vec::new(),
            word: None,
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
            if self.command.words.is_empty() || self.word.is_some() {
                return misuse(format!(
                    "{}: unexpected argument '{word}'",
                    self.command.name
                ));
            }
            self.word = Some(word.to_owned());
            return Ok(());
        }
        // A flag before the command was not one of the command.
        if let Some((flag, _)) = self.given.first() {
            return misuse(format!("'{word}' cannot be used with --{}", flag.long));
        }
        self.command = find(word)?;
        Ok(())
    }

    /// The word that the command cannot do without.
    fn required(&self) -> Result<String, Misuse> {
        let (name, words) = (self.command.name, self.command.words);
        let word = self.word.clone();
        word.ok_or_else(|| Misuse(format!("{name} requires an argument: {words}")))
    }

    /// The configuration file, by its flag or as the word behind the command.
    fn configuration(&self) -> Option<PathBuf> {
        let flag = self.last(Id::Config).map(PathBuf::from);
        flag.or_else(|| self.word.as_ref().map(PathBuf::from))
    }

    fn has(&self, id: Id) -> bool {
        self.given.iter().any(|(flag, _)| flag.id == id)
    }

    /// The value of a flag; of one that is repeated the last.
    fn last(&self, id: Id) -> Option<&OsString> {
        let mut given = self.given.iter().rev();
        given
            .find(|(flag, _)| flag.id == id)
            .map(|(_, value)| value)
    }

    fn text(&self, id: Id) -> Result<Option<String>, Misuse> {
        Ok(self.texts(id)?.pop())
    }

    /// All values of a flag.
    fn texts(&self, id: Id) -> Result<Vec<String>, Misuse> {
        let given = self.given.iter().filter(|(flag, _)| flag.id == id);
        given
            .map(|(flag, value)| match value.to_str() {
                Some(text) => Ok(text.to_owned()),
                None => misuse(format!("the value of --{} is not UTF-8", flag.long)),
            })
            .collect()
    }

    fn serving(&self) -> Result<Request, Misuse> {
        let config = self.configuration();
        if self.has(Id::Schema) {
            return Ok(Request::Schema);
        }
        if self.has(Id::PrintEffective) {
            return Ok(Request::PrintEffective { config });
        }
        if let Some(model) = self.text(Id::Explain)? {
            return Ok(Request::Explain { config, model });
        }
        if self.has(Id::Check) {
            return Ok(Request::Check {
                config,
                json: self.format_is_json()?,
                strict: self.has(Id::Strict),
            });
        }
        let alone = [Id::Strict, Id::Format];
        if let Some((flag, _)) = self.given.iter().find(|(flag, _)| alone.contains(&flag.id)) {
            return misuse(format!("--{} requires --check", flag.long));
        }
        Ok(Request::Serve {
            config,
            listen: Overrides {
                host: self.text(Id::Host)?,
                port: self.port()?,
            },
            fetches_models: !self.has(Id::LocalModel),
            password: self.text(Id::Password)?.map(Secret::new),
        })
    }

    fn init(&self) -> Result<Request, Misuse> {
        Ok(Request::Init(Init {
            file: self.word.as_ref().map(PathBuf::from),
            provider: self.choice(Id::Provider, PROVIDERS, Provider::named)?,
            base_url: self.text(Id::BaseUrl)?,
            key_variable: self.text(Id::KeyEnv)?,
            port: self.port()?,
            client: self.choice(Id::Client, CLIENTS, Client::named)?,
        }))
    }

    /// The value of a flag that takes one of `words`.
    fn choice<T>(
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

    fn format_is_json(&self) -> Result<bool, Misuse> {
        match self.text(Id::Format)?.as_deref() {
            None | Some("text") => Ok(false),
            Some("json") => Ok(true),
            Some(_) => misuse(format!("--format must be one of {}", FORMATS.join(", "))),
        }
    }

    fn port(&self) -> Result<Option<u16>, Misuse> {
        let Some(text) = self.text(Id::Port)? else {
            return Ok(None);
        };
        let complaint = |_| Misuse(format!("--port must be a number up to 65535, not '{text}'"));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|misuse| misuse.0)
    }

    fn serve(path: Option<&str>) -> Result<Request, String> {
        Ok(Request::Serve {
            config: path.map(PathBuf::from),
            listen: Overrides::default(),
            fetches_models: true,
            password: None,
        })
    }

    #[test]
    fn the_configuration_is_named_in_many_ways() {
        assert_eq!(parsed(""), serve(None));
        for line in [
            "--config a.yaml",
            "--config=a.yaml",
            "-config a.yaml",
            "-config=a.yaml",
            "-c a.yaml",
            "-c=a.yaml",
            "--config b.yaml --config a.yaml",
            "-tui=false -config a.yaml -no-browser -oauth-callback-port 7 --local-model=false",
        ] {
            assert_eq!(parsed(line), serve(Some("a.yaml")), "{line}");
        }
        assert_eq!(parsed("-config -login"), serve(Some("-login")));
        assert_eq!(parsed("-c -"), serve(Some("-")));
    }

    #[test]
    fn questions_are_understood() {
        let check = |json, strict| {
            let config = None;
            Ok(Request::Check {
                config,
                json,
                strict,
            })
        };
        assert_eq!(parsed("--check"), check(false, false));
        assert_eq!(parsed("-check -format=json -strict"), check(true, true));
        let model = "m(high)".to_owned();
        let config = Some(PathBuf::from("a"));
        assert_eq!(
            parsed("--explain m(high) -c a"),
            Ok(Request::Explain { config, model })
        );
        assert_eq!(parsed("--schema"), Ok(Request::Schema));
        let config = None;
        assert_eq!(
            parsed("--print-effective"),
            Ok(Request::PrintEffective { config })
        );
        assert_eq!(parsed("-V"), Ok(Request::Version));
        assert_eq!(parsed("-version"), Ok(Request::Version));
    }

    #[test]
    fn commands_are_understood() {
        assert_eq!(
            parsed("identify --json --header A:b -H C:d"),
            Ok(Request::Identify {
                headers: vec!["A:b".to_owned(), "C:d".to_owned()],
                json: true
            })
        );
        assert_eq!(
            parsed("completions zsh"),
            Ok(Request::Completions(Shell::Zsh))
        );
        assert_eq!(parsed("man"), Ok(Request::Manual));
        for command in COMMANDS {
            let help = parsed(&format!("{} --help", command.name));
            let Ok(Request::Help(found)) = help else {
                panic!("{help:?}");
            };
            assert_eq!(found.action, command.action);
        }
    }

    #[test]
    fn commands_are_as_good_as_flags() {
        for (command, flags) in [
            ("serve", ""),
            ("serve a.yaml", "--config a.yaml"),
            ("serve --config a.yaml", "--config a.yaml"),
            (
                "serve a.yaml --port 1 --host ::1",
                "-c a.yaml -host=::1 -port=1",
            ),
            ("check", "--check"),
            (
                "check a.yaml --strict --format json",
                "-c a.yaml --check --strict --format=json",
            ),
            ("explain m(high) -c a.yaml", "-c a.yaml --explain m(high)"),
            ("version", "--version"),
            ("help", "--help"),
            ("help check", "check --help"),
            ("help help", "help --help"),
        ] {
            assert_eq!(parsed(command), parsed(flags), "{command}");
            assert!(parsed(command).is_ok(), "{command}");
        }
    }

    #[cfg(feature = "demo")]
    #[test]
    fn the_demo_takes_a_port() {
        let demo = |port, json| Ok(Request::Demo { port, json });
        assert_eq!(parsed("demo"), demo(8317, false));
        assert_eq!(parsed("demo -port 0 --json"), demo(0, true));
        assert!(parsed("demo --port 65536").is_err());
    }

    #[test]
    fn a_password_is_kept_and_never_told() {
        let request = parsed("-password very-secret-word --config a");
        assert!(!format!("{request:?}").contains("secret"));
        let Ok(Request::Serve { password, .. }) = request else {
            panic!("{request:?}");
        };
        assert_eq!(password, Some(Secret::new("very-secret-word")));
        assert_eq!(
            parsed("-passwort=very-secret-word"),
            Err("there is no --passwort, did you mean --port?".to_owned())
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for (line, message) in [
            (
                "serve-me",
                "there is no command 'serve-me', did you mean 'serve'?",
            ),
            (
                "identfy",
                "there is no command 'identfy', did you mean 'identify'?",
            ),
            ("--confg x", "there is no --confg, did you mean --config?"),
            ("-x", "there is no -x"),
            ("--config", "--config takes a value: FILE"),
            ("identify extra", "identify takes no 'extra'"),
            ("identify --port 1", "there is no --port"),
            (
                "--port 65536",
                "--port takes a number up to 65535, not '65536'",
            ),
            ("explain", "explain takes a value: MODEL"),
            ("explain a b", "explain takes no 'b'"),
            ("version 2", "version takes no '2'"),
            (
                "help chek",
                "there is no command 'chek', did you mean 'check'?",
            ),
            ("completions", "completions takes one of bash, zsh, fish"),
            (
                "completions tcsh",
                "completions takes one of bash, zsh, fish",
            ),
            ("--config x man", "'man' must not follow --config"),
            ("--check --format=xml", "--format takes one of text, json"),
            ("--strict", "--strict needs --check"),
            ("--check=perhaps", "--check takes true or false, or nothing"),
            (
                "-codex-login",
                "--codex-login is not implemented: use an API key instead, `holdfast init` asks for it",
            ),
            ("--tui", "--tui is not implemented"),
        ] {
            assert_eq!(parsed(line), Err(message.to_owned()), "{line}");
        }
    }

    #[test]
    fn every_flag_of_the_table_is_accepted() {
        for command in COMMANDS {
            let word = match command.choices.first() {
                Some(word) => word,
                None if command.words.is_empty() || command.words.starts_with('[') => "",
                None => "word",
            };
            for flag in command.flags {
                for dashes in ["-", "--"] {
                    for separator in [" ", "="] {
                        let value = match flag.id {
                            Id::Port => "1",
                            Id::Provider => PROVIDERS[0],
                            Id::Client => CLIENTS[0],
                            Id::Format if command.name.is_empty() => "json --check",
                            Id::Format => "json",
                            _ => flag.value,
                        };
                        let value = if flag.takes_value() {
                            format!("{separator}{value}")
                        } else {
                            String::new()
                        };
                        let more = if flag.id == Id::Strict && command.name.is_empty() {
                            " --check"
                        } else {
                            ""
                        };
                        let line =
                            format!("{} {word} {dashes}{}{value}{more}", command.name, flag.long);
                        let outcome = parsed(&line.replace("'NAME: VALUE'", "a:b"));
                        assert_eq!(
                            outcome.is_err(),
                            flag.support == Support::Refused,
                            "{line} {outcome:?}"
                        );
                    }
                }
            }
        }
    }
}
