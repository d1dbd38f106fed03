//! The command line: what was typed, and the commands.

#[cfg(feature = "demo")]
mod demo;
mod identify;
mod serve;
mod source;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::{Long, Short, Value, ValueExt};

const HELP: &str = "\
holdfast keeps every conversation on the credential that holds its prompt cache.

Usage:
  holdfast [--config FILE]         serve (default: ./config.yaml)
  holdfast demo [--port N] [--json]
                                   the gateway in front of embedded upstreams
  holdfast identify [--header 'Name: value']... [--json] < body
                                   the session id of a request

Options:
  -c, --config FILE   the configuration file
  -h, --help          this text
  -V, --version       the version

Signals: SIGHUP reloads the configuration; SIGTERM and SIGINT finish running
requests and end, a second one ends at once.
Exit codes: 0 fine, 1 configuration or input, 2 usage, 3 cannot listen.
";

/// Exit codes; part of the interface.
pub mod exit {
    /// The configuration or the input is not usable.
    pub const INPUT: u8 = 1;
    /// The command line is not usable.
    pub const USAGE: u8 = 2;
    /// The listening socket could not be had.
    pub const BIND: u8 = 3;
}

#[derive(Debug, PartialEq, Eq)]
enum Command {
    Serve {
        config: PathBuf,
    },
    #[cfg(feature = "demo")]
    Demo {
        port: u16,
        json: bool,
    },
    Identify {
        headers: Vec<String>,
        json: bool,
    },
    Help,
    Version,
}

/// Runs what `arguments` (without the program's name) ask for.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match parse(arguments) {
        Ok(Command::Help) => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Ok(Command::Version) => {
            println!("holdfast {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Ok(Command::Serve { config }) => serve::run(&config),
        #[cfg(feature = "demo")]
        Ok(Command::Demo { port, json }) => demo::run(port, json),
        Ok(Command::Identify { headers, json }) => identify::run(&headers, json),
        Err(error) => {
            eprintln!("holdfast: {error}\nTry 'holdfast --help'.");
            ExitCode::from(exit::USAGE)
        }
    }
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut config = PathBuf::from("config.yaml");
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("version") | Short('V') => return Ok(Command::Version),
            Long("config") | Short('c') => config = PathBuf::from(parser.value()?),
            #[cfg(feature = "demo")]
            Value(name) if name == "demo" => return parse_demo(&mut parser),
            Value(name) if name == "identify" => return parse_identify(&mut parser),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Command::Serve { config })
}

#[cfg(feature = "demo")]
fn parse_demo(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut port = 8317;
    let mut json = false;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("port") => port = parser.value()?.parse()?,
            Long("json") => json = true,
            Long("help") | Short('h') => return Ok(Command::Help),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Command::Demo { port, json })
}

fn parse_identify(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut headers = Vec::new();
    let mut json = false;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("header") | Short('H') => headers.push(parser.value()?.string()?),
            Long("json") => json = true,
            Long("help") | Short('h') => return Ok(Command::Help),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Command::Identify { headers, json })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn commands_are_understood() {
        let serve = |path: &str| Command::Serve {
            config: PathBuf::from(path),
        };
        assert_eq!(parsed(""), Ok(serve("config.yaml")));
        assert_eq!(parsed("--config a.yaml"), Ok(serve("a.yaml")));
        assert_eq!(parsed("--config=a.yaml"), Ok(serve("a.yaml")));
        assert_eq!(parsed("-c a.yaml"), Ok(serve("a.yaml")));
        assert_eq!(parsed("--help"), Ok(Command::Help));
        assert_eq!(parsed("-V"), Ok(Command::Version));
        assert_eq!(
            parsed("identify --json --header A:b"),
            Ok(Command::Identify {
                headers: vec!["A:b".to_owned()],
                json: true
            })
        );
    }

    #[cfg(feature = "demo")]
    #[test]
    fn the_demo_takes_a_port() {
        let demo = |port, json| Ok(Command::Demo { port, json });
        assert_eq!(parsed("demo"), demo(8317, false));
        assert_eq!(parsed("demo --port 0 --json"), demo(0, true));
        assert!(parsed("demo --port 65536").is_err());
    }

    #[test]
    fn nonsense_is_refused() {
        for line in ["serve-me", "--confg x", "--config", "identify extra"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
