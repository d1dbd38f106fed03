//! The tokens of all credential files.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};

use super::holder::{Holder, Inner, Issued};
use super::in_flight::InFlight;
use super::pool::{Job, Pool};
use super::schedule;
use super::state::{Condition, FileState};
use crate::config::Config;
use crate::credential::file::CredentialFile;
use crate::exchange::Waiter;
use crate::failure::{Failure, FailureKind};
use crate::provider::Upstream;
use crate::provider::oauth::Client;

/// How long a request waits for a renewal.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(25);

/// A file with other tokens than before.
#[derive(Clone, Debug)]
pub struct NewTokens {
    pub file: Arc<str>,
    pub since: Instant,
    /// Whether they are not those of a renewal, but of a changed file.
    pub has_other_login: bool,
}

/// The tokens, and the threads that renew them.
pub struct TokenStore {
    pub(super) upstream: Arc<Upstream>,
    pub(super) config: ArcSwap<Config>,
    holders: RwLock<HashMap<Arc<str>, Arc<Holder>>>,
    pool: Arc<Pool>,
    pub(super) in_flight: InFlight,
    /// Files with other tokens than before, whose credentials may be called again.
    renewed: Mutex<Vec<NewTokens>>,
}

impl TokenStore {
    /// Renews at most as many tokens at once as `config` says.
    pub fn new(upstream: Arc<Upstream>, config: &Config) -> Self {
        Self {
            upstream,
            pool: Pool::new(config.auth_auto_refresh_workers),
            in_flight: InFlight::default(),
            config: ArcSwap::from_pointee(config.clone()),
            holders: RwLock::default(),
            renewed: Mutex::default(),
        }
    }

    /// Uses the OAuth clients and the proxy of `config` from now on.
    pub fn configure(&self, config: &Config) {
        self.config.store(Arc::new(config.clone()));
        for holder in self.all() {
            self.check_client(&holder);
            let mut inner = holder.inner.lock();
            // The client may be another one now.
            let is_client = matches!(
                inner.lost.as_deref(),
                Some("invalid_client" | "unauthorized_client")
            );
            if is_client {
                inner.lost = None;
                inner.due = inner.tokens.are_renewable().then(SystemTime::now);
                self.note_renewed(&holder.name, true);
            }
        }
    }

    pub(super) fn all(&self) -> Vec<Arc<Holder>> {
        self.holders.read().values().map(Arc::clone).collect()
    }

    fn holder(&self, name: &str) -> Option<Arc<Holder>> {
        self.holders.read().get(name).map(Arc::clone)
    }

    /// The number of finished renewals of each file, for [`TokenStore::apply`].
    pub fn rounds(&self) -> HashMap<Arc<str>, u64> {
        let holders = self.all().into_iter();
        holders
            .map(|holder| (Arc::clone(&holder.name), holder.inner.lock().round))
            .collect()
    }

    /// The files that were read while they were renewed, so that they must be read again.
    pub fn take_stale(&self) -> Vec<Arc<str>> {
        let is_stale = |holder: &Arc<Holder>| {
            let mut inner = holder.inner.lock();
            !inner.is_queued && std::mem::take(&mut inner.is_stale)
        };
        let stale = self.all().into_iter().filter(is_stale);
        stale.map(|holder| Arc::clone(&holder.name)).collect()
    }

    /// Takes over the files that there are: the tokens of those in `read` are used, and those of removed files forgotten.
    /// `rounds` are from before the reading: what a renewal has changed since then is newer.
    pub fn apply(
        &self,
        files: &[CredentialFile],
        read: &HashSet<String>,
        rounds: &HashMap<Arc<str>, u64>,
    ) {
        let now = SystemTime::now();
        let mut kept: HashMap<Arc<str>, Arc<Holder>> = HashMap::new();
        for file in files {
            let Some(channel) = file.channel() else {
                continue;
            };
            let known = self.holder(&file.name);
            let known = known.filter(|known| known.channel == channel && known.path == file.path);
            let holder = match known {
                Some(known) => {
                    if read.contains(&*file.name) {
                        let round = rounds.get(&file.name).copied();
                        self.adopt(&known, file, round, now);
                    }
                    known
                }
                None => Arc::new(Holder::new(file, channel)),
            };
            self.check_client(&holder);
            kept.insert(Arc::clone(&file.name), holder);
        }
        *self.holders.write() = kept;
    }

    /// Takes over a file that was read after so many renewals.
    fn adopt(&self, holder: &Holder, file: &CredentialFile, round: Option<u64>, now: SystemTime) {
        let mut inner = holder.inner.lock();
        if inner.is_queued || round != Some(inner.round) {
            // What was read may be from before the renewal.
            inner.is_stale = true;
            return;
        }
        // Perhaps it can be written now.
        inner.save_at = None;
        if holder.adopt(&mut inner, &file.settings, &file.tokens, now) {
            log::info!("auth: {}: new tokens in the file", file.name);
            self.note_renewed(&holder.name, true);
        } else if inner.lost.take().is_some() {
            // Whoever has written the file wants it to be tried again.
            inner.due = inner.tokens.are_renewable().then_some(now);
            self.note_renewed(&holder.name, true);
        }
    }

    /// Notes whether the OAuth client of a file is known, and warns if it is not.
    fn check_client(&self, holder: &Holder) {
        let mut inner = holder.inner.lock();
        let lacks_client = inner.tokens.refresh.is_some()
            && Client::of(holder.channel, &inner.tokens.client, &self.config.load()).is_none();
        if lacks_client && !inner.lacks_client {
            log::warn!(
                "auth: {} cannot be refreshed: no client_id (add it to the file or to oauth-clients.{})",
                holder.name,
                holder.channel.name()
            );
        }
        if inner.lacks_client && !lacks_client {
            let now = SystemTime::now();
            if inner.tokens.is_expired(now, Duration::ZERO) {
                inner.due = Some(now);
            }
            // It was blocked for want of one.
            self.note_renewed(&holder.name, true);
        }
        inner.lacks_client = lacks_client;
    }

    /// Notes that requests may call the credentials of a file again. `has_other_login`: others have changed the file.
    pub(super) fn note_renewed(&self, name: &Arc<str>, has_other_login: bool) {
        self.renewed.lock().push(NewTokens {
            file: Arc::clone(name),
            since: Instant::now(),
            has_other_login,
        });
    }

    /// The files that have other tokens since the last call.
    pub fn take_renewed(&self) -> Vec<NewTokens> {
        std::mem::take(&mut self.renewed.lock())
    }

    /// A token for a request. If the file has only an expired one, waits for its renewal.
    ///
    /// # Errors
    /// [`FailureKind::NoToken`] when there is none, or the client has disconnected.
    pub fn issued(self: &Arc<Self>, name: &str, waiter: &Waiter) -> Result<Arc<Issued>, Failure> {
        let holder = self.holder(name).ok_or_else(gone)?;
        let now = SystemTime::now();
        match holder.issued() {
            Some(issued) if issued.is_current(now) => {
                if schedule::is_on_demand(holder.channel) {
                    holder.inner.lock().is_used = true;
                }
                Ok(issued)
            }
            _ => self.renewed(&holder, None, waiter),
        }
    }

    /// Another token than the one that the upstream has refused. `None` if the file cannot be renewed, or the token was just
    /// renewed and never accepted.
    ///
    /// # Errors
    /// As [`TokenStore::issued`].
    pub fn instead_of(
        self: &Arc<Self>,
        name: &str,
        refused: &Arc<Issued>,
        waiter: &Waiter,
    ) -> Result<Option<Arc<Issued>>, Failure> {
        let holder = self.holder(name).ok_or_else(gone)?;
        let can_renew = {
            let inner = holder.inner.lock();
            inner.tokens.are_renewable() && !inner.lacks_client
        };
        match can_renew && !refused.never_worked() {
            true => self.renewed(&holder, Some(refused), waiter).map(Some),
            false => Ok(None),
        }
    }

    /// Queues a file for renewal, unless it is queued.
    fn queue_renewal(self: &Arc<Self>, holder: &Arc<Holder>, is_urgent: bool) {
        if std::mem::replace(&mut holder.inner.lock().is_queued, true) {
            return;
        }
        let (store, own) = (Arc::clone(self), Arc::clone(holder));
        // Also when it panics, or is never run.
        let queued = Queued(Arc::clone(holder));
        let is_queued = self.pool.queue(Job {
            channel: holder.channel,
            is_urgent,
            run: Box::new(move || {
                store.renew_file(&own);
                drop(queued);
            }),
        });
        if !is_queued {
            log::debug!("auth: {}: not renewed, the gateway stops", holder.name);
        }
    }

    /// Starts no further renewal, waits for the running ones up to `patience`, and tries once more to write what is not
    /// written.
    pub fn stop(&self, patience: Duration) {
        self.pool.stop(patience);
        for holder in self.all() {
            self.save_pending(&holder);
        }
    }

    /// Waits for a renewal, which this request may start.
    fn renewed(
        self: &Arc<Self>,
        holder: &Arc<Holder>,
        refused: Option<&Arc<Issued>>,
        waiter: &Waiter,
    ) -> Result<Arc<Issued>, Failure> {
        let usable = |issued: &Arc<Issued>| {
            let is_other = refused.is_none_or(|refused| refused.token != issued.token);
            is_other && issued.is_current(SystemTime::now())
        };
        let round = {
            let mut inner = holder.inner.lock();
            // Another request may have renewed it meanwhile.
            if let Some(issued) = holder.issued().filter(usable) {
                return Ok(issued);
            }
            inner.is_used = true;
            inner.is_refused |= refused.is_some();
            let waits = inner.not_before.and_then(|time| {
                let left = time.saturating_duration_since(Instant::now());
                (!left.is_zero()).then_some(left)
            });
            if !inner.is_queued {
                // A token may lack only its account's project.
                let lacks_project = refused.is_none() && is_fresh(holder);
                if let Some(failure) = self
                    .permanent_failure(holder, &inner)
                    .filter(|_| !lacks_project)
                {
                    return Err(failure);
                }
                if let Some(left) = waits {
                    return Err(no_token(holder, inner.last_error.as_deref(), Some(left)));
                }
            }
            inner.round
        };
        self.queue_renewal(holder, true);
        let limit = Instant::now() + PATIENCE;
        loop {
            if !waiter.pause(LOOK) {
                let message = "the client has disconnected";
                return Err(Failure::new(FailureKind::ClientGone, message));
            }
            let inner = holder.inner.lock();
            if inner.round != round {
                if let Some(issued) = holder.issued().filter(usable) {
                    return Ok(issued);
                }
                let lacks_project = refused.is_none() && is_fresh(holder);
                return Err(match self.permanent_failure(holder, &inner) {
                    Some(failure) if !lacks_project => failure,
                    _ => {
                        let left = inner
                            .not_before
                            .map(|time| time.saturating_duration_since(Instant::now()));
                        no_token(holder, inner.last_error.as_deref(), left)
                    }
                });
            }
            if Instant::now() >= limit {
                return Err(no_token(holder, Some("the renewal takes too long"), None));
            }
        }
    }

    /// The failure of a file that only its operator can mend.
    fn permanent_failure(&self, holder: &Holder, inner: &Inner) -> Option<Failure> {
        let why = match () {
            () if inner.lost.is_some() => {
                let word = inner.lost.as_deref().unwrap_or_default();
                format!("its login is no longer accepted ({word}); log in again")
            }
            () if !inner.tokens.are_renewable() && holder.is_followed => {
                "its token has expired; run the program that it belongs to once".to_owned()
            }
            () if !inner.tokens.are_renewable() => {
                "its token has expired and cannot be renewed".to_owned()
            }
            () if inner.lacks_client => format!(
                "its token has expired, and there is no OAuth client to renew it; add `client_id` to the file, or \
                 oauth-clients.{} to the configuration",
                holder.channel.name()
            ),
            () => return None,
        };
        log::debug!("auth: {}: {why}", holder.name);
        Some(Failure {
            status: Some(401),
            ..Failure::new(FailureKind::NoToken { is_final: true }, why)
        })
    }

    /// Starts the renewals that are due.
    pub fn renew_due(self: &Arc<Self>) {
        let now = SystemTime::now();
        for holder in self.all() {
            let is_due = {
                let inner = holder.inner.lock();
                let is_paused = inner.not_before.is_some_and(|time| time > Instant::now());
                let is_wanted = inner.is_used || !schedule::is_on_demand(holder.channel);
                let is_blocked = inner.lost.is_some()
                    || inner.lacks_client
                    || inner.settings.is_disabled
                    || inner.settings.unusable.is_some();
                let is_due = inner.due.is_some_and(|due| due <= now);
                let is_due = is_due && is_wanted && !is_paused && !is_blocked;
                let saves = !inner.unsaved.is_empty()
                    && inner.save_at.is_none_or(|time| time <= Instant::now());
                (is_due || saves) && !inner.is_queued
            };
            if is_due {
                self.queue_renewal(&holder, false);
            }
        }
    }

    /// Renews a file now, and waits for the outcome.
    ///
    /// # Errors
    /// As [`TokenStore::issued`].
    pub fn renew(self: &Arc<Self>, name: &str, waiter: &Waiter) -> Result<(), Failure> {
        let holder = self.holder(name).ok_or_else(gone)?;
        let current = holder.issued();
        self.renewed(&holder, current.as_ref(), waiter).map(drop)
    }

    /// The condition of every file.
    pub fn states(&self, files: &[CredentialFile]) -> Vec<FileState> {
        let now = SystemTime::now();
        files.iter().map(|file| self.state(file, now)).collect()
    }

    fn state(&self, file: &CredentialFile, now: SystemTime) -> FileState {
        let settings = &file.settings;
        let holder = self.holder(&file.name);
        let inner = holder.as_ref().map(|holder| holder.inner.lock());
        let is_alive = holder.as_ref().is_some_and(|holder| holder.is_alive(now));
        let condition = match &inner {
            None => Condition::Unsupported,
            Some(_) if settings.is_disabled => Condition::Disabled,
            Some(inner) => match settings.unusable {
                Some(why) => Condition::Unusable(why),
                None if !inner.unsaved.is_empty() => Condition::Unsaved,
                None if inner.lost.is_some() => {
                    Condition::NeedsLogin(inner.lost.clone().unwrap_or_default())
                }
                None if is_alive => Condition::Ok,
                None if inner.lacks_client => Condition::NeedsClient,
                None if !inner.tokens.are_renewable() => Condition::Expired,
                None => Condition::Ok,
            },
        };
        let tokens = inner.as_ref().map_or(&file.tokens, |inner| &inner.tokens);
        FileState {
            name: Arc::clone(&file.name),
            path: file.path.clone(),
            kind: file.kind.clone(),
            label: settings.label.clone(),
            email: settings.email.clone(),
            plan: settings.plan.clone(),
            projects: settings.projects.clone(),
            expiry: tokens.expiry,
            last_refresh: tokens.last_refresh,
            next_refresh: inner.as_ref().and_then(|inner| inner.due),
            last_error: inner.as_ref().and_then(|inner| inner.last_error.clone()),
            condition,
        }
    }
}

/// Whether a file has a token that does not expire soon.
fn is_fresh(holder: &Holder) -> bool {
    let now = SystemTime::now();
    holder.issued().is_some_and(|issued| issued.is_fresh(now))
}

/// A file that waits for its renewal.
struct Queued(Arc<Holder>);

impl Drop for Queued {
    fn drop(&mut self) {
        let mut inner = self.0.inner.lock();
        inner.is_queued = false;
        inner.round += 1;
    }
}

fn gone() -> Failure {
    let kind = FailureKind::NoToken { is_final: false };
    Failure {
        status: Some(401),
        ..Failure::new(kind, "the credential file is gone")
    }
}

fn no_token(holder: &Holder, why: Option<&str>, again: Option<Duration>) -> Failure {
    let why = why.unwrap_or("the token could not be renewed");
    log::debug!("auth: {}: {why}", holder.name);
    let kind = FailureKind::NoToken { is_final: false };
    Failure {
        status: Some(401),
        retry_after: again,
        ..Failure::new(kind, why)
    }
}
