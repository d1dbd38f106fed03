//! Errors of Kimi for coding, as its users report them.

use std::time::Duration;

use super::refusal::Refusal;
use crate::failure::fault::{Class, Fault, Pause, seconds};
use crate::failure::hint;

const OVERLOADED: &[&str] = &["engine_overloaded_error", "engine is currently overloaded"];
/// Texts that mean that the plan's quota is used up.
const SPENT: &[&str] = &[
    "usage limit for this period",
    "usage limit for this billing cycle",
    "exceeded_current_quota_error",
];
/// How long a plan without quota is left alone. When it resets is not said.
const UNTIL_RESET: Duration = Duration::from_secs(3600);

impl Refusal<'_> {
    pub(super) fn kimi(&self) -> Option<Fault> {
        let after = self.hint.or_else(|| hint::after_seconds(&self.text));
        match self.status {
            429 if self.says(OVERLOADED) => {
                let capacity = Class::Capacity.usual().paused(Pause::Fixed(seconds(10)));
                Some(capacity.hinted(after))
            }
            429 | 403 if self.says(SPENT) => {
                let quota = Class::Quota.usual().whole_credential();
                Some(quota.hinted(self.hint.or(Some(UNTIL_RESET))))
            }
            429 => Some(Class::Quota.usual().hinted(after)),
            403 if self.says(&["only available for coding agents"]) => Some(Class::Request.usual()),
            403 if self.says(&["access terminated"]) => {
                Some(Class::Credential.usual().until_changed())
            }
            _ => None,
        }
    }
}
