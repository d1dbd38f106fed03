//! `holdfast`: serve until told to stop.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::exit;
use super::source::{self, Reading, Source};
use crate::config::{self, Config, Problem};
use crate::gateway::{Gateway, Running, StartError};

pub fn run(path: &Path) -> ExitCode {
    let source = Arc::new(Source::new(
        path.to_owned(),
        Box::new(|name| std::env::var(name).ok()),
    ));
    let config = match source.read(tell) {
        Reading::Config(config) | Reading::Empty(config) => *config,
        Reading::Same | Reading::Unusable => return ExitCode::from(exit::INPUT),
    };
    start_logging(&config);
    tell_idle(&config);
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
    // A file that changes is as good as a hangup.
    let hang_up = || {
        let _ = signal_hook::low_level::raise(SIGHUP);
    };
    let watch = source::watch(Arc::clone(&source), hang_up);
    match Gateway::new(config).with_task(watch).run() {
        Ok(running) => {
            for address in running.addresses() {
                log::info!(
                    "holdfast {} listening on {scheme}://{address}",
                    env!("CARGO_PKG_VERSION")
                );
            }
            until_told(signals, running, drain_timeout, |running| {
                reload(running, &source);
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

fn reload(running: &Running, source: &Source) {
    let file = source.path().display();
    match source.read(tell) {
        Reading::Same => {
            running.reread_certificate();
            log::info!("config: {file} is the same");
        }
        Reading::Empty(_) => log::warn!("config: {file} is empty, the old one stays"),
        Reading::Unusable => log::error!("config: {file} not reloaded, the old one stays"),
        Reading::Config(config) => {
            tell_idle(&config);
            running.reload(*config);
            log::info!("config: {file} reloaded");
        }
    }
}

/// What a file asks for in vain is better said than left to be found out.
fn tell_idle(config: &Config) {
    let idle = config::idle(config);
    if !idle.is_empty() {
        log::warn!(
            "config: this version does nothing by {} yet",
            idle.join(", ")
        );
    }
}

fn tell(problem: &Problem) {
    eprintln!("{problem}");
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
