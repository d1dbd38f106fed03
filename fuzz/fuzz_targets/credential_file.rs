//! Credential files of arbitrary content: no panic, and a change of tokens leaves a file that is read again with them,
//! and with everything else as it was.

#![no_main]

use std::time::{Duration, SystemTime};

use holdfast::unversioned::credential::file::{Change, changed, read};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

const CHANGED: [&str; 3] = ["access_token", "refresh_token", "expired"];
const EXPIRY: [&str; 6] = ["expired", "expire", "expires_at", "expiresAt", "expiry", "expires"];

fn others(object: &Map<String, Value>) -> Map<String, Value> {
    let is_other =
        |name: &str| name != "token" && !CHANGED.contains(&name) && !EXPIRY.contains(&name);
    let others = object.iter().filter(|(name, _)| is_other(name));
    others.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fuzz_target!(|data: &[u8]| {
    if let Ok(file) = read("a.json", data) {
        let _ = file.tokens.is_expired(SystemTime::now(), Duration::MAX);
        let _ = format!("{file:?}");
    }
    let changes = [
        Change {
            key: "access_token",
            value: json!("fuzz-access"),
        },
        Change {
            key: "refresh_token",
            value: json!("fuzz-refresh"),
        },
        Change {
            key: "expired",
            value: json!("2026-04-17T10:30:00Z"),
        },
    ];
    let Ok(after) = changed(data, &changes) else {
        return;
    };
    let Ok(Value::Object(before)) = serde_json::from_slice(data) else {
        return;
    };
    let after: Map<String, Value> = serde_json::from_slice(&after).expect("an object stays one");
    assert_eq!(others(&before), others(&after));
    let token = |key: &str| {
        let nested = || after.get("token")?.get(key);
        after.get(key).or_else(nested)
    };
    assert_eq!(token("access_token"), Some(&json!("fuzz-access")));
    assert_eq!(token("refresh_token"), Some(&json!("fuzz-refresh")));
});
