//! Fetches the lists of models for credentials without `models` periodically, and stores them in a file.

use std::cell::Cell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::saved_file::read;
use crate::credential::{Credential, Listed, Listings, UpstreamKind};
use crate::exchange::Waiter;
use crate::failure::{Failure, FailureKind};
use crate::generation::snapshot::Snapshot;
use crate::provider::models::{self, List};
use crate::{atomic_file, chance, state_folder};

/// How often due lists are checked for.
pub const LOOK: Duration = Duration::from_secs(1);
/// How long a list is valid.
const EVERY: Duration = Duration::from_secs(6 * 3600);
/// The first and the longest pause before retrying a list; it doubles with each failure.
const AGAIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(3600));
/// When a list is fetched again whose fetch has not reported, for example after a panic.
const UNREPORTED: Duration = Duration::from_secs(60);
/// The time limit of one list.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often a thread that waits for a list checks whether the gateway stops.
const STOP_CHECK: Duration = Duration::from_millis(100);
/// The most bytes of the file that are read.
const LARGEST: u64 = 64 << 20;

/// The lists, and when each is due.
pub struct ModelLists {
    /// `None`: they are not stored.
    file: Option<PathBuf>,
    state: Mutex<State>,
    pub(super) is_stopping: AtomicBool,
    pub(super) thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct State {
    listings: Listings,
    /// By the credential's id.
    due: HashMap<String, Due>,
    /// The configuration for which the next due time was computed.
    looked: Weak<Snapshot>,
    next: Option<Instant>,
}

struct Due {
    at: Instant,
    /// The number of consecutive failures.
    failures: u32,
}

pub(super) type Fetched = (Arc<Credential>, Result<Vec<Listed>, Failure>);

impl ModelLists {
    /// Reads the lists of an earlier run from `file`.
    pub fn kept_in(file: Option<PathBuf>) -> Self {
        let kept = file.as_ref().map(|file| {
            let kept = read(file, LARGEST).and_then(|json| Ok(Listings::of_json(&json)?));
            kept.unwrap_or_else(|error| {
                if error.kind() != std::io::ErrorKind::NotFound {
                    log::warn!(
                        "{}: cannot read the stored lists of models: {error}",
                        file.display()
                    );
                }
                Listings::default()
            })
        });
        Self {
            file,
            state: Mutex::new(State {
                listings: kept.unwrap_or_default(),
                ..State::default()
            }),
            is_stopping: AtomicBool::new(false),
            thread: Mutex::default(),
        }
    }

    pub fn listings(&self) -> Listings {
        self.state.lock().listings.clone()
    }

    /// The credentials whose lists are due.
    pub(super) fn due(&self, snapshot: &Arc<Snapshot>, now: Instant) -> VecDeque<Arc<Credential>> {
        let mut state = self.state.lock();
        let is_same = std::ptr::eq(state.looked.as_ptr(), Arc::as_ptr(snapshot));
        if is_same && state.next.is_none_or(|next| next > now) {
            return VecDeque::new();
        }
        let at = |credential: &Credential| state.due.get(&credential.id).map(|due| due.at);
        let listing = || {
            let credentials = snapshot.catalog.credentials().iter();
            credentials.filter(|credential| has_list(credential))
        };
        let due = listing().filter(|credential| at(credential).is_none_or(|at| at <= now));
        let due: VecDeque<_> = due.map(Arc::clone).collect();
        let next = listing().filter_map(|credential| at(credential)).min();
        for credential in &due {
            let again = Due {
                at: now + UNREPORTED,
                failures: state.due.get(&credential.id).map_or(0, |due| due.failures),
            };
            state.due.insert(credential.id.clone(), again);
        }
        state.next = match due.is_empty() {
            true => next,
            false => Some(now + UNREPORTED),
        };
        state.looked = Arc::downgrade(snapshot);
        due
    }

    /// Stores the results of fetching. Returns the number of changed lists.
    pub(super) fn take(&self, fetched: Vec<Fetched>, snapshot: &Snapshot, now: Instant) -> usize {
        let mut state = self.state.lock();
        let state = &mut *state;
        let mut count = 0;
        for (credential, outcome) in fetched {
            let id = &credential.id;
            let failures = state.due.get(id).map_or(0, |due| due.failures);
            let (pause, failures) = match &outcome {
                Ok(_) => (EVERY, 0),
                Err(failure) => (again(failure, failures), failures + 1),
            };
            let at = now + spread(pause);
            state.due.insert(id.clone(), Due { at, failures });
            let who = credential.masked_id();
            match outcome {
                Ok(list) => {
                    log::debug!("models: {who}: {} models listed", list.len());
                    count += usize::from(state.listings.put(id, list));
                }
                Err(failure) if failures == 1 => {
                    let instead = match (state.listings.of(id), credential.models.is_empty()) {
                        (Some(_), _) => "the previous list stays in use",
                        (None, false) => "the built-in list is used",
                        (None, true) => "it serves no model until then",
                    };
                    log::info!(
                        "models: {who}: cannot fetch the list: {failure}; {instead}; retrying in about {} s",
                        pause.as_secs()
                    );
                }
                Err(failure) => log::debug!("models: {who}: cannot fetch the list: {failure}"),
            }
        }
        state.next = Some(now);
        let credentials = snapshot.catalog.credentials().iter();
        let present: HashSet<&str> = credentials
            .filter(|credential| has_list(credential))
            .map(|credential| credential.id.as_str())
            .collect();
        state.due.retain(|id, _| present.contains(id.as_str()));
        let has_fewer = state.listings.retain(|id| present.contains(id));
        if count > 0 || has_fewer {
            self.write(&state.listings);
        }
        count
    }

    fn write(&self, listings: &Listings) {
        let Some(file) = &self.file else { return };
        let made = file.parent().map_or(Ok(()), state_folder::make);
        let written = made.and_then(|()| atomic_file::replace(file, &listings.to_json()));
        if let Err(error) = written {
            log::warn!(
                "{}: cannot store the lists of models: {error}",
                file.display()
            );
        }
    }

    /// A waiter with the time limit of one list, which also ends when the gateway stops.
    pub(super) fn waiter(self: &Arc<Self>) -> Waiter {
        let waiter = Waiter::alone();
        waiter.hurry(Some(PATIENCE));
        let (lists, own) = (Arc::clone(self), waiter.clone());
        // Only once, so that the deadline passes.
        let is_told = Cell::new(false);
        waiter.keep_alive(Some(Rc::new(move |now| {
            if lists.is_stopping.load(Ordering::Acquire) && !is_told.replace(true) {
                own.hurry(Some(Duration::ZERO));
            }
            Some(now + STOP_CHECK)
        })));
        waiter
    }

    /// Cancels running fetches.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

/// Whether a credential uses a fetched list.
fn has_list(credential: &Credential) -> bool {
    let kind = UpstreamKind::of(&credential.provider);
    credential.unlisted.is_some() && models::has_list(kind, &credential.base_url)
}

/// The models of a list; an empty list counts as a failure.
pub(super) fn filled(list: List) -> Result<Vec<Listed>, Failure> {
    match list.models.is_empty() {
        true => Err(Failure::new(FailureKind::Broken, "the list is empty")),
        false => Ok(list.models),
    }
}

/// The pause after so many failures and this one.
fn again(failure: &Failure, failures: u32) -> Duration {
    // The upstream has no list, which is unlikely to change soon.
    if matches!(failure.status, Some(404 | 405 | 501)) {
        return EVERY;
    }
    let (least, most) = AGAIN;
    let doubled = least
        .saturating_mul(2_u32.saturating_pow(failures))
        .min(most);
    doubled.max(failure.retry_after.unwrap_or_default())
}

/// Varies a duration by up to a fifth, so that gateways do not all ask at the same time.
fn spread(time: Duration) -> Duration {
    time.mul_f64(0.8 + 0.4 * chance::fraction())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_asked_again_later_and_later() {
        let broken = Failure::new(FailureKind::Broken, "x");
        let seconds = |failure: &Failure, failures| again(failure, failures).as_secs();
        let pauses: Vec<u64> = [0, 1, 2, 5, 9, 10, 1000]
            .map(|n| seconds(&broken, n))
            .into();
        assert_eq!(pauses, [5, 10, 20, 160, 2560, 3600, 3600]);
        let missing = Failure {
            status: Some(404),
            ..broken.clone()
        };
        assert_eq!(again(&missing, 0), EVERY);
        let busy = Failure {
            status: Some(429),
            retry_after: Some(Duration::from_secs(700)),
            ..broken
        };
        assert_eq!(seconds(&busy, 0), 700);
    }

    #[test]
    fn times_are_spread() {
        let hour = Duration::from_secs(3600);
        let times: Vec<Duration> = (0..50).map(|_| spread(hour)).collect();
        assert!(
            times
                .iter()
                .all(|time| *time >= hour * 4 / 5 && *time <= hour * 6 / 5)
        );
        assert!(times.iter().any(|time| *time != times[0]));
    }

    #[test]
    fn a_file_that_is_broken_is_as_good_as_none() {
        let folder = std::env::temp_dir().join(format!("holdfast-models-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("models.json");
        std::fs::write(&file, "nonsense").unwrap();
        for file in [Some(file), Some(folder.join("missing")), None] {
            assert_eq!(ModelLists::kept_in(file).listings(), Listings::default());
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
