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

pub fn run(path: &Path) -> ExitCode {
    let Some(config) = read(path) else {
        return ExitCode::from(exit::INPUT);
    };
    start_logging(&config);
    let drain_timeout = config.limits.drain_timeout;
    let signals = match Signals::new([SIGHUP, SIGINT, SIGTERM]) {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("holdfast: cannot take signals: {error}");
            return ExitCode::from(exit::INPUT);
        }
    };
    let scheme = if config.tls.is_some() {
        "https"
    } else {
        "http"
    };
    match Gateway::start(config) {
        Ok(running) => {
            for address in running.addresses() {
                log::info!(
                    "holdfast {} listening on {scheme}://{address}",
                    env!("CARGO_PKG_VERSION")
                );
            }
            until_told(signals, running, drain_timeout, |running| {
                reload(running, path);
            })
        }
        Err(error) => {
            eprintln!("holdfast: {error}");
            ExitCode::from(match error {
                StartError::Bind { .. } => exit::BIND,
                StartError::System(_) | StartError::Tls(_) => exit::INPUT,
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

fn reload(running: &Running, path: &Path) {
    match read(path) {
        Some(config) => {
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

fn start_logging(config: &Config) {
    let level = if config.logs.debug {
        log::LevelFilter::Debug
    } else {
        log::LevelFilter::Info
    };
    // RUST_LOG, where set, wins over `debug`.
    let _ = env_logger::Builder::new()
        .filter_module("holdfast", level)
        .parse_default_env()
        .try_init();
}
