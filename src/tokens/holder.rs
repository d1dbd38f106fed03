//! One credential file in memory: its tokens and what is known about renewing them.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use super::schedule;
use crate::chance;
use crate::config::Secret;
use crate::credential::Channel;
use crate::credential::file::{Change, CredentialFile, FileSettings, Tokens};

/// A token as requests use it.
pub struct Issued {
    pub token: Secret,
    /// The project of the account, where one was found by asking.
    pub project: Option<String>,
    /// The account has no project yet, and needs one.
    lacks_project: bool,
    /// Whether it was issued while the gateway ran.
    is_new: bool,
    has_worked: AtomicBool,
    expiry: Option<SystemTime>,
    margin: Duration,
}

impl Issued {
    /// Whether a request may use it.
    pub fn is_current(&self, now: SystemTime) -> bool {
        self.is_fresh(now) && !self.lacks_project
    }

    /// Records that the upstream has accepted it.
    pub fn accepted(&self) {
        self.has_worked.store(true, Ordering::Relaxed);
    }

    /// Whether it is new and was never accepted: then another one would be refused too.
    pub fn never_worked(&self) -> bool {
        self.is_new && !self.has_worked.load(Ordering::Relaxed)
    }

    /// Whether it does not expire too soon to be used.
    pub fn is_fresh(&self, now: SystemTime) -> bool {
        let limit = now.checked_add(self.margin).unwrap_or(now);
        self.expiry.is_none_or(|expiry| expiry > limit)
    }

    /// Whether the vendor may still accept it.
    fn is_alive(&self, now: SystemTime) -> bool {
        self.expiry.is_none_or(|expiry| expiry > now)
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issued({})", self.token)
    }
}

/// A credential file.
pub struct Holder {
    pub name: Arc<str>,
    pub path: PathBuf,
    /// Whether it belongs to a vendor's program: then it is only read, and not by a renewal.
    pub is_followed: bool,
    pub channel: Channel,
    /// What requests use; `None` without a token, or with one that has expired.
    issued: ArcSwapOption<Issued>,
    pub inner: Mutex<Inner>,
}

/// What changes with renewals.
pub struct Inner {
    pub settings: FileSettings,
    pub tokens: Tokens,
    /// The tokens as last read from the file. They differ from `tokens` while those could not be written.
    pub on_file: Tokens,
    /// How long the token lives in all.
    life: Option<Duration>,
    /// When it is renewed in the background; `None` if it cannot be.
    pub due: Option<SystemTime>,
    /// Whether a request has used the token since it was renewed.
    pub is_used: bool,
    /// Whether the upstream has refused the token although it has not expired.
    pub is_refused: bool,
    /// Whether it waits for a thread, or one is at it.
    pub is_queued: bool,
    /// Counts finished renewals, whatever came of them.
    pub round: u64,
    pub failures: u32,
    /// No further attempt before this time.
    pub not_before: Option<Instant>,
    pub last_error: Option<String>,
    /// Whether the operator was warned that it cannot be renewed.
    pub is_worried: bool,
    /// The vendor no longer accepts the refresh token.
    pub lost: Option<String>,
    /// No OAuth client is known.
    pub lacks_client: bool,
    /// Changes that could not be written yet.
    pub unsaved: Vec<Change>,
    /// When writing them is tried again.
    pub save_at: Option<Instant>,
    /// Whether the file was read while a renewal ran, so that it must be looked at again.
    pub is_stale: bool,
    /// Whether the tokens were issued, or read, after the start.
    is_new: bool,
    /// The project that was found by asking, until the file has it.
    pub project: Option<String>,
}

impl Holder {
    pub fn new(file: &CredentialFile, channel: Channel) -> Self {
        let holder = Self {
            name: Arc::clone(&file.name),
            path: file.path.clone(),
            is_followed: file.is_followed,
            channel,
            issued: ArcSwapOption::empty(),
            inner: Mutex::new(Inner {
                settings: file.settings.clone(),
                on_file: file.tokens.clone(),
                tokens: Tokens::default(),
                life: None,
                due: None,
                is_used: false,
                is_refused: false,
                is_queued: false,
                round: 0,
                failures: 0,
                not_before: None,
                last_error: None,
                is_worried: false,
                lost: None,
                lacks_client: false,
                unsaved: Vec::new(),
                save_at: None,
                is_stale: false,
                is_new: false,
                project: None,
            }),
        };
        let now = SystemTime::now();
        {
            let mut inner = holder.inner.lock();
            holder.publish(&mut inner, file.tokens.clone(), now);
            // Renewals that are overdue at startup do not come all at once.
            inner.is_new = true;
            let at_start = now + schedule::START.mul_f64(chance::fraction());
            inner.due = inner.due.map(|due| due.max(at_start));
        }
        holder
    }

    /// The token of requests, whether current or not.
    pub fn issued(&self) -> Option<Arc<Issued>> {
        self.issued.load_full()
    }

    /// Uses other tokens from now on.
    pub fn publish(&self, inner: &mut Inner, tokens: Tokens, now: SystemTime) {
        inner.life = schedule::life(&tokens);
        inner.due = tokens
            .are_renewable()
            .then(|| schedule::due(self.channel, &tokens, now, chance::fraction()));
        inner.is_used = false;
        inner.is_refused = false;
        inner.failures = 0;
        inner.not_before = None;
        inner.last_error = None;
        inner.is_worried = false;
        inner.lost = None;
        inner.tokens = tokens;
        self.show(inner);
    }

    /// Makes what `inner` has visible to requests.
    pub fn show(&self, inner: &Inner) {
        let bearer = match self.channel {
            Channel::Iflow => inner.tokens.api_key.as_ref(),
            _ => inner.tokens.access.as_ref(),
        };
        self.issued.store(bearer.map(|token| {
            Arc::new(Issued {
                token: token.clone(),
                project: inner.project.clone(),
                lacks_project: self.lacks_project(inner),
                is_new: inner.is_new,
                has_worked: AtomicBool::new(false),
                expiry: inner.tokens.expiry,
                margin: schedule::margin(inner.life),
            })
        }));
    }

    /// Whether the account needs a project and has none.
    pub fn lacks_project(&self, inner: &Inner) -> bool {
        let needs_one = matches!(self.channel, Channel::GeminiCli | Channel::Antigravity);
        needs_one && inner.settings.projects.is_empty() && inner.project.is_none()
    }

    /// Takes over what was read from the file. Returns whether the tokens are other ones.
    pub fn adopt(
        &self,
        inner: &mut Inner,
        settings: &FileSettings,
        tokens: &Tokens,
        now: SystemTime,
    ) -> bool {
        if inner.settings != *settings {
            inner.settings = settings.clone();
            self.show(inner);
        }
        if inner.on_file == *tokens {
            return false;
        }
        let is_other_login = !inner.on_file.is_same_login(tokens);
        inner.on_file = tokens.clone();
        if !is_other_login {
            // The operator has changed something beside the login.
            let merged = Tokens {
                interval: tokens.interval,
                client: tokens.client.clone(),
                email: tokens.email.clone(),
                device_id: tokens.device_id.clone(),
                ..inner.tokens.clone()
            };
            if merged != inner.tokens {
                let due = merged
                    .are_renewable()
                    .then(|| schedule::due(self.channel, &merged, now, chance::fraction()));
                inner.due = due.filter(|_| inner.lost.is_none());
                inner.tokens = merged;
            }
            return false;
        }
        if inner.tokens.is_same_login(tokens) {
            return false;
        }
        inner.unsaved.clear();
        inner.project = None;
        self.publish(inner, tokens.clone(), now);
        true
    }

    /// Whether requests have a token that they may use.
    pub fn is_current(&self) -> bool {
        let now = SystemTime::now();
        self.issued().is_some_and(|issued| issued.is_current(now))
    }

    /// Whether requests have a token that the vendor may still accept.
    pub fn is_alive(&self, now: SystemTime) -> bool {
        self.issued().is_some_and(|issued| issued.is_alive(now))
    }
}
