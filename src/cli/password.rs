//! `--password`: a secret on the command line, where other users of the machine can read it.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::{env, io};

use super::output::complain;
use super::request::Overrides;
use crate::config::Secret;

/// Passes the password to the new process; only this user and root can read a process's environment.
const VARIABLE: &str = "HOLDFAST_LOCAL_PASSWORD";

/// Returns the password after removing it from the command line, by executing the program again without it. Call
/// it while there is one thread and no open file.
pub fn out_of_sight(
    given: Option<Secret>,
    config: Option<&Path>,
    listen: &Overrides,
) -> Option<Secret> {
    let Some(password) = given else {
        return env::var(VARIABLE).ok().map(Secret::new);
    };
    let Err(error) = begin_anew(&password, config, listen);
    complain(format_args!(
        "holdfast: cannot hide the password from other users: {error}"
    ));
    Some(password)
}

fn begin_anew(
    password: &Secret,
    config: Option<&Path>,
    listen: &Overrides,
) -> io::Result<std::convert::Infallible> {
    let mut command = Command::new(env::current_exe()?);
    if let Some(name) = env::args_os().next() {
        command.arg0(name);
    }
    if let Some(path) = config {
        command.arg("--config").arg(path);
    }
    if let Some(host) = &listen.host {
        command.arg("--host").arg(host);
    }
    if let Some(port) = listen.port {
        command.arg("--port").arg(port.to_string());
    }
    Err(command.env(VARIABLE, password.reveal()).exec())
}
