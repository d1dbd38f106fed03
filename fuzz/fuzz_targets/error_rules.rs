//! Rules about errors with arbitrary patterns and errors: no panic, and no pattern that takes long.

#![no_main]

use std::time::UNIX_EPOCH;

use holdfast::config;
use holdfast::unversioned::credential::UpstreamKind;
use holdfast::unversioned::failure::{Failure, Headers, Verdict, classify};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

const ACTIONS: [&str; 5] = ["stop", "stop-and-cooldown", "continue", "continue-and-cooldown", ""];

fuzz_target!(|input: &[u8]| {
    let [which, rest @ ..] = input else { return };
    let text = String::from_utf8_lossy(rest);
    let (pattern, body) = text.split_once('\n').unwrap_or((&text, ""));
    let rule = json!({
        "status": 400,
        "match": [pattern.get(..1).unwrap_or_default()],
        "match-regexr": [pattern],
        "action": ACTIONS[usize::from(*which) % ACTIONS.len()],
    });
    let entry = json!({"claude-api-key": [{"api-key": "k", "request-scoped-errors": [rule]}]});
    let Some(config) = config::load(&entry.to_string(), "fuzz").config else {
        return;
    };
    let Some(entry) = config.claude.first() else {
        return;
    };
    let body = body.as_bytes().to_vec();
    let failure = Failure::of_status(400, Headers::default(), body, UNIX_EPOCH);
    let fault = classify(&failure, UpstreamKind::Claude, "m", UNIX_EPOCH);
    let _ = Verdict::of(&failure, fault, &entry.common.errors);
});
