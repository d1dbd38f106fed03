//! Times in credential files, in the formats that programs write.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::fields::{Fields, number};
use crate::time;

/// Numbers above this are milliseconds.
const MILLISECONDS: f64 = 1e12;

/// The names of the time of expiry.
pub const EXPIRY: &[&str] = &[
    "expired",
    "expire",
    "expires_at",
    "expiresAt",
    "expiry",
    "expires",
];
const LAST_REFRESH: &[&str] = &[
    "last_refresh",
    "lastRefresh",
    "last_refreshed_at",
    "lastRefreshedAt",
];
const INTERVAL: &[&str] = &[
    "refresh_interval_seconds",
    "refreshIntervalSeconds",
    "refresh_interval",
    "refreshInterval",
];

/// RFC 3339, `YYYY-MM-DD HH:MM[:SS]` in UTC, or Unix seconds or milliseconds as a number or text. `None` for zero and for
/// anything else.
pub fn moment(value: &Value) -> Option<SystemTime> {
    if let Some(number) = number(value) {
        let seconds = if number > MILLISECONDS {
            number / 1000.0
        } else {
            number
        };
        return (seconds > 0.0).then(|| time::unix(seconds)).flatten();
    }
    let text = value.as_str()?.trim();
    let in_utc = || time::rfc3339(&format!("{text}Z"));
    let time = time::rfc3339(text).or_else(in_utc)?;
    (time > UNIX_EPOCH).then_some(time)
}

/// The moment that `text` names as a number of the same unit, if `before` is a number.
pub fn as_before(before: &Value, text: &Value) -> Option<Value> {
    let before = before.as_f64()?;
    let since = moment(text)?.duration_since(UNIX_EPOCH).ok()?;
    Some(match before > MILLISECONDS {
        true => u64::try_from(since.as_millis()).ok()?.into(),
        false => since.as_secs().into(),
    })
}

/// When the access token expires.
pub fn expiry(fields: Fields<'_>) -> Option<SystemTime> {
    let named = |name: &&str| fields.of_token(name).and_then(moment);
    let issued = || {
        let issued = fields.value("timestamp").and_then(moment)?;
        let lifetime = fields.value("expires_in").and_then(number)?;
        issued.checked_add(Duration::try_from_secs_f64(lifetime).ok()?)
    };
    EXPIRY.iter().find_map(named).or_else(issued)
}

/// When the tokens were last renewed.
pub fn last_refresh(fields: Fields<'_>) -> Option<SystemTime> {
    let named = |name: &&str| fields.of_token(name).and_then(moment);
    LAST_REFRESH.iter().find_map(named)
}

/// The file's own schedule for renewals.
pub fn interval(fields: Fields<'_>) -> Option<Duration> {
    let named = |name: &&str| {
        let value = fields.of_token(name)?;
        let seconds = number(value).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let duration = seconds.or_else(|| time::duration(value.as_str()?))?;
        (!duration.is_zero()).then_some(duration)
    };
    INTERVAL.iter().find_map(named)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn moments_are_read_in_every_format() {
        let expected = time::rfc3339("2026-04-17T10:30:00Z");
        assert!(expected.is_some());
        for value in [
            json!("2026-04-17T10:30:00Z"),
            json!("2026-04-17T12:30:00.000+02:00"),
            json!(" 2026-04-17 10:30 "),
            json!("2026-04-17 10:30:00"),
            json!(1776421800),
            json!("1776421800"),
            json!(1776421800000_i64),
            json!("1776421800000"),
            json!(1776421800.0),
        ] {
            assert_eq!(moment(&value), expected, "{value}");
        }
        for value in [
            json!(0),
            json!(-5),
            json!(""),
            json!("soon"),
            json!(null),
            json!([1]),
            json!("0001-01-01T00:00:00Z"),
            json!(1e300),
        ] {
            assert_eq!(moment(&value), None, "{value}");
        }
    }

    #[test]
    fn the_first_readable_name_counts() {
        let read = |value: Value| expiry(Fields::new(value.as_object().unwrap()));
        let at = |seconds| time::unix(seconds);
        assert_eq!(read(json!({"expired": "", "expires_at": 7e9})), at(7e9));
        assert_eq!(read(json!({"token": {"expiry": 8e9}})), at(8e9));
        assert_eq!(
            read(json!({"timestamp": 2e12, "expires_in": 3599})),
            at(2e9 + 3599.0)
        );
        assert_eq!(read(json!({"timestamp": 2e12})), None);
    }

    #[test]
    fn intervals_are_numbers_or_durations() {
        let read = |value: Value| interval(Fields::new(value.as_object().unwrap()));
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(read(json!({"refresh_interval_seconds": 90})), seconds(90));
        assert_eq!(read(json!({"refreshInterval": "2h"})), seconds(7200));
        assert_eq!(read(json!({"refresh-interval": "60"})), seconds(60));
        assert_eq!(read(json!({"refresh_interval": 0})), None);
        assert_eq!(read(json!({"refresh_interval": "often"})), None);
    }
}
