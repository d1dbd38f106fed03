//! `DEPLOY=cloud`: waits for a configuration.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use signal_hook::consts::SIGHUP;
use signal_hook::iterator::Signals;

use super::environment::Environment;
use super::load::Places;
use super::output::complain;
use super::request::Overrides;
use super::source::{Reading, Source};
use crate::config::Config;

/// How often the file's metadata is checked.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Waits for a configuration that is valid and not empty; `None` if a signal to stop comes first.
pub fn until_valid(
    places: &Places,
    environment: &Environment,
    listen: &Overrides,
    signals: &mut Signals,
) -> Option<(Arc<Source>, Config)> {
    let (mut seen, mut tried) = (None, None);
    loop {
        let path = places.find();
        let now = Some((path.to_owned(), stamp(path)));
        // Wait while the file is being written: half of it may be valid YAML.
        let is_settled = seen.is_none() || seen == now;
        if is_settled && tried != now {
            tried.clone_from(&now);
            match attempt(path, environment, listen) {
                Some(found) => return Some(found),
                None => complain(format_args!("holdfast: waiting for {}", path.display())),
            }
        }
        seen = now;
        thread::sleep(LOOK_INTERVAL);
        for signal in signals.pending() {
            match signal {
                SIGHUP => tried = None,
                _ => return None,
            }
        }
    }
}

fn attempt(
    path: &Path,
    environment: &Environment,
    listen: &Overrides,
) -> Option<(Arc<Source>, Config)> {
    // A missing file is not a problem here.
    if !path.exists() {
        return None;
    }
    let source = Source::new(
        path.to_owned(),
        Box::new(environment.lookup()),
        listen.clone(),
    );
    match source.read(|_, text| complain(text)) {
        Reading::Config(config) => Some((Arc::new(source), *config)),
        Reading::Empty(_) | Reading::Same | Reading::Unusable => None,
    }
}

/// The metadata that changes when a file does.
fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let found = path.metadata().ok()?;
    Some((found.modified().ok()?, found.len()))
}
