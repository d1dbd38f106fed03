//! `holdfast`: serve until told to stop.

use std::cell::Cell;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::environment::Environment;
use super::notify::Manager;
use super::output::complain;
use super::source::{self, Reading, Source};
use super::{exit, locate, questions, version, waiting};
use crate::config::{self, Config, Problem, Secret};
use crate::gateway::{Gateway, Running, StartError};
use crate::logs::{self, Journal};
use crate::provider::Variables;

pub fn run(
    config: Option<PathBuf>,
    password: Option<&Secret>,
    environment: &Environment,
) -> ExitCode {
    let in_vain = environment.problems();
    if !in_vain.is_empty() {
        in_vain.iter().for_each(tell);
        return ExitCode::from(exit::INPUT);
    }
    let mut signals = match Signals::new([SIGHUP, SIGINT, SIGTERM]) {
        Ok(signals) => signals,
        Err(error) => {
            complain(format_args!("holdfast: cannot take signals: {error}"));
            return ExitCode::from(exit::INPUT);
        }
    };
    let manager = Manager::of_process();
    let places = locate::places(config, environment);
    let (source, config) = if environment.waits_for_configuration() {
        manager.ready("waiting for a configuration");
        match waiting::until_valid(&places, environment, &mut signals) {
            Some(found) => found,
            None => return ExitCode::SUCCESS,
        }
    } else {
        let Some(path) = questions::found(places) else {
            return ExitCode::from(exit::INPUT);
        };
        let source = Arc::new(Source::new(path, Box::new(environment.lookup())));
        match source.read(tell) {
            Reading::Config(config) | Reading::Empty(config) => (source, *config),
            Reading::Same | Reading::Unusable => return ExitCode::from(exit::INPUT),
        }
    };
    let writable = environment.get("WRITABLE_PATH");
    let folder = move |config: &Config| logs::folder(writable.as_deref(), &config.auth_dir);
    let journal = Journal::start(&config.logs, &folder(&config));
    tell_idle(&config);
    for name in environment.idle().chain(password.map(|_| "--password")) {
        log::warn!("{name} has no effect in this version");
    }
    let drain_timeout = config.limits.drain_timeout;
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
    match Gateway::new(config)
        .with_variables(Variables::new(environment.lookup()))
        .with_task(watch)
        .run()
    {
        Ok(running) => {
            for address in running.addresses() {
                log::info!(
                    "holdfast {} listening on {scheme}://{address}",
                    version::short()
                );
            }
            let status = format!("listening on {scheme}://{}", running.address());
            manager.ready(&status);
            let is_current = Cell::new(true);
            until_told(signals, running, drain_timeout, &manager, |running| {
                manager.reloading();
                is_current
                    .set(reload(running, &journal, &folder, &source).unwrap_or(is_current.get()));
                manager.ready(match is_current.get() {
                    true => status.clone(),
                    false => {
                        format!("{status}, by an older configuration: the file cannot be used")
                    }
                });
            })
        }
        Err(error) => {
            complain(format_args!("holdfast: {error}"));
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
    manager: &Manager,
    on_hangup: impl Fn(&Running),
) -> ExitCode {
    for signal in signals.forever() {
        if signal == SIGHUP {
            on_hangup(&running);
        } else {
            break;
        }
    }
    let status = format!("{} requests under way", running.active());
    log::info!("stopping: {status}");
    manager.stopping(status);
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
        running.keep();
        // Workers may wait for upstreams that never answer: leave them to the end of the process.
        std::process::exit(0);
    }
    running.stop();
    ExitCode::SUCCESS
}

/// Whether the gateway serves by what the file says now; `None` where nothing has changed.
fn reload(
    running: &Running,
    journal: &Journal,
    folder: impl Fn(&Config) -> PathBuf,
    source: &Source,
) -> Option<bool> {
    let file = source.path().display();
    match source.read(tell) {
        Reading::Same => {
            running.reread_certificate();
            log::info!("config: {file} is the same");
            return None;
        }
        Reading::Empty(_) => log::warn!("config: {file} is empty, the old one stays"),
        Reading::Unusable => log::error!("config: {file} not reloaded, the old one stays"),
        Reading::Config(config) => {
            journal.apply(&config.logs, &folder(&config));
            tell_idle(&config);
            running.reload(*config);
            log::info!("config: {file} reloaded");
            return Some(true);
        }
    }
    Some(false)
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
    complain(problem);
}
