//! Parses the command line into a request.

use std::ffi::OsString;
use std::path::PathBuf;

use super::client_settings::Client;
use super::command_line::{Line, Misuse, command, misuse};
use super::flags::{Action, By, CLIENTS, Flag, Id, PROVIDERS, SHELLS, SignIn, Support};
use super::request::{Init, Overrides, Provider, Request, Shell};
use crate::config::Secret;

/// Where the demo listens unless told otherwise.
#[cfg(feature = "demo")]
const DEMO_PORT: u16 = 8317;

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
        return misuse(format!("--{} is not implemented", flag.long));
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
            // Without a word: the help of the program.
            let name = line.words.first().map_or("", String::as_str);
            Ok(Request::Help(command(name)?))
        }
        Action::Version => Ok(Request::Version),
        #[cfg(feature = "demo")]
        Action::Demo => Ok(Request::Demo {
            port: line.port(Id::Port)?.unwrap_or(DEMO_PORT),
            json: line.has(Id::Json),
        }),
        Action::Identify => Ok(Request::Identify {
            headers: line.texts(Id::Header)?,
            json: line.has(Id::Json),
        }),
        Action::Login => line.login(&line.required()?, By::Usual),
        Action::Import => line.import(),
        Action::Credentials => Ok(Request::Credentials {
            config: line.configuration(),
            json: line.has(Id::Json),
        }),
        Action::Refresh => Ok(Request::Refresh {
            config: line.last(Id::Config).map(PathBuf::from),
            file: line.required()?,
        }),
        Action::Completions => match line.words.first().map(String::as_str) {
            Some("bash") => Ok(Request::Completions(Shell::Bash)),
            Some("zsh") => Ok(Request::Completions(Shell::Zsh)),
            Some("fish") => Ok(Request::Completions(Shell::Fish)),
            _ => misuse(format!("completions requires one of {}", SHELLS.join(", "))),
        },
        Action::Manual => Ok(Request::Manual),
    }
}

impl Line {
    fn serving(&self) -> Result<Request, Misuse> {
        let config = self.configuration();
        // In the order of the table.
        let elsewhere = self
            .command
            .flags
            .iter()
            .find(|flag| matches!(flag.id, Id::Login(_) | Id::Vertex) && self.has(flag.id));
        match elsewhere.map(|flag| flag.id) {
            Some(Id::Login(SignIn { channel, by })) => return self.login(channel, by),
            Some(_) => return self.import(),
            None => {}
        }
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
                port: self.port(Id::Port)?,
            },
            fetches_models: !self.has(Id::LocalModel),
            password: self.text(Id::Password)?.map(Secret::new),
        })
    }

    fn init(&self) -> Result<Request, Misuse> {
        Ok(Request::Init(Init {
            file: self.words.first().map(PathBuf::from),
            provider: self.choice(Id::Provider, PROVIDERS, Provider::named)?,
            base_url: self.text(Id::BaseUrl)?,
            key_variable: self.text(Id::KeyEnv)?,
            port: self.port(Id::Port)?,
            client: self.choice(Id::Client, CLIENTS, Client::named)?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::flags::COMMANDS;
    use super::*;

    fn parsed(line: &str) -> Result<Request, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|misuse| misuse.to_string())
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
            Err("unknown option --passwort, did you mean --port?".to_owned())
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for (line, message) in [
            (
                "serve-me",
                "unknown command 'serve-me', did you mean 'serve'?",
            ),
            (
                "identfy",
                "unknown command 'identfy', did you mean 'identify'?",
            ),
            (
                "--confg x",
                "unknown option --confg, did you mean --config?",
            ),
            ("-x", "unknown option -x"),
            ("--config", "--config requires a value: FILE"),
            ("identify extra", "identify: unexpected argument 'extra'"),
            ("identify --port 1", "unknown option --port"),
            (
                "--port 65536",
                "--port must be a number up to 65535, not '65536'",
            ),
            ("explain", "explain requires an argument: MODEL"),
            ("explain a b", "explain: unexpected argument 'b'"),
            ("version 2", "version: unexpected argument '2'"),
            ("help chek", "unknown command 'chek', did you mean 'check'?"),
            ("completions", "completions requires one of bash, zsh, fish"),
            (
                "completions tcsh",
                "completions requires one of bash, zsh, fish",
            ),
            ("--config x man", "'man' cannot be used with --config"),
            ("--check --format=xml", "--format must be one of text, json"),
            ("--strict", "--strict requires --check"),
            (
                "--check=perhaps",
                "--check accepts only true or false as its value",
            ),
            ("login", "login requires an argument: CHANNEL"),
            (
                "login vertex",
                "'vertex' is not one of claude, codex, gemini-cli, antigravity, kimi, iflow; `holdfast import --vertex FILE` takes the key of a service account",
            ),
            (
                "login claude --device",
                "claude has no sign-in with --device",
            ),
            ("login codex --cookie", "codex has no sign-in with --cookie"),
            ("login codex --project p", "codex has no projects"),
            (
                "login codex --callback-port x",
                "--callback-port must be a number up to 65535, not 'x'",
            ),
            (
                "import opencode",
                "'opencode' is not one of codex, gemini, kimi, claude",
            ),
            ("import codex a b", "import: unexpected argument 'b'"),
            (
                "import codex --vertex k",
                "'codex' cannot be used with --vertex",
            ),
            (
                "import --prefix p",
                "--prefix and --location require --vertex",
            ),
            ("--tui", "--tui is not implemented"),
        ] {
            assert_eq!(parsed(line), Err(message.to_owned()), "{line}");
        }
    }

    #[test]
    fn every_flag_of_the_table_is_accepted() {
        for command in COMMANDS {
            for flag in command.flags {
                let word = match (command.name, flag.id) {
                    ("login", Id::Device) => "codex",
                    ("login", Id::Cookie) => "iflow",
                    ("login", Id::Project) => "gemini-cli",
                    ("import", Id::Vertex | Id::Prefix | Id::Location) => "",
                    _ => match command.choices.first() {
                        Some(word) => word,
                        None if command.words.is_empty() || command.words.starts_with('[') => "",
                        None => "word",
                    },
                };
                for dashes in ["-", "--"] {
                    for separator in [" ", "="] {
                        let value = match flag.id {
                            Id::Port | Id::CallbackPort => "1",
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
                        let more = match (command.name, flag.id) {
                            ("", Id::Strict) => " --check",
                            ("import", Id::Prefix | Id::Location) => " --vertex key.json",
                            _ => "",
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
