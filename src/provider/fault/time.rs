//! Times as upstreams write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A hint further ahead is none (spec/routing.md 7.4).
const LONGEST: Duration = Duration::from_secs(31 * 24 * 3600);
const DAY: u64 = 24 * 3600;

/// A time to come, as far as it is to be believed.
pub fn ahead(time: Duration) -> Option<Duration> {
    (!time.is_zero() && time <= LONGEST).then_some(time)
}

/// How long it is until `moment`; `None` if it is past, or too far to be believed.
pub fn until(moment: SystemTime, now: SystemTime) -> Option<Duration> {
    ahead(moment.duration_since(now).ok()?)
}

/// A sum such as `1h16m0.6s`, `373.8ms`, `6m0s`.
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, after) = rest.split_at(digits);
        let unit_end = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let scale = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        let number: f64 = number.parse().ok()?;
        total = total.checked_add(Duration::try_from_secs_f64(number * scale).ok()?)?;
        rest = after;
    }
    Some(total)
}

/// The duration behind `after` or `retry in` in a sentence in lower case.
pub fn after(text: &str) -> Option<Duration> {
    ["after ", "retry in "].iter().find_map(|word| {
        let found = text.match_indices(word);
        found
            .filter_map(|(at, _)| {
                let rest = text.get(at + word.len()..)?.trim_start();
                let end = rest
                    .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
                    .unwrap_or(rest.len());
                duration(rest.get(..end)?.trim_end_matches('.'))
            })
            .next()
    })
}

/// A moment as seconds since 1970 or as in RFC 3339.
pub fn moment(text: &str) -> Option<SystemTime> {
    match text.parse() {
        Ok(seconds) => unix(seconds),
        Err(_) => rfc3339(text),
    }
}

/// So many seconds after 1970, as far as there is such a moment.
pub fn unix(seconds: f64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

/// A moment as in RFC 3339: `2026-01-01T08:00:00.5Z`, `2026-01-01T10:00:00+02:00`.
pub fn rfc3339(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    let number = |from: usize, to: usize| -> Option<u64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
        digits.parse().ok()
    };
    let mark = |at: usize, marks: &[u8]| marks.contains(text.as_bytes().get(at)?).then_some(());
    mark(4, b"-")?;
    mark(7, b"-")?;
    mark(10, b"Tt ")?;
    mark(13, b":")?;
    mark(16, b":")?;
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let is_valid = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    is_valid.then_some(())?;
    let mut rest = text.get(19..)?;
    let mut nanos = 0.0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let end = fraction
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(fraction.len());
        nanos = format!("0.{}", fraction.get(..end)?).parse::<f64>().ok()?;
        rest = fraction.get(end..)?;
    }
    let offset = match rest {
        "Z" | "z" => 0,
        _ => {
            let sign = match rest.as_bytes().first()? {
                b'+' => 1,
                b'-' => -1,
                _ => return None,
            };
            let hours: i64 = rest.get(1..3)?.parse().ok()?;
            let minutes: i64 = rest.get(4..6)?.parse().ok()?;
            sign * (hours * 3600 + minutes * 60)
        }
    };
    let local = days_since_1970(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
    let seconds = u64::try_from(i64::try_from(local).ok()? - offset).ok()?;
    Some(UNIX_EPOCH + Duration::from_secs(seconds) + Duration::try_from_secs_f64(nanos).ok()?)
}

/// How long it is until the next midnight in Los Angeles, where Google's days begin.
pub fn until_pacific_midnight(now: SystemTime) -> Duration {
    let unix = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let local = unix.saturating_sub(pacific_offset(unix));
    Duration::from_secs(DAY - local % DAY)
}

/// Seconds that Los Angeles is behind UTC: seven hours from the second Sunday of March, 10:00 UTC, to the
/// first Sunday of November, 9:00 UTC, else eight (15 U.S.C. 260a).
fn pacific_offset(unix: u64) -> u64 {
    let year = year_of(unix);
    let sunday = |month: u64, from_day: u64| {
        let day = days_since_1970(year, month, from_day);
        // 1970 began on a Thursday.
        day + (7 - (day + 4) % 7) % 7
    };
    let start = sunday(3, 8) * DAY + 10 * 3600;
    let end = sunday(11, 1) * DAY + 9 * 3600;
    if (start..end).contains(&unix) {
        7 * 3600
    } else {
        8 * 3600
    }
}

fn year_of(unix: u64) -> u64 {
    let mut year = 1970 + unix / (366 * DAY);
    while days_since_1970(year + 1, 1, 1) * DAY <= unix {
        year += 1;
    }
    year
}

/// Days from 1970 to a day of the Gregorian calendar.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    // Years that begin in March have their leap day at the end.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    days - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn durations() {
        let ms = |ms| Some(Duration::from_millis(ms));
        for (text, expected) in [
            ("0.847655010s", Some(Duration::from_nanos(847_655_010))),
            ("1h16m0.6s", ms(4_560_600)),
            ("373.5ms", Some(Duration::from_micros(373_500))),
            ("6m0s", ms(360_000)),
            ("", None),
            ("5", None),
            ("5d", None),
            ("s", None),
            ("1.2.3s", None),
            ("99999999999999999999h", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
        assert_eq!(after("will reset after 1h16m0s."), ms(4_560_000));
        assert_eq!(after("please retry in 20s"), ms(20_000));
        assert_eq!(after("after all, try after 3s."), ms(3_000));
        assert_eq!(after("after that"), None);
    }

    #[test]
    fn moments() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-01-01T08:00:00Z", 1_767_254_400),
            ("2026-01-01T10:00:00+02:00", 1_767_254_400),
            ("2000-02-29t12:00:00z", 951_825_600),
            ("1767254400", 1_767_254_400),
        ] {
            assert_eq!(moment(text), Some(at(seconds)), "{text}");
        }
        assert_eq!(
            moment("2026-01-01T08:00:00.25Z"),
            Some(at(1_767_254_400) + Duration::from_millis(250))
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
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn midnight_in_los_angeles() {
        // 2026-01-01T07:00:00Z is 23:00 there, in winter; 2026-07-01T06:30:00Z is 23:30, in summer.
        let hour = Duration::from_secs(3600);
        assert_eq!(until_pacific_midnight(at(1_767_250_800)), hour);
        assert_eq!(until_pacific_midnight(at(1_782_887_400)), hour / 2);
        // The clocks change on March 8 and November 1, 2026.
        assert_eq!(pacific_offset(1_772_964_000 - 1), 8 * 3600);
        assert_eq!(pacific_offset(1_772_964_000), 7 * 3600);
        assert_eq!(pacific_offset(1_793_523_600 - 1), 7 * 3600);
        assert_eq!(pacific_offset(1_793_523_600), 8 * 3600);
    }
}
