//! Google's errors: the details of `google.rpc.Status`.
//!
//! Sources: AIP-193 (<https://google.aip.dev/193>) and the Gemini API's "Troubleshooting"
//! (<https://ai.google.dev/gemini-api/docs/troubleshooting>).

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::refusal::Refusal;
use crate::failure::failed_call::Failure;
use crate::failure::fault::{Class, Fault, doubling};
use crate::failure::hint::{self, until};
use crate::time;

/// Texts that mean that the key stays invalid.
const LOST: &[&str] = &[
    "service_disabled",
    "consumer_suspended",
    "violation of terms of service",
    "no longer supported for gemini code assist",
];
const BAD_KEY: &[&str] = &["api_key_invalid", "api key not valid"];
const NO_CAPACITY: &str = "no capacity available";
const OVERLOADED: &[&str] = &[NO_CAPACITY, "model is overloaded"];
const EXHAUSTED: &[&str] = &["quota_exhausted", "quota exhausted"];
const NO_CREDITS: &str = "insufficient_g1_credits_balance";
/// A longer limit of the rate is taken for an exhausted quota.
const LONGEST_LIMIT: Duration = Duration::from_secs(300);

/// What a 429 of Antigravity means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AntigravityLimit {
    /// The quota is used up, until then if that is known.
    Exhausted(Option<Duration>),
    /// The rate is limited for this time.
    Short(Duration),
    /// It says no more than that, or only when to come back.
    Soft(Option<Duration>),
}

impl Failure {
    /// What it means as a 429 of Antigravity.
    pub fn antigravity_limit(&self) -> AntigravityLimit {
        if self.status != Some(429) {
            return AntigravityLimit::Soft(None);
        }
        let refusal = Refusal::new(self, "", SystemTime::now());
        let delay = refusal.google_hint();
        if refusal.says(EXHAUSTED) {
            return AntigravityLimit::Exhausted(delay);
        }
        match (delay, refusal.says(&["rate_limit_exceeded"])) {
            (Some(delay), true) if delay < LONGEST_LIMIT => AntigravityLimit::Short(delay),
            (Some(delay), true) => AntigravityLimit::Exhausted(Some(delay)),
            (delay, _) => AntigravityLimit::Soft(delay.or(refusal.hint)),
        }
    }

    /// Whether the account has no credits left (Antigravity).
    pub fn lacks_credits(&self) -> bool {
        Refusal::new(self, "", SystemTime::now()).says(&[NO_CREDITS])
    }

    /// Whether Google has no capacity for the model at the moment.
    pub fn has_no_capacity(&self) -> bool {
        Refusal::new(self, "", SystemTime::now()).says(&[NO_CAPACITY])
    }
}

impl Refusal<'_> {
    pub(super) fn google(&self) -> Option<Fault> {
        let credential = Class::Credential.usual();
        match self.status {
            400 if self.says(BAD_KEY) => Some(credential),
            400 if self.says(&["failed_precondition"]) && self.says(&["location", "billing"]) => {
                Some(credential)
            }
            400 | 403 if self.says(LOST) => Some(credential.until_changed()),
            503 if self.says(OVERLOADED) => {
                let pause = crate::failure::fault::Pause::Fixed(crate::failure::fault::seconds(5));
                Some(Class::Capacity.usual().paused(pause))
            }
            429 if self.says(&["limit: 0"]) => Some(Class::Model.usual()),
            429 => Some(self.google_quota()),
            _ => None,
        }
    }

    fn google_quota(&self) -> Fault {
        let hint = self.google_hint();
        if self.is_daily() {
            let midnight = time::until_pacific_midnight(self.now);
            return Class::Quota.usual().hinted(hint.max(Some(midnight)));
        }
        let says_nothing = self.details().is_empty() && !self.says(EXHAUSTED);
        if hint.or(self.hint).is_none() && says_nothing {
            return Class::Capacity.usual().paused(doubling(10, 60));
        }
        Class::Quota.usual().hinted(hint.or(self.hint))
    }

    fn details(&self) -> &[Value] {
        let details = self.error().get("details").and_then(Value::as_array);
        details.map_or(&[], Vec::as_slice)
    }

    /// The first detail of that type for which `read` returns a value.
    fn detail<T>(&self, kind: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        self.details()
            .iter()
            .filter(|detail| {
                let name = detail["@type"].as_str().unwrap_or_default();
                name.rsplit('.').next() == Some(kind)
            })
            .find_map(read)
    }

    fn google_hint(&self) -> Option<Duration> {
        let delay = |value: &Value| hint::duration(value.as_str()?);
        self.detail("RetryInfo", |info| delay(&info["retryDelay"]))
            .or_else(|| {
                self.detail("ErrorInfo", |info| {
                    let metadata = &info["metadata"];
                    delay(&metadata["quotaResetDelay"]).or_else(|| {
                        let stamp = metadata["quotaResetTimeStamp"].as_str()?;
                        until(time::rfc3339(stamp)?, self.now)
                    })
                })
            })
            .or_else(|| hint::after(&self.text))
    }

    fn is_daily(&self) -> bool {
        let per_day = |violation: &Value| {
            let id = violation["quotaId"].as_str().unwrap_or_default();
            id.contains("PerDay")
        };
        self.detail("QuotaFailure", |failure| {
            let violations = failure["violations"].as_array()?;
            violations.iter().any(per_day).then_some(())
        })
        .is_some()
    }
}
