//! The used share of a credential's quota, from the headers of every answer.

use std::time::{Duration, SystemTime};

use super::headers::Headers;
use super::hint::{self, until};
use crate::credential::UpstreamKind;
use crate::time;

/// The quota windows of an account, from the headers of one answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Windows {
    /// If the quota is exhausted, the time until it resets.
    pub exhausted: Option<Duration>,
    /// The used share of the fullest window, 0 to 1.
    pub used: f64,
}

impl Windows {
    /// `None` if the headers contain no quota.
    pub fn read(headers: &Headers, kind: UpstreamKind, now: SystemTime) -> Option<Self> {
        match kind {
            UpstreamKind::Claude => Unified::read(headers, now).windows(),
            UpstreamKind::Codex => codex(headers, now),
            UpstreamKind::Gemini
            | UpstreamKind::Vertex
            | UpstreamKind::GeminiCli
            | UpstreamKind::Antigravity
            | UpstreamKind::Kimi
            | UpstreamKind::KimiMessages
            | UpstreamKind::Iflow
            | UpstreamKind::Xai
            | UpstreamKind::Compat => None,
        }
    }
}

/// Anthropic's windows for subscriptions (`anthropic-ratelimit-unified-*`).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unified {
    is_known: bool,
    is_rejected: bool,
    reset: Option<Duration>,
    used: f64,
}

impl Unified {
    pub(super) fn read(headers: &Headers, now: SystemTime) -> Self {
        let header = |name: &str| {
            let value = headers.get(&format!("anthropic-ratelimit-unified-{name}"));
            value.map(str::trim)
        };
        let reset = |name: &str| until(time::parse(header(name)?)?, now);
        let mut unified = Self::default();
        for window in ["5h", "7d"] {
            let Some(status) = header(&format!("{window}-status")) else {
                continue;
            };
            unified.is_known = true;
            if status == "rejected" {
                unified.is_rejected = true;
                unified.reset = unified.reset.max(reset(&format!("{window}-reset")));
            }
            let used = header(&format!("{window}-utilization"));
            let used = used.and_then(|used| used.parse().ok()).unwrap_or(0.0);
            unified.used = unified.used.max(used);
        }
        // Without the two windows, the unified status counts.
        if let (false, Some(status)) = (unified.is_known, header("status")) {
            unified.is_known = true;
            if status == "rejected" && header("7d_oi-status") != Some("rejected") {
                unified.is_rejected = true;
                unified.reset = reset("reset");
            }
        }
        unified
    }

    /// Whether a window of the whole account is exhausted.
    pub(super) fn is_rejected(&self) -> bool {
        self.is_rejected
    }

    pub(super) fn rejected_until(&self) -> Option<Duration> {
        self.reset
    }

    fn windows(&self) -> Option<Windows> {
        self.is_known.then_some(Windows {
            exhausted: self.reset.filter(|_| self.is_rejected),
            used: self.used.clamp(0.0, 1.0),
        })
    }
}

/// Codex sends its two windows (`x-codex-*`) with every answer.
pub(super) fn codex(headers: &Headers, now: SystemTime) -> Option<Windows> {
    let mut windows: Option<Windows> = None;
    for window in ["primary", "secondary"] {
        let number = |name: &str| -> Option<f64> {
            let value = headers.get(&format!("x-codex-{window}-{name}"))?;
            value.trim().parse().ok()
        };
        let Some(used) = number("used-percent") else {
            continue;
        };
        let seconds = |value: f64| Duration::try_from_secs_f64(value).ok();
        let reset = number("reset-at")
            .and_then(|at| until(time::unix(at)?, now))
            .or_else(|| hint::ahead(seconds(number("reset-after-seconds")?)?));
        let known = windows.get_or_insert(Windows {
            exhausted: None,
            used: 0.0,
        });
        known.used = known.used.max((used / 100.0).clamp(0.0, 1.0));
        if used >= 100.0 {
            known.exhausted = known.exhausted.max(reset);
        }
    }
    windows
}
