//! Parses and formats dates, times, time zones and durations, with `jiff` for the calendar and zones, and `httpdate` for
//! the three HTTP date formats.

mod duration;
mod timestamp;
mod zone;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use duration::duration;
use httpdate::HttpDate;
use jiff::SignedDuration;
use jiff::civil::DateTime;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
pub use timestamp::Timestamp;
pub use zone::until_pacific_midnight;

/// The clock for TLS. The default of rustls panics if the system's clock is before 1970.
#[derive(Debug)]
pub struct TlsClock;

impl TimeProvider for TlsClock {
    fn current_time(&self) -> Option<UnixTime> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Some(UnixTime::since_unix_epoch(since.unwrap_or_default()))
    }
}

/// An HTTP date. A time outside its range becomes the nearest valid one, so that a wrong clock does not fail a request.
pub fn http_date(time: SystemTime) -> HttpDate {
    /// The last second of the year 9999.
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    HttpDate::from(UNIX_EPOCH + since.min(LAST))
}

/// Parses an HTTP date, in any of the three formats of RFC 9110 5.6.7.
pub fn parse_http_date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok()
}

/// Parses RFC 3339: `2026-01-01T08:00:00.5Z`, `2026-01-01T10:00:00+02:00`.
pub fn rfc3339(text: &str) -> Option<SystemTime> {
    Timestamp::parse(text.trim())?.moment()
}

/// Parses seconds since 1970 or RFC 3339.
pub fn parse(text: &str) -> Option<SystemTime> {
    match text.parse() {
        Ok(seconds) => unix(seconds),
        Err(_) => rfc3339(text),
    }
}

/// The current time in seconds since 1970; 0 for a clock that is set before.
pub fn unix_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}

/// The time so many seconds after 1970, if it can be represented.
pub fn unix(seconds: f64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

/// Formats seconds since 1970 as RFC 3339: `2025-09-29T00:00:00Z`. `None` after the year 9999.
pub fn unix_to_rfc3339(seconds: i64) -> Option<String> {
    let date = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    let date = date.checked_add(SignedDuration::from_secs(seconds)).ok()?;
    (date.year() >= 0).then(|| format!("{date}Z"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Option<SystemTime> {
        let away = Duration::from_secs(seconds.unsigned_abs());
        match seconds < 0 {
            true => UNIX_EPOCH.checked_sub(away),
            false => UNIX_EPOCH.checked_add(away),
        }
    }

    #[test]
    fn times_are_read() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-01-01T08:00:00Z", 1_767_254_400),
            ("2026-01-01T10:00:00+02:00", 1_767_254_400),
            ("2000-02-29t12:00:00z", 951_825_600),
            ("1767254400", 1_767_254_400),
        ] {
            assert_eq!(parse(text), at(seconds), "{text}");
        }
        assert_eq!(
            parse("2026-01-01T08:00:00.25Z"),
            Some(UNIX_EPOCH + Duration::from_millis(1_767_254_400_250))
        );
        for text in [
            "",
            "soon",
            "2026-13-01T00:00:00Z",
            "2026-01-01",
            "-1",
            "1e400",
            "2026-01-01T08:00:00",
            "é026-01-01T08:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_clock_that_is_set_wrong_has_a_date() {
        for (seconds, expected) in [
            (-1, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (i64::MIN, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_766_520_844, "Tue, 23 Dec 2025 20:14:04 GMT"),
            (253_402_300_800, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (i64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            // The system may have no such time.
            if let Some(time) = at(seconds) {
                assert_eq!(http_date(time).to_string(), expected);
            }
        }
    }

    #[test]
    fn all_formats_of_http_are_read() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse_http_date(text), at(784_111_777), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_clock_has_a_date(seconds in any::<i64>()) {
            if let Some(time) = at(seconds) {
                prop_assert!(http_date(time).to_string().ends_with(" GMT"));
            }
        }
    }
}
