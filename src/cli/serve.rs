//! `holdfast`: serve until told to stop.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::exit;
use crate::config::{self, Config};
use crate::gateway::{Gateway, Running, StartError};
use crate::logs::{self, Journal};

pub fn run(path: &Path) -> ExitCode {
    let Some(config) = read(path) else {
        return ExitCode::from(exit::INPUT);
    };
    let journal = Journal::start(&config.logs, &logs::folder(&config.auth_dir));
    let drain_timeout = config.limits.drain_timeout;
    let signals = match Signals::new([SIGHUP, SIGINT, SIGTERM]) {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("holdfast: cannot take signals: {error}");
            return ExitCode::from(exit::INPUT);
        }
    };
    match Gateway::start(config) {
        Ok(running) => {
            for address in running.addresses() {
                log::info!(
                    "holdfast {} listening on http://{address}",
                    env!("CARGO_PKG_VERSION")
                );
            }
            until_told(signals, running, drain_timeout, |running| {
                reload(running, &journal, path);
            })
        }
        Err(error) => {
            eprintln!("holdfast: {error}");
            ExitCode::from(match error {
                StartError::Bind { .. } => exit::BIND,
                StartError::System(_) => exit::INPUT,
            })
        }
    }
}

/// Serves until SIGINT or SIGTERM, then lets running requests finish; a second signal ends at once.
pub fn until_told(
    mut signals: Signals,
    running: Running,
    drain_timeout: std::time::Duration,
    on_hangup: impl Fn(&Running),
) -> ExitCode {
    for signal in signals.forever() {
        if signal == SIGHUP {
            on_hangup(&running);
        } else {
            break;
        }
    }
    log::info!("stopping: {} requests under way", running.active());
    let again = Arc::new(AtomicBool::new(false));
    let hurry = Arc::clone(&again);
    thread::spawn(move || {
        for signal in signals.forever() {
            if signal != SIGHUP {
                hurry.store(true, Ordering::Release);
                return;
            }
        }
    });
    if !running.drain(drain_timeout, || again.load(Ordering::Acquire)) {
        log::warn!("{} requests did not finish", running.active());
        // Workers may wait for upstreams that never answer: leave them to the end of the process.
        std::process::exit(0);
    }
    running.stop();
    ExitCode::SUCCESS
}

fn reload(running: &Running, journal: &Journal, path: &Path) {
    match read(path) {
        Some(config) => {
            journal.apply(&config.logs, &logs::folder(&config.auth_dir));
            running.reload(config);
            log::info!("config: {} reloaded", path.display());
        }
        None => log::error!("config: {} not reloaded, the old one stays", path.display()),
    }
}

/// Reads the file and tells of all its problems; `None` if it cannot be used.
fn read(path: &Path) -> Option<Config> {
    let loaded = config::read(path);
    for problem in &loaded.problems {
        eprintln!("{problem}");
    }
    loaded.config
}
