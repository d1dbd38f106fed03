//! Parses what `login` and `import` are told.

use std::path::PathBuf;

use super::command_line::{Line, Misuse, misuse};
use super::flags::{Action, By, CHANNELS, Id, PROGRAMS};
use super::request::{Login, Request, Source};
use crate::credential::{Channel, VendorProgram};

impl Line {
    /// `login`, and the options of CLIProxyAPI for it.
    pub fn login(&self, channel: &str, by: By) -> Result<Request, Misuse> {
        let known = match channel {
            "gemini" => Some(Channel::GeminiCli),
            name => Channel::named(name).filter(|_| CHANNELS.contains(&name)),
        };
        let Some(channel) = known else {
            let hint = match channel {
                "vertex" => "; `holdfast import --vertex FILE` takes the key of a service account",
                _ => "",
            };
            let names = CHANNELS.join(", ");
            return misuse(format!("'{channel}' is not one of {names}{hint}"));
        };
        let by = match by {
            By::Usual if self.has(Id::Device) => By::Device,
            By::Usual if self.has(Id::Cookie) => By::Cookie,
            by => by,
        };
        let is_of_channel = match by {
            By::Usual => true,
            By::Device => matches!(channel, Channel::Codex | Channel::Kimi),
            By::Cookie => channel == Channel::Iflow,
        };
        let name = channel.name();
        if !is_of_channel {
            let option = if by == By::Device { "device" } else { "cookie" };
            return misuse(format!("{name} has no sign-in with --{option}"));
        }
        let project = self.text(Id::Project)?;
        let has_projects = matches!(channel, Channel::GeminiCli | Channel::Antigravity);
        // CLIProxyAPI ignores it elsewhere.
        if project.is_some() && !has_projects && self.command.action == Action::Login {
            return misuse(format!("{name} has no projects"));
        }
        Ok(Request::Login(Login {
            config: self.last(Id::Config).map(PathBuf::from),
            channel,
            by,
            opens_browser: !self.has(Id::NoBrowser),
            callback_port: self.port(Id::CallbackPort)?,
            project,
        }))
    }

    /// `import`, and the options of CLIProxyAPI for it.
    pub fn import(&self) -> Result<Request, Misuse> {
        let prefix = self.text(Id::Prefix)?;
        let location = self.text(Id::Location)?;
        let source = match (self.last(Id::Vertex), self.words.first()) {
            (Some(_), Some(word)) if self.command.action == Action::Import => {
                return misuse(format!("'{word}' cannot be used with --vertex"));
            }
            (Some(file), _) => Source::Vertex {
                file: PathBuf::from(file),
                prefix,
                location,
            },
            (None, _) if prefix.is_some() || location.is_some() => {
                return misuse("--prefix and --location require --vertex".to_owned());
            }
            (None, None) => Source::Usual,
            (None, Some(name)) => {
                let program = VendorProgram::named(name);
                let complaint =
                    || Misuse(format!("'{name}' is not one of {}", PROGRAMS.join(", ")));
                Source::Program {
                    program: program.ok_or_else(complaint)?,
                    file: self.words.get(1).map(PathBuf::from),
                }
            }
        };
        Ok(Request::Import {
            config: self.last(Id::Config).map(PathBuf::from),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::cli::arguments::parse;

    fn parsed(line: &str) -> Result<Request, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|misuse| misuse.to_string())
    }

    #[test]
    fn logins_are_commands_or_options_of_the_reference() {
        let login = |channel, by| Login {
            config: None,
            channel,
            by,
            opens_browser: true,
            callback_port: None,
            project: None,
        };
        for (line, reference, expected) in [
            (
                "login claude",
                "-claude-login",
                login(Channel::Claude, By::Usual),
            ),
            (
                "login codex",
                "-codex-login",
                login(Channel::Codex, By::Usual),
            ),
            (
                "login codex --device",
                "-codex-device-login",
                login(Channel::Codex, By::Device),
            ),
            (
                "login gemini",
                "-login",
                login(Channel::GeminiCli, By::Usual),
            ),
            (
                "login antigravity",
                "-antigravity-login",
                login(Channel::Antigravity, By::Usual),
            ),
            ("login kimi", "-kimi-login", login(Channel::Kimi, By::Usual)),
            (
                "login iflow",
                "-iflow-login",
                login(Channel::Iflow, By::Usual),
            ),
            (
                "login iflow --cookie",
                "-iflow-cookie",
                login(Channel::Iflow, By::Cookie),
            ),
            (
                "login gemini-cli -c a --no-browser --callback-port 7 --project p",
                "-config a -login -no-browser -oauth-callback-port 7 -project_id=p",
                Login {
                    config: Some(PathBuf::from("a")),
                    opens_browser: false,
                    callback_port: Some(7),
                    project: Some("p".to_owned()),
                    ..login(Channel::GeminiCli, By::Usual)
                },
            ),
            // The first of the table counts, and what is not of the channel is ignored.
            (
                "login codex",
                "-kimi-login -codex-login -vertex-import-prefix x",
                login(Channel::Codex, By::Usual),
            ),
        ] {
            assert_eq!(parsed(line), Ok(Request::Login(expected)), "{line}");
            assert_eq!(parsed(line), parsed(reference), "{reference}");
        }
    }

    #[test]
    fn imports_are_understood() {
        let import = |source| {
            let config = None;
            Ok(Request::Import { config, source })
        };
        let program = |program, file: Option<&str>| {
            let file = file.map(PathBuf::from);
            import(Source::Program { program, file })
        };
        let key = Source::Vertex {
            file: PathBuf::from("k"),
            prefix: Some("p".to_owned()),
            location: None,
        };
        assert_eq!(parsed("import"), import(Source::Usual));
        assert_eq!(parsed("import kimi"), program(VendorProgram::Kimi, None));
        assert_eq!(
            parsed("import claude -"),
            program(VendorProgram::Claude, Some("-"))
        );
        assert_eq!(parsed("import --vertex k --prefix p"), import(key));
        let reference = "-vertex-import k -vertex-import-prefix p -login";
        assert_eq!(parsed(reference), parsed("import --vertex k --prefix p"));
    }
}
