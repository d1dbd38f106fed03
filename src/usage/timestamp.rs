//! Moments as RFC 3339 writes them.

use crate::local_time;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// A moment, to the nanosecond, and how far from UTC it is told. Ordered by the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Since 1970; before it, negative.
    seconds: i64,
    nanos: u32,
    /// Seconds, whole minutes: RFC 3339 knows no others.
    offset: i32,
}

impl Timestamp {
    /// The beginning of the year 1, which others write for no time at all.
    pub const ZERO: Self = Self {
        seconds: -62_135_596_800,
        nanos: 0,
        offset: 0,
    };

    /// `offset` says how far ahead of UTC clocks are at a moment, in seconds.
    pub fn new(moment: SystemTime, offset: fn(SystemTime) -> i32) -> Self {
        let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
        let utc = Self {
            seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            nanos: since.subsec_nanos(),
            offset: 0,
        };
        utc.told(offset(moment))
    }

    /// The same moment, as it is told where clocks are so much ahead of UTC.
    #[must_use]
    pub fn told(self, offset: i32) -> Self {
        let offset = offset - offset % 60;
        Self { offset, ..self }
    }

    /// Nothing is before 1970.
    pub fn moment(self) -> SystemTime {
        let since = Duration::from_secs(self.seconds.try_into().unwrap_or(0));
        UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
    }

    /// The same for all who name this moment, wherever they are.
    pub fn utc(self) -> (i64, u32) {
        (self.seconds, self.nanos)
    }

    /// `2026-04-16`.
    pub fn day(self) -> String {
        let (year, month, day) = date(self.local().div_euclid(DAY));
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// 0 to 23.
    pub fn hour(self) -> i64 {
        self.local().rem_euclid(DAY) / HOUR
    }

    fn local(self) -> i64 {
        self.seconds.saturating_add(self.offset.into())
    }

    /// Reads RFC 3339, years 0000 to 9999.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, rest) = text.split_at_checked(19)?;
        let mark =
            |at: usize, marks: &[u8]| marks.contains(whole.as_bytes().get(at)?).then_some(());
        mark(4, b"-")?;
        mark(7, b"-")?;
        mark(10, b"Tt ")?;
        mark(13, b":")?;
        mark(16, b":")?;
        let part = |from, to| number(whole.get(from..to)?);
        let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
        let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
        let days = days(year, month, day);
        // No other date is this many days away.
        (date(days) == (year, month, day)).then_some(())?;
        (hour < 24 && minute < 60 && second <= 60).then_some(())?;
        let (fraction, zone) = match rest.strip_prefix('.') {
            None => ("", rest),
            Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?),
        };
        let nanos = format!("{:0<9}", fraction.get(..9).unwrap_or(fraction));
        let offset = match zone.as_bytes() {
            b"Z" | b"z" => 0,
            [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
                let (hours, minutes) = (number(zone.get(1..3)?)?, number(zone.get(4..6)?)?);
                (hours < 24 && minutes < 60).then_some(())?;
                let ahead = hours * HOUR + minutes * MINUTE;
                if *sign == b'+' { ahead } else { -ahead }
            }
            _ => return None,
        };
        Some(Self {
            seconds: days * DAY + hour * HOUR + minute * MINUTE + second - offset,
            nanos: u32::try_from(number(&nanos)?).ok()?,
            offset: i32::try_from(offset).ok()?,
        })
    }
}

fn number(digits: &str) -> Option<i64> {
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(())?;
    digits.parse().ok()
}

/// Days since 1970 of a date of the Gregorian calendar. Years begin in March here, so that the leap day is the last
/// of its year, and come in eras of 400.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The other way round: year, month, day.
fn date(days: i64) -> (i64, i64, i64) {
    let (year, month, day) = local_time::date(days);
    (year, month.into(), day.into())
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.local().rem_euclid(DAY);
        let (hour, minute, second) = (time / HOUR, time / MINUTE % 60, time % 60);
        write!(f, "{}T{hour:02}:{minute:02}:{second:02}", self.day())?;
        if self.nanos > 0 {
            let nanos = format!("{:09}", self.nanos);
            write!(f, ".{}", nanos.trim_end_matches('0'))?;
        }
        match self.offset / 60 {
            0 => f.write_str("Z"),
            minutes => {
                let sign = if minutes < 0 { '-' } else { '+' };
                let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
                write!(f, "{sign}{hours:02}:{minutes:02}")
            }
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("no time as in RFC 3339"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_are_read_and_written() {
        for (text, seconds, day, hour) in [
            ("1970-01-01T00:00:00Z", 0, "1970-01-01", 0),
            ("2026-04-16T10:00:00+08:00", 1_776_304_800, "2026-04-16", 10),
            (
                "2026-04-15T23:30:00.25-03:30",
                1_776_308_400,
                "2026-04-15",
                23,
            ),
            (
                "2024-02-29T12:00:00.000000001Z",
                1_709_208_000,
                "2024-02-29",
                12,
            ),
            ("0001-01-01T00:00:00Z", -62_135_596_800, "0001-01-01", 0),
        ] {
            let read = Timestamp::parse(text).unwrap();
            assert_eq!(read.seconds, seconds, "{text}");
            assert_eq!(read.to_string(), text);
            assert_eq!((read.day().as_str(), read.hour()), (day, hour));
        }
        assert_eq!(
            Timestamp::parse("2026-04-16 10:00:00.5000z").map(|read| read.to_string()),
            Some("2026-04-16T10:00:00.5Z".to_owned())
        );
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "2026-04-16",
            "2026-04-16T10:00:00",
            "2026-02-29T10:00:00Z",
            "2026-13-01T10:00:00Z",
            "2026-04-16T24:00:00Z",
            "2026-04-16T10:00:00+8:00",
            "2026-04-16T10:00:00+25:00",
            "2026-04-16T10:00:00.Zé",
            "２026-04-16T10:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(seconds in -60_000_000_000_i64..250_000_000_000, nanos in 0..1_000_000_000_u32, offset in -86_000..86_000) {
            let moment = Timestamp { seconds, nanos, offset: 0 }.told(offset);
            prop_assert_eq!(Timestamp::parse(&moment.to_string()), Some(moment));
        }
    }
}
