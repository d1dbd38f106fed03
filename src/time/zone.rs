//! The time zones of this process and of Google's quotas.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;

/// The zone of this process: `TZ`, else the system's; UTC if unknown. Read once.
pub static HERE: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZone::try_system().unwrap_or(TimeZone::UTC));

/// The time until the next midnight in Los Angeles, when Google's daily quotas reset
/// (<https://ai.google.dev/gemini-api/docs/rate-limits>).
pub fn until_pacific_midnight(now: SystemTime) -> Duration {
    /// The rule of 15 U.S.C. 260a, as a POSIX time zone, because not every system has a time zone database.
    const PACIFIC: &str = "PST8PDT,M3.2.0,M11.1.0";
    let until = || {
        let now = jiff::Timestamp::try_from(now)?;
        let local = now.to_zoned_datetime(TimeZone::posix(PACIFIC)?);
        let midnight = local.tomorrow()?.start_of_day()?.timestamp();
        Ok::<_, jiff::Error>(midnight.duration_since(now).unsigned_abs())
    };
    // The clock is outside the calendar's range.
    until().unwrap_or(Duration::from_secs(24 * 3600))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn midnight_in_los_angeles() {
        let hour = 3600;
        for (now, expected) in [
            // 2026-01-01T07:00:00Z is 23:00 there, in winter; 2026-07-01T06:30:00Z is 23:30, in summer.
            (1_767_250_800, hour),
            (1_782_887_400, hour / 2),
            // 2026-03-08 has 23 hours: at 2:00 it is 3:00.
            (1_772_964_000 - 1, 21 * hour + 1),
            (1_772_964_000, 21 * hour),
            // 2026-11-01 has 25: at 2:00 it is 1:00.
            (1_793_523_600 - 1, 23 * hour + 1),
            (1_793_523_600, 23 * hour),
        ] {
            let now = UNIX_EPOCH + Duration::from_secs(now);
            assert_eq!(until_pacific_midnight(now), Duration::from_secs(expected));
        }
    }

    #[test]
    fn a_clock_that_is_set_wrong_has_a_midnight() {
        let ages = Duration::from_secs(1 << 40);
        for now in [
            UNIX_EPOCH - Duration::from_secs(9),
            UNIX_EPOCH - ages,
            UNIX_EPOCH + ages,
        ] {
            let until = until_pacific_midnight(now);
            assert!(!until.is_zero() && until <= Duration::from_secs(25 * 3600));
        }
    }
}
