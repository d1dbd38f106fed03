//! Which accounts of Antigravity pay with credits, and which cannot.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::credential::Account;

/// How long a decision lasts if the upstream names no time.
const USUAL: Duration = Duration::from_secs(5 * 3600);
/// How long an account without credits is not asked for them.
const EMPTY: Duration = Duration::from_secs(24 * 3600);

/// What is known about the credits of accounts. It is kept until a restart at the latest.
#[derive(Default)]
pub struct Credits(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// By file: until when credits are not used.
    off: HashMap<Arc<str>, Instant>,
    /// By file and model: until when requests are sent with credits at once.
    preferred: HashMap<(Arc<str>, String), Instant>,
}

impl Credits {
    /// Whether the account's credits may be tried.
    pub fn are_on(&self, account: &Account, now: Instant) -> bool {
        let known = self.0.lock();
        known
            .off
            .get(&account.file)
            .is_none_or(|until| *until <= now)
    }

    /// Whether requests for the model are sent with credits at once.
    pub fn are_preferred(&self, account: &Account, model: &str, now: Instant) -> bool {
        let known = self.0.lock();
        let until = known
            .preferred
            .get(&(Arc::clone(&account.file), model.to_owned()));
        until.is_some_and(|until| *until > now)
    }

    /// A request with credits was answered. The quota returns after `delay`.
    pub fn accepted(&self, account: &Account, model: &str, delay: Option<Duration>, now: Instant) {
        let mut known = self.0.lock();
        known.preferred.retain(|_, until| *until > now);
        let Some(until) = now.checked_add(delay.unwrap_or(USUAL)) else {
            return;
        };
        let key = (Arc::clone(&account.file), model.to_owned());
        known.preferred.insert(key, until);
    }

    /// The account's file has other tokens or settings, so nothing is known about its credits.
    pub fn forget(&self, account_file: &str) {
        let mut known = self.0.lock();
        known.off.remove(account_file);
        known
            .preferred
            .retain(|(file, _), _| **file != *account_file);
    }

    /// A request with credits failed, because there are none (`is_empty`) or for another reason.
    pub fn refused(&self, account: &Account, is_empty: bool, now: Instant) {
        let mut known = self.0.lock();
        known.off.retain(|_, until| *until > now);
        known.preferred.retain(|(file, _), _| *file != account.file);
        let time = if is_empty { EMPTY } else { USUAL };
        if let Some(until) = now.checked_add(time) {
            known.off.insert(Arc::clone(&account.file), until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_pays_until_its_quota_returns_or_its_credits_end() {
        let credits = Credits::default();
        let account = |file: &str| Account {
            file: file.into(),
            ..Account::default()
        };
        let (one, two) = (account("one"), account("two"));
        let now = Instant::now();
        let after = |hours: u64| now + Duration::from_secs(hours * 3600);
        assert!(credits.are_on(&one, now) && !credits.are_preferred(&one, "m", now));
        credits.accepted(&one, "m", Some(Duration::from_secs(3600)), now);
        assert!(credits.are_preferred(&one, "m", now));
        assert!(!credits.are_preferred(&one, "n", now));
        assert!(!credits.are_preferred(&two, "m", now));
        assert!(!credits.are_preferred(&one, "m", after(1)));
        credits.accepted(&one, "m", None, now);
        assert!(credits.are_preferred(&one, "m", after(4)));
        credits.refused(&one, false, now);
        assert!(!credits.are_preferred(&one, "m", now));
        assert!(!credits.are_on(&one, after(4)) && credits.are_on(&one, after(5)));
        assert!(credits.are_on(&two, now));
        credits.forget("two");
        assert!(!credits.are_on(&one, now));
        credits.forget("one");
        assert!(credits.are_on(&one, now));
        credits.accepted(&one, "m", None, now);
        credits.accepted(&two, "m", None, now);
        credits.forget("one");
        assert!(!credits.are_preferred(&one, "m", now) && credits.are_preferred(&two, "m", now));
        credits.refused(&one, true, now);
        assert!(!credits.are_on(&one, after(23)) && credits.are_on(&one, after(24)));
    }
}
