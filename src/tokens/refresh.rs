//! One renewal of one file.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::holder::{Holder, Inner};
use super::lock::FileLock;
use super::saving;
use super::schedule;
use super::store::TokenStore;
use crate::chance;
use crate::credential::file::{Change, CredentialFile, Tokens, read};
use crate::failure::Failure;
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
        if self.save_pending(holder) {
            return;
        }
        match reread(holder) {
            Some(file) if self.adopted(holder, &file) => return self.find_project(holder),
            Some(_) => {}
            None if !holder.path.exists() => {
                holder.inner.lock().due = None;
                return;
            }
            // Not readable at the moment; the tokens in memory count.
            None => {}
        }
        self.renew_tokens(holder);
    }

    /// Asks the vendor for new tokens, if they are needed.
    fn renew_tokens(&self, holder: &Holder) {
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
                self.succeeded(holder, tokens, &renewed, now);
                self.find_project(holder);
            }
            Err(Refusal::Failed(failure)) => self.failed_with(holder, &failure),
            Err(Refusal::Lost(word)) => self.lost(holder, word),
        }
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
                if !holder.is_followed
                    && let Err(error) = saving::write(&holder.path, &[change])
                {
                    log::warn!(
                        "auth: {}: the project cannot be written: {error}",
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

    /// Writes what could not be written before. Returns whether that was all there was to do.
    fn save_pending(&self, holder: &Holder) -> bool {
        let (changes, is_due) = {
            let inner = holder.inner.lock();
            let is_due = inner.due.is_some_and(|due| due <= SystemTime::now());
            (inner.unsaved.clone(), is_due)
        };
        if changes.is_empty() {
            return false;
        }
        match saving::write(&holder.path, &changes) {
            Ok(()) => {
                let mut inner = holder.inner.lock();
                inner.unsaved.clear();
                inner.on_file = inner.tokens.clone();
                inner.not_before = None;
                inner.failures = 0;
                log::info!("auth: {}: the renewed tokens are saved", holder.name);
                // Reads the file's own form of them.
                drop(inner);
                if let Some(file) = reread(holder) {
                    holder.inner.lock().on_file = file.tokens;
                }
            }
            Err(error) => {
                let mut inner = holder.inner.lock();
                postpone(&mut inner, None);
                log::debug!("auth: {}: still cannot be written: {error}", holder.name);
            }
        }
        !is_due
    }

    /// Takes over the file's tokens, if they are newer than those in memory.
    fn adopted(&self, holder: &Holder, file: &CredentialFile) -> bool {
        let now = SystemTime::now();
        let mut inner = holder.inner.lock();
        let is_other = holder.adopt(&mut inner, &file.settings, &file.tokens, now);
        if is_other {
            self.note_renewed(&holder.name);
        }
        let is_current = holder.issued().is_some_and(|issued| issued.is_current(now));
        if is_other && is_current {
            log::info!("auth: {}: takes over the tokens of the file", holder.name);
        }
        is_other && is_current
    }

    fn succeeded(&self, holder: &Holder, before: Tokens, renewed: &Renewed, now: SystemTime) {
        let old_expiry = before.expiry;
        let tokens = Tokens {
            access: renewed.access.clone().or(before.access),
            refresh: renewed.refresh.clone().or(before.refresh),
            id_token: renewed.id_token.clone().or(before.id_token),
            api_key: renewed.api_key.clone().or(before.api_key),
            expiry: Some(renewed.expiry),
            last_refresh: Some(now),
            ..before
        };
        let changes = match tokens.service_account {
            // Their tokens are only kept in memory.
            Some(_) => Vec::new(),
            None if holder.is_followed => Vec::new(),
            None => saving::changes(holder.channel, renewed, now),
        };
        let written = match changes.is_empty() {
            true => Ok(()),
            false => saving::write(&holder.path, &changes),
        };
        // As the file has them, for example with times in seconds.
        let on_file = match &written {
            Ok(()) if !changes.is_empty() => reread(holder).map(|file| file.tokens),
            _ => None,
        };
        let mut inner = holder.inner.lock();
        holder.publish(&mut inner, tokens, now);
        if let Some(on_file) = on_file {
            inner.on_file = on_file;
        }
        // Also an answer with an old expiry does not lead to a renewal at once.
        let least = now + schedule::LEAST_PAUSE;
        let is_longer = old_expiry.is_none_or(|old| renewed.expiry > old);
        if let Some(due) = inner.due
            && (due < least && !is_longer)
        {
            inner.due = Some(least);
        }
        match written {
            Ok(()) => log::info!("auth: {}: tokens renewed", holder.name),
            Err(error) => {
                inner.unsaved = changes;
                postpone(&mut inner, None);
                log::warn!(
                    "auth: {}: the renewed tokens cannot be written and would be lost with a restart: {error}",
                    holder.name
                );
            }
        }
        drop(inner);
        self.note_renewed(&holder.name);
    }

    fn failed_with(&self, holder: &Holder, failure: &Failure) {
        self.failed(holder, &failure.message, failure.retry_after);
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
                left < whole.mul_f64(WORRY)
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
            && let Some(file) = reread(holder)
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

fn reread(holder: &Holder) -> Option<CredentialFile> {
    let content = std::fs::read(&holder.path).ok()?;
    let file = read(&holder.name, &content).ok()?;
    (file.channel() == Some(holder.channel)).then_some(file)
}

/// Sets the time of the next attempt.
fn postpone(inner: &mut Inner, told: Option<Duration>) {
    inner.failures = inner.failures.saturating_add(1);
    let pause = schedule::backoff(inner.failures, told);
    let pause = pause.mul_f64(0.8 + 0.4 * chance::fraction());
    inner.not_before = Instant::now().checked_add(pause);
}
