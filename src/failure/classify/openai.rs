//! Errors and rate-limit headers of OpenAI and of compatible servers.
//!
//! Sources: "Error codes" (<https://platform.openai.com/docs/guides/error-codes>) and "Rate limits"
//! (<https://platform.openai.com/docs/guides/rate-limits>).

use std::time::Duration;

use serde_json::Value;

use super::refusal::Refusal;
use crate::failure::fault::{Class, Fault};
use crate::failure::hint::{self, ahead, until};
use crate::time;

const AT_CAPACITY: &[&str] = &[
    "selected model is at capacity",
    "model is at capacity. please try a different model",
];

impl Refusal<'_> {
    pub(super) fn codex(&self) -> Option<Fault> {
        if self.says(AT_CAPACITY) {
            return Some(Class::Capacity.usual());
        }
        match (self.word("type"), self.word("code")) {
            ("usage_limit_reached", _) | (_, "usage_limit_reached") => {
                let windows = crate::failure::windows::codex(self.headers, self.now);
                let hint = windows.and_then(|windows| windows.exhausted);
                let hint = self.codex_reset().or(hint).or(self.hint);
                Some(Class::Quota.usual().whole_credential().hinted(hint))
            }
            _ if self.status == 429 => Some(Class::Quota.usual().hinted(self.openai_reset())),
            _ => None,
        }
    }

    /// Whether the workspace of the login no longer exists, which is told with 402.
    pub(super) fn is_deactivated(&self) -> bool {
        [self.code(), self.word("type")].contains(&"deactivated_workspace")
            || (self.status == 402 && self.says(&["deactivated_workspace"]))
    }

    fn codex_reset(&self) -> Option<Duration> {
        let error = self.error();
        let number = |key: &str| error.get(key).and_then(Value::as_f64);
        number("resets_at")
            .and_then(|at| until(time::unix(at)?, self.now))
            .or_else(|| ahead(Duration::try_from_secs_f64(number("resets_in_seconds")?).ok()?))
    }

    pub(super) fn compatible(&self) -> Option<Fault> {
        if self.status != 429 {
            return None;
        }
        Some(Class::Quota.usual().hinted(self.openai_reset()))
    }

    fn openai_reset(&self) -> Option<Duration> {
        let spent = ["requests", "tokens"].into_iter().filter_map(|limit| {
            let header = |part| self.limit_header(&format!("x-ratelimit-{part}-{limit}"));
            header("remaining").filter(|left| left == "0")?;
            hint::duration(&header("reset")?)
        });
        self.hint.or_else(|| spent.max()).or_else(|| {
            let at: f64 = self.limit_header("x-ratelimit-reset")?.parse().ok()?;
            // Some servers send milliseconds.
            let seconds = if at > 1e12 { at / 1000.0 } else { at };
            until(time::unix(seconds)?, self.now)
        })
    }

    /// A header, or its copy in the error (`error.metadata.headers`).
    fn limit_header(&self, name: &str) -> Option<String> {
        if let Some(value) = self.header(name) {
            return Some(value.to_owned());
        }
        let copies = self.error().pointer("/metadata/headers")?.as_object()?;
        let (_, value) = copies
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }
}
