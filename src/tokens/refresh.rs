//! One renewal of one file.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::content::content;
use super::holder::{Holder, Inner};
use super::lock::FileLock;
use super::saving::{self, NotWritten};
use super::schedule;
use super::store::TokenStore;
use crate::chance;
use crate::credential::file::{Change, CredentialFile, Tokens, read};
use crate::provider::oauth::{self, Client, Endpoints, Refusal, Renewal, Renewed};
use crate::provider::{ProxySetting, code_assist};

/// How long a refused refresh token may have been renewed by another process that has not written it yet.
const GRACE: Duration = Duration::from_secs(1);
/// A warning comes once a renewal has failed for so much of what the token had left.
const WORRY: f64 = 0.5;

impl TokenStore {
    /// Renews the tokens of a file, or takes over those that another process has renewed.
    pub(super) fn renew_file(&self, holder: &Holder) {
        if holder.is_followed {
            // It is the program's own, and written by it alone.
            return self.renew_tokens(holder);
        }
        let _lock = match FileLock::take(&holder.path) {
            Ok(lock) => lock,
            Err(error) => {
                return self.failed(holder, &format!("cannot lock the file: {error}"), None);
            }
        };
        match reread(holder) {
            Reread::File(file) => {
                if self.adopted(holder, &file) && holder.is_current() {
                    return self.find_project(holder);
                }
                if file.settings.is_disabled || file.settings.unusable.is_some() {
                    return;
                }
            }
            // It has another login now, which another holder takes care of.
            Reread::Gone => {
                holder.inner.lock().due = None;
                return;
            }
            // The tokens in memory count.
            Reread::Unreadable => {}
        }
        self.save_pending(holder);
        self.renew_tokens(holder);
    }

    /// Asks the vendor for new tokens, if they are needed.
    fn renew_tokens(&self, holder: &Holder) {
        let refresh = holder.inner.lock().tokens.refresh.clone();
        // Whoever has used it before may have renewed these tokens, too.
        let _in_flight = refresh.map(|refresh| self.in_flight.take(&refresh));
        let (tokens, proxy, is_needed) = {
            let inner = holder.inner.lock();
            let now = SystemTime::now();
            let is_due = inner.due.is_some_and(|due| due <= now);
            let is_fresh = holder.issued().is_some_and(|issued| issued.is_fresh(now));
            (
                inner.tokens.clone(),
                inner.settings.proxy.clone(),
                is_due || !is_fresh || inner.is_refused,
            )
        };
        if !is_needed {
            return self.find_project(holder);
        }
        let config = self.config.load_full();
        let client = Client::of(holder.channel, &tokens.client, &config);
        if client.is_none() && tokens.refresh.is_some() {
            holder.inner.lock().lacks_client = true;
            return;
        }
        let own = tokens.service_account.as_ref();
        let own = own.and_then(|account| account.token_uri.as_deref());
        let endpoints = Endpoints::of(
            holder.channel,
            own.or(tokens.client.token_uri.as_deref()),
            &config,
        );
        let now = SystemTime::now();
        let outcome = oauth::refresh(
            &self.upstream,
            &Renewal {
                channel: holder.channel,
                tokens: &tokens,
                client: client.as_ref(),
                endpoints: &endpoints,
                proxy: ProxySetting::of(&proxy, &config),
                now,
            },
        );
        match outcome {
            Ok(renewed) => {
                self.succeeded(holder, tokens.clone(), &renewed, now);
                for copy in self.copies(holder, &tokens) {
                    let before = copy.inner.lock().tokens.clone();
                    self.succeeded(&copy, before, &renewed, now);
                }
                self.find_project(holder);
            }
            Err(Refusal::Failed(failure)) => {
                self.failed(holder, &failure.message, failure.retry_after);
            }
            // The clock may be wrong, which passes.
            Err(Refusal::Lost(word)) if tokens.service_account.is_some() => {
                let why =
                    format!("the token endpoint answered {word}: check the key and the clock");
                self.failed(holder, &why, None);
            }
            Err(Refusal::Lost(word)) => self.lost(holder, word),
        }
    }

    /// Other files with the same login, whose refresh token is used up, too.
    fn copies(&self, holder: &Holder, before: &Tokens) -> Vec<Arc<Holder>> {
        let is_copy = |other: &Arc<Holder>| {
            let is_other = other.name != holder.name && other.channel == holder.channel;
            is_other
                && before.refresh.is_some()
                && other.inner.lock().tokens.refresh == before.refresh
        };
        self.all().into_iter().filter(is_copy).collect()
    }

    /// Asks for the project of an account that has none, and writes it to the file.
    fn find_project(&self, holder: &Holder) {
        let settings = {
            let inner = holder.inner.lock();
            if !holder.lacks_project(&inner) {
                return;
            }
            inner.settings.clone()
        };
        let Some(issued) = holder.issued() else {
            return;
        };
        let config = self.config.load_full();
        let account = code_assist::Account {
            base_url: settings.base_url.as_deref().unwrap_or_default(),
            token: &issued.token,
            proxy: ProxySetting::of(&settings.proxy, &config),
            pause: &|time| {
                thread::sleep(time);
                true
            },
        };
        match self.upstream.project(account, None) {
            Ok(setup) => {
                let change = Change {
                    key: "project_id",
                    value: setup.project.as_str().into(),
                };
                let expected = holder.inner.lock().on_file.clone();
                let written = match holder.is_followed {
                    true => Ok(expected),
                    false => saving::write(&holder.path, holder.channel, &expected, &[change]),
                };
                if let Err(why) = written {
                    log::warn!(
                        "auth: {}: the project cannot be written: {why}",
                        holder.name
                    );
                }
                log::info!("auth: {}: found the project of the account", holder.name);
                let mut inner = holder.inner.lock();
                inner.project = Some(setup.project);
                holder.show(&inner);
            }
            Err(failure) => {
                let why = format!("the account has no project, and none was found: {failure}");
                self.failed(holder, &why, None);
            }
        }
    }

    /// Writes what could not be written before.
    pub(super) fn save_pending(&self, holder: &Holder) {
        let (changes, expected) = {
            let inner = holder.inner.lock();
            (inner.unsaved.clone(), inner.on_file.clone())
        };
        if changes.is_empty() {
            return;
        }
        let written = saving::write(&holder.path, holder.channel, &expected, &changes);
        let mut inner = holder.inner.lock();
        self.note_write(holder, &mut inner, written, changes);
    }

    /// Notes whether `changes` are in the file.
    fn note_write(
        &self,
        holder: &Holder,
        inner: &mut Inner,
        written: Result<Tokens, NotWritten>,
        changes: Vec<Change>,
    ) {
        match written {
            Ok(on_file) => {
                if !inner.unsaved.is_empty() {
                    log::info!("auth: {}: the renewed tokens are saved", holder.name);
                }
                inner.on_file = on_file;
                inner.unsaved.clear();
                inner.save_at = None;
            }
            Err(NotWritten::OtherLogin | NotWritten::Gone) => {
                // Whoever has written it knows better. The next look takes it over.
                inner.unsaved.clear();
                inner.save_at = None;
                inner.is_stale = true;
            }
            Err(NotWritten::Failed(error)) => {
                if inner.unsaved.is_empty() {
                    log::warn!(
                        "auth: {}: the renewed tokens cannot be written and would be lost with a restart: {error}",
                        holder.name
                    );
                }
                inner.unsaved = changes;
                inner.save_at = Instant::now().checked_add(schedule::LEAST_PAUSE);
            }
        }
    }

    /// Takes over the file's tokens, if they are other ones than it had before.
    fn adopted(&self, holder: &Holder, file: &CredentialFile) -> bool {
        let now = SystemTime::now();
        let mut inner = holder.inner.lock();
        inner.is_stale = false;
        let is_other = holder.adopt(&mut inner, &file.settings, &file.tokens, now);
        if is_other {
            log::info!("auth: {}: takes over the tokens of the file", holder.name);
            self.note_renewed(&holder.name, true);
        }
        is_other
    }

    fn succeeded(&self, holder: &Holder, before: Tokens, renewed: &Renewed, now: SystemTime) {
        let tokens = Tokens {
            access: renewed.access.clone().or(before.access),
            refresh: renewed.refresh.clone().or(before.refresh),
            id_token: renewed.id_token.clone().or(before.id_token),
            api_key: renewed.api_key.clone().or(before.api_key),
            expiry: Some(renewed.expiry),
            last_refresh: Some(now),
            ..before
        };
        // Service accounts have their tokens in memory only.
        let is_kept = tokens.service_account.is_some() || holder.is_followed;
        let (changes, expected) = {
            let inner = holder.inner.lock();
            let changes = match is_kept {
                true => Vec::new(),
                false => saving::changes(holder.channel, renewed, now),
            };
            let changes = saving::merged(inner.unsaved.clone(), changes);
            (changes, inner.on_file.clone())
        };
        let written = match is_kept {
            true => Ok(expected),
            false => saving::write(&holder.path, holder.channel, &expected, &changes),
        };
        let mut inner = holder.inner.lock();
        holder.publish(&mut inner, tokens, now);
        self.note_write(holder, &mut inner, written, changes);
        // An answer that expires at once must not lead to the next call at once.
        let least = now + schedule::LEAST_PAUSE;
        inner.due = inner.due.map(|due| due.max(least));
        if !holder.issued().is_some_and(|issued| issued.is_fresh(now)) {
            inner.not_before = Instant::now().checked_add(schedule::LEAST_PAUSE);
        }
        log::info!("auth: {}: tokens renewed", holder.name);
        drop(inner);
        self.note_renewed(&holder.name, false);
    }

    fn failed(&self, holder: &Holder, why: &str, told: Option<Duration>) {
        let mut inner = holder.inner.lock();
        let is_first = inner.failures == 0;
        postpone(&mut inner, told);
        inner.last_error = Some(why.to_owned());
        let now = SystemTime::now();
        let is_urgent = match (inner.due, inner.tokens.expiry) {
            (Some(due), Some(expiry)) => {
                let whole = expiry.duration_since(due).unwrap_or_default();
                let left = expiry.duration_since(now).unwrap_or_default();
                left <= whole.mul_f64(WORRY)
            }
            _ => true,
        };
        if is_urgent && !inner.is_worried {
            inner.is_worried = true;
            log::warn!("auth: {}: cannot be renewed: {why}", holder.name);
        } else if is_first {
            log::info!(
                "auth: {}: cannot be renewed: {why}; trying again",
                holder.name
            );
        } else {
            log::debug!("auth: {}: cannot be renewed: {why}", holder.name);
        }
    }

    /// The refresh token is no longer accepted, unless another process has just replaced it.
    fn lost(&self, holder: &Holder, word: String) {
        thread::sleep(GRACE);
        if !holder.is_followed
            && let Reread::File(file) = reread(holder)
            && self.adopted(holder, &file)
        {
            return;
        }
        let mut inner = holder.inner.lock();
        inner.last_error = Some(format!("the token endpoint answered {word}"));
        inner.lost = Some(word.clone());
        inner.due = None;
        log::warn!(
            "auth: {}: the login is no longer accepted ({word}); run `holdfast login {}`, or replace the file",
            holder.name,
            holder.channel.name()
        );
    }
}

/// What a file has now.
enum Reread {
    File(Box<CredentialFile>),
    /// It does not exist, or is of another channel.
    Gone,
    /// Not at the moment.
    Unreadable,
}

fn reread(holder: &Holder) -> Reread {
    let content = match content(&holder.path) {
        Ok(content) => content,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Reread::Gone,
        Err(_) => return Reread::Unreadable,
    };
    match read(&holder.name, &content) {
        Ok(file) if file.channel() == Some(holder.channel) => Reread::File(Box::new(file)),
        Ok(_) => Reread::Gone,
        Err(_) => Reread::Unreadable,
    }
}

/// Sets the time of the next attempt.
fn postpone(inner: &mut Inner, told: Option<Duration>) {
    inner.failures = inner.failures.saturating_add(1);
    let pause = schedule::backoff(inner.failures, told);
    let pause = match told {
        Some(_) => pause,
        None => pause.mul_f64(0.8 + 0.4 * chance::fraction()),
    };
    inner.not_before = Instant::now().checked_add(pause);
}
