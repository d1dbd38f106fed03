//! `--password`: a secret on the command line, where every user of the machine can read it.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::output::complain;
use super::request::Overrides;
use crate::config::Secret;

/// Carries the password over; only this user and root can read the environment of a process.
const VARIABLE: &str = "HOLDFAST_LOCAL_PASSWORD";

/// The password, which is not on the command line any more: the process begins anew without it. To be
/// called while there is one thread and nothing is open.
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
        "holdfast: the password stays visible to other users: {error}"
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
