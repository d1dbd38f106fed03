//! The command line: parsing and commands.

mod account_arguments;
mod arguments;
mod check;
mod client_settings;
mod command_line;
mod completions;
mod credentials;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod dotenv;
mod environment;
mod explain;
mod flags;
mod help;
mod identify;
mod import;
mod init;
mod load;
mod login;
mod manual;
mod notify;
mod output;
mod password;
mod prompt;
mod questions;
mod request;
mod serve;
mod source;
mod summary;
mod version;
mod waiting;

use std::ffi::OsString;
use std::process::ExitCode;

use arguments::parse;
use environment::Environment;
use output::{complain, print};
use request::Request;

/// Exit codes; part of the public interface.
pub mod exit {
    /// The configuration or the input is invalid.
    pub const INPUT: u8 = 1;
    /// The command line is invalid.
    pub const USAGE: u8 = 2;
    /// The listening socket cannot be opened.
    pub const BIND: u8 = 3;
}

/// Runs the command given by `arguments` (without the program's name).
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let request = match parse(arguments) {
        Ok(request) => request,
        Err(misuse) => {
            complain(format_args!("holdfast: {misuse}\nTry 'holdfast --help'."));
            return ExitCode::from(exit::USAGE);
        }
    };
    let answer = match request {
        Request::Help(command) => help::text(command),
        Request::Version => version::line(),
        Request::Completions(shell) => completions::script(shell),
        Request::Manual => manual::page(),
        Request::Schema => questions::schema(),
        Request::Serve {
            config,
            listen,
            fetches_models,
            password,
        } => {
            let password = password::out_of_sight(password, config.as_deref(), &listen);
            return serve::run(config, listen, fetches_models, password.as_ref());
        }
        Request::Check {
            config,
            json,
            strict,
        } => return questions::check(config, json, strict, &environment()),
        Request::Explain { config, model } => {
            return questions::explain(config, &model, &environment());
        }
        Request::Doctor { config, json } => return doctor::run(config, json, &environment()),
        Request::PrintEffective { config } => {
            return questions::effective(config, &environment());
        }
        #[cfg(feature = "demo")]
        Request::Demo { port, json } => return demo::run(port, json),
        Request::Init(init) => return init::run(init),
        Request::Login(wanted) => return login::run(&wanted, &environment()),
        Request::Import { config, source } => {
            return import::run(config, &source, &environment());
        }
        Request::Credentials { config, json } => {
            return credentials::list(config, json, &environment());
        }
        Request::Refresh { config, file } => {
            return credentials::refresh(config, &file, &environment());
        }
        Request::Identify { headers, json } => return identify::run(&headers, json),
    };
    print(&answer);
    ExitCode::SUCCESS
}

fn environment() -> Environment {
    let (environment, warnings) = Environment::read();
    for warning in warnings {
        complain(format_args!("holdfast: {warning}"));
    }
    environment
}
