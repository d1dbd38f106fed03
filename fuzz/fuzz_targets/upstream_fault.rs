//! What an upstream's refusal says, out of arbitrary bodies and headers: no panic, and every pause is one that a
//! credential comes back from in time. The first header line is also a pattern of a rule about errors.

#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use holdfast::config::{ErrorAction, ErrorRule, Pattern};
use holdfast::unversioned::credential::UpstreamKind;
use holdfast::unversioned::failure::{Failure, Headers, Pause, Verdict, Windows};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 12] = [
    "retry-after",
    "retry-after-ms",
    "anthropic-ratelimit-unified-status",
    "anthropic-ratelimit-unified-5h-status",
    "anthropic-ratelimit-unified-5h-reset",
    "anthropic-ratelimit-unified-5h-utilization",
    "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-tokens-reset",
    "x-codex-primary-used-percent",
    "x-codex-primary-reset-at",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
];
const KINDS: [UpstreamKind; 10] = [
    UpstreamKind::Gemini,
    UpstreamKind::Vertex,
    UpstreamKind::Claude,
    UpstreamKind::Codex,
    UpstreamKind::Compat,
    UpstreamKind::GeminiCli,
    UpstreamKind::Antigravity,
    UpstreamKind::Kimi,
    UpstreamKind::Iflow,
    UpstreamKind::Xai,
];
const STATUSES: [u16; 12] = [400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 503, 529];
/// The longest hint that is believed, and what is added so that not all come back at once.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 3600 + 31);

fuzz_target!(|input: &[u8]| {
    let [which, status, rest @ ..] = input else {
        return;
    };
    let kind = KINDS[usize::from(*which) % KINDS.len()];
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    let text = String::from_utf8_lossy(rest);
    let (head, body) = text.split_once("\n\n").unwrap_or(("", &text));
    let values: Vec<&str> = head.split('\n').collect();
    let headers: Headers = NAMES.into_iter().zip(values).collect();
    let now = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    if let Some(windows) = Windows::read(&headers, kind, now) {
        assert!((0.0..=1.0).contains(&windows.used));
    }
    let failure = Failure::of_status(status, headers, body.as_bytes().to_vec(), now);
    let fault = holdfast::unversioned::failure::classify(&failure, kind, "the-model", now);
    if let Pause::Hint(time) = fault.pause {
        assert!(!time.is_zero() && time <= LONGEST, "{time:?}");
    }
    let pattern = head.split('\n').next().and_then(Pattern::parse);
    let rule = ErrorRule {
        place: Default::default(),
        status,
        texts: Vec::new(),
        patterns: pattern.into_iter().collect(),
        action: ErrorAction::ContinueAndCooldown,
    };
    let verdict = Verdict::of(&failure, fault, &[rule]);
    assert_eq!(verdict.fault, verdict.told);
});
