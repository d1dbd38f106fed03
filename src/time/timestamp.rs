//! Timestamps with their local offset.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::zone;

/// A time with nanoseconds and its offset from UTC. Ordered by time; displayed as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    moment: jiff::Timestamp,
    /// Whole minutes, as in RFC 3339.
    offset: Offset,
}

impl Timestamp {
    /// The beginning of the year 1, which Go uses for no time.
    pub const ZERO: Self = Self {
        moment: jiff::Timestamp::constant(-62_135_596_800, 0),
        offset: Offset::UTC,
    };

    /// `time` in UTC.
    pub fn utc(time: SystemTime) -> Self {
        Self::in_zone(time, &TimeZone::UTC)
    }

    /// `time` in the zone of this process.
    pub fn local(time: SystemTime) -> Self {
        Self::in_zone(time, &zone::HERE)
    }

    /// Times outside the range become the first or the last one.
    fn in_zone(time: SystemTime, zone: &TimeZone) -> Self {
        let moment = jiff::Timestamp::try_from(time).unwrap_or(match time < UNIX_EPOCH {
            true => jiff::Timestamp::MIN,
            false => jiff::Timestamp::MAX,
        });
        Self::told(moment, zone.to_offset(moment))
    }

    fn told(moment: jiff::Timestamp, offset: Offset) -> Self {
        let minutes = offset.seconds() - offset.seconds() % 60;
        let offset = Offset::from_seconds(minutes).unwrap_or(offset);
        Self { moment, offset }
    }

    /// Parses RFC 3339, and ISO 8601 without seconds or colons.
    pub fn parse(text: &str) -> Option<Self> {
        let read = Pieces::parse(text).ok()?;
        let offset = read.to_numeric_offset()?;
        (offset.seconds().abs() < 24 * 3600).then_some(())?;
        let moment = offset.to_timestamp(read.date().to_datetime(read.time()?));
        Some(Self::told(moment.ok()?, offset))
    }

    /// As a system time, if it can be represented.
    pub fn moment(self) -> Option<SystemTime> {
        self.moment.try_into().ok()
    }

    /// The same time in UTC.
    pub fn instant(self) -> jiff::Timestamp {
        self.moment
    }

    /// `2026-04-16`.
    pub fn date(self) -> impl fmt::Display {
        self.civil().date()
    }

    /// 0 to 23.
    pub fn hour(self) -> i8 {
        self.civil().hour()
    }

    /// `20:14:04`, with the given separator.
    pub fn clock(self, between: &str) -> String {
        let time = self.civil();
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        format!("{hour:02}{between}{minute:02}{between}{second:02}")
    }

    pub fn millisecond(self) -> i16 {
        self.civil().millisecond()
    }

    /// With milliseconds: `2025-12-23T20:14:04.123+01:00`.
    pub fn rfc3339(self) -> String {
        format!("{self:.3}")
    }

    fn civil(self) -> DateTime {
        self.offset.to_datetime(self.moment)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset.is_zero() {
            true => self.moment.fmt(f),
            false => self.moment.display_with_offset(self.offset).fmt(f),
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
impl Timestamp {
    /// `time` where clocks are so many seconds ahead of UTC.
    pub fn ahead(time: SystemTime, seconds: i32) -> Self {
        let offset = Offset::from_seconds(seconds).unwrap();
        Self::in_zone(time, &offset.to_time_zone())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn zone(rules: &str) -> TimeZone {
        TimeZone::posix(rules).unwrap()
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_766_520_844, "2025-12-23T20:14:04.000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(Timestamp::utc(at(seconds)).rfc3339(), expected);
        }
    }

    #[test]
    fn places_have_their_own_time_and_change_it_in_summer() {
        for (rules, seconds, expected) in [
            (
                "CET-1CEST,M3.5.0,M10.5.0/3",
                1_766_520_844,
                "2025-12-23T21:14:04.000+01:00",
            ),
            (
                "CET-1CEST,M3.5.0,M10.5.0/3",
                1_750_000_000,
                "2025-06-15T17:06:40.000+02:00",
            ),
            ("<+0545>-5:45", 0, "1970-01-01T05:45:00.000+05:45"),
            ("NST3:30", 0, "1969-12-31T20:30:00.000-03:30"),
        ] {
            let told = Timestamp::in_zone(at(seconds), &zone(rules));
            assert_eq!(told.rfc3339(), expected);
        }
    }

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
            assert_eq!(read.instant().as_second(), seconds, "{text}");
            assert_eq!(read.to_string(), text);
            assert_eq!((read.date().to_string().as_str(), read.hour()), (day, hour));
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
        fn what_is_written_is_read(seconds in -60_000_000_000_i64..250_000_000_000, nanos in 0..1_000_000_000, offset in -86_000..86_000) {
            let moment = jiff::Timestamp::new(seconds, nanos).unwrap();
            let told = Timestamp::told(moment, Offset::from_seconds(offset).unwrap());
            prop_assert_eq!(Timestamp::parse(&told.to_string()), Some(told));
        }

        #[test]
        fn every_clock_has_a_time(seconds in any::<i64>(), rules in proptest::sample::select(vec!["UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "NST3:30"])) {
            let away = Duration::from_secs(seconds.unsigned_abs());
            let time = match seconds < 0 {
                true => UNIX_EPOCH.checked_sub(away),
                false => UNIX_EPOCH.checked_add(away),
            };
            if let Some(time) = time {
                let told = Timestamp::in_zone(time, &zone(rules));
                prop_assert!(seconds >= 0 || told.civil().year() <= 1970, "{told}");
                prop_assert_eq!(Timestamp::parse(&told.to_string()), Some(told));
            }
        }

        #[test]
        fn it_agrees_with_the_dates_of_http(seconds in 0_u64..253_402_200_000) {
            let told = Timestamp::utc(at(seconds));
            let http = httpdate::fmt_http_date(at(seconds));
            let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let date = told.civil().date();
            let month = months[usize::try_from(date.month()).unwrap() - 1];
            let expected = format!("{:02} {month} {:04} {} GMT", date.day(), date.year(), told.clock(":"));
            prop_assert!(http.ends_with(&expected), "{http} {expected}");
        }
    }
}
