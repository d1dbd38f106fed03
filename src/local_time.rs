//! Times as people write them: civil dates, in UTC or where this program runs.

use std::fmt;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use tz::TimeZone;

const DAY: i64 = 24 * 3600;

/// A date and a time of day, with how far they are ahead of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    pub year: i64,
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
    pub millisecond: u16,
    /// Seconds ahead of UTC.
    pub offset: i32,
}

/// The rules of a place: when its clocks are how far ahead of UTC. What cannot be read is UTC.
#[derive(Clone, Debug)]
pub struct Zone(Option<TimeZone>);

impl Civil {
    /// `time` in UTC.
    pub fn utc(time: SystemTime) -> Self {
        Self::ahead(time, 0)
    }

    /// `time` where clocks are `offset` seconds ahead of UTC. Times before 1970 are 1970.
    pub fn ahead(time: SystemTime, offset: i32) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or_default();
        let local = seconds.saturating_add(offset.into());
        let (year, month, day) = date(local.div_euclid(DAY));
        let of_day = local.rem_euclid(DAY);
        let part = |value: i64| u8::try_from(value).unwrap_or_default();
        Self {
            year,
            month,
            day,
            hour: part(of_day / 3600),
            minute: part(of_day / 60 % 60),
            second: part(of_day % 60),
            millisecond: u16::try_from(since.subsec_millis()).unwrap_or_default(),
            offset,
        }
    }

    /// `2025-12-23`.
    pub fn date(&self) -> impl fmt::Display {
        let Self {
            year, month, day, ..
        } = *self;
        shown(move |f| write!(f, "{year:04}-{month:02}-{day:02}"))
    }

    /// `20:14:04` with what stands between its parts.
    pub fn clock(&self, between: &'static str) -> impl fmt::Display {
        let (hour, minute, second) = (self.hour, self.minute, self.second);
        shown(move |f| write!(f, "{hour:02}{between}{minute:02}{between}{second:02}"))
    }

    /// `2025-12-23T20:14:04.123+01:00` (RFC 3339).
    pub fn rfc3339(&self) -> impl fmt::Display {
        let this = *self;
        shown(move |f| {
            let millisecond = this.millisecond;
            write!(f, "{}T{}.{millisecond:03}", this.date(), this.clock(":"))?;
            let sign = if this.offset < 0 { '-' } else { '+' };
            match this.offset.unsigned_abs() / 60 {
                0 => f.write_str("Z"),
                minutes => write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60),
            }
        })
    }
}

impl Zone {
    /// That of this program: `TZ`, else the system's. Read once.
    pub fn here() -> &'static Self {
        static HERE: OnceLock<Zone> = OnceLock::new();
        HERE.get_or_init(|| {
            let named = std::env::var("TZ").ok().filter(|name| !name.is_empty());
            Self(match named {
                Some(name) => TimeZone::from_posix_tz(&name).ok(),
                None => TimeZone::local().ok(),
            })
        })
    }

    pub fn civil(&self, time: SystemTime) -> Civil {
        Civil::ahead(time, self.offset(time).unwrap_or_default())
    }

    pub fn offset(&self, time: SystemTime) -> Option<i32> {
        let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
        let zone = self.0.as_ref()?;
        let kind = zone.find_local_time_type(i64::try_from(seconds).ok()?);
        Some(kind.ok()?.ut_offset())
    }
}

/// The clock of TLS. rustls's own panics when the system's is set before 1970.
#[derive(Debug)]
pub struct TlsClock;

impl TimeProvider for TlsClock {
    fn current_time(&self) -> Option<UnixTime> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Some(UnixTime::since_unix_epoch(since.unwrap_or_default()))
    }
}

/// Year, month and day of a day counted from 1970-01-01. Years are counted from March, so that the odd day
/// comes last, and in eras of 400 years, which all have as many days.
pub fn date(day: i64) -> (i64, u8, u8) {
    const ERA: i64 = 146_097;
    // 1970-01-01 is this many days after 0000-03-01.
    let day = day.saturating_add(719_468);
    let (era, of_era) = (day.div_euclid(ERA), day.rem_euclid(ERA));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / (ERA - 1)) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let part = |value: i64| u8::try_from(value).unwrap_or_default();
    (era * 400 + year + later, part(month), part(day))
}

fn shown<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result>(write: F) -> Shown<F> {
    Shown(write)
}

struct Shown<F>(F);

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for Shown<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
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

    fn zone(rules: &str) -> Zone {
        Zone(Some(TimeZone::from_posix_tz(rules).unwrap()))
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
            assert_eq!(Civil::utc(at(seconds)).rfc3339().to_string(), expected);
        }
    }

    #[test]
    fn places_have_their_own_time_and_change_it_in_summer() {
        let berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3");
        let shown = |zone: &Zone, seconds| zone.civil(at(seconds)).rfc3339().to_string();
        assert_eq!(
            shown(&berlin, 1_766_520_844),
            "2025-12-23T21:14:04.000+01:00"
        );
        assert_eq!(
            shown(&berlin, 1_750_000_000),
            "2025-06-15T17:06:40.000+02:00"
        );
        let nepal = zone("<+0545>-5:45");
        assert_eq!(shown(&nepal, 0), "1970-01-01T05:45:00.000+05:45");
        let st_johns = zone("NST3:30");
        assert_eq!(shown(&st_johns, 0), "1969-12-31T20:30:00.000-03:30");
        assert_eq!(shown(&Zone(None), 1), "1970-01-01T00:00:01.000Z");
    }

    proptest! {
        #[test]
        fn every_clock_has_a_time(seconds in any::<i64>(), rules in proptest::sample::select(vec!["UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "NST3:30"])) {
            let away = Duration::from_secs(seconds.unsigned_abs());
            let time = match seconds < 0 {
                true => UNIX_EPOCH.checked_sub(away),
                false => UNIX_EPOCH.checked_add(away),
            };
            if let Some(time) = time {
                let civil = zone(rules).civil(time);
                prop_assert!((1..=12).contains(&civil.month) && (1..=31).contains(&civil.day));
                prop_assert!(seconds >= 0 || civil.year <= 1970, "{civil:?}");
            }
        }

        #[test]
        fn it_agrees_with_the_dates_of_http(seconds in 0_u64..253_402_300_799) {
            let civil = Civil::utc(at(seconds));
            let http = httpdate::fmt_http_date(at(seconds));
            let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let month = months[usize::from(civil.month) - 1];
            let expected = format!("{:02} {month} {:04} {} GMT", civil.day, civil.year, civil.clock(":"));
            prop_assert!(http.ends_with(&expected), "{http} {expected}");
        }
    }
}
