//! `holdfast serve`: runs the gateway until a signal stops it.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{io, thread};

use log::Level;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use super::environment::Environment;
use super::notify::Manager;
use super::output::complain;
use super::request::Overrides;
use super::source::{self, Reading, Source};
use super::{exit, load, questions, summary, version, waiting};
use crate::config::{self, Config, Secret};
use crate::credential::Listings;
use crate::gateway::{Gateway, Running, StartError};
use crate::logs::{self, Logger, Surroundings};
use crate::provider::Variables;

/// A message about the configuration, with its level.
type Remark = (Level, String);

pub fn run(
    config: Option<PathBuf>,
    listen: Overrides,
    fetches_models: bool,
    password: Option<&Secret>,
) -> ExitCode {
    // Flushes the log also if this thread panics.
    let _last_lines = Flushed;
    let (environment, in_passing) = Environment::read();
    let mut remarks: Vec<Remark> = in_passing
        .into_iter()
        .map(|warning| (Level::Warn, warning.to_string()))
        .collect();
    let environment = &environment;
    let in_vain = environment.problems();
    if !in_vain.is_empty() {
        complain_of(remarks);
        in_vain.iter().for_each(complain);
        return ExitCode::from(exit::INPUT);
    }
    let mut signals = match take_signals(&[SIGHUP, SIGINT, SIGTERM]) {
        Ok(signals) => signals,
        Err(error) => {
            complain_of(remarks);
            complain(format_args!("holdfast: cannot take signals: {error}"));
            return ExitCode::from(exit::INPUT);
        }
    };
    let manager = Manager::of_process();
    let places = load::places(config, environment);
    let (source, config) = if environment.waits_for_configuration() {
        complain_of(std::mem::take(&mut remarks));
        manager.ready("waiting for a configuration");
        match waiting::until_valid(&places, environment, &listen, &mut signals) {
            Some(found) => found,
            None => return ExitCode::SUCCESS,
        }
    } else {
        let Some(path) = questions::found(places) else {
            complain_of(remarks);
            return ExitCode::from(exit::INPUT);
        };
        let source = Arc::new(Source::new(path, Box::new(environment.lookup()), listen));
        // The configuration of the log is not known before.
        let told = RefCell::new(&mut remarks);
        match source.read(|level, text| told.borrow_mut().push((level, text))) {
            Reading::Config(config) | Reading::Empty(config) => (source, *config),
            Reading::Same | Reading::Unusable => {
                complain_of(remarks);
                return ExitCode::from(exit::INPUT);
            }
        }
    };
    let folder = logs::folder(&Surroundings::here(
        &environment.lookup(),
        Some(source.path()),
        &config.auth_dir,
    ));
    if config.logs.to_file {
        // Nothing more is written to standard error.
        complain(format_args!("holdfast: logging to {}", folder.display()));
    }
    let logger = Logger::start(&config.logs, &folder);
    for (level, text) in remarks {
        log::log!(level, "{text}");
    }
    warn_unimplemented(&config);
    for name in environment.idle().chain(password.map(|_| "--password")) {
        log::warn!("{name} is not implemented and has no effect");
    }
    let drain_timeout = config.limits.drain_timeout;
    let scheme = if config.tls.is_some() {
        "https"
    } else {
        "http"
    };
    // A changed file has the effect of SIGHUP.
    let hang_up = || {
        let _ = signal_hook::low_level::raise(SIGHUP);
    };
    let listings = match fetches_models {
        true => load::listings(environment),
        false => Listings::default(),
    };
    let providers = summary::providers(&load::credentials(&config, &listings, environment).0);
    let is_anonymous = config.is_anonymous();
    let watch = source::watch(Arc::clone(&source), hang_up);
    log::info!("configuration: {}", source.path().display());
    let mut gateway = Gateway::new(config)
        .with_variables(Variables::new(environment.lookup()))
        .with_log_folder(&folder)
        .with_credential_files()
        .with_task(watch);
    if fetches_models {
        gateway = gateway.with_model_lists(load::lists_file(environment));
    }
    match gateway.run() {
        Ok(running) => {
            for address in running.addresses() {
                log::info!(
                    "holdfast {} listening on {scheme}://{address}",
                    version::short()
                );
            }
            log::info!("{providers}");
            let call = summary::first_call(scheme, is_anonymous, running.address());
            log::info!("try: {call}");
            let status = format!("listening on {scheme}://{}", running.address());
            manager.ready(&status);
            let is_current = Cell::new(true);
            until_told(signals, running, drain_timeout, &manager, |running| {
                manager.reloading();
                is_current
                    .set(reload(running, &logger, &folder, &source).unwrap_or(is_current.get()));
                manager.ready(match is_current.get() {
                    true => status.clone(),
                    false => {
                        format!(
                            "{status}; the configuration file is invalid, an older one is in use"
                        )
                    }
                });
            })
        }
        Err(error) => {
            log::error!("{error}");
            // The user who started it looks at standard error.
            if logger.is_file() {
                complain(format_args!("holdfast: {error}"));
            }
            ExitCode::from(match error {
                StartError::Bind { .. } => exit::BIND,
                StartError::System(_) | StartError::Tls(_) | StartError::Unprotected { .. } => {
                    exit::INPUT
                }
            })
        }
    }
}

/// Serves until SIGINT or SIGTERM, then waits for running requests; a second signal exits at once.
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
    let status = format!("{} requests in progress", running.active());
    log::info!("stopping: {status}");
    manager.stopping(status);
    let again = Arc::new(AtomicBool::new(false));
    let hurry = Arc::clone(&again);
    let listening = thread::Builder::new().spawn(move || {
        for signal in signals.forever() {
            if signal != SIGHUP {
                hurry.store(true, Ordering::Release);
                return;
            }
        }
    });
    if let Err(error) = listening {
        log::warn!("a second signal will have no effect: {error}");
    }
    if !running.drain(drain_timeout, || again.load(Ordering::Acquire)) {
        log::warn!("{} requests did not finish", running.active());
        running.keep();
        // Workers may wait for upstreams that never answer; the end of the process ends them.
        log::logger().flush();
        std::process::exit(0);
    }
    running.stop();
    ExitCode::SUCCESS
}

/// Whether the file's configuration is in use now; `None` if nothing changed.
fn reload(running: &Running, logger: &Logger, folder: &Path, source: &Source) -> Option<bool> {
    let file = source.path().display();
    match source.read(|level, text| log::log!(level, "{text}")) {
        Reading::Same => {
            running.reread_certificate();
            log::info!("config: {file} is unchanged");
            return None;
        }
        Reading::Empty(_) => {
            log::warn!("config: {file} is empty; the previous configuration stays in use")
        }
        Reading::Unusable => {
            log::error!("config: {file} is invalid; the previous configuration stays in use")
        }
        Reading::Config(config) => {
            logger.apply(&config.logs, folder);
            warn_unimplemented(&config);
            running.reload(*config);
            log::info!("config: {file} reloaded");
            return Some(true);
        }
    }
    Some(false)
}

/// Warns about settings that are not implemented.
fn warn_unimplemented(config: &Config) {
    let keys = config::unimplemented(config);
    if !keys.is_empty() {
        log::warn!(
            "config: not implemented and without effect: {}",
            keys.join(", ")
        );
    }
}

/// Prints messages to standard error, before the log is started.
fn complain_of(remarks: Vec<Remark>) {
    for (_, text) in remarks {
        complain(text);
    }
}

/// Flushes the log when dropped.
struct Flushed;

impl Drop for Flushed {
    fn drop(&mut self) {
        log::logger().flush();
    }
}

/// Handles `signals`, and ignores SIGUSR1 and SIGUSR2, which log rotation and service managers send and which would
/// otherwise end the process.
///
/// # Errors
/// When a handler cannot be installed.
pub fn take_signals(signals: &[i32]) -> io::Result<Signals> {
    for unused in [SIGUSR1, SIGUSR2] {
        flag::register(unused, Arc::new(AtomicBool::new(false)))?;
    }
    Signals::new(signals)
}
