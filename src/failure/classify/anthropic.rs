//! Anthropic's errors and rate-limit headers.
//!
//! Sources: "Errors" (<https://docs.anthropic.com/en/api/errors>) and "Rate limits"
//! (<https://docs.anthropic.com/en/api/rate-limits>).

use std::time::Duration;

use super::refusal::Refusal;
use crate::failure::fault::{Class, Fault};
use crate::failure::hint::until;
use crate::time;

const API_LIMITS: [&str; 4] = ["requests", "tokens", "input-tokens", "output-tokens"];
/// Errors that concern the client, whatever the account.
const NOT_FOR_THIS_CLIENT: &[&str] = &[
    "only authorized for use with claude code",
    "oauth authentication is currently not supported",
];

impl Refusal<'_> {
    pub(super) fn anthropic(&self) -> Option<Fault> {
        match self.status {
            400 | 401 if self.says(NOT_FOR_THIS_CLIENT) => Some(Class::Request.usual()),
            400 | 403 if self.says(&["organization has been disabled"]) => {
                Some(Class::Credential.usual().until_changed())
            }
            429 if self.lacks_the_option() => Some(Class::Request.usual()),
            429 => Some(self.anthropic_quota()),
            _ => None,
        }
    }

    fn lacks_the_option(&self) -> bool {
        self.says(&["fast request rejected"])
            || (self.says(&["fast"]) && self.says(&["usage credits", "credits are required"]))
    }

    fn anthropic_quota(&self) -> Fault {
        let quota = Class::Quota.usual();
        let unified = crate::failure::windows::Unified::read(self.headers, self.now);
        if unified.is_rejected() {
            let hint = unified.rejected_until().max(self.hint);
            // With jitter, so that clients do not retry in the same second.
            return quota
                .whole_credential()
                .hinted(hint.map(|hint| hint + self.spread()));
        }
        let resets = API_LIMITS.iter().filter_map(|limit| {
            let header = |end| self.header(&format!("anthropic-ratelimit-{limit}-{end}"));
            header("remaining").filter(|left| *left == "0")?;
            until(time::rfc3339(header("reset")?)?, self.now)
        });
        quota.hinted(resets.max().max(self.hint))
    }

    /// 1 to 30 seconds.
    fn spread(&self) -> Duration {
        let nanos = self.now.duration_since(std::time::UNIX_EPOCH);
        let nanos = nanos.map_or(0, |time| time.subsec_nanos());
        Duration::from_secs(1) + Duration::from_millis(u64::from(nanos) % 29_000)
    }
}
